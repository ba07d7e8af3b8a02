//! How the rest of a campaign goes: played in virtual time by the rules that dial it, with callees who do what callees
//! did before.
//!
//! The rules are the real ones: [`crate::plan`] moves the task and starts its calls, [`crate::redial`] plans redials,
//! [`crate::hours`] opens and closes, [`crate::pace`] spaces the calls of a line. Not played are the company's other
//! tasks, frequency caps, and failures of our side: crashes, and lines that are left alone for their failures.

mod behaviour;
mod play;
mod summary;
mod what_if;

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::call::FinishStatus;
use crate::hours::Hours;
use crate::moment::Moment;
use crate::pace::Pace;
use crate::pacing::History;
use crate::redial::{RedialRule, Used};
use crate::task::{MoveReason, TaskKind, TaskStatus};
use crate::window::CallingWindow;
pub use behaviour::{Behaviour, Figures, SAMPLES_MIN, Sample};
pub use play::play;
pub use summary::{Spread, Summary, run};
pub use what_if::{Change, worth_trying};

/// A campaign is played for no longer than this from now on, or from its start date where that comes later.
pub const HORIZON: Duration = Duration::from_hours(60 * 24);
/// No more attempts are played: a guard against numbers that no campaign has.
pub const ATTEMPTS_MAX: u64 = 50_000_000;

/// All that decides how the rest of a campaign goes, except its callees.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// The moment from which it is played.
    pub now: Moment,
    /// The installation's zone.
    pub zone: TimeZone,
    /// The hours of its company.
    pub hours: Hours,
    /// Its first day.
    pub start_date: Date,
    /// Its hours.
    pub window: CallingWindow,
    /// How it starts.
    pub kind: TaskKind,
    /// Where it stands. A task that waits for a person is played as if it were started now.
    pub status: TaskStatus,
    /// Calls that may talk at once (`concurrencyQuota`).
    pub quota: u32,
    /// Calls that may be in progress at once (`concurrencyPhone`).
    pub in_progress_max: u32,
    /// Whether it takes idle seats beyond its quota (`openElasticity`).
    pub elastic: bool,
    /// Who is called again.
    pub redial_rules: Vec<RedialRule>,
    /// Seats of the company; all of them are there for this task.
    pub seats: u32,
    /// The share of answers that may find no seat (呼损), in thousandths.
    pub lost_per_mille_max: u32,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Numbers never dialled.
    pub fresh: u64,
    /// Redials that are planned.
    pub redials: Vec<PlannedRedials>,
    /// Calls in progress.
    pub in_progress: Vec<CallInProgress>,
    /// How its attempts went lately.
    pub history: History,
}

/// A line that is enabled, for calls that go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// Calls on it at once; none where there is no limit.
    pub channels: Option<u32>,
    /// How fast calls may start on it; none where there is no limit.
    pub pace: Option<Pace>,
    /// The first moment of its validity.
    pub valid_from: Option<Moment>,
    /// The last moment of its validity.
    pub valid_until: Option<Moment>,
}

/// Redials that are due at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRedials {
    /// When.
    pub due: Moment,
    /// How many.
    pub calls: u64,
    /// What is used of the budgets of each of these numbers with this redial.
    pub used: Used,
}

/// A call that is being dialled, or talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallInProgress {
    /// When it started.
    pub since: Moment,
    /// When somebody answered.
    pub answered_at: Option<Moment>,
    /// Whether it holds a seat.
    pub seated: bool,
    /// What is used of the number's budgets for redials.
    pub used: Used,
    /// Its line: a position in [`Campaign::lines`]; none where it is on another one.
    pub line: Option<usize>,
}

impl Campaign {
    /// Numbers that have not finished.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        self.waiting().saturating_add(self.in_progress.len() as u64)
    }

    /// Numbers that are still to be dialled.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.redials.iter().map(|it| it.calls).fold(self.fresh, u64::saturating_add)
    }

    /// Whether it dials without a person's help; otherwise it is played as if it were started now.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.status.is_active() || (self.status == TaskStatus::NotStarted && self.kind == TaskKind::Timed)
    }

    /// Calls of it that may talk at once.
    #[must_use]
    pub fn seats_usable(&self) -> u32 {
        if self.elastic { self.seats } else { self.seats.min(self.quota) }
    }
}

/// How a campaign went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// When its last number finished; none where that did not happen within [`HORIZON`].
    pub finish: Option<Moment>,
    /// Numbers that had not finished in the end.
    pub left: u64,
    /// What kept it from dialling when it last stood still; none where it was not kept.
    pub held_by: Option<MoveReason>,
    /// Numbers that finished, by finish status, in the order of [`FinishStatus::ALL`].
    pub by_finish_status: [u64; FinishStatus::ALL.len()],
    /// Seats that it could use, see [`Campaign::seats_usable`].
    pub seats: u32,
    /// The days on which it could dial and had something to do, in order.
    pub days: Vec<(Date, Tally)>,
}

/// What happened in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Calls that started.
    pub attempts: u64,
    /// Calls that were answered, and talked.
    pub answered: u64,
    /// Calls that were answered, and found no seat (呼损).
    pub lost: u64,
    /// How long the task might dial, and had a number to dial or a call in progress; milliseconds.
    pub open_ms: u64,
    /// How long its calls talked in that time, all together; milliseconds.
    pub talk_ms: u64,
}

impl Tally {
    /// The share of the time of so many seats in which they talked, in thousandths.
    #[must_use]
    pub fn seat_use_per_mille(&self, seats: u32) -> u32 {
        let whole = u128::from(self.open_ms) * u128::from(seats);
        u32::try_from((u128::from(self.talk_ms) * 1000).checked_div(whole).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn add(self, other: &Self) -> Self {
        Self {
            attempts: self.attempts + other.attempts,
            answered: self.answered + other.answered,
            lost: self.lost + other.lost,
            open_ms: self.open_ms + other.open_ms,
            talk_ms: self.talk_ms + other.talk_ms,
        }
    }
}

impl Outcome {
    /// What happened in all.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.days.iter().fold(Tally::default(), |total, (_, day)| total.add(day))
    }

    /// Numbers that finished with this status.
    #[must_use]
    pub fn finished_with(&self, status: FinishStatus) -> u64 {
        FinishStatus::ALL.iter().zip(self.by_finish_status).find(|(known, _)| **known == status).map_or(0, |(_, n)| n)
    }
}

#[cfg(test)]
mod tests;
