//! Redials: who is called again, how often, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::FinishStatus;

/// The most redials that a rule may ask for.
pub const REDIALS_MAX: u32 = 5;
/// The longest interval that a rule may ask for, in minutes.
pub const INTERVAL_MINUTES_MAX: u32 = 120;

/// Redial after one finish status (`repeatCallRule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedialRule {
    /// The outcome that is followed by a redial.
    pub status: FinishStatus,
    /// At most so many redials of a number.
    pub times: u32,
    /// Minutes from the end of the call to the redial.
    pub interval_minutes: u32,
}

impl RedialRule {
    /// Whether a rule may be made for this outcome.
    #[must_use]
    pub const fn fits(status: FinishStatus) -> bool {
        matches!(
            status,
            FinishStatus::NoAnswer
                | FinishStatus::CallerUnavailable
                | FinishStatus::PoweredOff
                | FinishStatus::Busy
                | FinishStatus::Suspended
                | FinishStatus::CallerInArrears
                | FinishStatus::Lost
        )
    }
}

/// How long after the end of a call its number is dialled again; none where it is not.
///
/// All rules draw on one budget per number: `redials` counts those made so far, whatever their cause,
/// so that mixed outcomes never exceed the largest `times`.
#[must_use]
pub fn redial_after(rules: &[RedialRule], outcome: FinishStatus, redials: u32) -> Option<Duration> {
    rules
        .iter()
        .find(|rule| rule.status == outcome && redials < rule.times)
        .map(|rule| Duration::from_secs(u64::from(rule.interval_minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mixed_outcomes_never_exceed_the_largest_budget(
            times in proptest::collection::vec(1u32..=REDIALS_MAX, 3),
            outcomes in proptest::collection::vec(0usize..4, 0..40),
        ) {
            let statuses = [FinishStatus::NoAnswer, FinishStatus::Busy, FinishStatus::PoweredOff, FinishStatus::Vacant];
            let rules: Vec<_> = times.iter().zip(statuses)
                .map(|(&times, status)| RedialRule { status, times, interval_minutes: 10 }).collect();
            let mut redials = 0;
            for outcome in outcomes {
                if redial_after(&rules, statuses[outcome], redials).is_none() { break; }
                redials += 1;
            }
            prop_assert!(redials <= times.iter().copied().max().unwrap_or(0));
        }
    }

    #[test]
    fn an_outcome_without_a_rule_is_not_redialled() {
        let rules = [RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 30 }];
        assert_eq!(redial_after(&rules, FinishStatus::Busy, 0), Some(Duration::from_secs(1800)));
        assert_eq!(redial_after(&rules, FinishStatus::Busy, 2), None);
        assert_eq!(redial_after(&rules, FinishStatus::Vacant, 0), None);
    }
}
