//! `hutong company`

use clap::{Args, Subcommand};
use hutong_domain::audit::Action;
use hutong_domain::caps::Caps;
use hutong_domain::ids::CompanyId;
use hutong_domain::retention::{Keep, KeptTooLong};
use hutong_domain::rules::CompanyRules;
use hutong_domain::window::DaySpan;
use hutong_store::Db;
use hutong_store::audit::Object;
use hutong_store::company::{self, Company};
use jiff::civil::Time;

use super::by;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum CompanyCommand {
    /// Make a company
    Add {
        /// Its name
        name: String,
        /// AI seats: calls that may talk at once
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        seats: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Change the name or the seats of a company, or where it is stricter than the installation; what is not given stays as it is
    Set {
        /// The company
        #[arg(value_name = "ID")]
        company: i64,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// AI seats: calls that may talk at once
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        seats: Option<i64>,
        /// Hours of the day in which it calls, inside those of the installation; "all" for all of them
        #[arg(long, value_name = "HH:MM-HH:MM")]
        hours: Option<String>,
        /// Attempts at one number on a day; 0 for no limit
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
        dials_per_day: Option<u32>,
        /// Attempts at one number on any seven days in a row; 0 for no limit
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
        dials_per_week: Option<u32>,
        #[command(flatten)]
        keep: KeepArgs,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the companies
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

/// For how long a company keeps what it knows of people.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    /// Days for which recordings are kept; 0 for as long as the installation keeps them, and never for longer
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    keep_recordings: Option<u32>,
    /// Days for which the words of calls are kept
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    keep_transcripts: Option<u32>,
    /// Days for which numbers, names and variables of customers are kept
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    keep_numbers: Option<u32>,
}

impl KeepArgs {
    /// What the company keeps then; refused where that would be longer than the installation's.
    fn apply(&self, known: Keep, installation: Keep) -> Result<Keep> {
        let given = Keep {
            recordings_days: self.keep_recordings.unwrap_or(0),
            transcripts_days: self.keep_transcripts.unwrap_or(0),
            numbers_days: self.keep_numbers.unwrap_or(0),
        };
        if let Some(KeptTooLong { what, most }) = given.longer_than(installation).first() {
            return Err(Error::Usage(format!(
                "--keep-{what} must be at most {most}: the installation keeps nothing longer"
            )));
        }
        Ok(Keep {
            recordings_days: self.keep_recordings.unwrap_or(known.recordings_days),
            transcripts_days: self.keep_transcripts.unwrap_or(known.transcripts_days),
            numbers_days: self.keep_numbers.unwrap_or(known.numbers_days),
        })
    }
}

pub(crate) async fn run(command: CompanyCommand) -> Result<()> {
    match command {
        CompanyCommand::Add { name, seats, installation } => {
            if !company::is_name(&name) {
                return Err(Error::Usage("NAME must have 1 to 100 characters".to_owned()));
            }
            let store = installation::open(&installation.load()?)?.store;
            let by = by();
            let insert = move |db: &mut Db| {
                let id = company::insert(db, &name, seats, by.at)?;
                by.made(db, Action::CompanyCreate, &Object::Company(id))?;
                Ok(id)
            };
            let id = store.write(CompanyId(0), insert).await?;
            print(&format!("company {id}\n"))
        }
        CompanyCommand::Set { company, name, seats, hours, dials_per_day, dials_per_week, keep, installation } => {
            let hours = hours.as_deref().map(parse_hours).transpose()?;
            let config = installation.load()?;
            let store = installation::open(&config)?.store;
            let mut changed = require(&store, company).await?;
            changed.name = name.unwrap_or(changed.name);
            if !company::is_name(&changed.name) {
                return Err(Error::Usage("--name must have 1 to 100 characters".to_owned()));
            }
            let cap = |given: Option<u32>, known| given.map_or(known, |attempts| (attempts > 0).then_some(attempts));
            let CompanyRules { legal, caps } = changed.rules;
            changed.seats = seats.unwrap_or(changed.seats);
            changed.rules = CompanyRules {
                legal: hours.unwrap_or(legal),
                caps: Caps { per_day: cap(dials_per_day, caps.per_day), per_week: cap(dials_per_week, caps.per_week) },
            };
            changed.keep = keep.apply(changed.keep, config.keep())?;
            let (text, by) = (row(&changed), by());
            let update = move |db: &mut Db| {
                by.change(db, Action::CompanyUpdate, &Object::Company(changed.id), |db| {
                    company::rename(db, changed.id, &changed.name)?;
                    company::update(db, changed.id, changed.seats, &changed.rules)?;
                    company::set_keep(db, changed.id, changed.keep)
                })
            };
            store.write(CompanyId(company), update).await?;
            print(&text)
        }
        CompanyCommand::List { installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let companies = store.read(company::all).await?;
            print(&companies.iter().map(row).collect::<String>())
        }
    }
}

fn row(company: &Company) -> String {
    let CompanyRules { legal, caps } = company.rules;
    let hours = legal.map(|legal| format!("\t{}–{}", legal.start.strftime("%H:%M"), legal.end.strftime("%H:%M")));
    let cap = |attempts: Option<u32>, span| attempts.map(|attempts| format!("\t{attempts} dials per {span}"));
    let Keep { recordings_days, transcripts_days, numbers_days } = company.keep;
    let keeps = |days: u32, what| (days > 0).then(|| format!("\tkeeps {what} for {days} days"));
    let rules = [
        hours,
        cap(caps.per_day, "day"),
        cap(caps.per_week, "week"),
        keeps(recordings_days, "recordings"),
        keeps(transcripts_days, "transcripts"),
        keeps(numbers_days, "numbers"),
    ];
    let rules = rules.into_iter().flatten();
    format!("{}\t{}\t{} seats{}\n", company.id, company.name, company.seats, rules.collect::<String>())
}

/// Hours of the day, or none for "all".
fn parse_hours(text: &str) -> Result<Option<DaySpan>> {
    if text == "all" {
        return Ok(None);
    }
    let span = text
        .split_once('-')
        .and_then(|(start, end)| DaySpan::new(start.trim().parse::<Time>().ok()?, end.trim().parse::<Time>().ok()?));
    span.map(Some).ok_or_else(|| {
        Error::Usage("--hours must be two times of the day, the later one last, such as 09:00-18:30; or all".to_owned())
    })
}

/// The company, or why not.
pub(crate) async fn require(store: &hutong_store::Store, id: i64) -> Result<Company> {
    let found = store.read(move |db| company::find(db, CompanyId(id))).await?;
    found.ok_or_else(|| Error::Failed(format!("there is no company {id}; `hutong company list` shows them all")))
}
