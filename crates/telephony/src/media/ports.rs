//! The range of ports that calls use: an even one for voices and the next for reports, given back when the call is gone.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// How often the system is asked for two neighbouring ports where it chooses them.
const CHOICES_MAX: usize = 64;

/// Kernel buffer of a call's voices: a second of packets with all that the kernel counts for each.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Expedited forwarding (RFC 4594 section 4.1), as the six upper bits of the byte.
const TYPE_OF_SERVICE: u32 = 46 << 2;

/// Ports that are free, the longest free first: a late packet of a call that ended rarely meets another call.
pub(crate) struct PortPool {
    free: Mutex<VecDeque<u16>>,
    /// The system chooses: for tests, and for machines that nothing else runs on.
    any: bool,
}

/// Two ports of a pool; dropping it gives them back.
pub(crate) struct PortLease {
    pool: Arc<PortPool>,
    port: u16,
}

/// Sockets of one call. They close before the ports are given back.
pub(crate) struct Sockets {
    pub(crate) voices: UdpSocket,
    pub(crate) reports: UdpSocket,
    _lease: Option<PortLease>,
}

/// Why no ports could be had.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// All ports are in use, by calls or by other programs.
    #[error("no port is free of the {0} pairs of the range: widen it, or carry fewer calls")]
    NoPort(usize),
    /// The address is none of this machine's, or a limit of the system is reached.
    #[error("no socket could be opened on {address}")]
    Socket {
        /// The local address.
        address: IpAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}

impl PortPool {
    /// A pool of the pairs in `range`; `0..=0` lets the system choose.
    pub(crate) fn new(range: &RangeInclusive<u16>) -> Arc<Self> {
        let any = *range.end() == 0;
        let pairs = range.clone().filter(|port| !any && port % 2 == 0 && *port != 0 && *port < *range.end());
        Arc::new(Self { free: Mutex::new(pairs.collect()), any })
    }

    /// Opens both sockets of a call on `address`.
    pub(crate) fn open(self: &Arc<Self>, address: IpAddr) -> Result<Sockets, MediaError> {
        if self.any {
            return open_any(address);
        }
        let tries = self.lock().len();
        for _ in 0..tries {
            let Some(port) = self.lock().pop_front() else { break };
            let lease = PortLease { pool: Arc::clone(self), port };
            match open_pair(address, port) {
                Ok((voices, reports)) => return Ok(Sockets { voices, reports, _lease: Some(lease) }),
                // Another program has it: the next one may be free.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(MediaError::Socket { address, source }),
            }
        }
        Err(MediaError::NoPort(tries))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<u16>> {
        // Whoever panicked did not leave the list half changed: each change is one call.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.pool.lock().push_back(self.port);
    }
}

fn open_any(address: IpAddr) -> Result<Sockets, MediaError> {
    for _ in 0..CHOICES_MAX {
        let socket_error = |source| MediaError::Socket { address, source };
        let voices = open_one(SocketAddr::new(address, 0)).map_err(socket_error)?;
        let port = voices.local_addr().map_err(socket_error)?.port();
        let Some(next) = port.checked_add(1) else { continue };
        if let Ok(reports) = open_one(SocketAddr::new(address, next)) {
            return Ok(Sockets { voices, reports, _lease: None });
        }
    }
    Err(MediaError::NoPort(CHOICES_MAX))
}

fn open_pair(address: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let voices = open_one(SocketAddr::new(address, port))?;
    Ok((voices, open_one(SocketAddr::new(address, port.saturating_add(1)))?))
}

fn open_one(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // Otherwise the same port of IPv4 is taken too, and its addresses look different.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    // A system that refuses these still carries the call.
    let options = SockRef::from(&socket);
    let _ = options.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let _ =
        if address.is_ipv6() { options.set_tclass_v6(TYPE_OF_SERVICE) } else { options.set_tos_v4(TYPE_OF_SERVICE) };
    Ok(socket)
}
