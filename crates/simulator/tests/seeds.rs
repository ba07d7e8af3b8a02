//! Campaigns from seeds: everything holds, and the same seed gives the same campaign.

#![allow(clippy::unwrap_used, reason = "Clippy does not see that helpers of a test are tests")]

use hutong_simulator::{Outcome, Scenario, run};
use hutong_store::Url;
use hutong_testkit::postgres::Server;

fn simulate(seed: u64) -> Outcome {
    run(&Scenario::from_seed(seed), Url::Memory, None).unwrap()
}

/// Tests that share the seeds, so that they run beside each other.
macro_rules! everything_holds {
    ($($name:ident: $seeds:expr;)+) => {$(
        #[test]
        fn $name() {
            for seed in $seeds {
                let violation = simulate(seed).violation;
                assert_eq!(violation, None, "replay it with: cargo xtask simulate --seed {seed} --log");
            }
        }
    )+};
}

everything_holds! {
    everything_holds_in_campaigns_0_to_24: 0..25;
    everything_holds_in_campaigns_25_to_49: 25..50;
    everything_holds_in_campaigns_50_to_74: 50..75;
    everything_holds_in_campaigns_75_to_99: 75..100;
    everything_holds_in_campaigns_100_to_124: 100..125;
    everything_holds_in_campaigns_125_to_149: 125..150;
    everything_holds_in_campaigns_150_to_174: 150..175;
    everything_holds_in_campaigns_175_to_199: 175..200;
}

#[test]
fn everything_holds_in_a_campaign_of_two_thousand_numbers() {
    let outcome = run(&Scenario::large(0, 2000), Url::Memory, None).unwrap();
    assert_eq!(outcome.violation, None, "replay it with: cargo xtask simulate --numbers 2000 --log");
}

#[test]
fn the_same_seed_gives_the_same_campaign() {
    let first = simulate(3);
    assert_eq!(first, simulate(3));
    assert_ne!(first.log, simulate(4).log);
}

#[test]
fn campaigns_on_postgres_hold_and_go_as_in_memory() {
    for seed in [7, 12] {
        let server = Server::start(&[]);
        let outcome = run(&Scenario::from_seed(seed), server.url().parse().unwrap(), None).unwrap();
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert_eq!(outcome, simulate(seed), "seed {seed}");
    }
}
