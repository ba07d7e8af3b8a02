//! Speaking and listening on an answered call.

use std::time::Duration;

use hutong_dialer::line::{Heard, Said};
use hutong_dialer::runtime::BoxFuture;
use hutong_domain::dialogue::is_backchannel;
use hutong_domain::dialogue::{Interruption, Listen};
use hutong_domain::moment::Moment;
use hutong_prompts::Clip;
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::media::{Event, Frame, Playback, Played, SAMPLE_RATE};
use hutong_telephony::sip::{Request, Signal};
use hutong_telephony::words::Words as SentWords;

use super::{CALL_MAX, Happened, Leg, PENDING_MAX, TrunkCall, next};
use crate::hearing::{Hearing, Sound, Words};
use crate::machine::Ears;
use crate::quiet::Quiet;

/// A voice that goes on for so long, pauses left out, cuts off a prompt: 嗯, 哦 and a cough are shorter.
const BARGE_IN_MS: u64 = 500;

/// A prompt that is being spoken.
struct Prompt {
    interruption: Interruption,
    /// When the call is over whatever happens.
    over: BoxFuture<'static, ()>,
    /// Where its first sound stands; none before that.
    from: Option<u64>,
    /// What is being sent, and about where it began.
    clip: (Clip, u64),
    until: u64,
    /// The customer cut it off.
    interrupted: bool,
    hung_up: bool,
    machine: bool,
}

impl Prompt {
    const fn is_over(&self) -> bool {
        self.interrupted || self.hung_up || self.machine
    }

    /// What is sent at this place of the stream.
    fn played_at(&self, position: u64) -> Option<&Frame> {
        let (clip, from) = &self.clip;
        let offset = usize::try_from(position.checked_sub(*from)?).ok()?;
        clip.get(offset..)?.first_chunk()
    }

    /// Whether the customer may cut it off now.
    fn may_be_cut(&self, position: u64) -> bool {
        let from = self.from.unwrap_or(position);
        match self.interruption {
            Interruption::Never => false,
            Interruption::Always => true,
            Interruption::After { ms } => {
                position.saturating_sub(from) * 1_000 / u64::from(SAMPLE_RATE) >= u64::from(ms)
            }
        }
    }
}

impl TrunkCall {
    pub(super) async fn speak(&mut self, text: &str, interruption: Interruption) -> Said {
        let now = self.carrier.runtime.now();
        let Some(mut leg) = self.leg.take() else {
            return Said { from: now, until: now, interrupted: false, hung_up: true, machine: false };
        };
        let clips = self.clips(text);
        leg.media.listen(self.hearing.is_some() || self.ear.is_some());
        let over = self.carrier.runtime.sleep_until(leg.answered.1.after(CALL_MAX));
        let until = leg.media.position();
        let mut prompt = Prompt {
            interruption,
            over,
            from: None,
            clip: (Clip::default(), until),
            until,
            interrupted: false,
            hung_up: false,
            machine: false,
        };
        let queued: Vec<(Clip, Playback)> =
            clips.into_iter().map(|clip| (clip.clone(), leg.media.play(clip))).collect();
        for (clip, playback) in queued {
            if prompt.from.is_none() {
                prompt.from = Some(leg.media.position());
            }
            prompt.clip = (clip, prompt.until);
            let first = prompt.until == until;
            let played = self.until_played(&mut leg, playback, &mut prompt).await;
            if first && played.until > played.from {
                prompt.from = Some(played.from);
            }
            prompt.until = prompt.until.max(played.until);
            if prompt.is_over() {
                break;
            }
        }
        self.interrupted |= prompt.interrupted;
        let said = Said {
            from: leg.moment(prompt.from.unwrap_or(prompt.until)),
            until: leg.moment(prompt.until),
            interrupted: prompt.interrupted,
            hung_up: prompt.hung_up,
            machine: prompt.machine,
        };
        self.leg = Some(leg);
        said
    }

    async fn until_played(&mut self, leg: &mut Leg, mut playback: Playback, prompt: &mut Prompt) -> Played {
        loop {
            let runtime = self.carrier.runtime.clone();
            tokio::select! {
                biased;
                // After the end, the next signal is the end again, at once.
                signal = leg.call.next(), if !prompt.hung_up => match signal {
                    Signal::Ended(_) => prompt.hung_up = true,
                    Signal::Request(request) => {
                        let waiting = self.pending.len();
                        self.on_request(leg, request);
                        prompt.interrupted |= self.pending.len() > waiting && prompt.may_be_cut(leg.media.position());
                    }
                    _ => {}
                },
                played = &mut playback => return played,
                () = &mut prompt.over, if !prompt.hung_up => prompt.hung_up = true,
                Some(event) = leg.events.next() => self.on_event(leg, event, prompt),
                words = words(&mut self.hearing, || runtime.now()) => self.on_words(leg, words, prompt),
            }
            if prompt.is_over() {
                leg.media.stop_playing();
            }
        }
    }

    /// The audio of a text. What is not recorded is left out, and somebody is told.
    pub(super) fn clips(&self, text: &str) -> Vec<Clip> {
        let spoken = self.voice.as_ref().map(|voice| voice.speak(text)).unwrap_or_default();
        if !spoken.missing.is_empty() || self.voice.is_none() {
            // Not which words: a customer's name may be among them.
            let missing = spoken.missing.chars().count();
            metrics::counter!("hutong_prompts_incomplete_total").increment(1);
            tracing::error!(call = %self.claimed.call, missing, "{missing} characters of a prompt have no audio");
        }
        spoken.clips
    }

    /// What is heard while a prompt is spoken.
    fn on_event(&mut self, leg: &Leg, event: Event, prompt: &mut Prompt) {
        match event {
            Event::Digit(key) => {
                self.remember(Heard::Key(key));
                prompt.interrupted |= prompt.may_be_cut(leg.media.position());
            }
            Event::Silent => prompt.hung_up = true,
            Event::Frame { position, frame } => {
                prompt.machine |= self.is_machine(&frame);
                let now = self.carrier.runtime.now();
                let played = prompt.played_at(position);
                match self.hearing.as_mut().map(|hearing| hearing.push(position, frame, played, now)) {
                    Some(Sound::Voice { voiced_ms }) if voiced_ms >= BARGE_IN_MS => {
                        prompt.interrupted |= prompt.may_be_cut(position);
                    }
                    Some(Sound::Lost) => self.remember(Heard::Lost),
                    _ => {}
                }
            }
            Event::Began => {}
        }
    }

    /// Words that come while a prompt is spoken. Signs of listening and noise cut nothing off.
    fn on_words(&mut self, leg: &Leg, words: Words, prompt: &mut Prompt) {
        let may_be_cut = prompt.may_be_cut(leg.media.position());
        match words {
            Words::Partly(text) => prompt.interrupted |= may_be_cut && means_something(&text),
            Words::Said { text, from, until, recognition } => {
                let (from, until) = (leg.moment(from), leg.moment(until));
                if means_something(&text) {
                    let words = Heard::Words { text: text.clone(), from, until, recognition: Some(recognition) };
                    self.remember_words(words, &text);
                    prompt.interrupted |= may_be_cut;
                } else if !text.is_empty() {
                    self.remember(Heard::Aside { text, from, until });
                }
            }
            Words::Lost => self.remember(Heard::Lost),
        }
    }

    pub(super) async fn hear(&mut self, listen: Listen) -> Heard {
        if let Some(heard) = self.pending.pop_front() {
            return self.first_after_an_interruption(heard);
        }
        let Some(mut leg) = self.leg.take() else { return Heard::HungUp };
        leg.media.listen(true);
        if let Some(hearing) = &mut self.hearing {
            hearing.set_pause_ms(listen.pause_ms);
        }
        let mut activity = ActivityDetector::default();
        let silence = Duration::from_millis(u64::from(listen.silence_ms));
        // Speech puts the end of patience off: its words come when it is over.
        let mut quiet = Quiet::new(leg.media.position(), silence);
        let mut over = self.carrier.runtime.sleep_until(leg.answered.1.after(CALL_MAX));
        let heard = loop {
            let runtime = self.carrier.runtime.clone();
            tokio::select! {
                biased;
                happened = next(&mut leg) => match happened {
                    Happened::Signal(Signal::Ended(_)) | Happened::Event(Event::Silent) => break Heard::HungUp,
                    Happened::Signal(Signal::Request(request)) => {
                        self.on_request(&mut leg, request);
                        if let Some(heard) = self.pending.pop_front() {
                            break heard;
                        }
                    }
                    Happened::Event(Event::Digit(key)) => break Heard::Key(key),
                    Happened::Event(Event::Frame { position, frame }) => {
                        if self.is_machine(&frame) {
                            break Heard::Machine;
                        }
                        let sound = match &mut self.hearing {
                            Some(hearing) => hearing.push(position, frame, None, runtime.now()),
                            None if activity.push(&frame) => Sound::Voice { voiced_ms: 0 },
                            None => Sound::Quiet,
                        };
                        if sound == Sound::Lost {
                            break Heard::Lost;
                        }
                        if quiet.is_over(position, sound != Sound::Quiet) {
                            break Heard::Silence;
                        }
                    }
                    Happened::Signal(_) | Happened::Event(Event::Began) => {}
                },
                words = words(&mut self.hearing, || runtime.now()) => match words {
                    Words::Lost => break Heard::Lost,
                    // What was no word is silence, unless it cut off a prompt: then the robot has something to say.
                    Words::Said { text, from, until, recognition } if !text.is_empty() || self.interrupted => {
                        let (from, until) = (leg.moment(from), leg.moment(until));
                        let words = Heard::Words { text: text.clone(), from, until, recognition: Some(recognition) };
                        self.remember_words(words, &text);
                        if let Some(heard) = self.pending.pop_front() {
                            break heard;
                        }
                    }
                    Words::Said { .. } | Words::Partly(_) => {}
                },
                () = &mut over => break Heard::HungUp,
            }
        };
        self.interrupted = false;
        self.leg = Some(leg);
        heard
    }

    /// What has waited; the interruption is over with what caused it.
    fn first_after_an_interruption(&mut self, heard: Heard) -> Heard {
        self.interrupted &= matches!(heard, Heard::Aside { .. });
        heard
    }

    /// Whether an answering machine is heard, as long as that can be: people beep less and less the longer they talk.
    fn is_machine(&mut self, frame: &Frame) -> bool {
        match self.ear.as_mut().map(|ear| ear.push(frame)) {
            Some(Ears::Machine) => {
                self.ear = None;
                true
            }
            Some(Ears::Nobody) => {
                self.ear = None;
                false
            }
            Some(Ears::Open) | None => false,
        }
    }

    /// Keeps words; where only a machine says them, that as well.
    fn remember_words(&mut self, words: Heard, text: &str) {
        let machine = self.ear.as_mut().is_some_and(|ear| ear.heard(text));
        self.remember(words);
        if machine {
            self.ear = None;
            self.remember(Heard::Machine);
        }
    }

    pub(super) fn on_request(&mut self, leg: &mut Leg, request: Request) {
        match request {
            Request::Session(change) => leg.change_session(change),
            Request::Refer(asked) => drop(asked),
            Request::Info { content_type, body } => {
                if let Some(words) = leg.sandbox.then(|| SentWords::read(&content_type, &body)).flatten() {
                    let until = leg.moment(leg.media.position());
                    let from = until.before(words.spoken()).max(leg.answered.1);
                    let heard = Heard::Words { text: words.text.clone(), from, until, recognition: None };
                    self.remember_words(heard, &words.text);
                }
            }
        }
    }

    /// Keeps what nobody has asked for yet; what is too much is forgotten.
    pub(super) fn remember(&mut self, heard: Heard) {
        if self.pending.len() < PENDING_MAX {
            self.pending.push_back(heard);
        }
    }
}

/// Whether words are more than a sign of listening.
fn means_something(text: &str) -> bool {
    !text.is_empty() && !is_backchannel(text)
}

/// The next words; never any where the call has no ears.
async fn words(hearing: &mut Option<Hearing>, now: impl Fn() -> Moment) -> Words {
    match hearing {
        Some(hearing) => hearing.words(now).await,
        None => std::future::pending().await,
    }
}
