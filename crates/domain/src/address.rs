//! Addresses of the network: lists of those that may do something, and whose a request is that came through proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::message::Message;
use crate::say;

/// Ranges that one list may have.
pub const NETWORKS_MAX: usize = 100;

/// A list of addresses and ranges of addresses, IPv4 and IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<IpNet>);

/// A text that is no address and no range of addresses, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNetworks {
    /// It is neither.
    Unreadable(String),
    /// The address has more bits than the range is wide.
    HostBits {
        /// What was written.
        given: String,
        /// The range.
        range: IpNet,
        /// The address.
        address: IpAddr,
    },
    /// There are too many.
    TooMany,
}

impl NotNetworks {
    /// What is wrong, and what to write instead.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Unreadable(given) => say!(
                "{given:?} is neither an address nor a range of addresses, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32",
                "“{given}”不是地址或网段；请写如 192.0.2.7、10.0.0.0/8 或 2001:db8::/32"
            ),
            Self::HostBits { given, range, address } => say!(
                "{given} names one address within a range: write {range} for the range, or {address} for the address",
                "{given} 是网段中的一个地址：要写网段请写 {range}，要写地址请写 {address}"
            ),
            Self::TooMany => {
                say!("at most {NETWORKS_MAX} addresses and ranges of addresses", "最多 {NETWORKS_MAX} 个地址或网段")
            }
        }
    }
}

impl fmt::Display for NotNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message().en)
    }
}

impl std::error::Error for NotNetworks {}

impl Networks {
    /// Reads addresses and ranges, each once and in the order of addresses.
    ///
    /// # Errors
    /// Where one of them is neither, or there are more than [`NETWORKS_MAX`].
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NotNetworks> {
        let mut networks = texts.into_iter().map(|text| network(text.as_ref())).collect::<Result<Vec<_>, _>>()?;
        networks.sort_unstable();
        networks.dedup();
        if networks.len() > NETWORKS_MAX { Err(NotNetworks::TooMany) } else { Ok(Self(networks)) }
    }

    /// Whether nothing is in the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of the ranges. An IPv4 address that is written as an IPv6 one is itself.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// As they are written: an address without its length.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let text = |network: &IpNet| {
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().to_string()
            } else {
                network.to_string()
            }
        };
        self.0.iter().map(text).collect()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(","))
    }
}

impl std::str::FromStr for Networks {
    type Err = NotNetworks;

    /// Reads what [`Networks`] is displayed as: addresses and ranges with commas between them, or nothing.
    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        Self::parse(text.split(',').filter(|part| !part.trim().is_empty()))
    }
}

fn network(text: &str) -> Result<IpNet, NotNetworks> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_| NotNetworks::Unreadable(text.to_owned()))?;
    let range = network.trunc();
    if range == network {
        Ok(network)
    } else {
        Err(NotNetworks::HostBits { given: text.to_owned(), range, address: network.addr() })
    }
}

/// Whose a request is: that of the connection, unless it comes from a proxy that is trusted. Such a one has added the
/// address that it saw at the end of `X-Forwarded-For`, so the list is read from its end to the first address that is no
/// trusted proxy's: what stands before that anybody may have written. Without the list, `X-Real-IP` says it.
/// None where a trusted proxy says something that is no address.
#[must_use]
pub fn client<'a>(
    peer: IpAddr,
    trusted: &Networks,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    real_ip: Option<&str>,
) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return Some(peer);
    }
    let mut nearest = None;
    for hop in forwarded_for.flat_map(|line| line.split(',')).rev().map(str::trim).filter(|hop| !hop.is_empty()) {
        let address = with_or_without_port(hop)?;
        if !trusted.contains(address) {
            return Some(address);
        }
        nearest = Some(address);
    }
    match (nearest, real_ip) {
        // Every hop is a proxy of ours: the first of them asks for itself.
        (Some(first), _) => Some(first),
        (None, Some(real_ip)) => with_or_without_port(real_ip.trim()),
        (None, None) => Some(peer),
    }
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:4711`: proxies write all of them.
fn with_or_without_port(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::parse(texts).unwrap()
    }

    #[test]
    fn an_address_is_in_the_ranges_that_it_belongs_to() {
        let check = |list: &[&str], address: &str, expected: bool| {
            assert_eq!(networks(list).contains(address.parse().unwrap()), expected, "{list:?} {address}");
        };
        check(&["192.0.2.7"], "192.0.2.7", true);
        check(&["192.0.2.7"], "192.0.2.8", false);
        check(&["192.0.2.7"], "::ffff:192.0.2.7", true);
        check(&["::ffff:192.0.2.7"], "192.0.2.7", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "10.255.0.1", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::9", true);
        check(&["10.0.0.0/8", "2001:db8::/32"], "11.0.0.1", false);
        check(&["0.0.0.0/0"], "203.0.113.1", true);
        check(&["0.0.0.0/0"], "2001:db8::1", false);
        check(&[], "10.0.0.1", false);
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_to_write() {
        let check = |text: &str, part: &str| {
            let error = Networks::parse([text]).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("10.1.2.3/8", "write 10.0.0.0/8 for the range, or 10.1.2.3 for the address");
        check("10.0.0.0/33", "neither an address nor a range");
        check("office", "neither an address nor a range");
        check("", "neither");
        let many = (0..=NETWORKS_MAX).map(|n| format!("10.0.{n}.0/24"));
        assert_eq!(Networks::parse(many), Err(NotNetworks::TooMany));
    }

    #[test]
    fn a_list_is_written_as_it_is_read() {
        let list = networks(&["192.0.2.7/32", "10.0.0.0/8", " 10.0.0.0/8 ", "2001:db8::1"]);
        assert_eq!(list.to_string(), "10.0.0.0/8,192.0.2.7,2001:db8::1");
        assert_eq!(list.to_string().parse(), Ok(list));
        assert_eq!("".parse(), Ok(Networks::default()));
    }

    #[test]
    fn a_request_through_proxies_is_the_first_strangers_from_the_end() {
        let check = |peer: &str, forwarded: &[&str], real_ip: Option<&str>, expected: Option<&str>| {
            let trusted = networks(&["10.0.0.0/8"]);
            let found = client(peer.parse().unwrap(), &trusted, forwarded.iter().copied(), real_ip);
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{peer} {forwarded:?} {real_ip:?}");
        };
        // A stranger may write what it likes.
        check("203.0.113.9", &["192.0.2.7"], Some("192.0.2.8"), Some("203.0.113.9"));
        check("10.0.0.1", &["192.0.2.7"], None, Some("192.0.2.7"));
        check("::ffff:10.0.0.1", &["192.0.2.7"], None, Some("192.0.2.7"));
        // What the client itself wrote stands before what the proxy saw.
        check("10.0.0.1", &["1.1.1.1, 192.0.2.7"], None, Some("192.0.2.7"));
        check("10.0.0.1", &["1.1.1.1", "192.0.2.7, 10.0.0.2"], Some("9.9.9.9"), Some("192.0.2.7"));
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], None, Some("10.0.0.3"));
        check("10.0.0.1", &["192.0.2.7:4711"], None, Some("192.0.2.7"));
        check("10.0.0.1", &["[2001:db8::7]:4711"], None, Some("2001:db8::7"));
        check("10.0.0.1", &["[2001:db8::7]"], None, Some("2001:db8::7"));
        check("10.0.0.1", &[], Some("192.0.2.8"), Some("192.0.2.8"));
        check("10.0.0.1", &[" , "], None, Some("10.0.0.1"));
        check("10.0.0.1", &["unknown"], Some("192.0.2.8"), None);
        check("10.0.0.1", &[], Some("unknown"), None);
    }

    proptest! {
        #[test]
        fn whatever_a_client_writes_itself_does_not_change_whose_the_request_is(
            written in "[0-9a-f.:, x\\[\\]]{0,40}",
            seen: std::net::Ipv4Addr,
        ) {
            let trusted = networks(&["10.0.0.1"]);
            prop_assume!(!trusted.contains(seen.into()));
            let line = format!("{written},{seen}");
            let found = client("10.0.0.1".parse().unwrap(), &trusted, std::iter::once(line.as_str()), None);
            prop_assert_eq!(found, Some(IpAddr::from(seen)));
        }
    }
}
