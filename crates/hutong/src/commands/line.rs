//! `hutong line`

mod test;
mod trunk;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use hutong_domain::audit::Action;
use hutong_domain::ids::LineId;
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::pace::Pace;
use hutong_domain::phone::PhoneNumber;
use hutong_store::audit::Object;
use hutong_store::line::{self, Line};
use hutong_store::{Db, Store};

use super::{by, company};
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation::{self, Installation};
use trunk::TrunkArgs;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    Mobile,
    Fixed,
    Hidden,
    Sip,
}

/// What this version can carry calls with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Driver {
    /// Callees that the server plays: for trials and tests
    Simulated,
    /// A SIP trunk
    Sip,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The company that calls on it
    #[arg(long, value_name = "ID")]
    company: i64,
    /// Its name
    #[arg(long)]
    name: String,
    /// The caller number
    #[arg(long)]
    phone: String,
    /// Its type
    #[arg(long = "type", value_enum)]
    kind: Kind,
    /// What carries its calls
    #[arg(long, value_enum)]
    driver: Driver,
    /// Calls that it carries at once; no limit where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    channels: Option<i64>,
    /// Calls that may start on it in a second; no limit where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls_per_second: Option<u32>,
    /// Seconds from one call per second to --calls-per-second after the line was idle
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "calls_per_second")]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=3600))]
    ramp: u64,
    #[command(flatten)]
    trunk: TrunkArgs,
    #[command(flatten)]
    installation: InstallationArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LineCommand {
    /// Make a line
    Add(Box<AddArgs>),
    /// Change how much a line carries, or its trunk; what is not given stays as it is
    Set {
        /// The line
        #[arg(value_name = "ID")]
        line: i64,
        /// Whether it is used
        #[arg(long, value_name = "BOOL")]
        enabled: Option<bool>,
        /// Calls that it carries at once; 0 for no limit
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
        channels: Option<i64>,
        /// Calls that may start on it in a second; 0 for no limit
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
        calls_per_second: Option<u32>,
        /// Seconds from one call per second to --calls-per-second after the line was idle
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600))]
        ramp: Option<u64>,
        #[command(flatten)]
        trunk: Box<TrunkArgs>,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Place one call on a trunk and show each step with its time
    Test {
        /// The line
        #[arg(value_name = "ID")]
        line: i64,
        /// The number to call
        #[arg(long, value_name = "NUMBER")]
        to: String,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the lines of a company
    List {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

pub(crate) async fn run(command: LineCommand) -> Result<()> {
    match command {
        LineCommand::Add(args) => add(*args).await,
        LineCommand::Set { line, enabled, channels, calls_per_second, ramp, trunk, installation } => {
            let Installation { store, vault } = installation::open(&installation.load()?)?;
            let mut changed = require(&store, line).await?;
            let company = changed.company;
            if !trunk.is_empty() {
                if changed.driver != LineDriver::Sip {
                    return Err(Error::Usage(format!("line {line} has no trunk")));
                }
                changed.settings = trunk.changed(&changed.settings, &vault)?;
            }
            changed.enabled = enabled.unwrap_or(changed.enabled);
            changed.channels = channels.map_or(changed.channels, |channels| (channels > 0).then_some(channels));
            changed.pace = pace_after(changed.pace, calls_per_second, ramp)?;
            let (text, by) = (row(&changed, 0), by());
            let update = move |db: &mut Db| {
                let line = Object::Line(changed.company, changed.id);
                by.change(db, Action::LineUpdate, &line, |db| line::update(db, &changed))
            };
            store.write(company, update).await?;
            print(&text)
        }
        LineCommand::Test { line, to, installation } => {
            let number = PhoneNumber::parse(&to)
                .ok_or_else(|| Error::Usage("--to must be a number of 3 to 20 digits".to_owned()))?;
            let config = installation.load()?;
            let Installation { store, vault } = installation::open(&config)?;
            let line = require(&store, line).await?;
            test::run(&config, &vault, &line, number.as_str()).await
        }
        LineCommand::List { company, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            let rows: Vec<String> = store
                .read(move |db| {
                    let in_use = line::channels_in_use(db, company)?;
                    let lines = line::of_company(db, company)?;
                    Ok(lines.iter().map(|line| row(line, in_use.get(&line.id).copied().unwrap_or(0))).collect())
                })
                .await?;
            print(&rows.concat())
        }
    }
}

/// Makes a line.
async fn add(args: AddArgs) -> Result<()> {
    let AddArgs { company, name, phone, kind, driver, channels, calls_per_second, ramp, trunk, installation } = args;
    let phone = PhoneNumber::parse(&phone)
        .ok_or_else(|| Error::Usage("--phone must be a number of 3 to 20 digits".to_owned()))?;
    let Installation { store, vault } = installation::open(&installation.load()?)?;
    let company = company::require(&store, company).await?.id;
    let (driver, settings) = match driver {
        Driver::Simulated if trunk.is_empty() => (LineDriver::Simulated, "{}".to_owned()),
        Driver::Simulated => return Err(Error::Usage("a simulated line has no trunk".to_owned())),
        Driver::Sip => (LineDriver::Sip, trunk.settings(&vault)?),
    };
    let line = Line {
        id: LineId(0),
        company,
        name,
        phone: phone.as_str().to_owned(),
        kind: match kind {
            Kind::Mobile => LineKind::Mobile,
            Kind::Fixed => LineKind::Fixed,
            Kind::Hidden => LineKind::Hidden,
            Kind::Sip => LineKind::Sip,
        },
        driver,
        channels,
        pace: calls_per_second.map(|per_s| Pace { per_s, ramp: Duration::from_secs(ramp) }),
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings,
        created_at: installation::now(),
    };
    let by = by();
    let insert = move |db: &mut Db| {
        let id = line::insert(db, &line)?;
        by.made(db, Action::LineCreate, &Object::Line(company, id))?;
        Ok(id)
    };
    let id = store.write(company, insert).await?;
    print(&format!("line {id}\n"))
}

/// The line with this id.
async fn require(store: &Store, id: i64) -> Result<Line> {
    let found = store.read(move |db| line::find(db, LineId(id))).await?;
    found.ok_or_else(|| {
        Error::Failed(format!("there is no line {id}; `hutong line list --company ID` shows those of a company"))
    })
}

/// The pace after a change of what is given.
fn pace_after(pace: Option<Pace>, per_s: Option<u32>, ramp_s: Option<u64>) -> Result<Option<Pace>> {
    let ramp = ramp_s.map(Duration::from_secs);
    match per_s.map_or(pace.map(|pace| pace.per_s), |per_s| (per_s > 0).then_some(per_s)) {
        Some(per_s) => Ok(Some(Pace { per_s, ramp: ramp.or(pace.map(|pace| pace.ramp)).unwrap_or_default() })),
        None if ramp.is_some_and(|ramp| !ramp.is_zero()) => {
            Err(Error::Usage("--ramp needs --calls-per-second: the line has no limit to come up to".to_owned()))
        }
        None => Ok(None),
    }
}

fn row(line: &Line, in_use: i64) -> String {
    let Line { id, name, phone, kind, driver, channels, pace, enabled, .. } = line;
    let channels = channels.map_or_else(|| "∞".to_owned(), |channels| channels.to_string());
    let state = if *enabled { "enabled" } else { "disabled" };
    let pace = pace.map_or_else(|| "∞".to_owned(), |pace| pace.per_s.to_string());
    let (kind, driver) = (kind.label(), driver.name());
    format!("{id}\t{name}\t{phone}\t{kind}\t{driver}\t{in_use}/{channels} channels\t{pace} calls/s\t{state}\n")
}
