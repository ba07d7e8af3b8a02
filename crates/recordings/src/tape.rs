//! A tape: where the media engine's thread puts the voices of one call. It gathers half a second and hands it to the
//! writer; it never waits, and never touches a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::name::{Part, RecordingName};
use crate::wav::PAIR_BYTES;
use crate::writer::{Chunk, Writer};

/// Samples of one voice in a second.
pub const SAMPLE_RATE: u32 = 8_000;
/// Samples of one voice in a frame of 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// Frames that are gathered before they are handed to the writer: half a second, what a crash can cost.
const CHUNK_FRAMES: usize = 25;
const CHUNK_BYTES: usize = CHUNK_FRAMES * FRAME_SAMPLES * 4;
/// Twelve hours: what comes after that is not recorded. Sizes in WAV files have 32 bits.
const TAPE_SAMPLES_MAX: u64 = 12 * 3600 * 8_000;

/// Takes the voices of one call, frame by frame. It ends when it is dropped.
#[derive(Debug)]
pub struct Tape {
    state: Arc<TapeState>,
    writer: Writer,
    gathered: Vec<u8>,
    /// Samples of each voice that were given so far.
    position: u64,
}

impl Tape {
    pub(crate) fn new(state: Arc<TapeState>, writer: Writer) -> Self {
        Self { state, writer, gathered: Vec::new(), position: 0 }
    }

    /// The next 20 ms of both voices. Where the disk cannot follow, silence of the same length takes their place.
    pub fn frame(&mut self, customer: &[i16; FRAME_SAMPLES], robot: &[i16; FRAME_SAMPLES]) {
        if self.position >= TAPE_SAMPLES_MAX {
            return;
        }
        self.gathered.reserve_exact(if self.gathered.is_empty() { CHUNK_BYTES } else { 0 });
        for (customer, robot) in customer.iter().zip(robot) {
            let ([a, b], [c, d]) = (customer.to_le_bytes(), robot.to_le_bytes());
            self.gathered.extend_from_slice(&[a, b, c, d]);
        }
        self.position += FRAME_SAMPLES as u64;
        if self.gathered.len() >= CHUNK_BYTES {
            self.hand_over();
        }
    }

    /// The call was answered before the next frame: the copies for the API begin here, and times in transcripts count
    /// from here. Without it they begin with the tape.
    pub fn answered(&mut self) {
        self.state.answered_at.store(self.position, Ordering::Relaxed);
    }

    fn hand_over(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.gathered);
        let at = self.position - bytes.len() as u64 / PAIR_BYTES;
        self.state.given.store(self.position, Ordering::Relaxed);
        self.state.in_queue.fetch_add(1, Ordering::AcqRel);
        if !self.writer.give(Chunk { tape: Arc::clone(&self.state), at, bytes }) {
            self.state.in_queue.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.hand_over();
        self.state.ended.store(true, Ordering::Release);
        self.writer.look();
    }
}

/// What the session holds of a recording while the call runs: it says at the end what becomes of it. A take that is just
/// dropped is kept.
#[derive(Debug)]
pub struct Take {
    state: Arc<TapeState>,
    writer: Writer,
}

/// The names of a recording that is kept, for the call's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Both voices.
    pub recording: String,
    /// The customer alone.
    pub customer_recording: String,
}

impl Kept {
    /// The names of this recording's files.
    #[must_use]
    pub fn of(name: RecordingName) -> Self {
        let text = |part| name.file(part).to_string();
        Self { recording: text(Part::Both), customer_recording: text(Part::Customer) }
    }
}

impl Take {
    pub(crate) fn new(state: Arc<TapeState>, writer: Writer) -> Self {
        Self { state, writer }
    }

    /// The recording's name.
    #[must_use]
    pub fn name(&self) -> RecordingName {
        self.state.name
    }

    /// The names under which it can be found once it is kept.
    #[must_use]
    pub fn names(&self) -> Kept {
        Kept::of(self.state.name)
    }

    /// Keeps the recording, as soon as its tape has ended.
    #[must_use = "the call's row needs the names"]
    pub fn keep(self) -> Kept {
        // What was not decided otherwise is kept when it is dropped.
        self.names()
    }

    /// Throws the recording away, as soon as its tape has ended.
    pub fn discard(self) {
        self.state.decide(Verdict::Discard);
    }
}

impl Drop for Take {
    fn drop(&mut self) {
        self.state.decide(Verdict::Keep);
        self.writer.look();
    }
}

/// What becomes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep = 1,
    Discard = 2,
}

/// What tape, take and writer know of a recording together.
#[derive(Debug)]
pub(crate) struct TapeState {
    pub(crate) name: RecordingName,
    /// Where the call was answered, in samples.
    pub(crate) answered_at: AtomicU64,
    /// Samples of each voice that were handed over, or lost on the way.
    pub(crate) given: AtomicU64,
    /// Chunks that wait for the writer.
    pub(crate) in_queue: AtomicU32,
    ended: AtomicBool,
    verdict: AtomicU8,
    /// Whether a failure of this tape stands in the log already.
    pub(crate) complained: AtomicBool,
}

impl TapeState {
    pub(crate) fn new(name: RecordingName) -> Self {
        Self {
            name,
            answered_at: AtomicU64::new(0),
            given: AtomicU64::new(0),
            in_queue: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            verdict: AtomicU8::new(0),
            complained: AtomicBool::new(false),
        }
    }

    /// The first verdict counts.
    fn decide(&self, verdict: Verdict) {
        let _ = self.verdict.compare_exchange(0, verdict as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// What is to be done, once the tape has ended and all of it was written.
    pub(crate) fn due(&self) -> Option<Verdict> {
        if !self.ended.load(Ordering::Acquire) || self.in_queue.load(Ordering::Acquire) > 0 {
            return None;
        }
        match self.verdict.load(Ordering::Acquire) {
            0 => None,
            kept if kept == Verdict::Keep as u8 => Some(Verdict::Keep),
            _ => Some(Verdict::Discard),
        }
    }
}
