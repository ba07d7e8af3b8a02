//! What the server itself stands on: disks, its certificate, the clock, and whoever takes its traces.

use std::time::Duration;

use hutong_store::{Store, node};
use jiff::Timestamp;

use super::Finding;
use crate::config::Config;
use crate::disk::Disks;
use crate::error::Result;
use crate::installation;

/// How long before its end a certificate should have been renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far the clocks of processes that share a store may be apart.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(2);

/// Looks at all of it.
pub(super) async fn look(config: &Config, store: &Store) -> Result<Vec<Finding>> {
    let mut findings = disks(&Disks::of(config)?);
    findings.extend(certificate(config));
    findings.push(clock(config, store).await?);
    findings.extend(collector(config).await);
    Ok(findings)
}

fn disks(disks: &Disks) -> Vec<Finding> {
    let look = |(name, folder, free): (&str, &std::path::Path, Option<u64>)| {
        let place = format!("disk of {name}, {}", folder.display());
        match disks.shortage(free) {
            Some(shortage) => Finding::Mend {
                problem: format!("{place}: it {}", shortage.en),
                mend: "make room, or set disk.free_mib_min: with less, /readyz answers 503".to_owned(),
            },
            None => Finding::Fine(format!("{place}: {} MiB free", free.unwrap_or_default() >> 20)),
        }
    };
    disks.free().map(look).collect()
}

fn certificate(config: &Config) -> Option<Finding> {
    let loaded = match config.tls.load() {
        Ok(loaded) => loaded?,
        Err(error) => {
            let mend = "put a certificate and its key there, in PEM, and let hutong read them".to_owned();
            return Some(Finding::Mend { problem: error.to_string(), mend });
        }
    };
    let until = loaded.until;
    let now = Timestamp::from_millisecond(installation::now().ms()).unwrap_or(Timestamp::MAX);
    let left = until.duration_since(now);
    let is_short = left < RENEWED_BEFORE.try_into().unwrap_or_default();
    Some(if is_short {
        let what = if left.is_negative() { "has ended" } else { "ends" };
        Finding::Mend {
            problem: format!("the certificate of the API {what}: it is good until {until}"),
            mend: "renew it: the server reads the new files by itself, or at once on SIGHUP".to_owned(),
        }
    } else {
        Finding::Fine(format!("the certificate of the API is good until {until}"))
    })
}

/// Leases, legal hours and signatures go by the clock.
async fn clock(config: &Config, store: &Store) -> Result<Finding> {
    let newest = store.read(node::newest_start).await?;
    let ahead = newest.map_or(Duration::ZERO, |newest| newest.since(installation::now()));
    let zone = config.zone()?;
    let shown = installation::now().civil(&zone);
    Ok(if ahead > CLOCKS_APART_MAX {
        Finding::Mend {
            problem: format!("the clock is {} s behind what the store was last written at", ahead.as_secs()),
            mend: "set this machine's clock, and let it be kept right: systemd-timesyncd or chrony".to_owned(),
        }
    } else {
        Finding::Fine(format!("the clock shows {shown:.0}; requests may be signed {} s off", config.api.clock_skew_s))
    })
}

async fn collector(config: &Config) -> Option<Finding> {
    if !config.traces.is_wanted() {
        return None;
    }
    let endpoint = config.traces.endpoint();
    Some(match config.traces.try_collector().await {
        Ok(()) => Finding::Fine(format!("traces go to {endpoint}, which takes them")),
        Err(problem) => Finding::Mend {
            problem: format!("traces are lost, {endpoint} does not take them: {problem}"),
            mend: "check traces.url and traces.key, or leave traces.url empty".to_owned(),
        },
    })
}
