//! When a company may dial at all, and the next moment when a task may.
//!
//! Everything is civil time of the installation's zone.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};

use crate::window::{CallingWindow, DaySpan};

/// How many days ahead an opening is looked for.
pub const LOOK_AHEAD_DAYS: usize = 400;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;

/// A set of days of the week. Written as their ISO numbers, Monday = 1 to Sunday = 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<i8>", into = "Vec<i8>")]
pub struct Weekdays(u8);

impl Weekdays {
    /// No day at all.
    pub const NONE: Self = Self(0);

    /// Whether the day is in the set.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | Self::bit(day)))
    }
}

impl TryFrom<Vec<i8>> for Weekdays {
    type Error = jiff::Error;

    fn try_from(numbers: Vec<i8>) -> Result<Self, Self::Error> {
        numbers.into_iter().map(Weekday::from_monday_one_offset).collect()
    }
}

impl From<Weekdays> for Vec<i8> {
    fn from(days: Weekdays) -> Self {
        (1..=7).filter(|offset| days.0 & (1 << (offset - 1)) != 0).collect()
    }
}

/// On which days a company dials; every day by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiallingDays {
    /// Days of the week without calls.
    pub weekdays_off: Weekdays,
    /// Dates without calls, such as public holidays.
    pub days_off: BTreeSet<Date>,
    /// Dates with calls although their day of the week is off (调休).
    pub working_days: BTreeSet<Date>,
}

impl DiallingDays {
    /// Whether calls are made on this date. A date that stands in both lists is off: in doubt nobody is
    /// called on a holiday.
    #[must_use]
    pub fn dials(&self, date: Date) -> bool {
        !self.days_off.contains(&date)
            && (self.working_days.contains(&date) || !self.weekdays_off.contains(date.weekday()))
    }
}

/// When a company may dial at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The hours of the day in which the law lets people be called.
    pub legal: DaySpan,
    /// The days on which they are called.
    #[serde(default)]
    pub days: DiallingDays,
}

impl From<DaySpan> for Hours {
    /// These hours of every day.
    fn from(legal: DaySpan) -> Self {
        Self { legal, days: DiallingDays::default() }
    }
}

/// Why a task may not dial, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The task's first day has not come.
    BeforeStartDate,
    /// The company does not dial on this day.
    DayOff,
    /// Outside the legal calling hours.
    OutsideLegalHours,
    /// Outside the task's working hours.
    OutsideWindow,
    /// In the task's break.
    InBreak,
}

impl Closed {
    /// What operators call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BeforeStartDate => "未到开始日期",
            Self::DayOff => "非拨打日",
            Self::OutsideLegalHours => "不在合规时段",
            Self::OutsideWindow => "不在工作时段",
            Self::InBreak => "休息时段",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            Self::BeforeStartDate => "before the start date",
            Self::DayOff => "a day without calls",
            Self::OutsideLegalHours => "outside the legal calling hours",
            Self::OutsideWindow => "outside the working hours",
            Self::InBreak => "in the break",
        }
    }
}

/// Whether a task may dial at a moment, and until when that stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It may.
    Open {
        /// The end of the hours that it is in. Hours that end with the day end at midnight, even where
        /// the next day goes on at once.
        until: DateTime,
    },
    /// It may not.
    Closed {
        /// The first reason.
        why: Closed,
        /// The first moment at which it may; none when there is none within [`LOOK_AHEAD_DAYS`].
        opens: Option<DateTime>,
    },
}

/// Why a task may not dial at `at`; none when it may.
#[must_use]
pub fn closed(window: &CallingWindow, start_date: Date, hours: &Hours, at: DateTime) -> Option<Closed> {
    let time = at.time();
    if at.date() < start_date {
        Some(Closed::BeforeStartDate)
    } else if !hours.days.dials(at.date()) {
        Some(Closed::DayOff)
    } else if !hours.legal.contains(time) {
        Some(Closed::OutsideLegalHours)
    } else if !window.working.contains(time) {
        Some(Closed::OutsideWindow)
    } else if window.rest.is_some_and(|rest| rest.contains(time)) {
        Some(Closed::InBreak)
    } else {
        None
    }
}

/// Whether a task may dial at `at`, and until when that stays so.
#[must_use]
pub fn opening(window: &CallingWindow, start_date: Date, hours: &Hours, at: DateTime) -> Opening {
    let spans = open_spans(window, &hours.legal);
    let now = nanos(at.time());
    let Some(why) = closed(window, start_date, hours, at) else {
        let end =
            spans.iter().flatten().find(|span| span.0 <= now && now < span.1).map_or(NANOS_PER_DAY, |span| span.1);
        return Opening::Open { until: moment_of(at.date(), end) };
    };
    let mut days = at.date().series(1.day()).take(LOOK_AHEAD_DAYS + 1);
    let opens = days.find_map(|day| {
        if day < start_date || !hours.days.dials(day) {
            return None;
        }
        let first = spans.iter().flatten().find(|span| day > at.date() || span.0 > now)?;
        Some(moment_of(day, first.0))
    });
    Opening::Closed { why, opens }
}

/// The spans of a day in which both the law and the task let it dial, from the earlier to the later: in
/// nanoseconds since midnight, the end exclusive.
fn open_spans(window: &CallingWindow, legal: &DaySpan) -> [Option<(i64, i64)>; 2] {
    let (legal, working) = (bounds(legal), bounds(&window.working));
    let (start, end) = (legal.0.max(working.0), legal.1.min(working.1));
    let span = |start: i64, end: i64| (start < end).then_some((start, end));
    match window.rest.as_ref().map(bounds).filter(|rest| rest.0 < rest.1) {
        None => [span(start, end), None],
        Some(rest) => [span(start, end.min(rest.0)), span(start.max(rest.1), end)],
    }
}

/// As [`DaySpan::contains`] has it: an end of 23:59:59 or later is the end of the day.
fn bounds(span: &DaySpan) -> (i64, i64) {
    let end = nanos(span.end);
    (nanos(span.start), if end >= NANOS_PER_DAY - NANOS_PER_SECOND { NANOS_PER_DAY } else { end })
}

fn nanos(time: Time) -> i64 {
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * NANOS_PER_SECOND + i64::from(time.subsec_nanosecond())
}

/// The end of the calendar where the moment is after it.
fn moment_of(day: Date, nanos: i64) -> DateTime {
    day.to_datetime(Time::midnight()).checked_add(SignedDuration::from_nanos(nanos)).unwrap_or(DateTime::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, datetime, time};
    use proptest::prelude::*;

    fn span(start: (i8, i8), end: (i8, i8)) -> DaySpan {
        DaySpan { start: time(start.0, start.1, 0, 0), end: time(end.0, end.1, 0, 0) }
    }

    const ALL_DAY: DaySpan = DaySpan { start: Time::constant(0, 0, 0, 0), end: Time::constant(23, 59, 59, 0) };
    const START: Date = date(2026, 5, 4); // a Monday

    fn window() -> CallingWindow {
        CallingWindow { working: span((8, 0), (19, 0)), rest: Some(span((12, 0), (13, 30))) }
    }

    fn hours() -> Hours {
        let days = DiallingDays {
            weekdays_off: [Weekday::Saturday, Weekday::Sunday].into_iter().collect(),
            days_off: [date(2026, 5, 6)].into(),
            working_days: [date(2026, 5, 9)].into(),
        };
        Hours { legal: span((9, 0), (20, 0)), days }
    }

    #[test]
    fn openings_and_closings_are_exact() {
        let check = |at: DateTime, expected: Opening| {
            assert_eq!(opening(&window(), START, &hours(), at), expected, "{at}");
        };
        let shut = |why, opens| Opening::Closed { why, opens: Some(opens) };
        let open = |until| Opening::Open { until };
        let on = |day, hour, minute| datetime(2026, 5, day, hour, minute, 0, 0);
        check(on(3, 10, 0), shut(Closed::BeforeStartDate, on(4, 9, 0)));
        check(on(4, 7, 0), shut(Closed::OutsideLegalHours, on(4, 9, 0)));
        check(datetime(2026, 5, 4, 8, 59, 59, 999_999_999), shut(Closed::OutsideLegalHours, on(4, 9, 0)));
        check(on(4, 9, 0), open(on(4, 12, 0)));
        check(on(4, 12, 0), shut(Closed::InBreak, on(4, 13, 30)));
        check(on(4, 13, 30), open(on(4, 19, 0)));
        check(on(5, 19, 0), shut(Closed::OutsideWindow, on(7, 9, 0)));
        check(on(5, 20, 0), shut(Closed::OutsideLegalHours, on(7, 9, 0)));
        check(on(6, 10, 0), shut(Closed::DayOff, on(7, 9, 0)));
        check(on(8, 19, 0), shut(Closed::OutsideWindow, on(9, 9, 0)));
        check(on(9, 19, 0), shut(Closed::OutsideWindow, on(11, 9, 0)));
    }

    #[test]
    fn what_never_opens_says_so() {
        let check = |window: &CallingWindow, start_date, hours: &Hours, at: DateTime| {
            let found = opening(window, start_date, hours, at);
            assert!(matches!(found, Opening::Closed { opens: None, .. }), "{found:?}");
        };
        let at = START.at(10, 0, 0, 0);
        let every_day_off = (0..7).map(|n| Weekday::Monday + n).collect();
        let never = Hours { days: DiallingDays { weekdays_off: every_day_off, ..Default::default() }, ..hours() };
        check(&window(), START, &never, at);
        check(&CallingWindow { working: span((20, 0), (22, 0)), rest: None }, START, &hours(), at);
        check(&CallingWindow { rest: Some(ALL_DAY), ..window() }, START, &hours(), at);
        check(&window(), date(2030, 1, 1), &hours(), at);
        check(&window(), Date::MAX, &hours(), DateTime::MAX);
        check(&window(), START, &hours(), DateTime::MAX);
    }

    #[test]
    fn a_day_without_end_lasts_to_midnight() {
        let (window, hours) =
            (CallingWindow { working: ALL_DAY, rest: None }, Hours { legal: ALL_DAY, days: DiallingDays::default() });
        let until = date(2026, 5, 5).at(0, 0, 0, 0);
        assert_eq!(opening(&window, START, &hours, START.at(23, 59, 59, 999_999_999)), Opening::Open { until });
        assert_eq!(opening(&window, START, &hours, DateTime::MAX), Opening::Open { until: DateTime::MAX });
    }

    #[test]
    fn a_date_in_both_lists_is_off() {
        let day = BTreeSet::from([START]);
        let days = DiallingDays { days_off: day.clone(), working_days: day, ..Default::default() };
        assert!(!days.dials(START));
    }

    #[test]
    fn dialling_days_are_written_as_iso_numbers_and_dates() {
        let text = r#"{"weekdays_off":[6,7],"days_off":["2026-05-06"],"working_days":["2026-05-09"]}"#;
        assert_eq!(serde_json::to_string(&hours().days).unwrap(), text);
        assert_eq!(serde_json::from_str::<DiallingDays>(text).unwrap(), hours().days);
        assert_eq!(serde_json::from_str::<DiallingDays>("{}").unwrap(), DiallingDays::default());
        assert!(serde_json::from_str::<Weekdays>("[0]").is_err());
        assert!(serde_json::from_str::<Weekdays>("[8]").is_err());
    }

    fn any_span() -> impl Strategy<Value = DaySpan> {
        (0i8..24, 0i8..4, 0i8..24, 0i8..4, any::<bool>()).prop_map(|(h, m, eh, em, to_the_end)| DaySpan {
            start: time(h, m * 15, 0, 0),
            end: if to_the_end { ALL_DAY.end } else { time(eh, em * 15, 0, 0) },
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_opening_agrees_with_a_scan_of_every_minute(
            legal in any_span(), working in any_span(), rest in proptest::option::of(any_span()),
            weekdays_off in proptest::collection::vec(0i32..7, 0..4),
            days_off in proptest::collection::btree_set(0i64..8, 0..3),
            working_days in proptest::collection::btree_set(0i64..8, 0..3),
            start in 0i64..3, minute in 0i64..(4 * 1440),
        ) {
            let first = START.to_datetime(Time::midnight());
            let dates = |days: BTreeSet<i64>| days.into_iter().map(|n| START.checked_add(n.days()).unwrap()).collect();
            let hours = Hours { legal, days: DiallingDays {
                weekdays_off: weekdays_off.into_iter().map(|n| Weekday::Monday + n).collect(),
                days_off: dates(days_off),
                working_days: dates(working_days),
            }};
            let window = CallingWindow { working, rest };
            let start_date = START.checked_add(start.days()).unwrap();
            let is_open = |at: DateTime| {
                at.date() >= start_date && hours.days.dials(at.date()) && window.is_open(at, &legal)
            };
            let minutes = |from: i64| (from..8 * 1440).map(|n| first.checked_add(n.minutes()).unwrap());
            let at = first.checked_add(minute.minutes()).unwrap();
            match opening(&window, start_date, &hours, at) {
                Opening::Open { until } => {
                    prop_assert!(is_open(at));
                    let midnight = at.date().tomorrow().unwrap().to_datetime(Time::midnight());
                    let shut = minutes(minute).find(|at| !is_open(*at) || *at == midnight);
                    prop_assert_eq!(Some(until), shut);
                }
                Opening::Closed { why, opens } => {
                    prop_assert!(!is_open(at));
                    prop_assert_eq!(closed(&window, start_date, &hours, at), Some(why));
                    let scanned = minutes(minute).find(|at| is_open(*at));
                    let end = first.checked_add(8.days()).unwrap();
                    prop_assert_eq!(opens.filter(|opens| *opens < end), scanned);
                    prop_assert!(opens.is_none_or(is_open));
                }
            }
        }
    }
}
