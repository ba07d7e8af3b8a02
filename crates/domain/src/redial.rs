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

/// Redials of a number that were made so far, by whose outcome caused them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Used {
    /// Because of the callee; 呼损 (10) counts as his, since it rang at his side.
    pub callee: u32,
    /// Because of our own side: the caller number (3) or its account (9).
    pub caller: u32,
}

impl Used {
    /// All redials.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.callee.saturating_add(self.caller)
    }
}

/// A redial that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redial {
    /// How long after the end of the call.
    pub after: Duration,
    /// What is used of the budgets with it.
    pub used: Used,
}

/// Whether the outcome is of our own side, and no fault of the callee.
#[must_use]
pub const fn is_of_caller(outcome: FinishStatus) -> bool {
    matches!(outcome, FinishStatus::CallerUnavailable | FinishStatus::CallerInArrears)
}

/// The redial that follows an outcome; none where the number is not dialled again.
///
/// All rules about the callee draw on one budget per number, whatever the cause, so that mixed outcomes
/// never exceed the largest `times`. Outcomes of our own side draw on another, so that a line's failure
/// costs no attempt at the callee.
#[must_use]
pub fn next_redial(rules: &[RedialRule], outcome: FinishStatus, used: Used) -> Option<Redial> {
    let (spent, used) = if is_of_caller(outcome) {
        (used.caller, Used { caller: used.caller.saturating_add(1), ..used })
    } else {
        (used.callee, Used { callee: used.callee.saturating_add(1), ..used })
    };
    let rule = rules.iter().find(|rule| rule.status == outcome && spent < rule.times)?;
    Some(Redial { after: Duration::from_secs(u64::from(rule.interval_minutes) * 60), used })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATUSES: [FinishStatus; 6] = [
        FinishStatus::NoAnswer,
        FinishStatus::Busy,
        FinishStatus::Lost,
        FinishStatus::CallerUnavailable,
        FinishStatus::CallerInArrears,
        FinishStatus::Vacant,
    ];

    proptest! {
        #[test]
        fn mixed_outcomes_never_exceed_the_largest_budget_of_their_side(
            times in proptest::collection::vec((1u32..=REDIALS_MAX, 0u32..=INTERVAL_MINUTES_MAX), 5),
            outcomes in proptest::collection::vec(0usize..6, 0..60),
        ) {
            let rules: Vec<_> = times.iter().zip(STATUSES)
                .map(|(&(times, interval_minutes), status)| RedialRule { status, times, interval_minutes }).collect();
            let most = |of_caller: bool| {
                rules.iter().filter(|it| is_of_caller(it.status) == of_caller).map(|it| it.times).max().unwrap_or(0)
            };
            let mut used = Used::default();
            for outcome in outcomes.into_iter().map(|n| STATUSES[n]) {
                let rule = rules.iter().find(|rule| rule.status == outcome);
                let Some(redial) = next_redial(&rules, outcome, used) else {
                    let spent = if is_of_caller(outcome) { used.caller } else { used.callee };
                    prop_assert!(rule.is_none_or(|rule| spent >= rule.times));
                    continue;
                };
                prop_assert_eq!(redial.used.total(), used.total() + 1);
                prop_assert_eq!(redial.used.caller > used.caller, is_of_caller(outcome));
                prop_assert!(redial.after >= Duration::from_secs(u64::from(rule.unwrap().interval_minutes) * 60));
                used = redial.used;
            }
            prop_assert!(used.callee <= most(false) && used.caller <= most(true));
        }
    }

    #[test]
    fn an_outcome_without_a_rule_is_not_redialled() {
        let rules = [RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 30 }];
        let after = |outcome, callee| next_redial(&rules, outcome, Used { callee, caller: 9 }).map(|it| it.after);
        assert_eq!(after(FinishStatus::Busy, 0), Some(Duration::from_secs(1800)));
        assert_eq!(after(FinishStatus::Busy, 1), Some(Duration::from_secs(1800)));
        assert_eq!(after(FinishStatus::Busy, 2), None);
        assert_eq!(after(FinishStatus::Busy, u32::MAX), None);
        assert_eq!(after(FinishStatus::Vacant, 0), None);
    }

    #[test]
    fn an_outcome_of_our_side_leaves_the_callees_budget_alone() {
        let rule = |status| RedialRule { status, times: 1, interval_minutes: 0 };
        let rules =
            [rule(FinishStatus::CallerUnavailable), rule(FinishStatus::CallerInArrears), rule(FinishStatus::Busy)];
        let first = next_redial(&rules, FinishStatus::CallerUnavailable, Used::default()).unwrap().used;
        assert_eq!(first, Used { callee: 0, caller: 1 });
        assert_eq!(next_redial(&rules, FinishStatus::CallerInArrears, first), None);
        let second = next_redial(&rules, FinishStatus::Busy, first).unwrap().used;
        assert_eq!(second, Used { callee: 1, caller: 1 });
    }
}
