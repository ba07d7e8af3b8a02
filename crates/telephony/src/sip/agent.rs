//! The user agent: its sockets, and the loop that gives every request from outside to the call that it belongs to.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::platform::CancellationToken;
use rsipstack::sip::{self, Header, HeadersExt as _, Method, StatusCode};
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{Endpoint, TransactionReceiver};
use rsipstack::transport::TransportLayer;
use rsipstack::transport::transport_layer::DefaultDomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::{EndpointBuilder, Error as StackError};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::authorities::Authorities;
use super::call::{Reply, Request, SessionChange, SipError};
use super::connections::{Connections, Hop, Resolver};
use super::incoming::{self, IncomingCall};
use super::trunk::{Transport, Trunk};
use super::{datagrams, header, listener, session_timer};

/// Requests from outside that are handled at once; a ringing call is one of them. Beyond it they are left alone, and
/// the far side sends them again.
const HANDLED_MAX: usize = 20_000;
/// Ports that are tried where any port will do.
const PORTS_TRIED_MAX: u32 = 16;
/// Requests inside one call that wait for it.
pub(super) const WAITING_IN_CALL_MAX: usize = 16;
/// Methods that we take.
pub(super) const ALLOWED: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY";
/// After how long a stream on which nothing comes is closed: longer than calls last. The far side of a call that says
/// nothing meanwhile has to reach us at its end; who vanished is found out by the system.
const STREAM_IDLE_MAX: Duration = Duration::from_secs(3_600);
/// What our Call-IDs end with: no name of a host, which would tell about the network.
const CALL_ID_SUFFIX: &str = "hutong";

/// Where a user agent listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address of UDP, and of TCP where that is taken. Port 0 takes a free one.
    pub address: SocketAddr,
    /// The address that others see, where it is not that of the socket (behind a network address translation).
    pub advertised: Option<SocketAddr>,
    /// Whether TCP is taken on the same port.
    pub tcp: bool,
    /// Who vouches for trunks over TLS. TLS is not listened on: whoever places calls opens the connections, and requests
    /// within a call come on the same ones; so no certificate is needed here.
    pub authorities: Authorities,
    /// The shortest session interval that a far side may ask for, in seconds: 90 (RFC 4028 §5), but in a laboratory.
    pub session_s_min: u32,
}

impl Listen {
    /// UDP and TCP at this address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            advertised: None,
            tcp: true,
            authorities: Authorities::default(),
            session_s_min: session_timer::INTERVAL_S_MIN,
        }
    }
}

/// What a user agent is busy with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentStats {
    /// Calls that are not over.
    pub calls: usize,
    /// Dialogs that the protocol library knows.
    pub dialogs: usize,
    /// Transactions that are not over.
    pub transactions: usize,
}

/// Places and takes calls. A clone is the same agent.
#[derive(Clone)]
pub struct UserAgent {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) layer: Arc<DialogLayer>,
    endpoint: Endpoint,
    cancel: CancellationToken,
    local: SocketAddr,
    advertised: Option<SocketAddr>,
    /// Whether others can open connections to us over TCP.
    takes_tcp: bool,
    pub(super) session_s_min: u32,
    pub(super) connections: Arc<Connections>,
    notes: Mutex<HashMap<String, Notes>>,
}

/// What the loop has to know of a call, by its Call-ID.
pub(super) struct Notes {
    /// Takes requests that come before the answer.
    pub(super) early: mpsc::Sender<Request>,
    /// The cause that the far side hung up with.
    pub(super) q850: Option<u8>,
    /// Held by requests inside the call until they are replied to: the way to the call itself has no bound.
    waiting: Arc<Semaphore>,
}

impl Notes {
    pub(super) fn new(early: mpsc::Sender<Request>) -> Self {
        Self { early, q850: None, waiting: Arc::new(Semaphore::new(WAITING_IN_CALL_MAX)) }
    }
}

impl UserAgent {
    /// Opens the sockets. Calls from outside go to `calls`; without it they are refused with 480.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub async fn start(listen: Listen, calls: Option<mpsc::Sender<IncomingCall>>) -> Result<Self, SipError> {
        let cancel = CancellationToken::new();
        let connections = Arc::new(Connections::new(&listen.authorities));
        let resolver = Resolver { connections: connections.clone(), system: DefaultDomainResolver::new() };
        let transports = TransportLayer::new_with_domain_resolver(cancel.clone(), Box::new(resolver));
        transports.set_stream_idle_timeout(STREAM_IDLE_MAX);
        transports.set_tls_config(listen.authorities.tls_config());
        let local = open(&transports, &listen, &cancel).await?;
        let option = EndpointOption { callid_suffix: Some(CALL_ID_SUFFIX.to_owned()), ..EndpointOption::default() };
        let endpoint = EndpointBuilder::new()
            .with_user_agent(concat!("hutong/", env!("CARGO_PKG_VERSION")))
            .with_cancel_token(cancel.clone())
            .with_transport_layer(transports)
            .with_option(option)
            .build();
        let incoming = endpoint.incoming_transactions().map_err(|error| SipError::Unreachable(error.to_string()))?;
        let layer = Arc::new(DialogLayer::new(endpoint.inner.clone()));
        let serving = endpoint.inner.clone();
        tokio::spawn(async move {
            if let Err(error) = serving.serve().await {
                tracing::error!(%error, "SIP is no longer served");
            }
        });
        let Listen { advertised, tcp: takes_tcp, session_s_min, .. } = listen;
        let inner = Arc::new(Inner {
            layer,
            endpoint,
            cancel,
            local,
            advertised,
            takes_tcp,
            session_s_min,
            connections,
            notes: Mutex::default(),
        });
        tokio::spawn(serve(Arc::downgrade(&inner), incoming, calls));
        Ok(Self { inner })
    }

    /// The address of UDP.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.inner.local
    }

    /// What is going on.
    #[must_use]
    pub fn stats(&self) -> AgentStats {
        AgentStats {
            calls: self.inner.notes().len(),
            dialogs: self.inner.layer.len(),
            transactions: self.inner.endpoint.inner.get_stats().running_transactions,
        }
    }

    /// Our address on the way to a trunk: where it reaches us, and where its voices are sent from. Over TCP and TLS, the
    /// connection to it is opened where there is none; its certificate has to be for the name by which the trunk, or its
    /// outbound proxy, is written (RFC 5922 §4).
    ///
    /// # Errors
    /// When its name does not resolve, or there is no way to it. [`SipError::Untrusted`] says what is wrong with its TLS.
    pub async fn address_towards(&self, trunk: &Trunk) -> Result<IpAddr, SipError> {
        let connected = self.inner.connect(Hop::of(trunk).as_ref()).await?;
        let ip = self.inner.local.ip();
        if let Some((local, _)) = connected {
            return Ok(if ip.is_unspecified() { local.ip() } else { ip });
        }
        let host = trunk.outbound_proxy.as_ref().unwrap_or(&trunk.server);
        let lost = |error: String| SipError::Unreachable(format!("{host}: {error}"));
        let mut found = tokio::net::lookup_host(with_port(host)).await.map_err(|error| lost(error.to_string()))?;
        let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        let far = found.find(|far| far.is_ipv4() == ip.is_ipv4());
        let far =
            far.ok_or_else(|| lost(format!("has no address of {family}, which is what SIP is listened for on")))?;
        if ip.is_unspecified() { local_address_towards(far).map_err(|error| lost(error.to_string())) } else { Ok(ip) }
    }

    /// Ends everything at once: calls that are not over are left without a word.
    pub fn stop(&self) {
        self.inner.cancel.cancel();
    }
}

impl Inner {
    pub(super) fn notes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Notes>> {
        // What is kept there is whole at every moment.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn endpoint(&self) -> &rsipstack::transaction::endpoint::EndpointInnerRef {
        &self.endpoint.inner
    }

    /// Makes sure that the connection to this hop is there; our address on it, and the far side's.
    pub(super) async fn connect(&self, hop: Option<&Hop>) -> Result<Option<(SocketAddr, SocketAddr)>, SipError> {
        let Some(hop) = hop else { return Ok(None) };
        if let Some(addresses) = self.connections.addresses(hop) {
            return Ok(Some(addresses));
        }
        let (connections, endpoint) = (self.connections.clone(), self.endpoint.inner.clone());
        let (hop, cancel) = (hop.clone(), self.cancel.clone());
        // Goes on for those who ask later, should this one lose patience: a name may have dead addresses before a live one.
        let opening = tokio::spawn(async move { connections.open(&endpoint.transport_layer, &hop, &cancel).await });
        let opened = opening.await.map_err(|error| SipError::Unreachable(error.to_string()))?;
        opened.map(Some)
    }

    /// Waits until the connection to this hop is closed; for ever over UDP.
    pub(super) async fn disconnected(&self, hop: Option<&Hop>) {
        match hop {
            Some(hop) => self.connections.closed(hop).await,
            None => std::future::pending().await,
        }
    }

    /// Where a trunk reaches us: on the connection that we have opened to it, where it could not open one itself.
    pub(super) fn contact_for(&self, trunk: &Trunk, user: &str, ip: IpAddr) -> Result<sip::Uri, SipError> {
        let opens = trunk.transport == Transport::Udp || trunk.transport == Transport::Tcp && self.takes_tcp;
        let hop = Hop::of(trunk).filter(|_| !opens);
        let Some((local, _)) = hop.and_then(|hop| self.connections.addresses(&hop)) else {
            return contact(user, self.listens_at(ip), trunk.transport);
        };
        let seen = SocketAddr::new(self.advertised.map_or(local.ip(), |seen| seen.ip()), local.port());
        contact(user, seen, trunk.transport)
    }

    /// Where others open connections to us, and send datagrams; `ip` is our address towards them.
    pub(super) fn listens_at(&self, ip: IpAddr) -> SocketAddr {
        self.advertised.unwrap_or_else(|| SocketAddr::new(ip, self.local.port()))
    }

    /// The address of the socket.
    pub(super) fn local_ip(&self) -> IpAddr {
        self.local.ip()
    }

    /// Forgets a call.
    pub(super) fn forget(&self, call_id: &str, dialog: &DialogId) {
        self.notes().remove(call_id);
        self.layer.remove_dialog(dialog);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// A Contact: this user at this address.
pub(super) fn contact(user: &str, address: SocketAddr, transport: Transport) -> Result<sip::Uri, SipError> {
    let kind = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    let text = format!("sip:{user}@{address}{kind}");
    sip::Uri::try_from(text.as_str()).map_err(|error| SipError::Malformed(format!("{text}: {error}")))
}

/// A host with the standard port where it has none.
pub(super) fn with_port(host: &str) -> String {
    if host.parse::<SocketAddr>().is_ok() || has_port(host) { host.to_owned() } else { format!("{host}:5060") }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The address that the system would send from. Nothing is sent.
fn local_address_towards(far: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(far)?;
    Ok(socket.local_addr()?.ip())
}

/// Opens the sockets; the address of UDP.
async fn open(
    transports: &TransportLayer,
    listen: &Listen,
    cancel: &CancellationToken,
) -> Result<SocketAddr, SipError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| SipError::Socket {
        what: format!("{what} {}", listen.address),
        cause: error.to_string(),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let socket = datagrams::open(listen.address).map_err(|error| failed("UDP", &error))?;
        let udp = UdpConnection::from_socket(socket, listen.advertised, Some(cancel.child_token()));
        let udp = udp.await.map_err(|error| failed("UDP", &error))?;
        let bound = udp.get_addr().get_socketaddr().map_err(|error| failed("UDP", &error))?;
        let local = SocketAddr::new(listen.address.ip(), bound.port());
        if listen.tcp {
            match listener::open(local) {
                Ok(tcp) => listener::serve(tcp, transports, listen.advertised.unwrap_or(local), cancel.clone()),
                // What was free for UDP need not be so for TCP: another one is taken, where any will do.
                Err(_) if listen.address.port() == 0 && attempts < PORTS_TRIED_MAX => continue,
                Err(error) => return Err(failed("TCP", &error)),
            }
        }
        transports.add_transport(udp.into());
        return Ok(local);
    }
}

/// Takes requests until the agent is gone.
async fn serve(
    agent: std::sync::Weak<Inner>,
    mut incoming: TransactionReceiver,
    calls: Option<mpsc::Sender<IncomingCall>>,
) {
    let slots = Arc::new(Semaphore::new(HANDLED_MAX));
    while let Some(transaction) = incoming.recv().await {
        let Some(agent) = agent.upgrade() else { break };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            tracing::warn!("a request from outside is left alone: {HANDLED_MAX} are being handled");
            continue;
        };
        let calls = calls.clone();
        tokio::spawn(async move {
            if let Err(error) = handle(agent, transaction, calls).await {
                tracing::debug!(%error, "a request from outside came to nothing");
            }
            drop(slot);
        });
    }
}

async fn handle(
    agent: Arc<Inner>,
    mut transaction: Transaction,
    calls: Option<mpsc::Sender<IncomingCall>>,
) -> Result<(), StackError> {
    let method = transaction.original.method;
    if let Some(Dialog::Invite(mut dialog)) = agent.layer.match_dialog(&transaction) {
        if method == Method::Bye {
            let cause = header::q850_cause(&transaction.original);
            if let Some(notes) = agent.notes().get_mut(&dialog.id().call_id) {
                notes.q850 = cause;
            }
        }
        let waiting = agent.notes().get(&dialog.id().call_id).map(|notes| notes.waiting.clone());
        // Held no longer than needed: a ringing call would keep the agent alive.
        drop(agent);
        let _slot = match waiting.filter(|_| asks_the_call(method)).map(Semaphore::try_acquire_owned) {
            Some(Err(_)) => return transaction.reply(StatusCode::ServerInternalError).await,
            slot => slot,
        };
        return dialog.handle(&mut transaction).await;
    }
    let begins = transaction.original.to_header()?.tag()?.is_none();
    match method {
        Method::Ack => Ok(()),
        Method::Options => transaction.reply_with(StatusCode::OK, vec![Header::Allow(ALLOWED.into())], None).await,
        Method::Invite if begins => match calls {
            Some(calls) => incoming::begin(agent, transaction, &calls).await,
            None => transaction.reply(StatusCode::TemporarilyUnavailable).await,
        },
        Method::Update => early_update(&agent, transaction).await,
        Method::Notify | Method::Refer if !begins => transaction.reply(StatusCode::CallTransactionDoesNotExist).await,
        Method::Invite | Method::Bye | Method::Info | Method::PRack => {
            transaction.reply(StatusCode::CallTransactionDoesNotExist).await
        }
        _ => transaction.reply_with(StatusCode::MethodNotAllowed, vec![Header::Allow(ALLOWED.into())], None).await,
    }
}

/// Whether a request inside a call waits for the call to reply. What ends or confirms a call never waits.
fn asks_the_call(method: Method) -> bool {
    !matches!(method, Method::Ack | Method::Bye | Method::Cancel | Method::PRack)
}

/// An UPDATE before the answer (RFC 3311): the library's dialog is not confirmed yet, and does not take it.
async fn early_update(agent: &Arc<Inner>, mut transaction: Transaction) -> Result<(), StackError> {
    let call_id = transaction.original.call_id_header()?.value().to_owned();
    let early = agent.notes().get(&call_id).map(|notes| notes.early.clone());
    let Some(early) = early else { return transaction.reply(StatusCode::CallTransactionDoesNotExist).await };
    if !header::carries_sdp(&transaction.original) {
        return transaction.reply(StatusCode::OK).await;
    }
    let (reply, answer) = oneshot::channel();
    let change = SessionChange { offer: Some(transaction.original.body.clone()), reply };
    if early.try_send(Request::Session(change)).is_err() {
        return transaction.reply(StatusCode::ServerInternalError).await;
    }
    match answer.await {
        Ok(Reply::Accept(sdp)) => {
            let headers = vec![Header::ContentType("application/sdp".into())];
            transaction.reply_with(StatusCode::OK, headers, Some(sdp.into_bytes())).await
        }
        Ok(Reply::Refuse) | Err(_) => transaction.reply(StatusCode::NotAcceptableHere).await,
    }
}
