//! `hutong audit`

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::audit::{self, Entry, Filter};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::json;

use super::clock;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Lines to be read
    Text,
    /// A JSON object a line
    Jsonl,
}

/// Which changes are asked for.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Changes of this company alone
    #[arg(long, value_name = "ID")]
    company: Option<CompanyId>,
    /// Who made them: "user anna", "key KEY", "command line root", hutong; or user, key, "command line" for all of a kind
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// What was done, or the beginning of it: task.create, or task for all that was done to tasks
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,
    /// From this day on, or this time: 2026-05-06 or "2026-05-06 09:00"
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Until this day has ended, or until this time
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Only changes before the one with this id: the last id of a page gives the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// How they are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(crate) async fn run(args: AuditArgs) -> Result<()> {
    let AuditArgs { company, actor, action, since, until, before, limit, format, installation } = args;
    let config = installation.load()?;
    let zone = config.zone()?;
    let filter = Filter {
        company,
        actor,
        action,
        object: None,
        since: since.map(|text| moment("--since", &text, &zone)).transpose()?.map(|(from, _)| from),
        until: until.map(|text| moment("--until", &text, &zone)).transpose()?.map(|(_, until)| until),
        before_id: before,
    };
    let store = installation::open(&config)?.store;
    let entries = store.read(move |db| audit::list(db, &filter, limit)).await?;
    let write = match format {
        Format::Text => text,
        Format::Jsonl => jsonl,
    };
    print(&entries.iter().map(|entry| write(entry, &zone)).collect::<String>())
}

/// A day from its beginning until its end, or a time of a day.
fn moment(option: &str, text: &str, zone: &TimeZone) -> Result<(Moment, Moment)> {
    if let Ok(day) = text.parse::<Date>()
        && let Ok(next) = day.tomorrow()
        && !text.contains(':')
    {
        let start = |day: Date| Moment::from_civil(day.at(0, 0, 0, 0), zone);
        return Ok((start(day), start(next)));
    }
    let at = text.parse::<DateTime>().map(|at| Moment::from_civil(at, zone));
    at.map(|at| (at, at)).map_err(|_| Error::Usage(format!("{option} must be like 2026-05-06 or \"2026-05-06 09:00\"")))
}

fn text(entry: &Entry, zone: &TimeZone) -> String {
    let Entry { id, at, actor, action, kind, object, company, before, after } = entry;
    let company = company.map_or_else(|| "installation".to_owned(), |company| format!("company {company}"));
    let mut text = format!("{id}\t{}\t{actor}\t{action}\t{kind} {object}\t{company}", clock(*at, zone));
    for (sign, side) in [("-", before), ("+", after)] {
        // What was there before or is there after, and nothing else of it, has an empty other side.
        if let Some(side) = side.as_ref().filter(|side| side.as_object().is_none_or(|fields| !fields.is_empty())) {
            let _ = write!(text, "\t{sign}{side}");
        }
    }
    text.push('\n');
    text
}

fn jsonl(entry: &Entry, _: &TimeZone) -> String {
    let Entry { id, at, actor, action, kind, object, company, before, after } = entry;
    // A moment as other programs read it.
    let at = jiff::Timestamp::from_millisecond(at.ms()).map_or(json!(at.ms()), |at| json!(at.to_string()));
    let line = json!({
        "id": id, "at": at, "actor": actor, "action": action, "kind": kind, "object": object, "company": company,
        "before": before, "after": after,
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_whole_and_a_time_to_the_second() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let span = |text: &str| moment("--since", text, &zone).ok().map(|(from, until)| (from.ms(), until.ms()));
        assert_eq!(span("2018-01-24"), Some((1_516_723_200_000, 1_516_809_600_000)));
        assert_eq!(span("2018-01-24 20:51:53"), Some((1_516_798_313_000, 1_516_798_313_000)));
        assert_eq!(span("2018-01-24T20:51:53"), span("2018-01-24 20:51:53"));
        for wrong in ["", "yesterday", "2018-02-30", "20:51"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }
}
