//! Where callbacks may be sent: addresses come from people, and must not lead into our own house.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hutong_domain::message::Message;
use reqwest::Url;
use thiserror::Error;

/// Longer addresses are refused.
const URL_CHARS_MAX: usize = 2000;

/// Why nothing can be sent to an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadAddress {
    /// It is no address.
    #[error("it is no address: {0}")]
    Unreadable(String),
    /// It is too long.
    #[error("it has more than {URL_CHARS_MAX} characters")]
    TooLong,
    /// Neither HTTP nor HTTPS.
    #[error("it begins with {0}://, but callbacks go over http:// or https://")]
    Scheme(String),
    /// A user or a password stands in it.
    #[error("it has a user or a password in it; receivers know us by the headers appkey, datetime and sign")]
    Credentials,
    /// It leads into our own house.
    #[error("{0} is a private address; `callbacks.private_addresses` allows them")]
    Private(IpAddr),
}

impl BadAddress {
    /// The same in both languages.
    #[must_use]
    pub fn message(&self) -> Message {
        let zh = match self {
            Self::Unreadable(why) => format!("不是网址：{why}"),
            Self::TooLong => format!("不能超过 {URL_CHARS_MAX} 个字符"),
            Self::Scheme(scheme) => format!("以 {scheme}:// 开头；回调只能用 http:// 或 https://"),
            Self::Credentials => "不能含用户名或密码；接收方凭请求头 appkey、datetime、sign 验证".to_owned(),
            Self::Private(address) => format!("{address} 是内网地址；由 callbacks.private_addresses 允许"),
        };
        Message { en: self.to_string(), zh }
    }
}

/// Reads the address of a receiver. What a host's name stands for is looked at when it is connected to.
///
/// # Errors
/// [`BadAddress`].
pub fn check_url(text: &str, private_addresses: bool) -> Result<Url, BadAddress> {
    if text.chars().count() > URL_CHARS_MAX {
        return Err(BadAddress::TooLong);
    }
    let url = Url::parse(text).map_err(|error| BadAddress::Unreadable(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadAddress::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadAddress::Credentials);
    }
    // The brackets of an address of IPv6 (RFC 3986, 3.2.2) are not its own.
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) if !private_addresses && !is_public(address) => Err(BadAddress::Private(address)),
        _ => Ok(url),
    }
}

/// Whether an address is one of the public internet (RFC 6890 and IANA's registries of special addresses).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast();
    // "This network", carriers' own (RFC 6598), protocols' own, benchmarks, and what is reserved.
    !special
        && !matches!(
            address.octets(),
            [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..]
        )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // Translated (RFC 6052) and tunnelled (RFC 3056) addresses of IPv4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Protocols' own, and examples.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Nothing else has been given out yet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
            "::7f00:1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.1.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2400:3200::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_that_leads_nowhere_good_is_refused() {
        let refused = |text: &str| check_url(text, false).unwrap_err();
        assert!(matches!(refused("crm.example.com"), BadAddress::Unreadable(_)));
        assert!(matches!(refused(""), BadAddress::Unreadable(_)));
        assert!(matches!(refused("http://"), BadAddress::Unreadable(_)));
        assert_eq!(refused("ftp://crm.example.com/"), BadAddress::Scheme("ftp".to_owned()));
        assert_eq!(refused("file:///etc/passwd"), BadAddress::Scheme("file".to_owned()));
        assert_eq!(refused("http://me:secret@crm.example.com/"), BadAddress::Credentials);
        assert_eq!(refused(&format!("http://crm.example.com/{}", "x".repeat(2000))), BadAddress::TooLong);
        for disguise in
            ["http://127.0.0.1/", "http://[::1]:8080/", "http://0x7f000001/", "http://2130706433/", "http://127.1/"]
        {
            assert!(matches!(refused(disguise), BadAddress::Private(_)), "{disguise}");
            assert!(check_url(disguise, true).is_ok(), "{disguise}");
        }
        assert!(check_url("https://crm.example.com:8443/callback?tenant=1", false).is_ok());
    }
}
