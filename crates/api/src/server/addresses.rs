//! Where requests come from, and how many connections come from one place.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hutong_domain::address::{self, Networks};

/// What proxies write; each adds the address that it was asked from at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What some write instead.
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Where a request comes from: a client's address, or of IPv6 its network of 64 bits, which one client may have whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// Whose a request is; that of the peer where a proxy says what is no address.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> Self {
        Self(network(client(peer, headers, trusted).unwrap_or(peer)))
    }
}

/// Whose a request is, see [`address::client`].
#[must_use]
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> Option<IpAddr> {
    let text = |value: &HeaderValue| str::from_utf8(value.as_bytes()).ok().map(str::to_owned);
    // A proxy that writes what is no text says nothing that could be believed.
    let forwarded: Vec<String> =
        headers.get_all(FORWARDED_FOR).iter().map(|value| text(value).unwrap_or("?".to_owned())).collect();
    let real_ip = headers.get(REAL_IP).and_then(text);
    address::client(peer, trusted, forwarded.iter().map(String::as_str), real_ip.as_deref())
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// How many connections each address has. There are no more of them than connections.
pub(super) struct Addresses {
    connections_max: usize,
    connections: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is counted, as long as this lives.
pub(super) struct Counted {
    network: IpAddr,
    connections: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Addresses {
    pub(super) fn new(connections_max: usize) -> Self {
        Self { connections_max, connections: Arc::default() }
    }

    /// Counts a connection; none where its address has as many as it may. Proxies have as many as they like.
    pub(super) fn enter(&self, address: IpAddr, is_proxy: bool) -> Option<Counted> {
        let network = network(address);
        let mut connections = lock(&self.connections);
        let count = connections.entry(network).or_default();
        if *count >= self.connections_max && !is_proxy {
            return None;
        }
        *count += 1;
        // Added up, since a process may listen at several addresses.
        metrics::gauge!("hutong_http_connections").increment(1.0);
        Some(Counted { network, connections: Arc::clone(&self.connections) })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("hutong_http_connections").decrement(1.0);
        if let Entry::Occupied(mut count) = lock(&self.connections).entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Counts are right whatever happened to whoever held the lock.
fn lock(connections: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_proxies_that_are_trusted_are_believed() {
        let check = |peer: &str, forwarded: &str, address: &str| {
            let headers = HeaderMap::from_iter([(FORWARDED_FOR, forwarded.parse().unwrap())]);
            let trusted = "127.0.0.1,10.0.0.2".parse().unwrap();
            assert_eq!(ClientAddress::of(ip(peer), &headers, &trusted).0, ip(address), "{peer} {forwarded}");
        };
        check("198.51.100.7", "203.0.113.9", "198.51.100.7");
        check("127.0.0.1", "203.0.113.9", "203.0.113.9");
        check("127.0.0.1", "192.0.2.1, 203.0.113.9, 10.0.0.2", "203.0.113.9");
        check("127.0.0.1", "anybody", "127.0.0.1");
        check("2001:db8::1:2:3:4", "", "2001:db8::");
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_those_back_that_end() {
        let addresses = Addresses::new(2);
        let (first, second) = (addresses.enter(ip("192.0.2.1"), false), addresses.enter(ip("192.0.2.1"), false));
        assert!(first.is_some() && second.is_some());
        assert!(addresses.enter(ip("192.0.2.1"), false).is_none());
        assert!(addresses.enter(ip("192.0.2.1"), true).is_some(), "a proxy");
        assert!(addresses.enter(ip("192.0.2.2"), false).is_some());
        drop(first);
        assert!(addresses.enter(ip("192.0.2.1"), false).is_some());
        drop(second);
        assert!(lock(&addresses.connections).is_empty());
    }
}
