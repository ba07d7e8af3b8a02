//! Header fields that the protocol library leaves as text.

use rsipstack::sip::{HasHeaders, Header};

/// The values of a header field, in any case of its name.
pub(crate) fn values<'m>(message: &'m impl HasHeaders, name: &'m str) -> impl Iterator<Item = String> + 'm {
    message.headers().iter().filter(move |header| header.name().eq_ignore_ascii_case(name)).map(value)
}

/// The text after the colon.
fn value(header: &Header) -> String {
    match header {
        Header::Other(_, value) => value.trim().to_owned(),
        known => {
            let line = known.to_string();
            line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
        }
    }
}

/// The Q.850 cause of a Reason header field (RFC 3326), for example `Q.850;cause=17;text="User busy"`.
pub(crate) fn q850_cause(message: &impl HasHeaders) -> Option<u8> {
    values(message, "Reason").find_map(|value| cause_of(&value))
}

/// One value may hold several reasons, separated by commas.
fn cause_of(value: &str) -> Option<u8> {
    value.split(',').find_map(|reason| {
        let mut parts = reason.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("Q.850") {
            return None;
        }
        parts.find_map(|part| {
            let (name, cause) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("cause").then(|| cause.trim().parse().ok()).flatten()
        })
    })
}

/// A Session-Expires header field (RFC 4028 §4): seconds, and who refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionExpires {
    pub(crate) seconds: u32,
    /// Whether the client of the transaction refreshes; none where it is left open.
    pub(crate) by_client: Option<bool>,
}

impl SessionExpires {
    /// What a message says, in the long or the compact form.
    pub(crate) fn of(message: &impl HasHeaders) -> Option<Self> {
        values(message, "Session-Expires").chain(values(message, "x")).find_map(|value| Self::parse(&value))
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let seconds = parts.next()?.parse().ok()?;
        let by_client = parts.find_map(|part| match part.split_once('=')? {
            (name, who) if name.trim().eq_ignore_ascii_case("refresher") => {
                Some(who.trim().eq_ignore_ascii_case("uac"))
            }
            _ => None,
        });
        Some(Self { seconds, by_client })
    }
}

/// Seconds of a Min-SE header field (RFC 4028 §5).
pub(crate) fn min_se(message: &impl HasHeaders) -> Option<u32> {
    values(message, "Min-SE").find_map(|value| value.split(';').next()?.trim().parse().ok())
}

/// Whether a list such as Allow or Require has this word in it.
pub(crate) fn lists(message: &impl HasHeaders, name: &str, word: &str) -> bool {
    values(message, name).any(|value| value.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(word)))
}

/// Whether the body is a session description.
pub(crate) fn carries_sdp(message: &impl HasHeaders) -> bool {
    values(message, "Content-Type")
        .any(|value| value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_found_among_several_reasons() {
        let check = |value, cause| assert_eq!(cause_of(value), cause, "{value}");
        check("Q.850;cause=17;text=\"User busy\"", Some(17));
        check("q.850 ; text=\"no\" ; Cause = 1", Some(1));
        check("SIP;cause=200;text=\"Call completed elsewhere\"", None);
        check("SIP;cause=486, Q.850;cause=21", Some(21));
        check("Q.850;cause=nothing", None);
        check("Q.850;cause=300", None);
        check("", None);
    }

    #[test]
    fn a_session_interval_is_read_with_its_refresher() {
        let check = |value, expected: Option<(u32, Option<bool>)>| {
            let read = SessionExpires::parse(value).map(|expires| (expires.seconds, expires.by_client));
            assert_eq!(read, expected, "{value}");
        };
        check("90;refresher=uac", Some((90, Some(true))));
        check("1800 ; refresher=UAS", Some((1800, Some(false))));
        check("1800", Some((1800, None)));
        check("soon", None);
        check("99999999999", None);
    }
}
