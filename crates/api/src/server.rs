//! The HTTP server: connections, and their end.
//!
//! The end needs care. Some clients send a whole request twice over one `Connection: close` socket. The
//! first is answered; the copy must never run, and if the socket were simply dropped with the copy unread,
//! the kernel would answer with a reset that can overtake the first answer. So our side is closed, and what
//! still comes is read and thrown away, within bounds: a *lingering close*.

mod addresses;
mod headers;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hutong_domain::address::Networks;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::Service;

use crate::app::ConnectionLimits;
use crate::auth::Peer;
use crate::compat::path;
use addresses::Addresses;
pub(crate) use addresses::ClientAddress;
pub use addresses::client;

/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// While the server stops, connections linger no longer than this.
const STOPPING_LINGER_MAX: Duration = Duration::from_millis(500);
/// Bytes that are thrown away at a time.
const SCRAP_BYTES: usize = 16 << 10;
/// Bytes that a connection may have been sent, besides headers, before anybody has asked for them.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// The certificate of a server and its key: each handshake takes those of its moment.
pub type Tls = watch::Receiver<Arc<ServerConfig>>;

/// Where connections come from.
pub struct Listener {
    /// The socket.
    pub tcp: TcpListener,
    /// Set where this server speaks TLS itself.
    pub tls: Option<Tls>,
    /// Whether clients come by https, to this server or to a proxy in front of it: they are told to stay with it.
    pub is_https: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
}

impl From<TcpListener> for Listener {
    /// Plain HTTP, without a proxy.
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None, is_https: false, trusted_proxies: Networks::default() }
    }
}

/// Serves `router` until `shutdown` is done; then lets requests in progress end.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let Listener { tcp, tls, is_https, trusted_proxies } = listener.into();
    let addresses = Addresses::new(limits.connections_per_address_max);
    let server =
        Arc::new(Server { protocol: protocol(&limits), router, limits, tls, is_https, trusted_proxies, addresses });
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer, slot) = accept(&tcp, &slots) => {
                let (server, stopping) = (Arc::clone(&server), stopping.clone());
                connections.spawn(async move {
                    server.run(stream, peer, stopping).await;
                    drop(slot);
                });
            }
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(tcp);
    stop.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.stop_time_max, all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests were cut off: they did not end in time");
        connections.shutdown().await;
    }
}

/// The next connection, once there is a slot for it.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, IpAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip().to_canonical(), slot),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                #[allow(clippy::disallowed_methods, reason = "waits for the system, in no campaign's time")]
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn protocol(limits: &ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time_max)
        .max_header_size(limits.header_bytes_max)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max + READ_AHEAD_BYTES)
        .keep_alive(true);
    builder
}

struct Server {
    protocol: http1::Builder,
    router: Router,
    limits: ConnectionLimits,
    tls: Option<Tls>,
    is_https: bool,
    trusted_proxies: Networks,
    addresses: Addresses,
}

impl Server {
    async fn run(&self, stream: TcpStream, peer: IpAddr, mut stopping: watch::Receiver<bool>) {
        // What comes from a proxy comes from many clients.
        let is_proxy = self.trusted_proxies.contains(peer);
        let Some(_counted) = self.addresses.enter(peer, is_proxy) else {
            metrics::counter!("hutong_http_connections_refused_total").increment(1);
            tracing::debug!(%peer, "a connection was refused: its address has as many as it may");
            return;
        };
        // Answers are written whole: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.converse(stream, peer, stopping).await };
        let acceptor = TlsAcceptor::from(tls.borrow().clone());
        let handshake = tokio::select! {
            handshake = timeout(self.limits.header_time_max, acceptor.accept(stream)) => handshake,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match handshake {
            Ok(Ok(stream)) => self.converse(stream, peer, stopping).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake of TLS failed"),
            Err(_elapsed) => tracing::debug!("a handshake of TLS was not made in time"),
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite, peer: IpAddr, mut stopping: watch::Receiver<bool>) {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.limits.write_time_max));
        let service = service_fn(|request| Box::pin(self.answer(peer, request)));
        let mut connection = self.protocol.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let mut told = false;
        loop {
            tokio::select! {
                served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    break;
                }
                _ = stopping.wait_for(|stopping| *stopping), if !told => {
                    told = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
        let time_max = if told { STOPPING_LINGER_MAX } else { self.limits.linger_time_max };
        let _ = timeout(time_max, linger(connection.into_parts().io.into_inner(), self.limits.linger_bytes_max)).await;
    }

    async fn answer(&self, peer: IpAddr, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        if let Some(collapsed) = path::collapse(request.uri()) {
            *request.uri_mut() = collapsed;
        }
        let client = ClientAddress::of(peer, request.headers(), &self.trusted_proxies);
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(Peer(peer));
        let mut response = self.router.clone().call(request).await?;
        headers::secure(response.headers_mut(), self.is_https);
        Ok(response)
    }
}

async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes_max: usize) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scrap = vec![0; SCRAP_BYTES];
    let mut left = bytes_max;
    while left > 0 {
        match stream.read(&mut scrap).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => left = left.saturating_sub(bytes),
        }
    }
}
