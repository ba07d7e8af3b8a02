//! One person who is called.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::outcome::Disposition;
use hutong_domain::sandbox::{Fate, Manner, Turn};
use hutong_prompts::{Entry, Role};
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::media::{Engine, Event, Events, Formats, Media};
use hutong_telephony::sip::{IncomingCall, ReferRequest, Refusal, Reply, Request, Signal};
use hutong_telephony::words::{CONTENT_TYPE, Words};
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::kept_sound::KeptSound;
use crate::lossy::Lossy;
use crate::sound::{self, BEEP, BUSY, RINGBACK};

mod transfer;

/// The longest that anybody stays on the phone.
const CALL_MAX: Duration = Duration::from_secs(600);
/// Silence of the robot after which it is the person's turn.
const ROBOT_PAUSE: Duration = Duration::from_millis(600);
/// Silence from the beginning on after which a person speaks first.
const FIRST_PATIENCE: Duration = Duration::from_secs(6);
/// The same of who takes calls that are handed over.
const ATTENDING_PATIENCE: Duration = Duration::from_millis(300);
/// How often whoever takes such calls speaks before hanging up.
const ATTENDED_TURNS: usize = 3;
/// Silence after which a person hangs up: nobody is there.
const LAST_PATIENCE: Duration = Duration::from_secs(25);
/// How long the robot is listened to before it is interrupted, or hung up on.
const HEARD_ENOUGH: Duration = Duration::from_millis(1_500);
/// Who speaks Mandarin here, by the voice's name.
const VOICES: [&str; 2] = ["zm_yunjian", "zf_xiaoxiao"];

/// How fast people are: thousandths of the usual times for ringing and thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub u32);

impl Default for Pace {
    fn default() -> Self {
        Self(1_000)
    }
}

impl Pace {
    fn between(self, chance: &mut StdRng, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(chance.random_range(least_ms..=most_ms) * u64::from(self.0) / 1_000)
    }
}

struct Person<'a> {
    call: IncomingCall,
    engine: &'a Engine,
    chance: StdRng,
    pace: Pace,
    voice: &'static str,
    /// What stands between this person and the caller, where the connection is bad.
    lossy: Option<Arc<Lossy>>,
    sdp: Option<String>,
    /// The caller's wish that somebody else is called, until it is looked at.
    asked: Option<ReferRequest>,
}

/// Why a wait ended.
enum Ended {
    /// The time was over, or what was waited for came.
    Done,
    /// The caller is gone.
    Gone,
}

/// Lives a call to its end.
pub(crate) async fn live(
    call: IncomingCall,
    engine: &Engine,
    (fate, pace): (Fate, Pace),
    mut chance: StdRng,
    heard: Option<&KeptSound>,
) {
    let voice = VOICES[chance.random_range(0..VOICES.len())];
    let lossy = match fate {
        Fate::Answers(Manner::DropsPackets) => Lossy::open(call.local_ip(), chance.random()).await.ok().map(Arc::new),
        Fate::Answers(_) | Fate::Unanswered(_) => None,
    };
    let mut person = Person { call, engine, chance, pace, voice, lossy: lossy.clone(), sdp: None, asked: None };
    let opened = person.open(heard);
    let Some((media, events)) = opened else {
        person.call.refuse(Refusal { code: 488, q850: Some(65) });
        return;
    };
    let lived = tokio::time::timeout(CALL_MAX, async {
        match fate {
            Fate::Unanswered(disposition) => person.refuse(disposition, &media).await,
            Fate::Answers(manner) => person.answer(manner, &media, events).await,
        }
    });
    let carried = async {
        if let Some(lossy) = &lossy {
            lossy.carry(&media).await;
        }
        // Without a relay, or after it broke: the call is over when the person says so.
        std::future::pending().await
    };
    let in_time = tokio::select! {
        lived = lived => lived.is_ok(),
        never = carried => never,
    };
    if !in_time {
        tracing::info!("a callee hung up: the call took too long");
    }
    // Voices stop before the caller is told.
    drop(media);
}

impl Person<'_> {
    /// Opens the voices that the caller offers.
    fn open(&mut self, heard: Option<&KeptSound>) -> Option<(Media, Events)> {
        let (media, events) = self.engine.open(self.call.local_ip(), heard.map(KeptSound::tap)).ok()?;
        self.sdp = Some(self.agree(&media, self.call.offer.as_deref()?)?);
        Some((media, events))
    }

    /// The answer to an offer; none where there is nothing to agree on.
    fn agree(&self, media: &Media, offer: &[u8]) -> Option<String> {
        let Some(lossy) = &self.lossy else { return media.answer(offer, &Formats::default()).ok() };
        lossy.answered(&media.answer(&lossy.offered(offer)?, &Formats::default()).ok()?)
    }

    fn pick(&mut self, role: Role, group: &str) -> Option<Entry> {
        let rows: Vec<&Entry> =
            hutong_prompts::entries().iter().filter(|row| row.role == role && row.group == group).collect();
        rows.get(self.chance.random_range(0..rows.len().max(1))).map(|row| **row)
    }

    /// Waits; the caller may give up meanwhile.
    async fn wait(&mut self, time: Duration) -> Ended {
        let mut over = std::pin::pin!(sleep(time));
        loop {
            tokio::select! {
                () = &mut over => return Ended::Done,
                signal = self.call.next() => if self.is_over(signal, None) { return Ended::Gone },
            }
        }
    }

    async fn refuse(&mut self, disposition: Disposition, media: &Media) {
        let heard = match disposition {
            Disposition::Declined => Early::Rings(3_000, 12_000),
            Disposition::Busy => Early::Plays(BUSY.clone()),
            Disposition::Vacant => self.announcement("vacant"),
            Disposition::PoweredOff => self.announcement("powered_off"),
            Disposition::Suspended => self.announcement("suspended"),
            Disposition::Unreachable => self.announcement("unreachable"),
            Disposition::OutOfCoverage
            | Disposition::LineFailed
            | Disposition::LineInArrears
            | Disposition::Interrupted => Early::Nothing,
            Disposition::RangOut | Disposition::Answered | Disposition::NoSeat | Disposition::Blacklisted => {
                Early::RingsForEver
            }
        };
        let refusal = refusal_of(disposition);
        let waited = match heard {
            Early::Nothing => self.wait_a_little(100, 400).await,
            Early::Rings(least, most) => {
                self.call.ring(self.sdp.clone());
                let _ringing = media.play(RINGBACK.clone());
                self.wait_a_little(least, most).await
            }
            Early::RingsForEver => {
                self.call.ring(self.sdp.clone());
                let _ringing = media.play(RINGBACK.clone());
                self.wait(sound::length(&RINGBACK) * 2).await
            }
            Early::Plays(clip) => {
                let _ = self.wait_a_little(500, 2_000).await;
                self.call.ring(self.sdp.clone());
                let _playing = media.play(clip.clone());
                self.wait(sound::length(&clip)).await
            }
        };
        if matches!(waited, Ended::Done) {
            self.call.refuse(refusal);
        }
    }

    fn announcement(&mut self, meaning: &str) -> Early {
        self.pick(Role::Announcement, meaning).map_or(Early::Nothing, |entry| Early::Plays(entry.clip()))
    }

    async fn wait_a_little(&mut self, least_ms: u64, most_ms: u64) -> Ended {
        let time = self.pace.between(&mut self.chance, least_ms, most_ms);
        self.wait(time).await
    }

    async fn answer(&mut self, manner: Manner, media: &Media, mut events: Events) {
        self.call.ring(None);
        if matches!(self.wait_a_little(1_500, 6_000).await, Ended::Gone) {
            return;
        }
        let Some(sdp) = self.sdp.clone() else { return };
        self.call.answer(sdp);
        media.listen(true);
        if manner == Manner::Voicemail {
            self.play_greeting(media, &mut events).await;
        }
        // The greeting of a voicemail was its turn.
        let mut turn = usize::from(manner == Manner::Voicemail);
        loop {
            match self.listen(media, &mut events, manner, turn).await {
                Heard::Gone | Heard::Nothing | Heard::Enough => return,
                Heard::Asked if self.hand_over(manner).await => return,
                Heard::Asked => continue,
                Heard::ItsPause => {}
            }
            let thinking = if manner == Manner::Interrupts {
                Duration::ZERO
            } else {
                self.pace.between(&mut self.chance, 300, 1_200)
            };
            if matches!(self.wait(thinking).await, Ended::Gone) {
                return;
            }
            let greets = turn == 0 && self.chance.random_range(0..4) == 0;
            match manner.turn(turn, "", greets) {
                Turn::Says(phrases) => {
                    let text = phrases[self.chance.random_range(0..phrases.len())];
                    if matches!(self.say(text, media, &mut events).await, Ended::Gone) {
                        return;
                    }
                }
                Turn::Presses(key) => {
                    let _ = media.send_digits(&key.to_string());
                }
                Turn::Waits => {}
            }
            turn += 1;
            if manner == Manner::Attends && turn == ATTENDED_TURNS {
                return;
            }
        }
    }

    async fn play_greeting(&mut self, media: &Media, events: &mut Events) {
        if let Some(greeting) = self.pick(Role::Greeting, "voicemail") {
            let _greeting = media.play(greeting.clip());
            let beep = media.play(BEEP.clone());
            self.until_played(beep, events).await;
        }
    }

    /// Says something, and sends the words along.
    async fn say(&mut self, text: &str, media: &Media, events: &mut Events) -> Ended {
        let Some(entry) = hutong_prompts::find(self.voice, Role::Callee, text) else {
            tracing::warn!(text, "a callee's words are not recorded");
            return Ended::Done;
        };
        let clip = entry.clip();
        let spoken_ms = u32::try_from(sound::length(&clip).as_millis()).unwrap_or(u32::MAX);
        let playback = media.play(clip);
        let ended = self.until_played(playback, events).await;
        if let (Ended::Done, Ok(body)) = (&ended, serde_json::to_vec(&Words { text: text.to_owned(), spoken_ms })) {
            self.call.info(CONTENT_TYPE, body);
        }
        ended
    }

    async fn until_played(&mut self, mut playback: hutong_telephony::media::Playback, events: &mut Events) -> Ended {
        loop {
            tokio::select! {
                _ = &mut playback => return Ended::Done,
                // What is heard meanwhile is of no interest.
                Some(_) = events.next() => {}
                signal = self.call.next() => if self.is_over(signal, None) { return Ended::Gone },
            }
        }
    }

    /// Listens to the robot until it is this person's turn.
    async fn listen(&mut self, media: &Media, events: &mut Events, manner: Manner, turn: usize) -> Heard {
        let mut activity = ActivityDetector::default();
        let first_patience = if manner == Manner::Attends { ATTENDING_PATIENCE } else { FIRST_PATIENCE };
        let (mut voiced_ms, mut quiet) = (0, Duration::ZERO);
        loop {
            if self.asked.is_some() {
                return Heard::Asked;
            }
            let event = tokio::select! {
                biased;
                signal = self.call.next() => {
                    if self.is_over(signal, Some(media)) {
                        return Heard::Gone;
                    }
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                None => return Heard::Gone,
                Some(Event::Frame { frame, .. }) if activity.push(&frame) => {
                    voiced_ms += FRAME_MS;
                    quiet = Duration::ZERO;
                }
                Some(Event::Frame { .. }) => quiet += Duration::from_millis(FRAME_MS),
                Some(_) => {}
            }
            let heard = Duration::from_millis(voiced_ms);
            match manner {
                Manner::HangsUp if turn >= 1 && heard >= HEARD_ENOUGH => return Heard::Enough,
                Manner::Interrupts if heard >= HEARD_ENOUGH => return Heard::ItsPause,
                _ if voiced_ms > 0 && quiet >= ROBOT_PAUSE => return Heard::ItsPause,
                _ if turn == 0 && voiced_ms == 0 && quiet >= first_patience => return Heard::ItsPause,
                _ if quiet >= LAST_PATIENCE => return Heard::Nothing,
                _ => {}
            }
        }
    }

    /// Whether the call is over; a change of the session is answered, and a wish to hand the call over is kept.
    fn is_over(&mut self, signal: Signal, media: Option<&Media>) -> bool {
        match signal {
            Signal::Ended(_) => true,
            Signal::Request(Request::Session(change)) => {
                let offered = media.zip(change.offer.as_deref());
                let answer = offered.and_then(|(media, offer)| self.agree(media, offer));
                change.reply(answer.map_or(Reply::Refuse, Reply::Accept));
                false
            }
            Signal::Request(Request::Refer(asked)) => {
                self.asked = Some(asked);
                false
            }
            _ => false,
        }
    }
}

/// How the network refuses a call that ends like this.
fn refusal_of(disposition: Disposition) -> Refusal {
    let (code, q850) = match disposition {
        Disposition::Declined => (603, Some(21)),
        Disposition::Busy => (486, Some(17)),
        Disposition::Vacant => (404, Some(1)),
        Disposition::PoweredOff | Disposition::Suspended | Disposition::Unreachable => (480, None),
        // It is the line that does not reach so far: no carrier announces that the callee is away.
        Disposition::OutOfCoverage => (480, Some(3)),
        Disposition::LineFailed => (403, None),
        Disposition::LineInArrears => (402, None),
        Disposition::Interrupted => (500, Some(41)),
        Disposition::RangOut | Disposition::Answered | Disposition::NoSeat | Disposition::Blacklisted => {
            (480, Some(19))
        }
    };
    Refusal { code, q850 }
}

/// Milliseconds of a frame.
const FRAME_MS: u64 = 20;

/// What is heard before the call is refused.
enum Early {
    Nothing,
    Rings(u64, u64),
    RingsForEver,
    Plays(sound::Clip),
}

/// Why listening ended.
enum Heard {
    /// The robot made a pause.
    ItsPause,
    /// Nothing for a long time.
    Nothing,
    /// More than this person wants to hear.
    Enough,
    /// The caller's wish that somebody else is called.
    Asked,
    /// The caller is gone.
    Gone,
}

#[expect(clippy::disallowed_methods, reason = "people take their time in real time")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}
