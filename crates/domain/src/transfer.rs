//! Handing a call over to a person: to whom, in which way, and why it may fail.
//!
//! A destination comes from a scene, or from a variable in it, and ends up in the header fields of requests: so it can
//! only be made by [`Destination::parse`], which lets nothing through that could be anything else there.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::outcome::Disposition;

/// The longest number that is dialled.
const NUMBER_CHARS_MAX: usize = 32;
/// The longest user of an address.
const USER_CHARS_MAX: usize = 64;
/// The longest host of an address.
const HOST_CHARS_MAX: usize = 255;

/// Whom a call is handed over to: a number, or a `sip:` address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Number(String),
    Address { user: String, host: String },
}

/// Why a text is no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// It is neither.
    #[error("must be a number of digits, with + before them or not, or an address such as sip:8001@pbx.example")]
    Neither,
    /// It begins as an address, and is none.
    #[error("must be sip:USER@HOST or sip:USER@HOST:PORT, without parameters and header fields")]
    NoAddress,
}

impl Destination {
    /// Reads a number, `+` and digits, or `sip:USER@HOST[:PORT]`. Blanks around it do not count.
    ///
    /// # Errors
    /// Where it is neither: parameters, header fields, brackets, quotes, control characters and escapes are refused.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let text = text.trim_matches(' ');
        if let Some(address) = text.strip_prefix("sip:") {
            let (user, host) = address.split_once('@').ok_or(DestinationError::NoAddress)?;
            if !is_user(user) || !is_host_with_port(host) {
                return Err(DestinationError::NoAddress);
            }
            return Ok(Self(Kind::Address { user: user.to_owned(), host: host.to_owned() }));
        }
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number =
            !digits.is_empty() && text.len() <= NUMBER_CHARS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Ok(Self(Kind::Number(text.to_owned()))) } else { Err(DestinationError::Neither) }
    }

    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match &self.0 {
            Kind::Number(number) => Some(number),
            Kind::Address { .. } => None,
        }
    }

    /// The user, and the host with its port where it has one, of an address.
    #[must_use]
    pub fn address(&self) -> Option<(&str, &str)> {
        match &self.0 {
            Kind::Number(_) => None,
            Kind::Address { user, host } => Some((user, host)),
        }
    }

    /// Who is meant, in digits where that is known: the number, or the user of the address.
    #[must_use]
    pub fn user(&self) -> &str {
        match &self.0 {
            Kind::Number(number) => number,
            Kind::Address { user, .. } => user,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Number(number) => out.write_str(number),
            Kind::Address { user, host } => write!(out, "sip:{user}@{host}"),
        }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, DestinationError> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

/// The characters of a user that neither need an escape nor mean anything (RFC 3261 §25.1, "unreserved", and +).
fn is_user(user: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte);
    !user.is_empty() && user.len() <= USER_CHARS_MAX && user.bytes().all(known)
}

fn is_host_with_port(host: &str) -> bool {
    if host.len() > HOST_CHARS_MAX {
        return false;
    }
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        let port = rest.strip_prefix(':');
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || port.is_some_and(is_port));
    }
    match host.split_once(':') {
        Some((name, port)) => is_name(name) && is_port(port),
        None => is_name(host),
    }
}

/// A name of labels, or an address of IPv4.
fn is_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// In which way a call is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferWay {
    /// The customer's side is asked to call the person (SIP REFER): it costs no channel of ours, and the trunk has to
    /// know how.
    Refer,
    /// We call the person, and pass the voices on: it works on every trunk, and costs a second channel.
    Bridge,
}

/// Why a call was not handed over. The customer's call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferFailure {
    /// The person was busy.
    Busy,
    /// The person did not answer in time, or could not be reached.
    NoAnswer,
    /// The person declined, or the far side does not hand this call over.
    Refused,
    /// The line, or its far side, does not know how to.
    Unsupported,
    /// The trunk is not there, or does not take the call.
    Trunk,
    /// As many calls are bridged as the line's settings allow.
    Limit,
}

impl TransferFailure {
    /// The name that it is kept and counted with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Trunk => "trunk",
            Self::Limit => "limit",
        }
    }

    /// What the end of a call to the person means for the transfer.
    #[must_use]
    pub const fn of(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Busy => Self::Busy,
            Disposition::Declined | Disposition::Blacklisted => Self::Refused,
            Disposition::LineFailed | Disposition::LineInArrears | Disposition::Interrupted => Self::Trunk,
            Disposition::RangOut
            | Disposition::Unreachable
            | Disposition::PoweredOff
            | Disposition::Suspended
            | Disposition::Vacant
            | Disposition::OutOfCoverage
            | Disposition::NoSeat
            | Disposition::Answered => Self::NoAnswer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_addresses_are_destinations() {
        let check = |text: &str, number: Option<&str>, address: Option<(&str, &str)>| {
            let read = Destination::parse(text).unwrap();
            assert_eq!((read.number(), read.address()), (number, address), "{text}");
            assert_eq!(Destination::parse(&read.to_string()).as_ref(), Ok(&read));
        };
        check("13800138000", Some("13800138000"), None);
        check(" +8613800138000 ", Some("+8613800138000"), None);
        check("8001", Some("8001"), None);
        check("sip:8001@pbx.example", None, Some(("8001", "pbx.example")));
        check("sip:anna.b@192.0.2.1:5080", None, Some(("anna.b", "192.0.2.1:5080")));
        check("sip:+8613800138000@[2001:db8::1]", None, Some(("+8613800138000", "[2001:db8::1]")));
        check("sip:a@[::1]:5062", None, Some(("a", "[::1]:5062")));
    }

    #[test]
    fn whatever_could_be_more_than_a_destination_is_none() {
        for text in [
            "",
            " ",
            "+",
            "1+2",
            "138 0013 8000",
            "138-0013",
            "１３８",
            "1;ext=2",
            "1\r\nX: y",
            "1\0",
            "999999999999999999999999999999999",
            "8001@pbx.example",
            "tel:110",
            "SIP:8001@pbx.example",
            "sips:a@b",
        ] {
            assert_eq!(Destination::parse(text), Err(DestinationError::Neither), "{text:?}");
        }
        for text in [
            "sip:",
            "sip:8001",
            "sip:@pbx.example",
            "sip:8001@",
            "sip:8001@pbx.example;transport=tcp",
            "sip:8001@pbx.example?Replaces=x",
            "sip:a:secret@b",
            "sip:a@b>",
            "sip:<a@b",
            "sip:\"a\"@b",
            "sip:a%0d@b",
            "sip:a@b\r\nX: y",
            "sip:a@b\nc",
            "sip:a b@c",
            "sip:a@b@c",
            "sip:a@b:",
            "sip:a@b:0",
            "sip:a@b:70000",
            "sip:a@b:+5",
            "sip:a@b..c",
            "sip:a@-b",
            "sip:a@[::1",
            "sip:a@[::1]5060",
            "sip:a@[::g]",
            "sip:a@::1",
            "sip:a@b,c",
            "sip:名@b",
            "sip:a;b@c",
            "sip:a&b@c",
            "sip:a=b@c",
        ] {
            assert_eq!(Destination::parse(text), Err(DestinationError::NoAddress), "{text:?}");
        }
    }

    #[test]
    fn a_destination_is_kept_as_the_text_that_it_was() {
        let kept = serde_json::to_string(&Destination::parse("sip:8001@pbx.example").unwrap()).unwrap();
        assert_eq!(kept, r#""sip:8001@pbx.example""#);
        assert!(serde_json::from_str::<Destination>(&kept).is_ok());
        assert!(serde_json::from_str::<Destination>(r#""sip:8001@pbx.example;x=y""#).is_err());
    }

    proptest! {
        #[test]
        fn what_is_let_through_has_no_character_that_means_anything_in_a_header(text in ".{0,40}|sip:[ -~]{0,40}") {
            if let Ok(read) = Destination::parse(&text) {
                let written = read.to_string();
                let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()+:@[]".contains(&byte);
                prop_assert!(written.bytes().all(harmless), "{written:?}");
                prop_assert!(!written.contains(['<', '>', ';', '?', '"', ',', ' ', '\r', '\n', '%']));
            }
        }
    }
}
