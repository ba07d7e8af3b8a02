//! `cargo xtask simulate`: campaigns from seeds, and the seed of the first that goes wrong.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its terminal")]

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use hutong_simulator::{Outcome, Scenario, run};
use hutong_store::Url;

/// Runs campaigns in virtual time and looks at what must always hold.
#[derive(Debug, Parser)]
#[command(name = "hutong-simulator")]
struct Cli {
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// Simulate a large campaign of so many numbers in ten hours, instead of a small one
    #[arg(long)]
    numbers: Option<usize>,
    /// An empty PostgreSQL database to run one seed on, instead of memory
    #[arg(long, value_name = "URL", conflicts_with = "count")]
    postgres: Option<String>,
    /// Campaigns at once; as many as there are processors where it is not said
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Go on after a campaign that went wrong
    #[arg(long)]
    keep_going: bool,
    /// Print the scenario and everything that happens
    #[arg(long)]
    log: bool,
}

impl Cli {
    fn scenario(&self, seed: u64) -> Scenario {
        self.numbers.map_or_else(|| Scenario::from_seed(seed), |numbers| Scenario::large(seed, numbers))
    }

    fn simulate(&self, seed: u64) -> Result<Outcome> {
        let url = self.postgres.clone().map_or(Url::Memory, Url::Postgres);
        Ok(run(&self.scenario(seed), url, None)?)
    }

    /// How the seed of a campaign that went wrong is looked at.
    fn replay(&self, seed: u64) -> String {
        let numbers = self.numbers.map(|numbers| format!(" --numbers {numbers}")).unwrap_or_default();
        format!("replay it with: cargo xtask simulate --seed {seed}{numbers} --log")
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let (next, end) = (AtomicU64::new(cli.seed), cli.seed.saturating_add(cli.count));
    let threads = cli.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    thread::scope(|scope| {
        let (send, outcomes) = mpsc::sync_channel(threads);
        for _ in 0..threads {
            let (cli, next, send) = (&cli, &next, send.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody listens any more where a campaign has gone wrong.
                    if seed >= end || send.send((seed, cli.simulate(seed))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        report(&cli, outcomes)
    })
}

/// Says what came of each campaign, in the order of the seeds; the first that went wrong is the last that is looked at.
fn report(cli: &Cli, outcomes: mpsc::Receiver<(u64, Result<Outcome>)>) -> Result<()> {
    let mut early = BTreeMap::new();
    let (mut seed, mut commits, mut dials, mut wrong) = (cli.seed, 0, 0, 0);
    for (of, outcome) in outcomes {
        early.insert(of, outcome);
        while let Some(outcome) = early.remove(&seed) {
            let outcome = outcome?;
            commits += outcome.commits;
            dials += outcome.dials;
            if cli.log {
                println!("{:#?}\n{}", cli.scenario(seed), outcome.log.join("\n"));
            }
            if let Some(violation) = outcome.violation {
                let found = format!("seed {seed}: {violation}\n{}", cli.replay(seed));
                if !cli.keep_going {
                    bail!(found);
                }
                println!("{found}");
                wrong += 1;
            }
            seed += 1;
        }
    }
    ensure!(wrong == 0, "{wrong} of {} campaigns went wrong", seed - cli.seed);
    println!("{} campaigns, {dials} calls, {commits} commits: everything held", seed - cli.seed);
    Ok(())
}
