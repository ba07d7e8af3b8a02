//! `hutong key`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use hutong_accounts::keys::{self, KeySettings, OVERLAP_MAX};
use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::key::{self, AppKey, Edition};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo};

use crate::cli::{InstallationArgs, print};
use crate::commands::{by, clock};
use crate::error::{Error, Result};
use crate::installation::{self, Installation};

/// How long the old secret stays good after a rotation where the command does not say.
const OVERLAP: &str = "7d";

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print its secret, which is not shown again
    Create {
        /// A company that the key is bound to; may be given several times
        #[arg(long = "company", value_name = "ID", required = true)]
        companies: Vec<CompanyId>,
        /// The document that its clients follow: 2018-05 or 2019-08
        #[arg(long, default_value = "2018-05")]
        edition: Edition,
        /// Requests a second that it may make; 0 for no limit
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = requests_per_s())]
        requests_per_s: i64,
        /// An address or a range (192.0.2.7, 10.0.0.0/8, 2001:db8::/32) that its requests may come from; may be given
        /// several times. Without one, they may come from everywhere
        #[arg(long = "allow", value_name = "ADDRESS")]
        allowed: Vec<String>,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the keys
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Show everything about a key but its secret
    Show(OneKey),
    /// Change a key; what is not given stays as it is
    Set {
        #[command(flatten)]
        key: OneKey,
        /// The document that its clients follow: 2018-05 or 2019-08
        #[arg(long)]
        edition: Option<Edition>,
        /// Requests a second that it may make; 0 for no limit
        #[arg(long, value_name = "N", value_parser = requests_per_s())]
        requests_per_s: Option<i64>,
        /// An address or a range that its requests may come from, in place of all that were named before; may be given
        /// several times
        #[arg(long = "allow", value_name = "ADDRESS")]
        allowed: Vec<String>,
        /// Let its requests come from everywhere
        #[arg(long, conflicts_with = "allowed")]
        allow_all: bool,
    },
    /// Bind a key to more companies
    Bind(KeyCompanies),
    /// Take companies from a key
    Unbind(KeyCompanies),
    /// Give a key a new secret and print it; the old one stays good for a while, so that clients can be changed one by one
    ///
    /// A secret that an earlier rotation has replaced is not good any more after this one.
    Rotate {
        #[command(flatten)]
        key: OneKey,
        /// How long the old secret stays good, such as 7d, 12h or 0; at most 90d
        #[arg(long, value_name = "TIME", default_value = OVERLAP, value_parser = overlap)]
        overlap: Duration,
    },
    /// Revoke a key for good
    ///
    /// Every server refuses it within a second.
    Revoke(OneKey),
}

#[derive(Debug, Args)]
pub(crate) struct OneKey {
    /// The key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    installation: InstallationArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeyCompanies {
    #[command(flatten)]
    key: OneKey,
    /// A company; may be given several times
    #[arg(long = "company", value_name = "ID", required = true)]
    companies: Vec<CompanyId>,
}

pub(crate) async fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Create { companies, edition, requests_per_s, allowed, installation } => {
            let settings = KeySettings { edition, requests_per_s, allowed: networks(&allowed)? };
            let Installation { store, vault } = installation::open(&installation.load()?)?;
            let companies = companies.into_iter().collect();
            let (key, secret) = keys::create(&store, &vault, by(), companies, settings).await?;
            print(&format!("APP_KEY={key}\nAPP_SECRET={}\n", secret.0))
        }
        KeyCommand::List { installation } => {
            let config = installation.load()?;
            let (store, zone) = (installation::open(&config)?.store, config.zone()?);
            let used = |key: &AppKey| key.used_at.max(key.previous.as_ref().and_then(|previous| previous.used_at));
            let line = |key: &AppKey| match used(key) {
                Some(at) => format!("{}\tlast used {}\n", row(key).trim_end(), clock(at, &zone)),
                None => row(key),
            };
            let keys = store.read(key::all).await?;
            print(&keys.iter().map(line).collect::<String>())
        }
        KeyCommand::Show(OneKey { key, installation }) => {
            let config = installation.load()?;
            let store = installation::open(&config)?.store;
            let found = keys::find(&store, &key).await?;
            print(&details(&found, &config.zone()?, installation::now()))
        }
        KeyCommand::Set { key: OneKey { key, installation }, edition, requests_per_s, allowed, allow_all } => {
            let given = networks(&allowed)?;
            let store = installation::open(&installation.load()?)?.store;
            let before = keys::find(&store, &key).await?;
            let settings = KeySettings {
                edition: edition.unwrap_or(before.edition),
                requests_per_s: requests_per_s.unwrap_or(before.requests_per_s),
                allowed: if allow_all || !given.is_empty() { given } else { before.allowed },
            };
            keys::update(&store, by(), &key, settings).await?;
            print(&row(&keys::find(&store, &key).await?))
        }
        KeyCommand::Bind(KeyCompanies { key: OneKey { key, installation }, companies }) => {
            let store = installation::open(&installation.load()?)?.store;
            keys::bind(&store, by(), &key, companies.into_iter().collect()).await?;
            print(&row(&keys::find(&store, &key).await?))
        }
        KeyCommand::Unbind(KeyCompanies { key: OneKey { key, installation }, companies }) => {
            let store = installation::open(&installation.load()?)?.store;
            let companies: BTreeSet<CompanyId> = companies.into_iter().collect();
            keys::unbind(&store, by(), &key, companies).await?;
            print(&row(&keys::find(&store, &key).await?))
        }
        KeyCommand::Rotate { key, overlap } => rotate(&key, overlap).await,
        KeyCommand::Revoke(OneKey { key, installation }) => {
            let store = installation::open(&installation.load()?)?.store;
            keys::revoke(&store, by(), &key).await?;
            print("revoked\n")
        }
    }
}

async fn rotate(OneKey { key, installation }: &OneKey, overlap: Duration) -> Result<()> {
    let config = installation.load()?;
    let Installation { store, vault } = installation::open(&config)?;
    let by = by();
    let until = by.at.after(overlap);
    let secret = keys::rotate(&store, &vault, by, key, overlap).await?;
    print(&format!("APP_KEY={key}\nAPP_SECRET={}\n", secret.0))?;
    let old = if overlap.is_zero() {
        "is not good any more".to_owned()
    } else {
        format!("is good until {}", clock(until, &config.zone()?))
    };
    // Beside what a script reads.
    let told = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("the old secret {old}\n"));
    Ok(told?)
}

fn requests_per_s() -> impl clap::builder::TypedValueParser<Value = i64> {
    clap::value_parser!(i64).range(0..=1_000_000)
}

/// A time such as 7d or 12h; a day has 24 hours.
fn overlap(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || "must be a time such as 7d, 12h or 0, and at most 90d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    let time = Duration::try_from(time).map_err(|_| wrong())?;
    if time <= OVERLAP_MAX { Ok(time) } else { Err(wrong()) }
}

fn networks(texts: &[String]) -> Result<Networks> {
    Networks::parse(texts).map_err(|error| Error::Usage(format!("--allow: {error}")))
}

fn companies(key: &AppKey) -> String {
    let companies: Vec<String> = key.companies.iter().map(ToString::to_string).collect();
    companies.join(",")
}

fn row(key: &AppKey) -> String {
    let state = if key.revoked_at.is_some() { "revoked" } else { "valid" };
    let allowed = if key.allowed.is_empty() { String::new() } else { format!("\tfrom {}", key.allowed) };
    format!("{}\t{}\tcompanies {}\t{state}{allowed}\n", key.app_key, key.edition.name(), companies(key))
}

fn details(key: &AppKey, zone: &TimeZone, now: Moment) -> String {
    let AppKey { app_key, edition, requests_per_s, allowed, created_at, rotated_at, revoked_at, used_at, .. } = key;
    let previous = key.previous.as_ref().filter(|previous| now < previous.until);
    let mut text = format!("key\t{app_key}\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name}\t{value}");
    };
    line("state", if revoked_at.is_some() { "revoked" } else { "valid" }.to_owned());
    line("edition", edition.name().to_owned());
    line("companies", companies(key));
    line("requests per second", if *requests_per_s > 0 { requests_per_s.to_string() } else { "no limit".to_owned() });
    line("from", if allowed.is_empty() { "everywhere".to_owned() } else { allowed.to_string() });
    line("created", clock(*created_at, zone));
    let moments = [
        ("secret of", *rotated_at),
        ("last used", *used_at),
        ("old secret good until", previous.map(|previous| previous.until)),
        ("old secret last used", previous.and_then(|previous| previous.used_at)),
        ("revoked", *revoked_at),
    ];
    for (name, moment) in moments {
        if let Some(moment) = moment {
            line(name, clock(moment, zone));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_time_of_at_most_ninety_days() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(overlap(text).ok(), seconds.map(Duration::from_secs), "{text}");
        };
        check("7d", Some(7 * 86_400));
        check("12h", Some(12 * 3600));
        check("1d12h", Some(36 * 3600));
        check("90d", Some(90 * 86_400));
        check("0", Some(0));
        for wrong in ["91d", "-1d", "7", "soon", "", "1y"] {
            check(wrong, None);
        }
    }
}
