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
pub const LEAD_MS: u64 = 300;

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
            voiced_from: 0.45,
            voiced_down_to: 0.3,
            begin_voiced_ms: 120,
            begin_window_ms: 200,
            pause_ms: 700,
            utterance_ms_max: 15_000,
            quietest_dbfs: -45.0,
            below_usual_db: 15.0,
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

    /// Hears the whole frames of these samples and then [`Self::stop`]s: a recording, or what is measured.
    #[must_use]
    pub fn hear_all(mut self, samples: &[i16]) -> Vec<SpeechEvent> {
        let (frames, _) = samples.as_chunks();
        let mut events: Vec<_> = frames.iter().filter_map(|frame| self.push(frame)).collect();
        events.extend(self.stop());
        events
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vad::{FRAME_SAMPLES, VadModel};

    const LOUD: Frame = [3_000; FRAME_SAMPLES];
    const QUIET: Frame = [0; FRAME_SAMPLES];

    /// Stretches of loud and quiet by turns, in milliseconds, quiet first: every chunk is clearly one or the other where
    /// they are multiples of 160.
    fn frames(stretches_ms: &[u64]) -> Vec<Frame> {
        let stretch = |(nth, ms): (usize, &u64)| {
            let frame = if nth % 2 == 0 { QUIET } else { LOUD };
            std::iter::repeat_n(frame, usize::try_from(ms / FRAME_MS).unwrap())
        };
        stretches_ms.iter().enumerate().flat_map(stretch).collect()
    }

    fn endpointer(settings: EndpointSettings) -> Endpointer {
        Endpointer::new(Detector::by_energy(), settings)
    }

    fn events(settings: EndpointSettings, stretches_ms: &[u64]) -> Vec<SpeechEvent> {
        endpointer(settings).hear_all(frames(stretches_ms).as_flattened())
    }

    fn began(from_ms: u64) -> SpeechEvent {
        SpeechEvent::Began { from_ms }
    }

    fn ended(from_ms: u64, until_ms: u64, cause: EndCause) -> SpeechEvent {
        SpeechEvent::Ended { from_ms, until_ms, cause }
    }

    #[test]
    fn an_utterance_begins_and_ends_where_the_voice_does() {
        let check = |stretches_ms: &[u64], expected: &[SpeechEvent]| {
            assert_eq!(events(EndpointSettings::default(), stretches_ms), expected, "{stretches_ms:?}");
        };
        check(&[5_000], &[]);
        check(&[1_600, 480, 1_600], &[began(1_600), ended(1_600, 2_080, EndCause::Pause)]);
        // A knock is none, and neither are two.
        check(&[1_600, 80, 1_600], &[]);
        check(&[1_600, 60, 260, 60, 1_600], &[]);
        // A pause of half a second is part of it, one of 800 ms is not.
        check(&[1_600, 480, 480, 480, 1_600], &[began(1_600), ended(1_600, 3_040, EndCause::Pause)]);
        check(
            &[1_600, 480, 800, 480, 1_600],
            &[began(1_600), ended(1_600, 2_080, EndCause::Pause), began(2_880), ended(2_880, 3_360, EndCause::Pause)],
        );
        // The call ends in the middle of it.
        check(&[1_600, 480], &[began(1_600), ended(1_600, 2_080, EndCause::Stopped)]);
    }

    #[test]
    fn somebody_who_does_not_stop_is_cut_into_utterances_that_follow_each_other() {
        // With gaps, as voices have: the noise is what is heard in them.
        let stretches: Vec<u64> = std::iter::once(1_600).chain([640, 160].repeat(40)).collect();
        let settings = EndpointSettings { utterance_ms_max: 8_000, ..EndpointSettings::default() };
        let events = events(settings, &stretches);
        let ends: Vec<_> = events.iter().filter(|event| matches!(event, SpeechEvent::Ended { .. })).collect();
        assert_eq!(ends.len(), 4, "{events:?}");
        assert!(
            ends.iter()
                .all(|end| matches!(end, SpeechEvent::Ended { from_ms, until_ms, .. } if until_ms - from_ms <= 8_000))
        );
        assert!(matches!(ends[0], SpeechEvent::Ended { cause: EndCause::TooLong, .. }), "{events:?}");
    }

    #[test]
    fn the_pause_can_be_changed_while_somebody_speaks() {
        let all = frames(&[1_600, 480, 1_600]);
        let ended_after = |pause_ms: u64| {
            let mut endpointer = endpointer(EndpointSettings::default());
            for (at, frame) in all.iter().enumerate() {
                if at == 90 {
                    assert!(endpointer.is_speaking() && endpointer.is_voiced());
                    endpointer.set_pause_ms(pause_ms);
                }
                if let Some(SpeechEvent::Ended { until_ms, .. }) = endpointer.push(frame) {
                    assert_eq!(endpointer.until_ms(), Some(until_ms));
                    assert!(!endpointer.is_speaking() && endpointer.voiced_ms() == 0);
                    return Some(endpointer.position_ms() - until_ms);
                }
            }
            None
        };
        // In whole chunks, and those end up to a frame before the frame that they are judged in.
        assert_eq!(ended_after(700), Some(720));
        assert_eq!(ended_after(300), Some(320));
        assert_eq!(ended_after(0), Some(140));
        assert_eq!(ended_after(1_500), Some(1_520));
        assert_eq!(ended_after(u64::MAX), None);
    }

    #[test]
    fn voice_is_counted_without_its_pauses_and_its_beginning_was_kept() {
        let mut endpointer = endpointer(EndpointSettings::default());
        let pre_roll_ms = EndpointSettings::default().pre_roll_ms();
        for frame in frames(&[1_600, 320, 480, 320, 320]) {
            if let Some(SpeechEvent::Began { from_ms }) = endpointer.push(&frame) {
                assert!(endpointer.position_ms() - (from_ms - LEAD_MS) <= pre_roll_ms);
            }
        }
        assert!(endpointer.is_speaking() && !endpointer.is_voiced());
        assert_eq!((endpointer.voiced_ms(), endpointer.until_ms()), (640, Some(2_720)));
    }

    fn check_events(events: &[SpeechEvent]) -> Result<(), TestCaseError> {
        let mut last_end = 0;
        for pair in events.chunks(2) {
            let &[SpeechEvent::Began { from_ms }, SpeechEvent::Ended { from_ms: again, until_ms, .. }] = pair else {
                return Err(TestCaseError::fail(format!("{events:?}")));
            };
            prop_assert_eq!(from_ms, again);
            prop_assert!(last_end <= from_ms && from_ms < until_ms, "{:?}", events);
            last_end = until_ms;
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn begins_and_ends_alternate_whatever_is_heard_and_set(
            stretches_ms in prop::collection::vec(0_u64..2_500, 0..24),
            (window, voiced, pause_ms, max) in (any::<u64>(), 0_u64..2_000, 0_u64..3_000, 0_u64..20_000),
        ) {
            let window = window.checked_rem(3_000).unwrap_or(0);
            let settings = EndpointSettings {
                begin_voiced_ms: voiced,
                begin_window_ms: window,
                pause_ms,
                utterance_ms_max: max,
                ..EndpointSettings::default()
            };
            let heard = events(settings.clone(), &stretches_ms);
            check_events(&heard)?;
            prop_assert_eq!(heard, events(settings, &stretches_ms));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_samples_are_heard_the_same_way_twice(
            samples in prop::collection::vec(any::<i16>(), 0..1_000),
            times in 1_usize..40,
        ) {
            let model = VadModel::built_in().unwrap();
            let samples = samples.repeat(times);
            let hear = || Endpointer::new(model.detector(), EndpointSettings::default()).hear_all(&samples);
            let events = hear();
            check_events(&events)?;
            prop_assert_eq!(events, hear());
        }
    }
}
