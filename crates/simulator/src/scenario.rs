//! What happens in a simulation: drawn from its seed, before it begins.

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::redial::RedialRule;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A campaign and its troubles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// Server processes that share the store.
    pub processes: usize,
    /// AI seats of the company.
    pub seats: u32,
    /// Channels of each line.
    pub lines: Vec<i64>,
    /// Its tasks.
    pub tasks: Vec<TaskPlan>,
    /// What goes wrong, in the order of time.
    pub troubles: Vec<Trouble>,
}

/// A task of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlan {
    /// Numbers.
    pub numbers: usize,
    /// How many of them are blacklisted from the beginning.
    pub blacklisted: usize,
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
    /// How long after the beginning a person starts it.
    pub started_after: Duration,
    /// How long after that a person pauses it, and for how long.
    pub paused: Option<(Duration, Duration)>,
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

/// How far a clock may be wrong, either way.
pub(crate) const CLOCK_ERROR_MAX_MS: i64 = 2_000;

impl Scenario {
    /// A small campaign with troubles.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let processes = rng.random_range(1..=2);
        let seats = rng.random_range(1..=6);
        let lines = (0..rng.random_range(1..=2)).map(|_| rng.random_range(1..=8)).collect();
        let tasks = (0..rng.random_range(1..=3)).map(|_| task(&mut rng)).collect();
        let mut troubles: Vec<Trouble> = (0..rng.random_range(0..=5)).map(|_| trouble(&mut rng, processes)).collect();
        troubles.sort_by_key(|trouble| trouble.after);
        Self { seed, processes, seats, lines, tasks, troubles }
    }
}

fn minutes(rng: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_secs(rng.random_range(least * 60..=most * 60))
}

fn task(rng: &mut StdRng) -> TaskPlan {
    let numbers = rng.random_range(1..=25);
    let quota = rng.random_range(1..=5);
    // It has to meet the legal hours, which begin at nine.
    let from = rng.random_range(8..=13);
    let until = rng.random_range((from + 1).max(10)..=21);
    let statuses = [FinishStatus::NoAnswer, FinishStatus::Busy, FinishStatus::PoweredOff, FinishStatus::Lost];
    let redial_rules = statuses.into_iter().filter_map(|status| {
        let (times, interval_minutes) = (rng.random_range(1..=3), rng.random_range(0..=40));
        rng.random_bool(0.5).then_some(RedialRule { status, times, interval_minutes })
    });
    TaskPlan {
        redial_rules: redial_rules.collect(),
        numbers,
        blacklisted: rng.random_range(0..=numbers / 5),
        quota,
        in_progress_max: rng.random_range(quota..=2 * quota),
        elastic: rng.random_bool(0.2),
        hours: (from, until),
        rest: (until - from > 3 && rng.random_bool(0.3)).then(|| rng.random_range(from + 1..until - 1)),
        started_after: minutes(rng, 0, 60),
        paused: rng.random_bool(0.3).then(|| (minutes(rng, 1, 30), minutes(rng, 1, 60))),
    }
}

fn trouble(rng: &mut StdRng, processes: usize) -> Trouble {
    let seconds = |rng: &mut StdRng, most: u64| Duration::from_secs(rng.random_range(1..=most));
    let kind = match rng.random_range(0..5) {
        0 => TroubleKind::Crash { gone: seconds(rng, 120) },
        1 => TroubleKind::Freeze { still: seconds(rng, 60) },
        2 => TroubleKind::StoreFails { span: seconds(rng, 90) },
        3 => TroubleKind::StoreIsSlow { span: seconds(rng, 300) },
        _ => TroubleKind::ClockSteps { by_ms: rng.random_range(-CLOCK_ERROR_MAX_MS..=CLOCK_ERROR_MAX_MS) },
    };
    Trouble { after: minutes(rng, 0, 6 * 60), process: rng.random_range(0..processes), kind }
}
