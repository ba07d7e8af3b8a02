//! Whose packets are heard, and where ours go: symmetric RTP (RFC 4961) that a stranger cannot take over.

use std::net::{IpAddr, SocketAddr};

/// Which sources other than the signalled address a stream may follow.
///
/// Only the first valid packet of a stream chooses; after that nothing moves it but a re-negotiation, or the signalled address
/// itself: a neighbour that was faster, as a relay's call before on the same port, does not keep its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Latching {
    /// The signalled host, from whatever port: its address translator may have changed the port.
    #[default]
    SignalledHost,
    /// Whoever comes first: the far side is behind a translator and signals its private address. A stranger who guesses
    /// the port, and is faster, is heard.
    FirstSource,
    /// None.
    Never,
}

/// Former sources that are remembered.
const FORMER_MAX: usize = 4;

/// The far side's addresses, as signalled and as seen.
pub(crate) struct Source {
    latching: Latching,
    signalled: Option<SocketAddr>,
    /// Where valid packets came from first: the only source that is heard.
    latched: Option<SocketAddr>,
    /// Where ours go: survives a re-negotiation to the same address.
    destination: Option<SocketAddr>,
    /// What was heard before a negotiation named another address: a fork that lost may go on sending for a while, often
    /// from the host of the one that won.
    former: [Option<SocketAddr>; FORMER_MAX],
}

impl Source {
    pub(crate) fn new(latching: Latching) -> Self {
        Self { latching, signalled: None, latched: None, destination: None, former: [None; FORMER_MAX] }
    }

    /// A negotiation names an address; an unspecified one (RFC 3264 section 8.4) is nobody's.
    pub(crate) fn signal(&mut self, address: SocketAddr) {
        let address = Some(address).filter(|address| !address.ip().is_unspecified() && address.port() != 0);
        if address != self.signalled {
            self.destination = address;
            if let Some(former) = self.latched.or(self.signalled) {
                self.former.rotate_right(1);
                self.former[0] = Some(former);
            }
        }
        self.signalled = address;
        self.latched = None;
    }

    /// Whether packets of `from` may be heard, if they are valid.
    pub(crate) fn allows(&self, from: SocketAddr) -> bool {
        match (self.latched, self.signalled) {
            (Some(latched), signalled) => latched == from || signalled == Some(from),
            (None, Some(signalled)) if from != signalled && self.former.contains(&Some(from)) => false,
            (None, Some(signalled)) => match self.latching {
                Latching::Never => from == signalled,
                Latching::SignalledHost => from.ip() == signalled.ip(),
                Latching::FirstSource => true,
            },
            (None, None) => false,
        }
    }

    /// Whether `from` is what was signalled, while another source was heard in its place until now.
    pub(crate) fn takes_back(&self, from: SocketAddr) -> bool {
        self.signalled == Some(from) && self.latched.is_some_and(|latched| latched != from)
    }

    /// A valid packet came from `from`, which is allowed: from here on nobody else is.
    pub(crate) fn latch(&mut self, from: SocketAddr) {
        self.latched = Some(from);
        self.destination = Some(from);
    }

    /// Whether a host may send reports: the one that is heard, or else the signalled one.
    pub(crate) fn allows_host(&self, host: IpAddr) -> bool {
        [self.latched, self.signalled].into_iter().flatten().any(|address| address.ip() == host)
    }

    /// Where our packets go.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_valid_source_that_the_option_allows_is_followed() {
        use Latching::{FirstSource, Never, SignalledHost};
        let check = |latching, from: &str, allowed| {
            let mut source = Source::new(latching);
            source.signal(address("192.0.2.1:4000"));
            assert_eq!(source.allows(address(from)), allowed, "{from} by {latching:?}");
            assert_eq!(source.destination(), Some(address("192.0.2.1:4000")));
            if allowed {
                source.latch(address(from));
                assert_eq!(source.destination(), Some(address(from)));
            }
        };
        check(SignalledHost, "192.0.2.1:4000", true);
        check(SignalledHost, "192.0.2.1:4002", true);
        check(SignalledHost, "192.0.2.2:4000", false);
        check(FirstSource, "192.0.2.2:9000", true);
        check(Never, "192.0.2.1:4002", false);
        check(Never, "192.0.2.1:4000", true);
    }

    #[test]
    fn once_latched_nothing_moves_it_but_a_negotiation() {
        let mut source = Source::new(Latching::FirstSource);
        source.signal(address("[2001:db8::1]:4000"));
        source.latch(address("[2001:db8::1]:4000"));
        assert!(!source.allows(address("[2001:db8::1]:4002")));
        assert!(!source.allows(address("[2001:db8::2]:4000")));
        source.signal(address("[2001:db8::2]:5000"));
        assert_eq!(source.destination(), Some(address("[2001:db8::2]:5000")));
        assert!(source.allows(address("[2001:db8::2]:5002")));
    }

    #[test]
    fn negotiating_the_same_address_again_keeps_sending_to_where_packets_came_from() {
        let mut source = Source::new(Latching::SignalledHost);
        source.signal(address("192.0.2.1:4000"));
        source.latch(address("192.0.2.1:4002"));
        source.signal(address("192.0.2.1:4000"));
        assert_eq!(source.destination(), Some(address("192.0.2.1:4002")));
        assert!(source.allows(address("192.0.2.1:4006")), "the translator may have chosen another port by now");
    }

    #[test]
    fn a_fork_that_lost_is_not_followed_again_unless_it_is_named_again() {
        let (early, later) = (address("192.0.2.1:4000"), address("192.0.2.1:5000"));
        let mut source = Source::new(Latching::SignalledHost);
        source.signal(early);
        source.latch(early);
        source.signal(later);
        assert!(!source.allows(early) && source.allows(later) && source.allows(address("192.0.2.1:5002")));
        source.signal(early);
        assert!(source.allows(early) && !source.allows(later));
    }

    #[test]
    fn an_unspecified_address_is_nobody() {
        let mut source = Source::new(Latching::FirstSource);
        source.signal(address("0.0.0.0:4000"));
        assert_eq!(source.destination(), None);
        assert!(!source.allows(address("192.0.2.1:4000")));
        assert!(!source.allows_host(address("192.0.2.1:4000").ip()));
    }
}
