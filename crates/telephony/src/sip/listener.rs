//! Takes connections over TCP. The library's own listener opens its socket some time after the agent has started, tells
//! nobody when it cannot, takes connections without a bound, and waits without end for a peer who does not read.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::Transport;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::{SipAddr, TransportLayer};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::clock;

/// Connections that others have opened, at once; more are closed as they come.
const CONNECTIONS_MAX: usize = 1_000;
/// Connections that wait to be taken.
const BACKLOG: i32 = 1_024;
/// After how long a peer is given up who does not read what is sent to him. Short: one task answers requests that belong
/// to no call, and waits for him.
const UNREAD_MAX: Duration = Duration::from_secs(2);
/// After how long without a packet a peer is asked whether he is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// A pause after a connection that could not be taken: there may be too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens the socket.
pub(super) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // What is left of earlier connections does not keep the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes connections until `cancel`; `address` is what we are known by.
pub(super) fn serve(
    listener: TcpListener,
    transports: &TransportLayer,
    address: SocketAddr,
    cancel: CancellationToken,
) {
    let local = SipAddr { r#type: Some(Transport::Tcp), addr: address.into() };
    let transports = TransportLayer { outbound: None, inner: transports.inner.clone() };
    tokio::spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = accept(&listener, &transports, &local, &cancel) => {}
        }
    });
}

async fn accept(listener: &TcpListener, transports: &TransportLayer, local: &SipAddr, cancel: &CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                clock::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            tracing::warn!("a connection is closed: {CONNECTIONS_MAX} are open");
            continue;
        };
        if let Err(error) = take(stream, slot, transports, local, cancel.child_token()) {
            // Gone already.
            tracing::debug!(%error, "a connection came to nothing");
        }
    }
}

/// Has the system send at once what is written, and find out that a peer is gone, or does not read for so long.
pub(super) fn prepare(stream: &TcpStream, unread_max: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    // An INVITE that follows an ACK would wait for the far side to acknowledge the packet before: 40 ms of each call.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(unread_max))?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4).with_retries(4))
}

fn take(
    stream: TcpStream,
    slot: OwnedSemaphorePermit,
    transports: &TransportLayer,
    local: &SipAddr,
    closed: CancellationToken,
) -> io::Result<()> {
    prepare(&stream, UNREAD_MAX)?;
    let connection =
        TcpConnection::from_stream(stream, local.clone(), Some(closed.clone())).map_err(io::Error::other)?;
    transports.add_connection(connection.into());
    // The library cancels the connection's token when it is closed.
    tokio::spawn(async move {
        closed.cancelled().await;
        drop(slot);
    });
    Ok(())
}
