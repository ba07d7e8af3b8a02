//! The callee farm: a SIP server that plays the people who are called.
//!
//! They refuse, let it ring, are announced as switched off, or answer: then they wait until the robot has stopped, and
//! speak recorded phrases. Who does what stands in [`hutong_domain::sandbox`]: fixed numbers have fixed fates, any other
//! number has one by chance, from the seed of the farm. What they say is sent along as text as well, for robots that
//! have no recogniser.

mod kept_sound;
mod lossy;
mod person;
mod sound;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use hutong_domain::sandbox::Fate;
use hutong_telephony::media::{Engine, EngineOptions};
use hutong_telephony::sip::{IncomingCall, Listen, SipError, UserAgent};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{Semaphore, mpsc};

use kept_sound::KeptSound;
pub use person::Pace;

/// Calls that are lived at once; more are refused as busy (503).
const CALLS_MAX: usize = 10_000;
/// Calls that wait to be taken.
const WAITING_MAX: usize = 1_024;
/// Numbers whose calls are counted, so that a second call to one may go otherwise; beyond it counting begins anew.
const COUNTED_MAX: usize = 1_000_000;

/// What a farm needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens, UDP and TCP.
    pub listen: SocketAddr,
    /// Where everybody's character comes from.
    pub seed: u64,
    /// Ports of their voices.
    pub ports: RangeInclusive<u16>,
    /// How fast they are.
    pub pace: Pace,
    /// The folder where what each of them heard is kept: `NUMBER-NTH.wav`.
    pub record: Option<PathBuf>,
}

/// Why a farm cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// A socket.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// The threads of the voices.
    #[error("the voices of the callees: {0}")]
    Media(#[from] std::io::Error),
}

/// A farm that takes calls; it ends when it is dropped.
pub struct Farm {
    agent: UserAgent,
    engine: Engine,
}

impl Farm {
    /// Opens the farm.
    ///
    /// # Errors
    /// When a socket cannot be opened.
    pub async fn open(options: Options) -> Result<Self, FarmError> {
        let (sender, calls) = mpsc::channel(WAITING_MAX);
        let engine = Engine::start(EngineOptions { ports: options.ports.clone(), ..EngineOptions::default() })?;
        let agent = UserAgent::start(Listen::at(options.listen), Some(sender)).await?;
        tokio::spawn(take(calls, engine.clone(), options));
        Ok(Self { agent, engine })
    }

    /// Where it is called.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.agent.local_address()
    }

    /// Calls that are going on.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.agent.stats().calls
    }

    /// Its voices.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.agent.stop();
    }
}

/// Takes calls until the farm is gone.
async fn take(mut calls: mpsc::Receiver<IncomingCall>, engine: Engine, options: Options) {
    let slots = Arc::new(Semaphore::new(CALLS_MAX));
    let mut counted: HashMap<String, u64> = HashMap::new();
    while let Some(mut call) = calls.recv().await {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            call.refuse(hutong_telephony::sip::Refusal { code: 503, q850: Some(42) });
            continue;
        };
        if counted.len() >= COUNTED_MAX {
            counted.clear();
        }
        let nth = counted.entry(call.number.clone()).or_default();
        *nth += 1;
        let mut chance = StdRng::seed_from_u64(options.seed ^ of_text(&call.number) ^ *nth);
        let fate =
            Fate::of_number(sandbox_part(&call.number)).unwrap_or_else(|| Fate::by_chance(chance.random_range(0..100)));
        let heard = options.record.as_deref().map(|folder| KeptSound::new(folder, &call.number, *nth));
        let (engine, pace) = (engine.clone(), options.pace);
        tokio::spawn(async move {
            person::live(call, &engine, (fate, pace), chance, heard.as_ref()).await;
            if let Some(heard) = heard {
                // Nobody waits for it here.
                drop(tokio::task::spawn_blocking(move || heard.keep()));
            }
            drop(slot);
        });
    }
}

/// The sandbox number in a called number: a trunk may have put a prefix before it.
fn sandbox_part(number: &str) -> &str {
    number.len().checked_sub(11).and_then(|from| number.get(from..)).unwrap_or(number)
}

/// A number out of a text, the same one on every machine (FNV-1a).
fn of_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
