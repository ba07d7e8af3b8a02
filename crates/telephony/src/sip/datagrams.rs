//! The UDP socket of signalling.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::platform::net::UdpSocket as PlatformUdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// What may wait to be read: several thousand messages, a second of them at the rate that an agent sets calls up at. The
/// system's own value holds some ninety, and loses what a burst has beyond them. Linux gives up to `net.core.rmem_max`.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Opens it; a port that another program has is an error.
pub(super) fn open(address: SocketAddr) -> io::Result<Arc<dyn PlatformUdpSocket>> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // A system that gives less still carries calls.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Arc::new(tokio::net::UdpSocket::from_std(socket.into())?))
}
