//! Whether calls find ports, and know announcements.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use hutong_prompts::Role;
use hutong_store::announcement::Announcement;
use hutong_store::line::Line;
use hutong_telephony::detect::fingerprint::Fingerprint;

use super::Finding;
use crate::config::Config;

/// Looks for the ports that the calls of these lines need; `is_served` says that a server has its part of them.
pub(super) fn ports(config: &Config, lines: &[Line], is_served: bool) -> Vec<Finding> {
    if lines.is_empty() {
        return Vec::new();
    }
    let mut findings = vec![pairs(config, lines, is_served)];
    let address = config.sip.address();
    if !is_served && address.port() > 0 {
        let opened = UdpSocket::bind(address).map(drop).and_then(|()| TcpListener::bind(address).map(drop));
        findings.push(match opened {
            Ok(()) => Finding::Fine(format!("SIP can be listened to at {address}")),
            Err(error) => Finding::Mend {
                problem: format!("SIP cannot be listened to at {address}: {error}"),
                mend: "end the program that has it, or set sip.listen".to_owned(),
            },
        });
    }
    findings
}

fn pairs(config: &Config, lines: &[Line], is_served: bool) -> Finding {
    let Some(pairs) = config.media.pairs() else {
        return Finding::Fine("the system chooses the ports of voices".to_owned());
    };
    let pairs: Vec<u16> = pairs.collect();
    let calls = calls_at_once(lines, config.dialing.calls_max);
    let (range, all) = (config.media.ports(), pairs.len());
    let range = format!("media ports {} to {}", range.start(), range.end());
    if all < calls {
        return Finding::Mend {
            problem: format!("{range}: room for {all} calls over SIP, and up to {calls} may go on at once"),
            mend:
                "widen media.port_first to media.port_last, or let lines carry less: hutong line set LINE --channels N"
                    .to_owned(),
        };
    }
    let is_taken = |port: u16| UdpSocket::bind(SocketAddr::new(config.sip.address().ip(), port)).is_err();
    // Those that the server's calls have are not missing.
    let taken =
        if is_served { 0 } else { pairs.iter().filter(|port| is_taken(**port) || is_taken(**port + 1)).count() };
    if all - taken < calls {
        return Finding::Mend {
            problem: format!(
                "{range}: other programs have {taken} of {all} pairs, and up to {calls} calls over SIP may go on at once"
            ),
            mend: "end those programs, or move media.port_first and media.port_last".to_owned(),
        };
    }
    Finding::Fine(format!("{range}: room for {all} calls over SIP, of which up to {calls} may go on at once"))
}

/// Calls over SIP that can be in progress at once.
fn calls_at_once(lines: &[Line], calls_max: usize) -> usize {
    let channels = lines.iter().map(|line| line.channels.map(|channels| usize::try_from(channels).unwrap_or(0)));
    // A line that names no limit has none of its own.
    channels.sum::<Option<usize>>().map_or(calls_max, |channels| channels.min(calls_max))
}

/// Looks whether the announcements that were added can be listened for.
pub(super) fn announcements(added: &[Announcement]) -> Vec<Finding> {
    let broken = added.iter().filter(|row| Fingerprint::from_text(&row.fingerprint).is_none());
    let mut findings: Vec<Finding> = broken
        .map(|row| Finding::Mend {
            problem: format!("announcement {} ({}) cannot be listened for by this version", row.id, row.name),
            mend: format!("add it again, after: hutong announcement remove {}", row.id),
        })
        .collect();
    if findings.is_empty() {
        let shipped = hutong_prompts::entries().iter().filter(|row| row.role == Role::Announcement).count();
        let added = added.len();
        findings.push(Finding::Fine(format!("{shipped} announcements ship with hutong, {added} were added")));
    }
    findings
}
