//! `cargo xtask simulate`: campaigns from seeds, and the seed of the first that goes wrong.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its terminal")]

use anyhow::{Result, bail};
use clap::Parser;
use hutong_simulator::{Scenario, run};
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
    /// An empty PostgreSQL database to run one seed on, instead of memory
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Print the scenario and everything that happens
    #[arg(long)]
    log: bool,
}

fn main() -> Result<()> {
    let Cli { seed, count, postgres, log } = Cli::parse();
    let mut commits = 0;
    for seed in seed..seed.saturating_add(count) {
        let scenario = Scenario::from_seed(seed);
        let outcome = run(&scenario, postgres.clone().map_or(Url::Memory, Url::Postgres), None)?;
        commits += outcome.commits;
        if log {
            println!("{scenario:#?}\n{}", outcome.log.join("\n"));
        }
        if let Some(violation) = outcome.violation {
            bail!("seed {seed}: {violation}\nreplay it with: cargo xtask simulate --seed {seed} --log");
        }
    }
    println!("{count} campaigns, {commits} commits: everything held");
    Ok(())
}
