//! What is broken on purpose is noticed: each rule of the product has something that breaks it.

#![allow(clippy::unwrap_used, reason = "Clippy does not see that helpers of a test are tests")]

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::caps::Caps;
use hutong_domain::pace::Pace;
use hutong_domain::redial::RedialRule;
use hutong_simulator::{
    CompanyPlan, LinePlan, Outage, Outcome, Sabotage, Scenario, TaskPlan, Trouble, TroubleKind, run,
};
use hutong_store::Url;

/// A task of a calm campaign: it begins before the legal hours do.
fn task(pool: usize) -> TaskPlan {
    let rule = |status| RedialRule { status, times: 1, interval_minutes: 30 };
    TaskPlan {
        pool,
        first: 0,
        numbers: 25,
        blacklisted: 0,
        blacklisted_later: None,
        imported_later: None,
        quota: 4,
        in_progress_max: 4,
        elastic: false,
        hours: (8, 21),
        rest: None,
        redial_rules: [FinishStatus::NoAnswer, FinishStatus::Busy, FinishStatus::PoweredOff].map(rule).to_vec(),
        timed: None,
        started_after: Duration::ZERO,
        paused: None,
    }
}

/// A campaign in which nothing goes wrong, with two tasks that have all numbers in common.
fn calm() -> Scenario {
    let company = CompanyPlan {
        seats: 4,
        hours: None,
        caps: Caps::default(),
        lines: vec![LinePlan { channels: 4, pace: None, outage: None }],
        tasks: vec![task(0), task(0)],
    };
    Scenario {
        seed: 1,
        processes: 1,
        caps: Caps::default(),
        days_off: Vec::new(),
        companies: vec![company],
        answers_per_mille: Some(400),
        nights_off: true,
        troubles: Vec::new(),
        census_every: None,
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn simulate(scenario: &Scenario, sabotage: Option<Sabotage>) -> Outcome {
    run(scenario, Url::Memory, sabotage).unwrap()
}

/// In a campaign that `change` makes of the calm one, everything holds, until it is broken.
fn notices(sabotage: Sabotage, expected: &str, change: impl FnOnce(&mut Scenario, &mut CompanyPlan)) {
    let mut scenario = calm();
    let mut company = scenario.companies.remove(0);
    change(&mut scenario, &mut company);
    scenario.companies.push(company);
    assert_eq!(simulate(&scenario, None).violation, None, "before {sabotage:?}");
    let violation = simulate(&scenario, Some(sabotage)).violation;
    assert!(violation.as_ref().is_some_and(|found| found.contains(expected)), "{sabotage:?}: {violation:?}");
}

#[test]
fn a_number_that_is_dialled_without_the_right_to_is_noticed() {
    notices(Sabotage::DialsTwice, "dialled twice", |_, _| {});
    notices(Sabotage::DialsLate, "does not hold it", |_, _| {});
    notices(Sabotage::DialsBeforeCommit, "does not hold it", |_, _| {});
    notices(Sabotage::IgnoresBlacklist, "is blacklisted", |_, company| company.tasks[0].blacklisted = 5);
    notices(Sabotage::IgnoresBlacklist, "is blacklisted", |_, company| {
        company.tasks[0].blacklisted_later = Some((minutes(31), 20));
    });
    notices(Sabotage::ForgetsWhoForbids, "is blacklisted", |scenario, company| {
        // Enough people who answer that some of them forbid it.
        scenario.answers_per_mille = Some(1000);
        company.tasks.iter_mut().for_each(|task| task.numbers = 120);
    });
    notices(Sabotage::IgnoresBusyNumbers, "was dialled while", |scenario, _| {
        // Without a census, which sees it before anything is dialled.
        scenario.census_every = Some(u64::MAX);
        scenario.answers_per_mille = Some(1000);
    });
    notices(Sabotage::IgnoresBusyNumbers, "not taken by it", |_, _| {});
}

#[test]
fn a_number_that_is_dialled_at_the_wrong_time_is_noticed() {
    notices(Sabotage::IgnoresLegalHours, "OutsideLegalHours", |_, _| {});
    notices(Sabotage::IgnoresCompanyHours, "OutsideLegalHours", |_, company| company.hours = Some((11, 20)));
    notices(Sabotage::IgnoresDaysOff, "DayOff", |scenario, _| scenario.days_off = vec![0]);
}

#[test]
fn a_number_that_is_dialled_too_often_is_noticed() {
    notices(Sabotage::IgnoresCaps, "times in 1 days", |scenario, _| scenario.caps.per_day = Some(2));
    notices(Sabotage::IgnoresCaps, "times in 7 days", |scenario, company| {
        company.caps.per_week = Some(3);
        // Most of the week that the cap lasts is a holiday: without a server it takes no time.
        scenario.days_off = (1..=6).collect();
    });
    notices(Sabotage::RedialsEarly, "too soon", |_, _| {});
    notices(Sabotage::RedialsOften, "too often", |scenario, _| scenario.answers_per_mille = Some(0));
}

#[test]
fn a_line_that_is_used_too_much_is_noticed() {
    notices(Sabotage::IgnoresPaces, "faster than", |_, company| {
        company.lines[0].pace = Some(Pace { per_s: 2, ramp: Duration::ZERO });
    });
    notices(Sabotage::IgnoresPaces, "faster than", |_, company| {
        company.lines[0].pace = Some(Pace { per_s: 4, ramp: minutes(1) });
    });
    notices(Sabotage::IgnoresBreakers, "left alone", |_, company| {
        company.lines[0].outage = Some(Outage { after: minutes(35), span: minutes(60) });
    });
    notices(Sabotage::OverbooksChannels, "carries", |_, company| company.lines[0].channels = 3);
}

#[test]
fn seats_that_are_shared_wrongly_are_noticed() {
    notices(Sabotage::OverbooksSeats, "hold a seat", |_, company| company.lines[0].channels = 8);
    notices(Sabotage::OverbooksTasks, "in progress, of", |_, company| {
        (company.seats, company.lines[0].channels) = (20, 20);
    });
    notices(Sabotage::StarvesATask, "waits for a seat", |_, company| company.seats = 1);
    notices(Sabotage::Overtakes, "is overtaken", |scenario, _| scenario.census_every = Some(u64::MAX));
    notices(Sabotage::Stops, "nobody does it", |_, _| {});
}

#[test]
fn a_store_that_disagrees_with_itself_is_noticed() {
    notices(Sabotage::ReleasesSlotsEarly, "without an attempt", |_, _| {});
    notices(Sabotage::SkipsAnIndex, "gaps or repetitions", |_, _| {});
    notices(Sabotage::CountsTwice, "counts", |_, _| {});
    notices(Sabotage::MiscountsWaiting, "as waiting", |_, _| {});
}

#[test]
fn a_task_whose_only_line_fails_pauses_and_comes_back_by_itself() {
    let mut scenario = calm();
    scenario.companies[0].lines[0].outage = Some(Outage { after: minutes(35), span: minutes(60) });
    scenario.companies[0].tasks[0].numbers = 200;
    scenario.companies[0].tasks[0].redial_rules.push(RedialRule {
        status: FinishStatus::CallerUnavailable,
        times: 3,
        interval_minutes: 20,
    });
    let Outcome { log, violation, .. } = simulate(&scenario, None);
    assert_eq!(violation, None);
    let moved = |from: &str| log.iter().any(|line| line.starts_with("task 1:") && line.contains(from));
    assert!(moved("to 5: no_usable_line"), "{}", log.join("\n"));
    assert!(moved("from 5 to 3: pause_over"));
}

#[test]
fn processes_whose_clocks_differ_keep_to_a_lines_pace_together() {
    let mut scenario = calm();
    scenario.processes = 2;
    let step = |process, by_ms| Trouble { after: minutes(1), process, kind: TroubleKind::ClockSteps { by_ms } };
    scenario.troubles = vec![step(0, 2000), step(1, -2000)];
    scenario.answers_per_mille = Some(0);
    let company = &mut scenario.companies[0];
    company.seats = 30;
    company.lines[0].channels = 30;
    company.lines[0].pace = Some(Pace { per_s: 1, ramp: Duration::ZERO });
    company.tasks.truncate(1);
    company.tasks[0].numbers = 600;
    company.tasks[0].quota = 30;
    company.tasks[0].in_progress_max = 30;

    assert_eq!(simulate(&scenario, None).violation, None);
}
