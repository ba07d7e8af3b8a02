//! Connections to trunks, over TCP and TLS: one for all calls of a trunk, opened in bounded time, and checked.
//!
//! The library opens connections as well, and does so where a route leads to somewhere else than the trunk. But it waits
//! for a handshake without end, opens one connection for each of several calls that begin at once, tells nobody why it
//! could not, and takes the name that a certificate has to be for from the next address on the way: after the first
//! answer, that is often a bare number.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::{Host, HostWithPort};
use rsipstack::transport::stream::StreamConnectionInner;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::tls::TlsConnection;
use rsipstack::transport::transport_layer::{DefaultDomainResolver, DomainResolver};
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::authorities::Authorities;
use super::call::SipError;
use super::trunk::{Transport, Trunk};
use super::{clock, listener};

/// For how long one address of a trunk is tried: connection and handshake.
const OPENING_MAX: Duration = Duration::from_secs(3);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 3;
/// After how long a trunk is given up that does not take what is sent to it.
const UNREAD_MAX: Duration = Duration::from_secs(10);
/// Questions in a row without an answer after which a connection is given up; calls are on it, so not at the first one.
const SILENT_MAX: u32 = 2;
/// For how long a connection that is given up may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where the requests for a trunk go first, over a stream: its outbound proxy where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Hop {
    transport: Transport,
    /// As it is written: an address, or a name in lower case.
    host: String,
    port: Option<u16>,
}

impl Hop {
    /// The next hop of a trunk; none over UDP, which knows no connections.
    pub(super) fn of(trunk: &Trunk) -> Option<Self> {
        if trunk.transport == Transport::Udp {
            return None;
        }
        let host = trunk.outbound_proxy.as_deref().unwrap_or(&trunk.server);
        Some(Self::new(trunk.transport, &HostWithPort::try_from(host).ok()?))
    }

    fn new(transport: Transport, written: &HostWithPort) -> Self {
        let port = written.port.map(|port| port.value());
        // What the library takes the missing port of a request for is what the connection has to be found by.
        let port = port.or((transport == Transport::Tls).then_some(transport.standard_port()));
        Self { transport, host: written.host.to_string().to_ascii_lowercase(), port }
    }

    /// The hop that a request with this destination goes to.
    fn to(address: &SipAddr) -> Option<Self> {
        let transport = match address.r#type? {
            rsipstack::sip::Transport::Tcp => Transport::Tcp,
            rsipstack::sip::Transport::Tls => Transport::Tls,
            _ => return None,
        };
        Some(Self::new(transport, &address.addr))
    }

    fn standard_or_own_port(&self) -> u16 {
        self.port.unwrap_or(self.transport.standard_port())
    }

    /// What the library knows a connection to `far` by.
    fn known_as(&self, far: SocketAddr) -> SipAddr {
        let by_address = self.bare_host().parse::<std::net::IpAddr>().is_ok();
        let port = if by_address { self.port } else { Some(far.port()) };
        SipAddr {
            r#type: Some(self.transport.into()),
            addr: HostWithPort { host: Host::IpAddr(far.ip()), port: port.map(Into::into) },
        }
    }

    /// The host without the brackets of an address of IPv6.
    fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn unreachable(&self, why: &dyn std::fmt::Display) -> SipError {
        SipError::Unreachable(format!("{self}: {why}"))
    }
}

impl std::fmt::Display for Hop {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.host, self.standard_or_own_port())
    }
}

/// A connection that is in use.
struct Open {
    connection: SipConnection,
    far: SocketAddr,
    local: SocketAddr,
    /// How often in a row the trunk has not answered on it when it was asked whether it is there; none where it has never
    /// answered: some never do.
    silent: Option<u32>,
}

impl Open {
    fn is_alive(&self) -> bool {
        !self.closed().is_cancelled()
    }

    /// Cancelled by the library when the connection is closed, by whichever side.
    fn closed(&self) -> CancellationToken {
        self.connection.cancel_token().unwrap_or_default()
    }
}

#[derive(Default)]
struct Slot {
    open: Mutex<Option<Open>>,
    /// Held by whoever opens the connection; the last failure, for those who waited for it.
    opening: tokio::sync::Mutex<Option<(Instant, SipError)>>,
}

impl Slot {
    /// What `of` says of the connection; none where it is closed.
    fn alive<T>(&self, of: impl FnOnce(&mut Open) -> T) -> Option<T> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().filter(|open| open.is_alive()).map(of)
    }
}

/// The connections to all trunks.
pub(super) struct Connections {
    tls: TlsConnector,
    slots: Mutex<HashMap<Hop, Arc<Slot>>>,
}

impl Connections {
    /// None yet; trunks over TLS are trusted where one of these authorities vouches for them.
    pub(super) fn new(authorities: &Authorities) -> Self {
        // Another part of the program may have chosen already: then that is what TLS is done with.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig::builder().with_root_certificates(authorities.store()).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), slots: Mutex::default() }
    }

    /// Makes sure that there is a connection; our address on it, and the far side's. Several who ask at once get the same
    /// one, or are told the same failure.
    pub(super) async fn open(
        &self,
        transports: &TransportLayer,
        hop: &Hop,
        closed: &CancellationToken,
    ) -> Result<(SocketAddr, SocketAddr), SipError> {
        let slot = self.slot(hop);
        let asked = clock::now();
        let mut failed = slot.opening.lock().await;
        if let Some(addresses) = slot.alive(|open| (open.local, open.far)) {
            return Ok(addresses);
        }
        if let Some((_, error)) = failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        match self.opened(hop, closed).await {
            Ok(open) => {
                let addresses = (open.local, open.far);
                transports.add_connection(open.connection.clone());
                *slot.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
                Ok(addresses)
            }
            Err(error) => {
                *failed = Some((clock::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Our address on the connection, and the far side's; none where there is none.
    pub(super) fn addresses(&self, hop: &Hop) -> Option<(SocketAddr, SocketAddr)> {
        self.known(hop)?.alive(|open| (open.local, open.far))
    }

    /// The trunk has answered on its connection.
    pub(super) fn has_answered(&self, hop: &Hop) {
        if let Some(slot) = self.known(hop) {
            slot.alive(|open| open.silent = Some(0));
        }
    }

    /// The trunk did not answer. A connection on which that happens again and again is given up, so that the next request
    /// opens a new one: the far side may have vanished without a word, as firewalls make it.
    pub(super) fn is_silent(&self, transports: &TransportLayer, hop: &Hop) {
        let silent = |open: &mut Open| {
            let times = open.silent.as_mut()?;
            *times += 1;
            (*times >= SILENT_MAX).then(|| open.connection.clone())
        };
        let Some(connection) = self.known(hop).and_then(|slot| slot.alive(silent).flatten()) else { return };
        transports.remove_connection(&connection);
        tokio::spawn(async move { tokio::time::timeout(GOODBYE, connection.close()).await });
    }

    /// Waits until the connection is closed.
    pub(super) async fn closed(&self, hop: &Hop) {
        if let Some(closed) = self.known(hop).and_then(|slot| slot.alive(|open| open.closed())) {
            closed.cancelled().await;
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Hop, Arc<Slot>>> {
        // What is kept there is whole at every moment.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, hop: &Hop) -> Option<Arc<Slot>> {
        self.slots().get(hop).cloned()
    }

    fn slot(&self, hop: &Hop) -> Arc<Slot> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(hop) {
            return slot.clone();
        }
        // Trunks come and go: what is neither open nor asked for is forgotten.
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.alive(|_| ()).is_some());
        slots.entry(hop.clone()).or_default().clone()
    }

    /// Opens a connection to the first address that takes one.
    async fn opened(&self, hop: &Hop, closed: &CancellationToken) -> Result<Open, SipError> {
        let found =
            tokio::time::timeout(OPENING_MAX, tokio::net::lookup_host((hop.bare_host(), hop.standard_or_own_port())));
        let found = found.await.map_err(|_| hop.unreachable(&"its name does not resolve in time"))?;
        let found = found.map_err(|error| hop.unreachable(&error))?;
        let mut failure = hop.unreachable(&"has no address");
        for far in found.take(ADDRESSES_MAX) {
            let opening = self.to_address(hop, far, closed.child_token());
            let error = match tokio::time::timeout(OPENING_MAX, opening).await {
                Ok(Ok(open)) => return Ok(open),
                Ok(Err(error)) => error,
                Err(_) => hop.unreachable(&format!("no connection within {} ms", OPENING_MAX.as_millis())),
            };
            // That nobody is there at another address says less.
            if !matches!(failure, SipError::Untrusted(_)) {
                failure = error;
            }
        }
        Err(failure)
    }

    async fn to_address(&self, hop: &Hop, far: SocketAddr, closed: CancellationToken) -> Result<Open, SipError> {
        let lost = |error: std::io::Error| hop.unreachable(&error);
        let stream = TcpStream::connect(far).await.map_err(lost)?;
        listener::prepare(&stream, UNREAD_MAX).map_err(lost)?;
        let local = stream.local_addr().map_err(lost)?;
        let connection = if hop.transport == Transport::Tls {
            let name = ServerName::try_from(hop.bare_host().to_owned()).map_err(|error| hop.unreachable(&error))?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| explained(hop, &error))?;
            let connection = TlsConnection::from_client_stream(stream, hop.known_as(far), Some(closed)).await;
            connection.map_err(|error| hop.unreachable(&error))?.into()
        } else {
            let near = SipAddr { r#type: Some(hop.transport.into()), addr: local.into() };
            let (reading, writing) = tokio::io::split(stream);
            let inner = StreamConnectionInner::new(near, hop.known_as(far), reading, writing);
            TcpConnection { inner: Arc::new(inner), cancel_token: Some(closed) }.into()
        };
        Ok(Open { connection, far, local, silent: None })
    }
}

/// Why a connection over TLS came to nothing, for whoever operates the line.
fn explained(hop: &Hop, error: &std::io::Error) -> SipError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return hop.unreachable(error);
    };
    SipError::Untrusted(match tls {
        rustls::Error::InvalidCertificate(reason) => format!("{hop}: {}", distrust(reason)),
        other => format!("{hop}: TLS cannot be agreed on: {other}"),
    })
}

fn distrust(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "its certificate is vouched for by no authority that is trusted".to_owned(),
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("its certificate is for another name: {}", presented.join(", "))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is the clock of this machine right?".to_owned()
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

/// Finds the addresses of hosts for the library: a name that is connected to stays what it was, whichever of its addresses
/// the system would name first now.
pub(super) struct Resolver {
    pub(super) connections: Arc<Connections>,
    pub(super) system: DefaultDomainResolver,
}

impl DomainResolver for Resolver {
    fn resolve<'s, 't, 'f>(
        &'s self,
        target: &'t SipAddr,
    ) -> Pin<Box<dyn Future<Output = rsipstack::Result<SipAddr>> + Send + 'f>>
    where
        's: 'f,
        't: 'f,
    {
        let connected = Hop::to(target).and_then(|hop| {
            let far = self.connections.known(&hop)?.alive(|open| open.far)?;
            Some(hop.known_as(far))
        });
        match connected {
            Some(known) => Box::pin(std::future::ready(Ok(known))),
            None => self.system.resolve(target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_by_what_requests_are_addressed_to() {
        let far: SocketAddr = "192.0.2.7:5071".parse().unwrap();
        let check = |server: &str, proxy: Option<&str>, transport: Transport, shown: Option<&str>, known_as: &str| {
            let trunk = Trunk { transport, outbound_proxy: proxy.map(str::to_owned), ..Trunk::at(server) };
            let hop = Hop::of(&trunk);
            assert_eq!(hop.as_ref().map(ToString::to_string).as_deref(), shown, "{server}");
            let Some(hop) = hop else { return };
            assert_eq!(hop.known_as(far).to_string(), known_as, "{server}");
            // A request to the same place leads to the same connection.
            let host = proxy.unwrap_or(server);
            let address = SipAddr { r#type: Some(transport.into()), addr: HostWithPort::try_from(host).unwrap() };
            assert_eq!(Hop::to(&address), Some(hop), "{server}");
        };
        check("trunk.example:5071", None, Transport::Udp, None, "");
        check("trunk.example:5071", None, Transport::Tls, Some("trunk.example:5071"), "TLS 192.0.2.7:5071");
        check("Trunk.Example", None, Transport::Tls, Some("trunk.example:5061"), "TLS 192.0.2.7:5071");
        check("trunk.example", None, Transport::Tcp, Some("trunk.example:5060"), "TCP 192.0.2.7:5071");
        check("trunk.example", Some("proxy.example"), Transport::Tls, Some("proxy.example:5061"), "TLS 192.0.2.7:5071");
        // An address is looked for as it is written, but that TLS has its port.
        check("192.0.2.7", None, Transport::Tcp, Some("192.0.2.7:5060"), "TCP 192.0.2.7");
        check("192.0.2.7", None, Transport::Tls, Some("192.0.2.7:5061"), "TLS 192.0.2.7:5061");
        check("[2001:db8::7]:5071", None, Transport::Tls, Some("[2001:db8::7]:5071"), "TLS 192.0.2.7:5071");
    }
}
