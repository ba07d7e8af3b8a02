//! Drawing scenarios from seeds.

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::caps::Caps;
use hutong_domain::pace::Pace;
use hutong_domain::redial::RedialRule;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{CLOCK_ERROR_MAX_MS, CompanyPlan, LEGAL_HOURS, LinePlan, Outage, Scenario, TaskPlan, Trouble, TroubleKind};

/// Numbers that a seat gets done in ten hours, when three of ten people answer.
const NUMBERS_PER_SEAT: usize = 900;

impl Scenario {
    /// A small campaign with troubles.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let processes = rng.random_range(1..=2);
        let seats = rng.random_range(1..=6);
        let lines = (0..rng.random_range(1..=2)).map(|_| line(rng.random_range(1..=8))).collect();
        let tasks = (0..rng.random_range(1..=3)).map(|pool| task(&mut rng, pool)).collect();
        let mut troubles: Vec<Trouble> = (0..rng.random_range(0..=5)).map(|_| trouble(&mut rng, processes)).collect();
        troubles.sort_by_key(|trouble| trouble.after);
        let company = CompanyPlan { seats, hours: None, caps: Caps::default(), lines, tasks };
        let mut scenario = Self {
            seed,
            processes,
            caps: Caps::default(),
            days_off: Vec::new(),
            companies: vec![company],
            answers_per_mille: None,
            nights_off: true,
            troubles,
            census_every: None,
        };
        scenario.draw_rules(&mut rng);
        scenario
    }

    /// A large campaign of one company in ten hours, with troubles.
    #[must_use]
    pub fn large(seed: u64, numbers: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let seats = u32::try_from(numbers / NUMBERS_PER_SEAT).unwrap_or(u32::MAX).max(5);
        let paced = |mut line: LinePlan| {
            line.pace = Some(Pace { per_s: 5, ramp: Duration::from_secs(20) });
            line
        };
        let lines = [i64::from(seats), i64::from(seats) / 2 + 1];
        let mut plans = Vec::new();
        for (pool, share) in [(0, 2), (1, 4), (2, 4)] {
            let plan = task(&mut rng, pool);
            let rule = |status, times, interval_minutes| RedialRule { status, times, interval_minutes };
            plans.push(TaskPlan {
                numbers: numbers / share,
                blacklisted: numbers / share / 200,
                quota: seats,
                in_progress_max: seats * 2,
                hours: (9, 19),
                rest: None,
                redial_rules: vec![
                    rule(FinishStatus::NoAnswer, 2, 30),
                    rule(FinishStatus::Busy, 2, 15),
                    rule(FinishStatus::Lost, 2, 5),
                    rule(FinishStatus::CallerUnavailable, 3, 5),
                ],
                started_after: minutes(&mut rng, 10, 40),
                ..plan
            });
        }
        let mut troubles: Vec<Trouble> = (0..8).map(|_| trouble(&mut rng, 2)).collect();
        troubles.sort_by_key(|trouble| trouble.after);
        let mut lines: Vec<LinePlan> = lines.into_iter().map(line).map(paced).collect();
        if let Some(line) = lines.last_mut() {
            line.outage = Some(Outage { after: minutes(&mut rng, 60, 240), span: minutes(&mut rng, 5, 40) });
        }
        let company = CompanyPlan { seats, hours: None, caps: Caps::default(), lines, tasks: plans };
        Self {
            seed,
            processes: 2,
            caps: Caps { per_day: Some(4), per_week: None },
            days_off: Vec::new(),
            companies: vec![company],
            answers_per_mille: Some(300),
            nights_off: true,
            troubles,
            census_every: None,
        }
    }

    /// Draws the rules and what people do meanwhile: after everything else, so that a seed keeps its campaign.
    fn draw_rules(&mut self, rng: &mut StdRng) {
        if rng.random_bool(0.3) {
            let tasks = (0..rng.random_range(1..=2)).map(|pool| task(rng, 3 + pool)).collect();
            let lines = vec![line(rng.random_range(1..=4))];
            let (seats, caps) = (rng.random_range(1..=4), Caps::default());
            self.companies.push(CompanyPlan { seats, hours: None, caps, lines, tasks });
        }
        if rng.random_bool(0.6) {
            for task in self.companies.iter_mut().flat_map(|company| &mut company.tasks) {
                (task.pool, task.first) = (0, rng.random_range(0..10));
            }
        }
        self.caps = caps(rng, 0.2);
        for company in &mut self.companies {
            company.caps = caps(rng, 0.1);
            for line in &mut company.lines {
                let pace = Pace { per_s: rng.random_range(1..=3), ramp: Duration::from_secs(rng.random_range(0..=60)) };
                line.pace = rng.random_bool(0.3).then_some(pace);
                let outage = Outage { after: minutes(rng, 20, 240), span: minutes(rng, 1, 90) };
                line.outage = rng.random_bool(0.3).then_some(outage);
            }
            for task in &mut company.tasks {
                draw_task_rules(rng, task);
            }
            let from = rng.random_range(9..=13);
            let hours = (from, rng.random_range(from + 2..=20));
            let meets = |task: &TaskPlan| opens_for(hours, task) > 0;
            company.hours = Some(hours).filter(|_| rng.random_bool(0.5) && company.tasks.iter().all(meets));
        }
        self.days_off = (0..3).filter(|_| rng.random_bool(0.04)).collect();
        let mut weekly = self.companies.iter().map(|company| company.caps).chain([self.caps]);
        let takes_a_week = weekly.any(|caps| caps.per_week.is_some());
        if takes_a_week && rng.random_bool(0.8) {
            // Most of the week is a holiday.
            self.days_off = (1..=rng.random_range(4..=6)).collect();
        }
        self.answers_per_mille =
            rng.random_bool(0.5).then(|| [50, 150, 300, 800].get(rng.random_range(0..4)).copied().unwrap_or(500));
        // A day on which nothing is left to do is as long as any other: a week of nights would be too much.
        self.nights_off = rng.random_bool(0.9) || takes_a_week;
    }
}

/// Hours of a day in which a task may dial, if its company calls in these.
fn opens_for((from, until): (i8, i8), task: &TaskPlan) -> i8 {
    let (from, until) = (from.max(task.hours.0).max(LEGAL_HOURS.0), until.min(task.hours.1).min(LEGAL_HOURS.1));
    let rest = task.rest.is_some_and(|rest| (from..until).contains(&rest));
    (until - from - i8::from(rest)).max(0)
}

fn draw_task_rules(rng: &mut StdRng, task: &mut TaskPlan) {
    let status = FinishStatus::CallerUnavailable;
    let rule = RedialRule { status, times: rng.random_range(1..=3), interval_minutes: rng.random_range(0..=20) };
    if rng.random_bool(0.5) {
        task.redial_rules.push(rule);
    }
    let blacklisted = (minutes(rng, 31, 180), rng.random_range(1..=task.numbers.div_ceil(2)));
    task.blacklisted_later = rng.random_bool(0.3).then_some(blacklisted);
    let imported = (minutes(rng, 31, 120), rng.random_range(1..=10));
    task.imported_later = rng.random_bool(0.3).then_some(imported);
    let days = i64::from(rng.random_bool(0.3));
    task.timed = rng.random_bool(0.1).then_some(days);
}

/// A cap of a day is frequent, one of a week seldom: it takes days.
fn caps(rng: &mut StdRng, chance: f64) -> Caps {
    let (day, week) = (rng.random_range(1..=3), rng.random_range(2..=5));
    Caps { per_day: rng.random_bool(chance).then_some(day), per_week: rng.random_bool(chance / 5.0).then_some(week) }
}

const fn line(channels: i64) -> LinePlan {
    LinePlan { channels, pace: None, outage: None }
}

fn minutes(rng: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_secs(rng.random_range(least * 60..=most * 60))
}

fn task(rng: &mut StdRng, pool: usize) -> TaskPlan {
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
        pool,
        first: 0,
        numbers,
        blacklisted: rng.random_range(0..=numbers / 5),
        blacklisted_later: None,
        imported_later: None,
        quota,
        in_progress_max: rng.random_range(quota..=2 * quota),
        elastic: rng.random_bool(0.2),
        hours: (from, until),
        rest: (until - from > 3 && rng.random_bool(0.3)).then(|| rng.random_range(from + 1..until - 1)),
        timed: None,
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
