//! The engine: a few threads, each of which moves the frames of its calls, 50 times a second.
//!
//! A call belongs to one thread and to one of 20 slots of a millisecond; in its slot its socket is emptied, a frame is
//! heard, one is said, and both go to the tap. So the work of many calls is spread over the time, a thread wakes once in a
//! millisecond at most, and no call waits for another one's lock.

use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::Frame;
use super::handle::{Events, Media, Shared};
use super::ports::{MediaError, PortPool};
use super::sdp::Negotiation;
use super::source::Latching;
use super::srtp::MasterKey;
use super::stats::{EngineStats, quantile};
use super::stream::{Identity, Stream};

mod call;
mod clock;
mod shard;

use call::Call;
use clock::Clock;
use shard::ShardShared;

/// Events that may wait for whoever takes them: half of them frames, so that there is room for digits.
pub(crate) const EVENTS_MAX: usize = 128;

/// Places among `EVENTS_MAX` that frames leave free.
pub(crate) const EVENTS_RESERVED: usize = 64;

/// What an engine needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads; each carries several hundred calls. At least one.
    pub shards: usize,
    /// Ports that calls use, in pairs that begin with an even one; `0..=0` lets the system choose.
    pub ports: RangeInclusive<u16>,
    /// Which sources other than the signalled address are followed.
    pub latching: Latching,
    /// How much waits before it is heard: against packets that come unevenly. 20 to 200 ms.
    pub jitter: Duration,
    /// After how long without a packet a call is told that its line is silent.
    pub silence_max: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            shards: 1,
            ports: 20_000..=29_999,
            latching: Latching::default(),
            jitter: Duration::from_millis(40),
            silence_max: Duration::from_secs(20),
        }
    }
}

/// Hears both voices of a call: a recorder.
pub trait Tap: Send {
    /// The next 20 ms, from when media began: the k-th call is at sample 160 · k. Must not block.
    fn frame(&mut self, customer: &Frame, robot: &Frame);
}

/// Carries the voices of calls. Cloning it is cheap; its threads end when the last clone and the last call are gone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    shards: Vec<(Arc<ShardShared>, JoinHandle<()>)>,
    ports: Arc<PortPool>,
    options: EngineOptions,
    random: Mutex<StdRng>,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread, or no randomness.
    pub fn start(options: EngineOptions) -> io::Result<Self> {
        let random = StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?;
        let clock = Clock::start();
        let mut shards = Vec::new();
        for number in 0..options.shards.max(1) {
            let shared = Arc::new(ShardShared::new());
            let of_thread = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(format!("media-{number}"))
                .spawn(move || shard::run(&of_thread, clock))?;
            shards.push((shared, thread));
        }
        let ports = PortPool::new(&options.ports);
        Ok(Self { inner: Arc::new(Inner { shards, ports, options, random: Mutex::new(random) }) })
    }

    /// Opens a call's media on an address of this machine. It does nothing until something is agreed on. An unspecified
    /// address is one that nobody can send to: with it, `Formats::advertised` has to name another.
    ///
    /// The stream of `Events` ends when the media is closed and its ports are given back.
    ///
    /// # Errors
    /// No port is free, or the address cannot be used.
    pub fn open(&self, local: IpAddr, tap: Option<Box<dyn Tap>>) -> Result<(Media, Events), MediaError> {
        let sockets = self.inner.ports.open(local)?;
        let address = sockets.voices.local_addr().map_err(|source| MediaError::Socket { address: local, source })?;
        let (identity, session, keys) = self.inner.draw();
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        let stream = Stream::new(identity, self.inner.options.latching, self.inner.options.jitter);
        let call = Call::new(sockets, stream, tap, sender, Arc::clone(&shared), self.inner.options.silence_max);
        let least = self.inner.shards.iter().min_by_key(|(shard, _)| shard.open.load(Ordering::Relaxed));
        let (shard, thread) = least.ok_or(MediaError::Stopped)?;
        shard.adopt(call);
        thread.thread().unpark();
        let negotiation = Negotiation::new(address, session, keys);
        Ok((Media::new(self.clone(), address, negotiation, shared), Events::new(receiver)))
    }

    /// Counts of all calls since the start.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let shards = || self.inner.shards.iter().map(|(shard, _)| shard);
        let sum = |count: fn(&ShardShared) -> u64| shards().map(|shard| count(shard)).sum();
        let lateness = || shards().map(|shard| &shard.lateness);
        EngineStats {
            open: sum(|shard| shard.open.load(Ordering::Relaxed) as u64),
            ticks: sum(|shard| shard.ticks.load(Ordering::Relaxed)),
            skipped: sum(|shard| shard.skipped.load(Ordering::Relaxed)),
            late_p50: quantile(&lateness(), 500),
            late_p99: quantile(&lateness(), 990),
            late_max: lateness().map(super::stats::Lateness::max).max().unwrap_or_default(),
            sent: sum(|shard| shard.sent.load(Ordering::Relaxed)),
            received: sum(|shard| shard.received.load(Ordering::Relaxed)),
            lost: sum(|shard| shard.lost.load(Ordering::Relaxed)),
            late: sum(|shard| shard.late.load(Ordering::Relaxed)),
            strangers: sum(|shard| shard.strangers.load(Ordering::Relaxed)),
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Inner {
    fn draw(&self) -> (Identity, u64, [MasterKey; 2]) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = Identity {
            ssrc: random.random(),
            // Far from its end, so that the first wrap comes late (RFC 3711 section 3.3.1 asks for it).
            sequence: random.random_range(0..1 << 15),
            timestamp: random.random(),
        };
        let mut key = || {
            let mut bytes = [0; 30];
            random.fill_bytes(&mut bytes);
            MasterKey::new(bytes)
        };
        let keys = [key(), key()];
        // Some read the session's number as signed, and some in 32 bits.
        (identity, u64::from(random.random::<u32>() >> 1), keys)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for (shard, thread) in &self.shards {
            shard.stop.store(true, Ordering::Release);
            thread.thread().unpark();
        }
        for (_, thread) in self.shards.drain(..) {
            // A tap may hold the last engine: its thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a media thread ended in a panic");
            }
        }
    }
}
