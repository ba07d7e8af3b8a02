//! How often a number may be dialled at all, whatever task it is in.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The days in a row that a weekly cap looks at.
pub const WEEK_DAYS: i64 = 7;

/// How many attempts may be made at one number; none where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Caps {
    /// On a calendar day of the installation's zone.
    pub per_day: Option<u32>,
    /// On any seven days in a row.
    pub per_week: Option<u32>,
}

impl Caps {
    /// What all of them together allow: the smallest of each.
    #[must_use]
    pub fn strictest(all: impl IntoIterator<Item = Self>) -> Self {
        let least = |one: Option<u32>, other: Option<u32>| one.into_iter().chain(other).min();
        all.into_iter().fold(Self::default(), |one, other| Self {
            per_day: least(one.per_day, other.per_day),
            per_week: least(one.per_week, other.per_week),
        })
    }
}

/// One of the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// That of a day.
    PerDay,
    /// That of seven days.
    PerWeek,
}

/// The number has been dialled as often as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the cap {which:?} holds until {until}")]
pub struct Capped {
    /// The cap that is reached; that of seven days where both are.
    pub which: Cap,
    /// The first day on which it may be dialled again, if it is not dialled meanwhile; the end of the
    /// calendar where a cap is 0.
    pub until: Date,
}

/// Whether a number may be dialled once more on the day `today`, after `dialled` attempts on each day.
///
/// # Errors
/// [`Capped`] when it may not.
pub fn allowed(caps: Caps, dialled: &[(Date, u32)], today: Date) -> Result<(), Capped> {
    let Some(which) = reached(caps, dialled, today) else { return Ok(()) };
    // A cap is given free only by a day that leaves the day or the week: no other days need a look.
    let mut candidates: Vec<Date> = dialled
        .iter()
        .flat_map(|(day, _)| [day.checked_add(1.day()), day.checked_add(WEEK_DAYS.days())])
        .filter_map(Result::ok)
        .filter(|day| *day > today)
        .collect();
    candidates.sort_unstable();
    let until = candidates.into_iter().find(|day| reached(caps, dialled, *day).is_none()).unwrap_or(Date::MAX);
    Err(Capped { which, until })
}

fn reached(caps: Caps, dialled: &[(Date, u32)], day: Date) -> Option<Cap> {
    let attempts = |first: Date, last: Date| {
        dialled.iter().filter(|(on, _)| (first..=last).contains(on)).map(|(_, count)| u64::from(*count)).sum::<u64>()
    };
    let is_reached = |cap: Option<u32>, made: u64| cap.is_some_and(|cap| made >= u64::from(cap));
    // Every seven days that hold the day: those before it, and those after it too, where attempts of
    // days to come are known already.
    let week = |offset: i64| {
        let first = day.saturating_sub(offset.days());
        attempts(first, first.saturating_add((WEEK_DAYS - 1).days()))
    };
    if caps.per_week.is_some() && is_reached(caps.per_week, (0..WEEK_DAYS).map(week).max().unwrap_or(0)) {
        Some(Cap::PerWeek)
    } else if is_reached(caps.per_day, attempts(day, day)) {
        Some(Cap::PerDay)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn day(n: i64) -> Date {
        date(2026, 5, 1).checked_add(n.days()).unwrap()
    }

    #[test]
    fn a_cap_holds_until_its_day_has_gone() {
        let check = |per_day, per_week, dialled: &[(i64, u32)], expected| {
            let dialled: Vec<_> = dialled.iter().map(|(n, count)| (day(*n), *count)).collect();
            let found = allowed(Caps { per_day, per_week }, &dialled, day(10));
            assert_eq!(found, Result::map_err(expected, |(which, n)| Capped { which, until: day(n) }), "{dialled:?}");
        };
        check(None, None, &[(10, 99)], Ok(()));
        check(Some(2), None, &[(9, 5), (10, 1)], Ok(()));
        check(Some(2), None, &[(10, 1), (10, 1)], Err((Cap::PerDay, 11)));
        check(None, Some(3), &[(3, 9), (4, 1), (10, 1)], Ok(()));
        check(None, Some(3), &[(4, 1), (8, 2)], Err((Cap::PerWeek, 11)));
        check(None, Some(3), &[(4, 1), (8, 3)], Err((Cap::PerWeek, 15)));
        check(Some(1), Some(3), &[(4, 2), (10, 1)], Err((Cap::PerWeek, 11)));
        check(Some(1), Some(1), &[(10, 1)], Err((Cap::PerWeek, 17)));
        check(None, Some(2), &[(12, 2)], Err((Cap::PerWeek, 19)));
    }

    #[test]
    fn a_cap_of_nothing_never_ends() {
        let never = |which| Err(Capped { which, until: Date::MAX });
        assert_eq!(allowed(Caps { per_day: Some(0), per_week: None }, &[], day(0)), never(Cap::PerDay));
        let dialled = [(day(0), u32::MAX), (day(0), u32::MAX), (Date::MAX, 1)];
        assert_eq!(allowed(Caps { per_day: None, per_week: Some(0) }, &dialled, day(0)), never(Cap::PerWeek));
    }

    fn any_caps() -> impl Strategy<Value = Caps> {
        (proptest::option::of(0u32..4), proptest::option::of(0u32..8))
            .prop_map(|(per_day, per_week)| Caps { per_day, per_week })
    }

    /// Whether an attempt more on a day would break a cap, by counting every day and every seven days.
    fn breaks(caps: Caps, dialled: &[(Date, u32)], on: i64) -> bool {
        let count = |n: i64| {
            let before: u32 = dialled.iter().filter(|(date, _)| *date == day(n)).map(|(_, count)| count).sum();
            before + u32::from(n == on)
        };
        caps.per_day.is_some_and(|cap| count(on) > cap)
            || caps.per_week.is_some_and(|cap| (on - 6..=on).any(|n| (n..n + 7).map(count).sum::<u32>() > cap))
    }

    proptest! {
        #[test]
        fn the_caps_agree_with_counting_every_window(
            caps in any_caps(), dialled in proptest::collection::vec((0i64..20, 0u32..3), 0..10), today in 5i64..15,
        ) {
            let dialled: Vec<_> = dialled.into_iter().map(|(n, count)| (day(n), count)).collect();
            let first_free = (today..today + 40).find(|n| !breaks(caps, &dialled, *n)).map(day);
            match allowed(caps, &dialled, day(today)) {
                Ok(()) => prop_assert_eq!(first_free, Some(day(today))),
                Err(capped) => prop_assert_eq!(first_free.unwrap_or(Date::MAX), capped.until),
            }
        }

        #[test]
        fn who_keeps_to_the_caps_never_exceeds_them(
            caps in any_caps(), wishes in proptest::collection::vec(0u32..5, 0..40),
        ) {
            let mut dialled: Vec<(Date, u32)> = Vec::new();
            for (n, wishes) in (0i64..).zip(&wishes) {
                for _ in 0..*wishes {
                    if allowed(caps, &dialled, day(n)).is_ok() {
                        dialled.push((day(n), 1));
                    }
                }
            }
            let count = |n: i64| dialled.iter().filter(|(date, _)| *date == day(n)).count() as u64;
            for n in 0..40 {
                prop_assert!(caps.per_day.is_none_or(|cap| count(n) <= u64::from(cap)));
                prop_assert!(caps.per_week.is_none_or(|cap| (n..n + 7).map(count).sum::<u64>() <= u64::from(cap)));
            }
        }

        #[test]
        fn of_several_caps_the_strictest_wins(
            all in proptest::collection::vec(any_caps(), 0..4),
            dialled in proptest::collection::vec((0i64..=10, 0u32..3), 0..10),
        ) {
            let dialled: Vec<_> = dialled.into_iter().map(|(n, count)| (day(n), count)).collect();
            let until = |caps| allowed(caps, &dialled, day(10)).map_or_else(|capped| Some(capped.until), |()| None);
            let latest = all.iter().filter_map(|caps| until(*caps)).max();
            prop_assert_eq!(until(Caps::strictest(all.iter().copied())), latest);
        }
    }
}
