//! What a call hears of its customer: speech, found by its sound, and the words that a recogniser makes of it.

use std::collections::VecDeque;

use hutong_dialer::line::Recognition;
use hutong_domain::ids::CallId;
use hutong_domain::moment::Moment;
use hutong_speech::endpoint::{Endpointer, LEAD_MS, SpeechEvent};
use hutong_speech::recogniser::{Hearing as Stream, HearingEvent, HearingEvents};
use hutong_telephony::media::{FRAME_SAMPLES, Frame};

/// What is kept of the time before speech is known to be speech: more than the endpointer's pre-roll.
const PRE_ROLL_FRAMES: usize = 30;
/// What a recogniser hears before the first syllable.
const LEAD_SAMPLES: u64 = LEAD_MS * SAMPLES_PER_MS;
/// Utterances whose words are waited for at once; somebody who goes on is heard all the same, as one more.
const AWAITED_MAX: usize = 8;
/// Samples of a millisecond.
const SAMPLES_PER_MS: u64 = 8;

/// What a frame told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sound {
    /// Nobody speaks, and no words are awaited.
    Quiet,
    /// Somebody speaks, or has spoken: the voice that was heard so far, in milliseconds, pauses left out.
    Voice {
        /// Of the utterance that goes on; 0 between its end and its words.
        voiced_ms: u64,
    },
    /// Somebody has spoken, and nobody is there to understand it.
    Lost,
}

/// What a recogniser made of an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    /// What it is so far.
    Partly(String),
    /// Its words; empty where it was none.
    Said { text: String, from: u64, until: u64, recognition: Recognition },
    /// No recogniser has answered.
    Lost,
}

struct Utterance {
    number: u32,
    /// On the stream's clock.
    from: u64,
    until: u64,
    /// When it was decided that it is over.
    decided: Moment,
}

/// The ears of one call.
pub(crate) struct Hearing {
    call: CallId,
    endpointer: Endpointer,
    recogniser: Option<(Stream, HearingEvents)>,
    /// The newest frames, oldest first.
    newest: VecDeque<Box<Frame>>,
    /// Milliseconds that the endpointer has heard, and where that is on the stream's clock.
    heard_ms: u64,
    position: u64,
    /// The utterance that goes on, and where it began.
    speaking: Option<(u32, u64)>,
    /// The last utterance that was given up before its end.
    given_up: Option<u32>,
    awaited: VecDeque<Utterance>,
    next_number: u32,
}

impl Hearing {
    pub(crate) fn new(call: CallId, endpointer: Endpointer, recogniser: Option<(Stream, HearingEvents)>) -> Self {
        Self {
            call,
            endpointer,
            recogniser,
            newest: VecDeque::with_capacity(PRE_ROLL_FRAMES),
            heard_ms: 0,
            position: 0,
            speaking: None,
            given_up: None,
            awaited: VecDeque::new(),
            next_number: 0,
        }
    }

    /// Speech is over after so much silence.
    pub(crate) fn set_pause_ms(&mut self, pause_ms: u32) {
        self.endpointer.set_pause_ms(u64::from(pause_ms));
    }

    /// Hears 20 ms that stand at `position` of the stream, while `played` was sent: the customer's line may echo it.
    pub(crate) fn push(&mut self, position: u64, frame: Box<Frame>, played: Option<&Frame>, now: Moment) -> Sound {
        if let Some(played) = played {
            self.endpointer.push_played(played);
        }
        let event = self.endpointer.push(&frame);
        self.heard_ms += FRAME_SAMPLES as u64 / SAMPLES_PER_MS;
        self.position = position + FRAME_SAMPLES as u64;
        match (&self.recogniser, self.speaking) {
            (Some((stream, _)), Some(_)) => stream.push(frame.as_slice()),
            _ => self.keep(frame),
        }
        let is_lost = match event {
            Some(SpeechEvent::Began { from_ms }) => {
                self.begin(from_ms);
                false
            }
            Some(SpeechEvent::Ended { until_ms, .. }) => !self.end(until_ms, now),
            None => false,
        };
        match self.speaking {
            _ if is_lost => Sound::Lost,
            Some(_) => Sound::Voice { voiced_ms: self.endpointer.voiced_ms() },
            None if !self.awaited.is_empty() => Sound::Voice { voiced_ms: 0 },
            None => Sound::Quiet,
        }
    }

    fn keep(&mut self, frame: Box<Frame>) {
        if self.newest.len() == PRE_ROLL_FRAMES {
            self.newest.pop_front();
        }
        self.newest.push_back(frame);
    }

    /// The place of a moment of the endpointer on the stream's clock.
    fn place(&self, ms: u64) -> u64 {
        self.position.saturating_sub(self.heard_ms.saturating_sub(ms) * SAMPLES_PER_MS)
    }

    fn begin(&mut self, from_ms: u64) {
        let from = self.place(from_ms);
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        self.speaking = Some((number, from));
        tracing::debug!(call = %self.call, "somebody speaks on call {}", self.call);
        let Some((stream, _)) = &self.recogniser else { return };
        stream.begin(number);
        let kept_from = self.position.saturating_sub((self.newest.len() * FRAME_SAMPLES) as u64);
        let passed = from.saturating_sub(LEAD_SAMPLES).saturating_sub(kept_from);
        let passed_frames = usize::try_from(passed).unwrap_or(usize::MAX) / FRAME_SAMPLES;
        for frame in self.newest.drain(..).skip(passed_frames) {
            stream.push(frame.as_slice());
        }
    }

    /// Whether the words of the utterance will come.
    fn end(&mut self, until_ms: u64, now: Moment) -> bool {
        let Some((number, from)) = self.speaking.take() else { return true };
        let until = self.place(until_ms);
        let Some((stream, _)) = &self.recogniser else { return false };
        if self.given_up == Some(number) {
            return false;
        }
        if self.awaited.len() == AWAITED_MAX {
            stream.cancel(number);
            return false;
        }
        stream.finish(number);
        self.awaited.push_back(Utterance { number, from, until, decided: now });
        true
    }

    /// The next words; never any where no recogniser is configured. Can be cancelled without loss.
    pub(crate) async fn words(&mut self, now: impl Fn() -> Moment) -> Words {
        loop {
            let event = match &mut self.recogniser {
                Some((_, events)) => events.next().await,
                None => std::future::pending().await,
            };
            match event {
                Some(HearingEvent::Partial { text, .. }) => return Words::Partly(text),
                Some(HearingEvent::Final { utterance, text, by, .. }) => {
                    if let Some(Utterance { from, until, decided, .. }) = self.take(utterance) {
                        return Words::Said {
                            text,
                            from,
                            until,
                            recognition: Recognition { by: by.to_string(), decided, at: now() },
                        };
                    }
                }
                Some(HearingEvent::Failed { utterance, why }) => {
                    metrics::counter!("hutong_utterances_lost_total").increment(1);
                    tracing::error!(call = %self.call, %why, "what a customer said was not recognised by anybody");
                    if self.take(utterance).is_some() {
                        return Words::Lost;
                    }
                    // It goes on: that nobody hears it is told at its end.
                    self.given_up = Some(utterance);
                }
                None => {
                    // The client is gone for good: what is said from here on is lost.
                    self.recogniser = None;
                    if !self.awaited.is_empty() {
                        self.awaited.clear();
                        return Words::Lost;
                    }
                }
            }
        }
    }

    fn take(&mut self, number: u32) -> Option<Utterance> {
        let index = self.awaited.iter().position(|it| it.number == number)?;
        self.awaited.remove(index)
    }
}
