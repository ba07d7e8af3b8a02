//! `hutong why`: the ledger of a number.

use clap::Args;
use hutong_domain::ids::TaskId;
use hutong_domain::ledger::explain;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_store::ledger::{self, Attempt, Ledger};
use hutong_store::task;
use jiff::tz::TimeZone;

use crate::cli::{InstallationArgs, print};
use crate::commands::clock;
use crate::error::{Error, Result};
use crate::installation;

/// Which number is asked about.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The task
    #[arg(long, value_name = "ID")]
    task: i64,
    /// The number
    #[arg(long)]
    number: String,
    /// Explain in English, not in Chinese
    #[arg(long)]
    english: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(crate) async fn run(args: WhyArgs) -> Result<()> {
    let WhyArgs { task, number, english, installation } = args;
    let phone = super::number::parse(&number)?;
    let config = installation.load()?;
    let rules = config.rules()?;
    let store = installation::open(&config)?.store;
    let (id, now, zone) = (TaskId(task), installation::now(), rules.zone.clone());
    let found = store
        .read_snapshot(move |db| {
            let Some(company) = task::owner(db, id)? else { return Ok(None) };
            ledger::of_number(db, company, id, phone.as_str(), (&rules, now)).map(Some)
        })
        .await?;
    let ledger = found
        .ok_or_else(|| Error::Failed(format!("there is no task {task}")))?
        .ok_or_else(|| Error::Failed(format!("task {task} has no number {number}")))?;
    print(&report(&ledger, &zone, english))
}

fn report(ledger: &Ledger, zone: &TimeZone, english: bool) -> String {
    let explanation = explain(&ledger.facts);
    let mut lines = vec![format!("call {}\t{}", ledger.call, ledger.customer_name)];
    lines.push(if english { explanation.english() } else { explanation.to_string() });
    lines.extend(ledger.attempts.iter().map(|attempt| attempt_line(attempt, zone, english)));
    lines.join("\n") + "\n"
}

/// One attempt in one line: number, times, line, outcome.
fn attempt_line(attempt: &Attempt, zone: &TimeZone, english: bool) -> String {
    let clock = |at: Moment| clock(at, zone);
    let ended = attempt.ended_at.map_or_else(|| "…".to_owned(), clock);
    let outcome = attempt.disposition.map(Disposition::finish_status);
    let outcome = outcome.map_or("", |status| if english { status.english() } else { status.label() });
    let reported = attempt.signals.as_ref().map(|signals| format!("\t{signals}")).unwrap_or_default();
    let (number, claimed_at, line) = (attempt.number, clock(attempt.claimed_at), &attempt.line_name);
    format!("{number}\t{claimed_at}\t{ended}\t{line}\t{outcome}{reported}")
}
