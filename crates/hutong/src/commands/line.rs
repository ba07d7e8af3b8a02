//! `hutong line`

use clap::{Subcommand, ValueEnum};
use hutong_domain::ids::LineId;
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::phone::PhoneNumber;
use hutong_store::line::{self, Line};

use super::company;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

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
}

#[derive(Debug, Subcommand)]
pub(crate) enum LineCommand {
    /// Make a line
    Add {
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
        LineCommand::Add { company, name, phone, kind, driver, channels, installation } => {
            let phone = PhoneNumber::parse(&phone)
                .ok_or_else(|| Error::Usage("--phone must be a number of 3 to 20 digits".to_owned()))?;
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
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
                driver: match driver {
                    Driver::Simulated => LineDriver::Simulated,
                },
                channels,
                bill_period_s: 60,
                enabled: true,
                valid_from: None,
                valid_until: None,
                line_use: Some(LineUse::Outbound),
                settings: "{}".to_owned(),
                created_at: installation::now(),
            };
            let id = store.write(company, move |db| line::insert(db, &line)).await?;
            print(&format!("line {id}\n"))
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

fn row(line: &Line, in_use: i64) -> String {
    let Line { id, name, phone, kind, driver, channels, enabled, .. } = line;
    let channels = channels.map_or_else(|| "∞".to_owned(), |channels| channels.to_string());
    let state = if *enabled { "enabled" } else { "disabled" };
    format!("{id}\t{name}\t{phone}\t{}\t{}\t{in_use}/{channels} channels\t{state}\n", kind.label(), driver.name())
}
