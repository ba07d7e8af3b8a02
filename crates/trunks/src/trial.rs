//! One call to try a trunk, step by step: `hutong line test`, and the console.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use hutong_domain::line::LineKind;
use hutong_domain::message::Message;
use hutong_domain::outcome::EarlyMedia;
use hutong_store::line::Line;
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::media::{Engine, Event, Events, Media, Playback};
use hutong_telephony::sip::{Ended, EndedBy, Number, OutgoingCall, Signal, SipError, Transport, Trunk, UserAgent};

use crate::KnownAnnouncements;
use crate::call::formats;

/// For how long an answer to OPTIONS is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long the callee is listened to after the prompt.
const LISTENED: Duration = Duration::from_secs(3);
/// What the callee hears.
const PROMPT: &str = "好的，那今天先不打扰您了，祝您生活愉快，再见。";

/// What happened in the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Which way the requests go: from, over, to.
    Way(IpAddr, &'static str, String),
    /// The trunk answered OPTIONS within so long.
    Present(Duration),
    /// The trunk knows us.
    Registered,
    /// INVITE was sent, with this Call-ID.
    Invited(String),
    /// 100.
    Trying,
    /// 180 to 199, and whether voices come already.
    Progress(u16, bool),
    /// A session description cannot be used; why.
    Unusable(String),
    /// The first voice packet arrived.
    Began,
    /// A tone or an announcement before the answer.
    Heard(EarlyMedia),
    /// 200, with this codec.
    Answered(&'static str),
    /// The robot begins to speak these words.
    Speaking(&'static str),
    /// It has.
    Spoken,
    /// The callee pressed a key.
    Pressed(char),
    /// No packets arrive any more.
    Silent,
    /// Packets sent, received and lost, and their jitter.
    Packets(u64, u64, u64, Duration),
    /// Somebody was heard.
    SomebodyHeard,
    /// We hung up.
    HungUp,
    /// The call ended otherwise.
    Ended(Ended),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(from, over, to) => write!(f, "calling from {from} over {over} to {to}"),
            Self::Present(took) => write!(f, "the trunk is there: OPTIONS answered within {} ms", took.as_millis()),
            Self::Registered => f.write_str("registered"),
            Self::Invited(call_id) => write!(f, "INVITE sent, Call-ID {call_id}"),
            Self::Trying => f.write_str("100: the trunk has it"),
            Self::Progress(code, false) => write!(f, "{code}"),
            Self::Progress(code, true) => write!(f, "{code}, with early media"),
            Self::Unusable(why) => write!(f, "its session description cannot be used: {why}"),
            Self::Began => f.write_str("the first voice packet arrived"),
            Self::Heard(what) => write!(f, "heard before the answer: {what}"),
            Self::Answered(codec) => write!(f, "200: answered, {codec}"),
            Self::Speaking(words) => write!(f, "speaking: {words}"),
            Self::Spoken => f.write_str("spoken"),
            Self::Pressed(key) => write!(f, "the callee pressed {key}"),
            Self::Silent => f.write_str("no packets arrive any more"),
            Self::Packets(sent, received, lost, jitter) => {
                let jitter = jitter.as_millis();
                write!(f, "packets: {sent} sent, {received} received, {lost} lost; jitter {jitter} ms")
            }
            Self::SomebodyHeard => f.write_str("somebody was heard"),
            Self::HungUp => f.write_str("hung up"),
            Self::Ended(ended) => {
                let cause = ended.q850.map_or_else(String::new, |cause| format!(", Q.850 cause {cause}"));
                match (ended.by, ended.code) {
                    (EndedBy::FarSide, Some(code)) => write!(f, "refused with {code}{cause}"),
                    (EndedBy::FarSide, None) => write!(f, "the far side hung up{cause}"),
                    (EndedBy::Us, _) => f.write_str("it rang for too long"),
                    (EndedBy::Silence, _) => f.write_str("the trunk does not answer"),
                }
            }
        }
    }
}

/// What came of a call that tried a trunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The trunk cannot be reached.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// No voices could be carried; why.
    #[error("{0}")]
    Media(String),
    /// Nobody answered.
    #[error("the call was not answered")]
    NotAnswered,
    /// The call was answered, and nothing was heard.
    #[error("no voice arrived: look at firewalls, sip.advertised, media.port_first and media.latching")]
    NoVoice,
}

impl TrialError {
    /// The same in both languages.
    #[must_use]
    pub fn message(&self) -> Message {
        let zh = match self {
            Self::Sip(error) => error.message().zh,
            Self::Media(why) => format!("无法收发语音：{why}"),
            Self::NotAnswered => "没有接通".to_owned(),
            Self::NoVoice => "没有收到语音：请检查防火墙及 sip.advertised、media.port_first、media.latching".to_owned(),
        };
        Message { en: self.to_string(), zh }
    }
}

/// What carries the call.
pub struct Way<'a> {
    /// Signals.
    pub agent: &'a UserAgent,
    /// Voices.
    pub engine: &'a Engine,
    /// The address at which voices reach us, where a translator stands between.
    pub advertised: Option<IpAddr>,
    /// The trunk of the line.
    pub trunk: &'a Trunk,
}

impl Way<'_> {
    /// Asks whether the trunk is there, where it is asked at all.
    ///
    /// # Errors
    /// [`TrialError::Sip`].
    pub async fn ask(&self, tell: &(dyn Fn(Step) + Send + Sync)) -> Result<(), TrialError> {
        let Self { agent, trunk, .. } = self;
        let local = agent.address_towards(trunk).await?;
        tell(Step::Way(local, transport(trunk), trunk.server.clone()));
        if trunk.options_s > 0 {
            tell(Step::Present(agent.ping(trunk, PATIENCE).await?));
        }
        Ok(())
    }

    /// Calls the number, says a sentence, and listens for a while.
    ///
    /// # Errors
    /// [`TrialError`].
    pub async fn call(&self, line: &Line, number: &str, tell: &(dyn Fn(Step) + Send + Sync)) -> Result<(), TrialError> {
        let Self { agent, engine, advertised, trunk } = self;
        let local = agent.address_towards(trunk).await?;
        let (media, events) = engine.open(local, None).map_err(|error| TrialError::Media(error.to_string()))?;
        media.listen(true);
        let caller = match line.kind {
            LineKind::Hidden => Number::Hidden(&line.phone),
            LineKind::Mobile | LineKind::Fixed | LineKind::Sip => Number::Shown(&line.phone),
        };
        let call = agent.place(trunk, local, (caller, number), media.offer(&formats(trunk, *advertised)))?;
        tell(Step::Invited(call.call_id().to_owned()));
        Trial { tell, call, media, events }.live().await
    }
}

fn transport(trunk: &Trunk) -> &'static str {
    match trunk.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    }
}

struct Trial<'a> {
    tell: &'a (dyn Fn(Step) + Send + Sync),
    call: OutgoingCall,
    media: Media,
    events: Events,
}

impl Trial<'_> {
    async fn live(mut self) -> Result<(), TrialError> {
        if let Err(ended) = self.until_answered().await {
            (self.tell)(Step::Ended(ended));
            return Err(TrialError::NotAnswered);
        }
        let playback = hutong_prompts::ROBOT.speak(PROMPT).clips.into_iter().map(|clip| self.media.play(clip)).last();
        (self.tell)(Step::Speaking(PROMPT));
        let heard = self.listen(playback).await;
        let stats = self.media.stats();
        (self.tell)(Step::Packets(stats.sent, stats.received, stats.lost, stats.jitter));
        if heard {
            (self.tell)(Step::SomebodyHeard);
        }
        let Self { tell, call, media, events: _ } = self;
        drop(media);
        drop(call);
        tell(Step::HungUp);
        if stats.received == 0 { Err(TrialError::NoVoice) } else { Ok(()) }
    }

    async fn until_answered(&mut self) -> Result<(), Ended> {
        let mut ear = EarlyMediaListener::new(&KnownAnnouncements::new().current());
        loop {
            tokio::select! {
                biased;
                signal = self.call.next() => match signal {
                    Signal::Trying => (self.tell)(Step::Trying),
                    Signal::Progress { code, sdp } => {
                        (self.tell)(Step::Progress(code, sdp.is_some()));
                        self.accept(sdp.as_deref());
                    }
                    Signal::Answered { sdp } => {
                        self.accept((!sdp.is_empty()).then_some(&sdp));
                        let codec = self.media.negotiated().map_or("no codec", |agreed| agreed.codec.name());
                        (self.tell)(Step::Answered(codec));
                        return Ok(());
                    }
                    Signal::Request(_) | Signal::Referred(_) => {}
                    Signal::Ended(ended) => return Err(ended),
                },
                Some(event) = self.events.next() => match event {
                    Event::Began => (self.tell)(Step::Began),
                    Event::Frame { frame, .. } => if let Some(verdict) = ear.push(&frame) {
                        (self.tell)(Step::Heard(verdict));
                    },
                    Event::Digit(_) | Event::Silent => {}
                },
            }
        }
    }

    fn accept(&self, sdp: Option<&[u8]>) {
        if let Some(Err(error)) = sdp.map(|sdp| self.media.accept(sdp)) {
            (self.tell)(Step::Unusable(error.to_string()));
        }
    }

    /// Listens until the prompt is spoken and for a while after it; whether somebody was heard.
    async fn listen(&mut self, playback: Option<Playback>) -> bool {
        let mut activity = ActivityDetector::default();
        let mut heard = false;
        let mut playback = std::pin::pin!(async {
            if let Some(playback) = playback {
                playback.await;
            }
        });
        let mut spoken_at = None;
        let frames_after = LISTENED.as_millis() / 20;
        let mut frames = 0;
        loop {
            tokio::select! {
                biased;
                signal = self.call.next() => if let Signal::Ended(ended) = signal {
                    (self.tell)(Step::Ended(ended));
                    return heard;
                },
                () = &mut playback, if spoken_at.is_none() => {
                    spoken_at = Some(frames);
                    (self.tell)(Step::Spoken);
                }
                Some(event) = self.events.next() => match event {
                    Event::Began => (self.tell)(Step::Began),
                    Event::Digit(key) => (self.tell)(Step::Pressed(key)),
                    Event::Silent => (self.tell)(Step::Silent),
                    Event::Frame { frame, .. } => {
                        frames += 1;
                        heard |= activity.push(&frame);
                        if spoken_at.is_some_and(|at| frames - at >= frames_after) {
                            return heard;
                        }
                    }
                },
            }
        }
    }
}
