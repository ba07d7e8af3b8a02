//! Commands that do one thing and end.

pub(crate) mod announcement;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod callback;
pub(crate) mod callee;
pub(crate) mod company;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod grade;
pub(crate) mod key;
pub(crate) mod line;
pub(crate) mod manual;
pub(crate) mod number;
pub(crate) mod restore;
pub(crate) mod scene;
pub(crate) mod user;
pub(crate) mod why;

use hutong_domain::audit::Actor;
use hutong_domain::moment::Moment;
use hutong_store::audit::By;
use jiff::tz::TimeZone;

use crate::installation;

/// Who gives commands: the account on this machine, and whose it was before `sudo`.
pub(crate) fn command_line() -> Actor {
    // In a container, an account often has no name.
    let account = whoami::username().unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    let before = std::env::var("SUDO_USER").ok().filter(|before| !before.is_empty() && *before != account);
    Actor::CommandLine(match before {
        Some(before) => format!("{account} (sudo of {before})"),
        None => account,
    })
}

/// Who gives a command now.
pub(crate) fn by() -> By {
    By { actor: command_line(), at: installation::now() }
}

/// A moment as people read it.
pub(crate) fn clock(at: Moment, zone: &TimeZone) -> String {
    at.civil(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
