//! Campaigns from seeds: everything holds, the same seed gives the same campaign, and what is broken is noticed.

#![allow(clippy::unwrap_used, reason = "Clippy does not see that helpers of a test are tests")]

use hutong_simulator::{Outcome, Sabotage, Scenario, run};
use hutong_store::Url;
use hutong_testkit::postgres::Server;

fn simulate(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    run(&Scenario::from_seed(seed), Url::Memory, sabotage).unwrap()
}

#[test]
fn everything_holds_in_campaigns_that_go_wrong() {
    for seed in 0..10 {
        let outcome = simulate(seed, None);
        assert_eq!(outcome.violation, None, "cargo xtask simulate --seed {seed} --log");
    }
}

#[test]
fn the_same_seed_gives_the_same_campaign() {
    let first = simulate(3, None);
    assert_eq!(first, simulate(3, None));
    assert_ne!(first.log, simulate(4, None).log);
}

#[test]
fn a_campaign_on_postgres_holds_and_goes_as_in_memory() {
    let server = Server::start(&[]);
    let outcome = run(&Scenario::from_seed(7), server.url().parse().unwrap(), None).unwrap();
    assert_eq!(outcome, simulate(7, None));
}

#[test]
fn what_is_broken_on_purpose_is_noticed() {
    for (sabotage, expected) in [
        (Sabotage::DialsTwice, "dialled twice"),
        (Sabotage::IgnoresLegalHours, "OutsideLegalHours"),
        (Sabotage::ReleasesSlotsEarly, "without an attempt"),
        (Sabotage::SkipsAnIndex, "gaps or repetitions"),
        (Sabotage::CountsTwice, "counts"),
    ] {
        // A campaign that begins before the legal hours do.
        let mut scenario = Scenario::from_seed(1);
        scenario.tasks.iter_mut().for_each(|task| task.hours = (8, 21));
        scenario.troubles.clear();
        let violation = run(&scenario, Url::Memory, Some(sabotage)).unwrap().violation;
        assert!(violation.as_ref().is_some_and(|found| found.contains(expected)), "{sabotage:?}: {violation:?}");
    }
}
