//! What reports count: facts about attempts and calls, added up for whatever span of time, task, line or robot.

use std::ops::{Add, AddAssign};

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::call::{CallResult, INTENT_LEVEL, Utterance};
use crate::outcome::Disposition;

/// Where the parts of talk time begin, in seconds, after the first, which begins at 0.
pub const TALK_BOUNDS_S: [i64; 4] = [10, 30, 60, 120];

/// Where the parts of the time in which the robot answers begin, in milliseconds, after the first, which begins at 0.
pub const TURN_BOUNDS_MS: [i64; 8] = [400, 600, 800, 1_000, 1_300, 1_600, 2_000, 3_000];

/// The first characters of intent levels that are counted by themselves; all others are counted together, after these.
pub const GRADES: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];

/// How many numbers [`Counts`] has.
pub const COUNTS: usize = 7 + TALK_BOUNDS_S.len() + 1 + GRADES.len() + 1 + 2 + TURN_BOUNDS_MS.len() + 1;

/// What was done, and what came of it. An attempt, and a call with the last of its attempts, counts where that attempt
/// began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Numbers imported.
    pub imported: i64,
    /// Attempts, those in progress too. One at a blacklisted number is none.
    pub dialled: i64,
    /// Of these, first attempts at a number: how many numbers were dialled.
    pub numbers_dialled: i64,
    /// Attempts that somebody answered, and a robot talked.
    pub answered: i64,
    /// Attempts that were answered without a free seat, or lost by us: 呼损.
    pub lost: i64,
    /// Calls finished for good, blacklisted ones too.
    pub finished: i64,
    /// Seconds of talk.
    pub talk_s: i64,
    /// Answered calls by talk time, see [`TALK_BOUNDS_S`].
    pub by_talk_time: [i64; TALK_BOUNDS_S.len() + 1],
    /// Finished calls by intent level, see [`GRADES`]; the last are all others.
    pub by_grade: [i64; GRADES.len() + 1],
    /// Times that the robot answered a customer, as far as the time that it took is known.
    pub turns: i64,
    /// Milliseconds that it took, in all.
    pub turns_ms: i64,
    /// Answers of the robot by the time that they took, see [`TURN_BOUNDS_MS`].
    pub by_turn_time: [i64; TURN_BOUNDS_MS.len() + 1],
}

/// The position of a value among parts that begin at these bounds, after the first.
fn part(bounds: &[i64], value: i64) -> usize {
    bounds.partition_point(|bound| *bound <= value)
}

/// The position in [`Counts::by_grade`] of an intent level.
#[must_use]
pub fn grade_part(level: &str) -> usize {
    let first = level.chars().next();
    GRADES.iter().position(|grade| Some(*grade) == first).unwrap_or(GRADES.len())
}

impl Counts {
    /// So many numbers were imported.
    #[must_use]
    pub fn imported(numbers: i64) -> Self {
        Self { imported: numbers, ..Self::default() }
    }

    /// An attempt has begun: the first one at its number, or a later one.
    #[must_use]
    pub fn begun(is_first: bool) -> Self {
        Self { dialled: 1, numbers_dialled: i64::from(is_first), ..Self::default() }
    }

    /// An attempt has ended, after [`Counts::begun`] was counted for it.
    #[must_use]
    pub fn ended(disposition: Disposition, is_first: bool) -> Self {
        match disposition {
            Disposition::Answered => Self { answered: 1, ..Self::default() },
            Disposition::NoSeat | Disposition::Interrupted => Self { lost: 1, ..Self::default() },
            // It was claimed, and never dialled.
            Disposition::Blacklisted => Self { dialled: -1, numbers_dialled: -i64::from(is_first), ..Self::default() },
            Disposition::Declined
            | Disposition::RangOut
            | Disposition::Unreachable
            | Disposition::Busy
            | Disposition::PoweredOff
            | Disposition::Suspended
            | Disposition::Vacant
            | Disposition::OutOfCoverage
            | Disposition::LineFailed
            | Disposition::LineInArrears => Self::default(),
        }
    }

    /// A call has finished, after so many seconds of talk where it was answered.
    #[must_use]
    pub fn finished(talk_s: Option<i64>, results: &[CallResult], utterances: &[Utterance]) -> Self {
        let mut counts = Self { finished: 1, ..Self::default() };
        if let Some(talk_s) = talk_s {
            counts.talk_s = talk_s;
            counts.by_talk_time[part(&TALK_BOUNDS_S, talk_s)] = 1;
        }
        counts.by_grade[level_part(results)] = 1;
        for latency in utterances.iter().filter_map(|utterance| utterance.latency) {
            let ms = i64::from(latency.total_ms());
            counts.turns += 1;
            counts.turns_ms = counts.turns_ms.saturating_add(ms);
            counts.by_turn_time[part(&TURN_BOUNDS_MS, ms)] += 1;
        }
        counts
    }

    /// A person has judged a finished call: it leaves one intent level for another. None where that changes nothing here.
    #[must_use]
    pub fn judged(was: &[CallResult], became: &[CallResult]) -> Option<Self> {
        let (was, became) = (level_part(was), level_part(became));
        let mut counts = Self::default();
        counts.by_grade[was] -= 1;
        counts.by_grade[became] += 1;
        (was != became).then_some(counts)
    }

    /// Every number, in the order of the fields.
    #[must_use]
    pub fn to_array(&self) -> [i64; COUNTS] {
        let mut numbers = [0; COUNTS];
        let mut copy = *self;
        for (number, field) in numbers.iter_mut().zip(copy.fields()) {
            *number = *field;
        }
        numbers
    }

    /// Counts of these numbers, in the order of the fields.
    #[must_use]
    pub fn from_array(numbers: [i64; COUNTS]) -> Self {
        let mut counts = Self::default();
        for (field, number) in counts.fields().zip(numbers) {
            *field = number;
        }
        counts
    }

    fn fields(&mut self) -> impl Iterator<Item = &mut i64> {
        let Self {
            imported,
            dialled,
            numbers_dialled,
            answered,
            lost,
            finished,
            talk_s,
            by_talk_time,
            by_grade,
            turns,
            turns_ms,
            by_turn_time,
        } = self;
        [imported, dialled, numbers_dialled, answered, lost, finished, talk_s]
            .into_iter()
            .chain(by_talk_time)
            .chain(by_grade)
            .chain([turns, turns_ms])
            .chain(by_turn_time)
    }

    /// Finished calls of an intent level that begins with this character, one of [`GRADES`].
    #[must_use]
    pub fn of_grade(&self, grade: char) -> i64 {
        GRADES.iter().zip(self.by_grade).find(|(known, _)| **known == grade).map_or(0, |(_, calls)| calls)
    }

    /// Answered attempts out of a thousand; none where nothing was dialled.
    #[must_use]
    pub fn answered_per_mille(&self) -> Option<i64> {
        per_mille(self.answered, self.dialled)
    }

    /// 呼损 out of a thousand attempts that somebody answered or we lost; none where there was none.
    #[must_use]
    pub fn lost_per_mille(&self) -> Option<i64> {
        per_mille(self.lost, self.answered + self.lost)
    }

    /// Mean seconds of talk of an answered call.
    #[must_use]
    pub fn mean_talk_s(&self) -> Option<i64> {
        (self.answered > 0).then(|| self.talk_s / self.answered)
    }

    /// Mean milliseconds in which the robot answered.
    #[must_use]
    pub fn mean_turn_ms(&self) -> Option<i64> {
        (self.turns > 0).then(|| self.turns_ms / self.turns)
    }

    /// Milliseconds within which the robot gave 95 of 100 answers: exact to the part of [`TURN_BOUNDS_MS`] that it is in,
    /// where answers are taken to lie evenly. In the last part it is where that begins. None where nothing is known.
    #[must_use]
    pub fn turn_ms_p95(&self) -> Option<i64> {
        let wanted = (self.turns > 0).then(|| (self.turns * 95 + 99) / 100)?;
        let mut before = 0;
        for (at, calls) in self.by_turn_time.into_iter().enumerate() {
            if calls > 0 && before + calls >= wanted {
                let from = at.checked_sub(1).and_then(|at| TURN_BOUNDS_MS.get(at)).copied().unwrap_or(0);
                let until = TURN_BOUNDS_MS.get(at).copied().unwrap_or(from);
                return Some(from + (until - from) * (wanted - before) / calls);
            }
            before += calls;
        }
        TURN_BOUNDS_MS.last().copied()
    }
}

/// Days that one report covers, at most: the longest three months in a row.
pub const DAYS_MAX: i32 = 92;

/// Days in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: Date,
    last: Date,
}

/// Days that no report can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDays {
    /// The last is before the first.
    #[error("the last day, {last}, is before the first, {first}")]
    Backwards {
        /// The first.
        first: Date,
        /// The last.
        last: Date,
    },
    /// There are too many.
    #[error("a report covers at most {DAYS_MAX} days, these are {0}")]
    TooMany(i32),
}

impl Days {
    /// From the first to the last, both of them too.
    ///
    /// # Errors
    /// [`BadDays`] when they are in the wrong order, or too many.
    pub fn new(first: Date, last: Date) -> Result<Self, BadDays> {
        if last < first {
            return Err(BadDays::Backwards { first, last });
        }
        // Both are in the calendar.
        let count = first.until(last).map_or(i32::MAX, |span| span.get_days().saturating_add(1));
        if count > DAYS_MAX { Err(BadDays::TooMany(count)) } else { Ok(Self { first, last }) }
    }

    /// One day.
    #[must_use]
    pub const fn one(day: Date) -> Self {
        Self { first: day, last: day }
    }

    /// The first.
    #[must_use]
    pub const fn first(&self) -> Date {
        self.first
    }

    /// The last.
    #[must_use]
    pub const fn last(&self) -> Date {
        self.last
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Date> {
        let last = self.last;
        self.first.series(1.day()).take_while(move |day| *day <= last)
    }
}

fn level_part(results: &[CallResult]) -> usize {
    let level = results.iter().find(|result| result.name == INTENT_LEVEL);
    level.map_or(GRADES.len(), |level| grade_part(&level.value))
}

fn per_mille(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| part.saturating_mul(1_000) / whole)
}

impl AddAssign for Counts {
    fn add_assign(&mut self, mut other: Self) {
        for (sum, more) in self.fields().zip(other.fields()) {
            *sum += *more;
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Speaker, TurnLatency};
    use crate::moment::Moment;

    fn level(value: &str) -> Vec<CallResult> {
        let (name, value) = (INTENT_LEVEL.to_owned(), value.to_owned());
        vec![CallResult { name, value, description: None, rule: None, evidence: Vec::new() }]
    }

    fn answer_after(ours_ms: u32) -> Utterance {
        Utterance {
            speaker: Speaker::Robot,
            text: String::new(),
            start_ms: 0,
            end_ms: 0,
            at: Moment(0),
            understanding: None,
            node: String::new(),
            latency: Some(TurnLatency { ours_ms, ..TurnLatency::default() }),
            recogniser: None,
        }
    }

    #[test]
    fn a_call_is_counted_once_in_each_histogram() {
        let at = |talk_s| Counts::finished(Some(talk_s), &level("A级(较强)"), &[]).by_talk_time;
        assert_eq!(
            [0, 9, 10, 29, 30, 59, 60, 119, 120].map(|s| at(s).iter().position(|n| *n == 1).unwrap()),
            [0, 0, 1, 1, 2, 2, 3, 3, 4]
        );
        let unanswered = Counts::finished(None, &level("D级(需筛选)"), &[]);
        assert_eq!((unanswered.by_talk_time, unanswered.of_grade('D'), unanswered.finished), ([0; 5], 1, 1));
        let other = Counts::finished(None, &level("重要"), &[]).by_grade;
        assert_eq!((other, Counts::finished(None, &[], &[]).by_grade), ([0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn numbers_are_written_and_read_in_one_order() {
        let mut numbers = [0; COUNTS];
        (1..).zip(&mut numbers).for_each(|(n, number)| *number = n);
        let counts = Counts::from_array(numbers);
        assert_eq!(counts.to_array(), numbers);
        assert_eq!((counts.imported, counts.by_turn_time[8]), (1, i64::try_from(COUNTS).unwrap()));
        assert_eq!((counts + counts).to_array(), numbers.map(|number| number * 2));
    }

    #[test]
    fn days_are_in_order_and_not_too_many() {
        use jiff::civil::date;
        let days = |first, last| Days::new(first, last);
        assert_eq!(days(date(2026, 2, 27), date(2026, 3, 1)).unwrap().iter().count(), 3);
        assert_eq!(days(date(2026, 5, 6), date(2026, 5, 6)), Ok(Days::one(date(2026, 5, 6))));
        assert!(days(date(2026, 7, 1), date(2026, 9, 30)).is_ok());
        assert_eq!(days(date(2026, 7, 1), date(2026, 10, 1)), Err(BadDays::TooMany(93)));
        let (first, last) = (date(2026, 5, 6), date(2026, 5, 5));
        assert_eq!(days(first, last), Err(BadDays::Backwards { first, last }));
    }

    #[test]
    fn a_blacklisted_attempt_is_none() {
        let first = Counts::begun(true) + Counts::ended(Disposition::Blacklisted, true);
        let later = Counts::begun(false) + Counts::ended(Disposition::Blacklisted, false);
        assert_eq!((first, later), (Counts::default(), Counts::default()));
    }

    #[test]
    fn a_judgement_moves_a_call_from_level_to_level() {
        assert_eq!(Counts::judged(&level("A级(较强)"), &level("A级(很强)")), None);
        let moved = Counts::judged(&level("A级(较强)"), &level("C级(很少)")).unwrap();
        assert_eq!((moved.of_grade('A'), moved.of_grade('C'), moved.by_grade.iter().sum::<i64>()), (-1, 1, 0));
    }

    #[test]
    fn rates_and_means_are_of_what_there_was() {
        let none = Counts::default();
        assert_eq!((none.answered_per_mille(), none.lost_per_mille(), none.mean_talk_s()), (None, None, None));
        let counts = Counts { dialled: 8, answered: 3, lost: 1, talk_s: 100, ..none };
        assert_eq!(counts.answered_per_mille(), Some(375));
        assert_eq!(counts.lost_per_mille(), Some(250));
        assert_eq!(counts.mean_talk_s(), Some(33));
    }

    #[test]
    fn most_answers_came_within_the_time_that_is_given() {
        let of = |times: &[u32]| {
            let utterances: Vec<Utterance> = times.iter().map(|ms| answer_after(*ms)).collect();
            Counts::finished(Some(60), &[], &utterances)
        };
        assert_eq!((of(&[]).mean_turn_ms(), of(&[]).turn_ms_p95()), (None, None));
        assert_eq!((of(&[500, 700]).mean_turn_ms(), of(&[500, 700]).turn_ms_p95()), (Some(600), Some(800)));
        let mut times = vec![450; 90];
        times.extend([1_000; 10]);
        assert_eq!(of(&times).turn_ms_p95(), Some(1_150), "halfway through the part from 1,000 to 1,300");
        assert_eq!(of(&[9_000]).turn_ms_p95(), Some(3_000));
    }
}
