//! The HTTP server: connections, and their end.
//!
//! The end needs care. Some clients send a whole request twice over one `Connection: close` socket. The
//! first is answered; the copy must never run, and if the socket were simply dropped with the copy unread,
//! the kernel would answer with a reset that can overtake the first answer. So our side is closed, and what
//! still comes is read and thrown away, within bounds: a *lingering close*.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::Service;

use crate::app::ConnectionLimits;
use crate::auth::Peer;
use crate::compat::path;

/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// While the server stops, connections linger no longer than this.
const STOPPING_LINGER_MAX: Duration = Duration::from_millis(500);
/// Bytes that are thrown away at a time.
const SCRAP_BYTES: usize = 16 << 10;

/// Serves `router` until `shutdown` is done; then lets requests in progress end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let server = Arc::new(Server { protocol: protocol(&limits), router, limits });
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer, slot) = accept(&listener, &slots) => {
                let (server, stopping) = (Arc::clone(&server), stopping.clone());
                connections.spawn(async move {
                    server.run(stream, Peer(peer), stopping).await;
                    drop(slot);
                });
            }
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
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
            Ok((stream, peer)) => return (stream, peer.ip(), slot),
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
        .keep_alive(true);
    builder
}

struct Server {
    protocol: http1::Builder,
    router: Router,
    limits: ConnectionLimits,
}

impl Server {
    async fn run(&self, stream: TcpStream, peer: Peer, mut stopping: watch::Receiver<bool>) {
        // Answers are written whole: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| Box::pin(answer(self.router.clone(), peer, request)));
        let mut connection = self.protocol.serve_connection(TokioIo::new(stream), service);
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
}

async fn answer(mut router: Router, peer: Peer, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(peer);
    if let Some(collapsed) = path::collapse(request.uri()) {
        *request.uri_mut() = collapsed;
    }
    router.call(request).await
}

async fn linger(mut stream: TcpStream, bytes_max: usize) {
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
