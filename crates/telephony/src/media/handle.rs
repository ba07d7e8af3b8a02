//! The handle of one call's media, and what it tells of the call.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::Frame;
use super::bridge::{self, Bridge, BridgeEnd};
use super::digits::{self, DigitsError};
use super::engine::Engine;
use super::player::{CLIPS_MAX, Clip, Playback};
use super::sdp::{Agreement, Formats, Negotiated, Negotiation, SdpError};
use super::stats::StreamStats;

/// Digits that may be asked for between two ticks.
const DIGITS_MAX: usize = 64;

/// What happens on a call's media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// 20 ms of the customer, while `Media::listen` is on.
    Frame {
        /// The place of its first sample on the stream's clock.
        position: u64,
        /// Its samples; apart, so that the queue of a call that is not listened to stays small.
        frame: Box<Frame>,
    },
    /// The customer pressed a key: 0 to 9, *, #, A to D.
    Digit(char),
    /// The far side's first packet came; or the first after `Silent`.
    Began,
    /// No packet came for as long as the engine's `silence_max`.
    Silent,
}

/// The stream of a call's events. A frame that is not taken in time is dropped and counted; other events are not.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    pub(crate) fn new(receiver: mpsc::Receiver<Event>) -> Self {
        Self { receiver }
    }

    /// The next event; None once the media is closed and its ports are given back. Can be cancelled without loss.
    pub async fn next(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// The next event, if one waits.
    pub fn next_waiting(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }
}

/// One call's media. Dropping it closes the stream within 20 ms and gives its ports back.
#[derive(Debug)]
pub struct Media {
    shared: Arc<Shared>,
    local: SocketAddr,
    negotiation: Mutex<Talks>,
    // Keeps the threads running.
    _engine: Engine,
}

/// The negotiation, and what it has come to.
struct Talks {
    negotiation: Negotiation,
    agreement: Option<Agreement>,
}

impl std::fmt::Debug for Talks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys are in both: neither is shown.
        let negotiated = self.agreement.map(|agreement| agreement.negotiated);
        formatter.debug_struct("Talks").field("negotiated", &negotiated).finish_non_exhaustive()
    }
}

impl Media {
    pub(crate) fn new(engine: Engine, local: SocketAddr, negotiation: Negotiation, shared: Arc<Shared>) -> Self {
        let negotiation = Mutex::new(Talks { negotiation, agreement: None });
        Self { shared, local, negotiation, _engine: engine }
    }

    /// Where the call's voices are received.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// A session description that offers `formats`.
    #[must_use]
    pub fn offer(&self, formats: &Formats) -> String {
        lock(&self.negotiation).negotiation.offer(formats)
    }

    /// Takes the answer to our offer: from here on sound goes both ways. Another answer, of a fork or after early media,
    /// takes the place of the one before.
    ///
    /// # Errors
    /// The answer cannot be read or shares nothing with the offer; what was agreed on before stays.
    pub fn accept(&self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        let mut talks = lock(&self.negotiation);
        let agreement = talks.negotiation.accept(answer)?;
        talks.agreement = Some(agreement);
        self.shared.ask(|asked| asked.agreement = Some(Box::new(agreement)));
        Ok(agreement.negotiated)
    }

    /// Answers the far side's offer, be it the call's first or one that holds or changes it.
    ///
    /// # Errors
    /// The offer cannot be read or shares nothing with `formats`; what was agreed on before stays.
    pub fn answer(&self, offer: &[u8], formats: &Formats) -> Result<String, SdpError> {
        let mut talks = lock(&self.negotiation);
        let (text, agreement) = talks.negotiation.answer(offer, formats)?;
        talks.agreement = Some(agreement);
        self.shared.ask(|asked| asked.agreement = Some(Box::new(agreement)));
        Ok(text)
    }

    /// What was agreed on last.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        lock(&self.negotiation).agreement.map(|agreement| agreement.negotiated)
    }

    /// Plays a clip behind what plays already. It waits while nothing can be sent: before an agreement, and on hold.
    /// Beyond 256 clips that wait, it ends at once, unplayed.
    pub fn play(&self, clip: Arc<[i16]>) -> Playback {
        let (clip, playback) = Clip::new(clip);
        let refused = self.shared.ask(|asked| {
            if asked.clips.len() < CLIPS_MAX && !asked.ended {
                asked.clips.push(clip);
                None
            } else {
                Some(clip)
            }
        });
        if let Some(clip) = refused {
            clip.end(self.position(), false);
        }
        playback
    }

    /// Ends what plays and what waits to.
    pub fn stop_playing(&self) {
        let unplayed = self.shared.ask(|asked| {
            asked.stop = true;
            std::mem::take(&mut asked.clips)
        });
        for clip in unplayed {
            clip.end(self.position(), false);
        }
    }

    /// Sends digits as events (RFC 4733), each for 100 ms; what plays waits for them.
    ///
    /// # Errors
    /// One is no key, the far side does not take it, or too many wait. None of them is sent then.
    pub fn send_digits(&self, digits: &str) -> Result<(), DigitsError> {
        let sent = lock(&self.negotiation).agreement.and_then(|agreement| agreement.digits_sent);
        let (_, events) = sent.ok_or(DigitsError::NotNegotiated)?;
        let mut codes = Vec::new();
        for key in digits.chars().take(DIGITS_MAX + 1) {
            let code = digits::code(key)?;
            if 1u16.checked_shl(code.into()).is_none_or(|bit| events & bit == 0) {
                return Err(DigitsError::NotNegotiated);
            }
            codes.push(code);
        }
        self.shared.ask(|asked| {
            if asked.digits.len() + codes.len() > DIGITS_MAX {
                return Err(DigitsError::TooMany);
            }
            asked.digits.extend(codes);
            Ok(())
        })
    }

    /// Lets this call and another one hear each other, in place of whatever plays in them; a bridge that either had before
    /// ends. Digits are not passed on: they are events of each.
    #[must_use = "the bridge ends when this is dropped"]
    pub fn bridge(&self, other: &Self) -> Bridge {
        let (bridge, here, there) = bridge::build();
        for (media, end) in [(self, here), (other, there)] {
            media.stop_playing();
            media.shared.ask(|asked| asked.bridge = Some(Box::new(end)));
        }
        bridge
    }

    /// Whether the customer's frames are delivered as events; at first they are not.
    pub fn listen(&self, listens: bool) {
        self.shared.ask(|asked| asked.listens = Some(listens));
    }

    /// Samples since media began, the clock of recordings and playbacks; it stands still before an agreement.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shared.position.load(Ordering::Relaxed)
    }

    /// Counts as of the last tick.
    #[must_use]
    pub fn stats(&self) -> StreamStats {
        *lock(&self.shared.stats)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

/// What the handle and the shard share of one call.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) closed: AtomicBool,
    /// Something is in `inbox`: the shard looks there only then.
    pub(crate) asked: AtomicBool,
    inbox: Mutex<Asked>,
    position: AtomicU64,
    stats: Mutex<StreamStats>,
}

/// What the handle asked for since the last tick; what waits in it is bounded by those who put it there.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) agreement: Option<Box<Agreement>>,
    pub(crate) stop: bool,
    pub(crate) clips: Vec<Clip>,
    pub(crate) digits: Vec<u8>,
    pub(crate) listens: Option<bool>,
    pub(crate) bridge: Option<Box<BridgeEnd>>,
    /// Nobody will do any of this.
    ended: bool,
}

impl Shared {
    pub(crate) fn take_asked(&self) -> Asked {
        std::mem::take(&mut *lock(&self.inbox))
    }

    /// The call is gone: what was still asked for is not done.
    pub(crate) fn end(&self) {
        *lock(&self.inbox) = Asked { ended: true, ..Asked::default() };
    }

    pub(crate) fn publish(&self, position: u64, stats: StreamStats) {
        self.position.store(position, Ordering::Relaxed);
        *lock(&self.stats) = stats;
    }

    fn ask<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        let result = change(&mut lock(&self.inbox));
        self.asked.store(true, Ordering::Release);
        result
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Nothing is left half changed under these locks, so a panic elsewhere does not spoil what they guard.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
