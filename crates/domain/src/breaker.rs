//! The circuit breaker of a line: a line that fails is left alone for a while, then tried with one call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::{CLOCK_MARGIN, Moment};
use crate::outcome::LineOutcome;

/// After so many failures in a row a line is left alone.
pub const FAILURES_MAX: u32 = 5;
/// How long a line is left alone at first; doubled each time that its trial fails.
pub const OPEN_FIRST: Duration = Duration::from_secs(30);
/// How long it is left alone at most.
pub const OPEN_MAX: Duration = Duration::from_secs(600);
/// A trial that has not reported back after so long is given up, and another is made.
pub const TRIAL_TIMEOUT: Duration = Duration::from_secs(180);

/// What is known of a line's failures. The default is a line of which nothing bad is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// Failures since it last worked.
    pub failures: u32,
    /// How often it was left alone since it last worked.
    pub opened: u32,
    /// Where it stands.
    pub state: BreakerState,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go out.
    #[default]
    Closed,
    /// No call goes out before this moment, and one trial after it.
    Open {
        /// When a trial may be made.
        until: Moment,
    },
    /// One trial is out.
    Trial {
        /// When it started.
        since: Moment,
    },
    /// Its account is in arrears: no call goes out before a person says that it is paid, or for [`OPEN_MAX`]; then one
    /// trial does.
    InArrears {
        /// Since when that is known.
        since: Moment,
    },
}

/// Calls that a breaker lets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allows {
    /// As many as there are.
    Any,
    /// One, of which [`Breaker::trial_started`] must be told.
    One,
    /// None.
    None {
        /// When that may change, if nothing is heard before.
        until: Moment,
    },
    /// None, since the line's account is in arrears.
    Unpaid {
        /// When a trial is made, if nobody pays before.
        until: Moment,
    },
}

impl Breaker {
    /// Calls that may go out now.
    #[must_use]
    pub fn allows(&self, now: Moment) -> Allows {
        let (until, wait_max) = match self.state {
            BreakerState::Closed => return Allows::Any,
            BreakerState::Open { until } => (until, OPEN_MAX),
            BreakerState::Trial { since } => (since.after(TRIAL_TIMEOUT), TRIAL_TIMEOUT),
            BreakerState::InArrears { since } => (since.after(OPEN_MAX), OPEN_MAX),
        };
        // A moment further away than any wait is one of a clock that has been set back since; a little further, one of
        // another process.
        if now >= until || until.since(now) > wait_max + CLOCK_MARGIN {
            Allows::One
        } else if matches!(self.state, BreakerState::InArrears { .. }) {
            Allows::Unpaid { until }
        } else {
            Allows::None { until }
        }
    }

    /// The breaker after its trial has started.
    #[must_use]
    pub fn trial_started(self, now: Moment) -> Self {
        match self.state {
            BreakerState::Closed => self,
            BreakerState::Open { .. } | BreakerState::Trial { .. } | BreakerState::InArrears { .. } => {
                Self { state: BreakerState::Trial { since: now }, ..self }
            }
        }
    }

    /// The breaker after a person has said that the line's account is paid.
    #[must_use]
    pub fn paid(self) -> Self {
        if matches!(self.state, BreakerState::InArrears { .. }) { Self::default() } else { self }
    }

    /// The breaker after a call that started at `started` has shown how the line does. To be recorded as
    /// soon as it is known: at the answer, not at the end of a conversation.
    ///
    /// While the line is left alone or tried, calls from before are ignored: they say nothing about now.
    #[must_use]
    pub fn record(self, outcome: LineOutcome, started: Moment, now: Moment) -> Self {
        match (self.state, outcome) {
            (BreakerState::Closed, LineOutcome::Worked) => Self::default(),
            (BreakerState::Closed, LineOutcome::Failed | LineOutcome::InArrears) => {
                let failed = Self { failures: self.failures.saturating_add(1), ..self };
                match outcome {
                    _ if failed.failures < FAILURES_MAX => failed,
                    LineOutcome::InArrears => failed.in_arrears(now),
                    _ => failed.open(now),
                }
            }
            (BreakerState::Trial { since }, _) if started >= since => match outcome {
                LineOutcome::Worked => Self::default(),
                LineOutcome::Failed => Self { failures: self.failures.saturating_add(1), ..self }.open(now),
                LineOutcome::InArrears => Self { failures: self.failures.saturating_add(1), ..self }.in_arrears(now),
                // The trial was no trial: the next call is one.
                LineOutcome::SaysNothing => Self { state: BreakerState::Open { until: now }, ..self },
            },
            (_, _) => self,
        }
    }

    fn in_arrears(self, now: Moment) -> Self {
        Self { state: BreakerState::InArrears { since: now }, ..self }
    }

    fn open(self, now: Moment) -> Self {
        let pause = OPEN_FIRST.saturating_mul(1u32.checked_shl(self.opened).unwrap_or(u32::MAX)).min(OPEN_MAX);
        let opened = self.opened.saturating_add(1);
        Self { opened, state: BreakerState::Open { until: now.after(pause) }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LineOutcome::{Failed, InArrears, SaysNothing, Worked};
    use proptest::prelude::*;

    fn at(seconds: i64) -> Moment {
        Moment(1_777_600_000_000 + seconds * 1000)
    }

    fn broken(now: Moment) -> Breaker {
        (0..FAILURES_MAX).fold(Breaker::default(), |breaker, _| breaker.record(Failed, now, now))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for outcome in [Failed, Failed, Failed, Failed, Worked, Failed, Failed, Failed, SaysNothing, Failed] {
            breaker = breaker.record(outcome, at(0), at(0));
            assert_eq!(breaker.allows(at(0)), Allows::Any);
        }
        breaker = breaker.record(Failed, at(0), at(1));
        assert_eq!(breaker.allows(at(1)), Allows::None { until: at(31) });
        assert_eq!(breaker.allows(Moment(at(31).ms() - 1)), Allows::None { until: at(31) });
        assert_eq!(breaker.allows(at(31)), Allows::One);
    }

    #[test]
    fn each_trial_that_fails_doubles_the_pause_up_to_ten_minutes() {
        let (mut breaker, mut now) = (broken(at(0)), at(0));
        for pause in [30, 60, 120, 240, 480, 600, 600] {
            let until = now.after(Duration::from_secs(pause));
            assert_eq!(breaker.allows(now), Allows::None { until });
            now = until;
            breaker = breaker.trial_started(now).record(Failed, now, now);
        }
        let mut long = Breaker { opened: u32::MAX, ..breaker };
        long = long.trial_started(now).record(Failed, now, now);
        assert_eq!(long.state, BreakerState::Open { until: now.after(OPEN_MAX) });
    }

    #[test]
    fn a_trial_that_works_closes_it_and_one_that_says_nothing_is_followed_by_another() {
        let trial = broken(at(0)).trial_started(at(30));
        assert_eq!(trial.allows(at(31)), Allows::None { until: at(210) });
        assert_eq!(trial.record(Worked, at(30), at(40)), Breaker::default());
        assert_eq!(trial.record(SaysNothing, at(30), at(40)).allows(at(40)), Allows::One);
    }

    #[test]
    fn a_trial_that_never_reports_back_is_given_up() {
        let trial = broken(at(0)).trial_started(at(30));
        assert_eq!(trial.allows(at(209)), Allows::None { until: at(210) });
        assert_eq!(trial.allows(at(210)), Allows::One);
        let second = trial.trial_started(at(210));
        assert_eq!(second.record(Failed, at(30), at(211)), second, "the first trial came too late");
        assert_eq!(second.record(Worked, at(210), at(212)), Breaker::default());
    }

    #[test]
    fn calls_from_before_neither_open_nor_close_it() {
        let open = broken(at(0));
        for outcome in [Worked, Failed, SaysNothing] {
            assert_eq!(open.record(outcome, at(-60), at(5)), open);
            let trial = open.trial_started(at(30));
            assert_eq!(trial.record(outcome, at(-60), at(35)), trial);
        }
    }

    #[test]
    fn a_process_whose_clock_is_behind_leaves_it_alone_as_long() {
        let long = Breaker { opened: 9, ..broken(at(0)).trial_started(at(30)) }.record(Failed, at(30), at(40));
        let behind = Moment(at(40).ms() - 3000);
        assert_eq!(long.allows(behind), Allows::None { until: at(640) });
        let trial = long.trial_started(at(640));
        assert_eq!(trial.allows(Moment(at(640).ms() - 3000)), Allows::None { until: at(820) });
    }

    #[test]
    fn a_line_in_arrears_waits_for_a_person_and_is_tried_after_a_while() {
        let unpaid = (0..FAILURES_MAX).fold(Breaker::default(), |breaker, _| {
            assert_eq!(breaker.allows(at(0)), Allows::Any, "a few may be the fault of their calls");
            breaker.record(InArrears, at(0), at(1))
        });
        assert_eq!(unpaid.allows(at(2)), Allows::Unpaid { until: at(601) });
        assert_eq!(unpaid.record(Failed, at(0), at(2)), unpaid);
        assert_eq!(unpaid.paid(), Breaker::default());
        assert_eq!(unpaid.allows(at(601)), Allows::One);
        let again = unpaid.trial_started(at(601)).record(InArrears, at(601), at(610));
        assert_eq!(again.allows(at(611)), Allows::Unpaid { until: at(1210) });
        assert_eq!(unpaid.trial_started(at(601)).record(Worked, at(601), at(610)), Breaker::default());
        assert_eq!(broken(at(0)).paid(), broken(at(0)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hold_it_open() {
        assert_eq!(broken(at(0)).allows(at(-86_400)), Allows::One);
        assert_eq!(broken(at(0)).trial_started(at(30)).allows(at(-86_400)), Allows::One);
    }

    proptest! {
        #[test]
        fn nothing_goes_out_while_it_is_open_and_one_trial_at_most(
            steps in proptest::collection::vec((0i64..400, 0usize..4, any::<bool>()), 1..100),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), at(0));
            // Calls that are out, and whether the breaker asked for a trial when they started.
            let mut out: Vec<(Moment, bool)> = Vec::new();
            for (gap, outcome, starts) in steps {
                now = now.after(Duration::from_secs(gap.unsigned_abs()));
                out.retain(|(since, trial)| !trial || now.since(*since) < TRIAL_TIMEOUT);
                let allows = breaker.allows(now);
                match breaker.state {
                    BreakerState::Closed => prop_assert_eq!(allows, Allows::Any),
                    BreakerState::Open { until } => prop_assert_eq!(allows == Allows::One, now >= until),
                    BreakerState::Trial { .. } | BreakerState::InArrears { .. } => {}
                }
                if starts && !matches!(allows, Allows::None { .. } | Allows::Unpaid { .. }) {
                    let trial = allows == Allows::One;
                    if trial {
                        prop_assert!(!out.iter().any(|(_, trial)| *trial));
                        breaker = breaker.trial_started(now);
                    }
                    out.push((now, trial));
                } else if let Some((started, _)) = out.pop() {
                    breaker = breaker.record([Worked, Failed, SaysNothing, InArrears][outcome], started, now);
                }
            }
        }

        #[test]
        fn it_recovers_whenever_the_line_works_again(
            steps in proptest::collection::vec((0i64..1000, 0usize..4), 0..60),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), at(0));
            for (gap, outcome) in steps {
                now = now.after(Duration::from_secs(gap.unsigned_abs()));
                if breaker.allows(now) == Allows::One {
                    breaker = breaker.trial_started(now);
                }
                breaker = breaker.record([Worked, Failed, SaysNothing, InArrears][outcome], now, now);
            }
            now = now.after(OPEN_MAX);
            match breaker.allows(now) {
                Allows::Any => {}
                Allows::One => {
                    let closed = breaker.trial_started(now).record(Worked, now, now);
                    prop_assert_eq!(closed.allows(now), Allows::Any);
                }
                Allows::None { until } | Allows::Unpaid { until } => prop_assert!(false, "open until {until:?}"),
            }
        }
    }
}
