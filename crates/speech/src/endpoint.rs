//! Where utterances begin and end: what a dialogue waits for, and what a recogniser is given.
//!
//! All positions are milliseconds from the first frame that was pushed, so they are places in the recording of the call
//! where frames are pushed without gaps: silence goes in for what the network lost. They are whole chunks of 32 ms.

mod gate;

use crate::vad::{CHUNK_MS, Detector, FRAME_MS, Frame, VadError};
use gate::Gate;

/// Chunks that a window of [`EndpointSettings::begin_window_ms`] can have: they are kept as bits.
const WINDOW_CHUNKS_MAX: u64 = 32;
/// The least and the greatest pause that ends an utterance.
pub const PAUSE_MS_MIN: u64 = 100;
/// The greatest pause that can be asked for.
pub const PAUSE_MS_MAX: u64 = 10_000;
/// What speech may begin before the first chunk that is taken for it: the model answers a chunk late, and the breath and
/// the consonant before the first vowel are quiet. Included in [`EndpointSettings::pre_roll_ms`].
pub const LEAD_MS: u64 = 100;

/// When an utterance begins and ends.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSettings {
    /// A chunk is voiced from this probability on.
    pub voiced_from: f32,
    /// After a voiced chunk, the next ones are voiced down to this probability.
    pub voiced_down_to: f32,
    /// An utterance begins when this much…
    pub begin_voiced_ms: u64,
    /// …of this is voiced; at most a second.
    pub begin_window_ms: u64,
    /// It ends after this much silence.
    pub pause_ms: u64,
    /// It is ended when it is as long as this.
    pub utterance_ms_max: u64,
    /// What is quieter than this is nobody who talks to us, in decibels of full scale.
    pub quietest_dbfs: f32,
    /// What is this much quieter than the voice that is usually heard in the call is somebody else's.
    pub below_usual_db: f32,
    /// What is this much quieter than what we play is its echo.
    pub below_played_db: f32,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            voiced_from: 0.5,
            voiced_down_to: 0.35,
            begin_voiced_ms: 120,
            begin_window_ms: 200,
            pause_ms: 700,
            utterance_ms_max: 15_000,
            quietest_dbfs: -45.0,
            below_usual_db: 18.0,
            below_played_db: 15.0,
        }
    }
}

impl EndpointSettings {
    /// How long before the frame that brings [`SpeechEvent::Began`] the speech may have begun: what has to be kept of
    /// the audio while nobody speaks. `from_ms` lies within it, and a recogniser is best given everything from
    /// [`LEAD_MS`] before `from_ms`.
    #[must_use]
    pub fn pre_roll_ms(&self) -> u64 {
        self.window_chunks() * CHUNK_MS + FRAME_MS + LEAD_MS
    }

    fn window_chunks(&self) -> u64 {
        chunks(self.begin_window_ms).clamp(1, WINDOW_CHUNKS_MAX)
    }
}

/// The nearest number of chunks.
fn chunks(ms: u64) -> u64 {
    (ms + CHUNK_MS / 2) / CHUNK_MS
}

/// Why an utterance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Nobody spoke for as long as a pause lasts.
    Pause,
    /// It was as long as an utterance may be. What follows is the next one.
    TooLong,
    /// The call ended, or nobody listens any more.
    Stopped,
}

/// What happened with an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechEvent {
    /// Somebody speaks.
    Began {
        /// Since here: the beginning of the first voiced chunk.
        from_ms: u64,
    },
    /// He has finished.
    Ended {
        /// Where the utterance began.
        from_ms: u64,
        /// Where its last voiced chunk ended.
        until_ms: u64,
        /// Why it is taken to be over.
        cause: EndCause,
    },
}

#[derive(Debug, Clone, Copy)]
struct Utterance {
    from: u64,
    voiced: u64,
}

/// Listens to a call, and tells when utterances begin and end.
#[derive(Debug)]
pub struct Endpointer {
    detector: Detector,
    settings: EndpointSettings,
    gate: Gate,
    frames: u64,
    /// Chunks heard.
    heard: u64,
    /// Whether the model took the last chunk for speech, and whether it counted as the customer's.
    speech: bool,
    voiced: bool,
    /// The last chunks as bits, the newest lowest: those of speech, and those that count.
    recent_speech: u32,
    recent_voiced: u32,
    utterance: Option<Utterance>,
    /// The end of the last voiced chunk of an utterance, in chunks.
    until: Option<u64>,
}

impl Endpointer {
    /// For one call, from its first frame on.
    #[must_use]
    pub fn new(detector: Detector, settings: EndpointSettings) -> Self {
        let gate = Gate::new(&settings);
        let mut made = Self {
            detector,
            settings,
            gate,
            frames: 0,
            heard: 0,
            speech: false,
            voiced: false,
            recent_speech: 0,
            recent_voiced: 0,
            utterance: None,
            until: None,
        };
        made.set_pause_ms(made.settings.pause_ms);
        made
    }

    /// Hears the next 20 ms of the call. `Began` and `Ended` alternate, and nothing overlaps.
    pub fn push(&mut self, frame: &Frame) -> Option<SpeechEvent> {
        self.frames += 1;
        self.gate.next_frame();
        let probability = self.detector.push(frame)?;
        self.heard += 1;
        let least = if self.speech { self.settings.voiced_down_to } else { self.settings.voiced_from };
        self.speech = probability >= least;
        self.voiced = self.gate.push(self.detector.power(), self.speech);
        self.recent_speech = (self.recent_speech << 1) | u32::from(self.speech);
        self.recent_voiced = (self.recent_voiced << 1) | u32::from(self.voiced);
        match self.utterance {
            None => self.begin(),
            Some(utterance) => self.go_on(utterance),
        }
    }

    /// Hears what we play, so that its echo is not taken for the customer: called right before [`Self::push`] with the
    /// frame that is sent at that time, and not called where nothing is played.
    pub fn push_played(&mut self, frame: &Frame) {
        self.gate.push_played(frame);
    }

    fn begin(&mut self) -> Option<SpeechEvent> {
        let window = self.settings.window_chunks();
        let within = u32::MAX >> (WINDOW_CHUNKS_MAX - window);
        let voiced = u64::from((self.recent_voiced & within).count_ones());
        if voiced < chunks(self.settings.begin_voiced_ms).clamp(1, window) || !self.voiced {
            return None;
        }
        // The quiet consonant before the first loud chunk belongs to it.
        let first = u64::from(u32::BITS - (self.recent_speech & within).leading_zeros());
        let from = self.heard - first;
        self.utterance = Some(Utterance { from, voiced });
        self.until = Some(self.heard);
        Some(SpeechEvent::Began { from_ms: from * CHUNK_MS })
    }

    fn go_on(&mut self, mut utterance: Utterance) -> Option<SpeechEvent> {
        if self.voiced {
            utterance.voiced += 1;
            self.utterance = Some(utterance);
            self.until = Some(self.heard);
        }
        let silent = self.heard - self.until.unwrap_or(self.heard);
        if silent * CHUNK_MS >= self.settings.pause_ms {
            self.end(utterance, EndCause::Pause)
        } else if (self.heard - utterance.from) * CHUNK_MS >= self.settings.utterance_ms_max {
            self.end(utterance, EndCause::TooLong)
        } else {
            None
        }
    }

    fn end(&mut self, utterance: Utterance, cause: EndCause) -> Option<SpeechEvent> {
        self.utterance = None;
        // What was part of this utterance does not begin the next one.
        self.recent_speech = 0;
        self.recent_voiced = 0;
        let until_ms = self.until.unwrap_or(self.heard) * CHUNK_MS;
        Some(SpeechEvent::Ended { from_ms: utterance.from * CHUNK_MS, until_ms, cause })
    }

    /// Ends the utterance that goes on, if there is one: at the end of the call.
    pub fn stop(&mut self) -> Option<SpeechEvent> {
        self.utterance.and_then(|utterance| self.end(utterance, EndCause::Stopped))
    }

    /// Changes the silence that ends an utterance, from the next chunk on, also of the utterance that goes on. Kept
    /// within [`PAUSE_MS_MIN`] and [`PAUSE_MS_MAX`].
    pub fn set_pause_ms(&mut self, pause_ms: u64) {
        self.settings.pause_ms = pause_ms.clamp(PAUSE_MS_MIN, PAUSE_MS_MAX);
    }

    /// Whether an utterance goes on: also in a pause that is too short to end it.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.utterance.is_some()
    }

    /// Whether the last chunk was the customer's voice.
    #[must_use]
    pub fn is_voiced(&self) -> bool {
        self.voiced
    }

    /// How much of the utterance that goes on is voice, without its pauses: what tells 嗯 from an interruption.
    #[must_use]
    pub fn voiced_ms(&self) -> u64 {
        self.utterance.map_or(0, |utterance| utterance.voiced * CHUNK_MS)
    }

    /// Where the utterance that goes on was last voiced, or the last one ended: what the time to an answer is counted
    /// from.
    #[must_use]
    pub fn until_ms(&self) -> Option<u64> {
        self.until.map(|until| until * CHUNK_MS)
    }

    /// The end of what was pushed.
    #[must_use]
    pub fn position_ms(&self) -> u64 {
        self.frames * FRAME_MS
    }

    /// Why the call is listened to by energy alone.
    #[must_use]
    pub fn fault(&self) -> Option<&VadError> {
        self.detector.fault()
    }
}
