//! What happens in a simulation: drawn from its seed, before it begins.

mod draw;

use std::time::Duration;

use hutong_domain::caps::Caps;
use hutong_domain::pace::Pace;
use hutong_domain::redial::RedialRule;

/// A campaign and its troubles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// Server processes that share the store.
    pub processes: usize,
    /// How often a number may be dialled by all companies together.
    pub caps: Caps,
    /// Days without calls, counted from the first.
    pub days_off: Vec<i64>,
    /// The companies, which may dial the same numbers.
    pub companies: Vec<CompanyPlan>,
    /// How many of a thousand people answer; those of the simulated line where it is not said.
    pub answers_per_mille: Option<u32>,
    /// Whether the servers are switched off at night and on days without calls: what passes without them takes no time to
    /// simulate.
    pub nights_off: bool,
    /// What goes wrong, in the order of time.
    pub troubles: Vec<Trouble>,
    /// After how many commits everything in the store is looked at; as often as the campaign's size allows where it is
    /// not said.
    pub census_every: Option<u64>,
}

/// A company of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyPlan {
    /// AI seats.
    pub seats: u32,
    /// The hours of the day in which it calls; those of the law where it does not say.
    pub hours: Option<(i8, i8)>,
    /// How often it dials a number.
    pub caps: Caps,
    /// Its lines.
    pub lines: Vec<LinePlan>,
    /// Its tasks, each of which uses all of its lines.
    pub tasks: Vec<TaskPlan>,
}

/// A line of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePlan {
    /// Calls at once.
    pub channels: i64,
    /// How fast calls may start on it.
    pub pace: Option<Pace>,
    /// When every call on it fails.
    pub outage: Option<Outage>,
}

/// A span of time in which every call on a line fails from our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// How long after the beginning.
    pub after: Duration,
    /// How long.
    pub span: Duration,
}

/// A task of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlan {
    /// Where its numbers come from: tasks with the same pool have numbers in common.
    pub pool: usize,
    /// Its first number's place in the pool.
    pub first: usize,
    /// Numbers.
    pub numbers: usize,
    /// How many of them are blacklisted from the beginning.
    pub blacklisted: usize,
    /// How many of the last ones are blacklisted later, and how long after the beginning.
    pub blacklisted_later: Option<(Duration, usize)>,
    /// How many more numbers are imported later, and how long after the beginning.
    pub imported_later: Option<(Duration, usize)>,
    /// Calls that may talk at once.
    pub quota: u32,
    /// Calls that may be in progress at once.
    pub in_progress_max: u32,
    /// Whether it takes idle seats.
    pub elastic: bool,
    /// The hours of the day in which it dials.
    pub hours: (i8, i8),
    /// An hour of rest inside them.
    pub rest: Option<i8>,
    /// Who is called again.
    pub redial_rules: Vec<RedialRule>,
    /// How many days after the first it starts by itself; a person starts it where that is not said.
    pub timed: Option<i64>,
    /// How long after the beginning a person starts it.
    pub started_after: Duration,
    /// How long after that a person pauses it, and for how long.
    pub paused: Option<(Duration, Duration)>,
}

impl TaskPlan {
    /// The number at a place of the task.
    pub(crate) fn number(&self, at: usize) -> String {
        format!("12{:03}{:06}", self.pool, self.first + at)
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// How long after the beginning.
    pub after: Duration,
    /// To which process.
    pub process: usize,
    /// What.
    pub kind: TroubleKind,
}

/// What goes wrong with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// It dies in the middle of everything, and is started again after a while.
    Crash {
        /// How long it is gone.
        gone: Duration,
    },
    /// It stands still, and goes on as if nothing had happened.
    Freeze {
        /// How long.
        still: Duration,
    },
    /// Its store fails: writes are refused, or done without an answer.
    StoreFails {
        /// How long.
        span: Duration,
    },
    /// Its store answers slowly.
    StoreIsSlow {
        /// How long.
        span: Duration,
    },
    /// Its clock jumps.
    ClockSteps {
        /// By so many milliseconds.
        by_ms: i64,
    },
}

impl TroubleKind {
    /// How long it lasts.
    pub(crate) const fn span(self) -> Duration {
        match self {
            Self::Crash { gone: span }
            | Self::Freeze { still: span }
            | Self::StoreFails { span }
            | Self::StoreIsSlow { span } => span,
            Self::ClockSteps { .. } => Duration::ZERO,
        }
    }
}

/// The hours in which the law lets people be called.
pub(crate) const LEGAL_HOURS: (i8, i8) = (9, 20);
/// How far a clock may be wrong, either way.
pub(crate) const CLOCK_ERROR_MAX_MS: i64 = 2_000;

impl Scenario {
    /// All numbers, those that are imported later too.
    #[must_use]
    pub fn numbers(&self) -> usize {
        let tasks = self.companies.iter().flat_map(|company| &company.tasks);
        tasks.map(|task| task.numbers + task.imported_later.map_or(0, |(_, more)| more)).sum()
    }

    /// The hour in which the first of its tasks may dial.
    pub(crate) fn opens(&self) -> i8 {
        self.hours().map(|(from, _)| from).min().unwrap_or(LEGAL_HOURS.0)
    }

    /// The hour after the last in which one of its tasks may.
    pub(crate) fn closes(&self) -> i8 {
        self.hours().map(|(_, until)| until).max().unwrap_or(LEGAL_HOURS.1)
    }

    /// The hours of its tasks, inside those of their companies and of the law.
    fn hours(&self) -> impl Iterator<Item = (i8, i8)> {
        self.companies.iter().flat_map(|company| {
            let (from, until) = company.hours.unwrap_or(LEGAL_HOURS);
            let inside = move |task: &TaskPlan| {
                (task.hours.0.max(from).max(LEGAL_HOURS.0), task.hours.1.min(until).min(LEGAL_HOURS.1))
            };
            company.tasks.iter().map(inside)
        })
    }
}
