//! When a task may dial: its window, its break, and the law.

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

/// A span of the day, from `start` up to but not including `end`. It never crosses midnight; an end
/// of 23:59:59 or later means the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySpan {
    /// The first moment inside.
    pub start: Time,
    /// The first moment outside.
    pub end: Time,
}

impl DaySpan {
    /// The span, or none when it would be empty.
    #[must_use]
    pub fn new(start: Time, end: Time) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Whether `time` is inside.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        time >= self.start && (time < self.end || self.ends_with_the_day())
    }

    /// Whether its end is that of the day.
    fn ends_with_the_day(&self) -> bool {
        const LAST_SECOND: Time = Time::constant(23, 59, 59, 0);
        self.end >= LAST_SECOND
    }

    /// What both spans share; none when they do not meet.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether the whole of `other` is inside.
    #[must_use]
    pub fn encloses(&self, other: &Self) -> bool {
        self.start <= other.start && (other.end <= self.end || self.ends_with_the_day())
    }
}

/// When a task may dial on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingWindow {
    /// The working hours, already cut to the legal calling hours of the day it was made.
    pub working: DaySpan,
    /// A break inside them.
    pub rest: Option<DaySpan>,
}

impl CallingWindow {
    /// Whether a call may be placed at `at` (civil time of the installation's zone), inside the
    /// task's own window and inside the `legal` hours: the model that tests hold [`crate::hours`] against.
    #[cfg(test)]
    pub(crate) fn is_open(&self, at: jiff::civil::DateTime, legal: &DaySpan) -> bool {
        let time = at.time();
        legal.contains(time) && self.working.contains(time) && !self.rest.is_some_and(|rest| rest.contains(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    fn span(start: (i8, i8), end: (i8, i8)) -> DaySpan {
        DaySpan::new(time(start.0, start.1, 0, 0), time(end.0, end.1, 0, 0)).unwrap()
    }

    #[test]
    fn a_window_opens_at_its_first_second_and_closes_at_its_last() {
        let window = CallingWindow { working: span((9, 0), (20, 0)), rest: Some(span((12, 0), (13, 30))) };
        let legal = span((9, 0), (20, 0));
        let check = |h, m, s, open| {
            assert_eq!(window.is_open(date(2026, 5, 1).at(h, m, s, 0), &legal), open, "{h}:{m}:{s}");
        };
        check(8, 59, 59, false);
        check(9, 0, 0, true);
        check(11, 59, 59, true);
        check(12, 0, 0, false);
        check(13, 29, 59, false);
        check(13, 30, 0, true);
        check(19, 59, 59, true);
        check(20, 0, 0, false);
    }

    #[test]
    fn a_window_up_to_the_last_second_lasts_to_midnight() {
        let day = DaySpan::new(Time::midnight(), time(23, 59, 59, 0)).unwrap();
        assert!(day.contains(time(23, 59, 59, 999_000_000)));
    }

    proptest! {
        #[test]
        fn nothing_is_open_outside_the_legal_hours(start in 0i8..22, len in 1i8..20, hour in 0i8..24, minute in 0i8..60) {
            let working = span((start, 0), ((start + len).min(23), 0));
            let legal = span((9, 0), (20, 0));
            let window = CallingWindow { working, rest: None };
            let open = window.is_open(date(2026, 5, 1).at(hour, minute, 0, 0), &legal);
            prop_assert!(!open || (9..20).contains(&hour));
            prop_assert_eq!(open, legal.intersection(&working).is_some_and(|both| both.contains(time(hour, minute, 0, 0))));
        }
    }
}
