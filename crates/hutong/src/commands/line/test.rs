//! `hutong line test`: one call on a trunk, step by step.

use std::time::Duration;

use hutong_dialer::SystemRuntime;
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_store::line::Line;
use hutong_store::vault::Vault;
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::media::{Event, Events, Media};
use hutong_telephony::sip::{Ended, EndedBy, Number, OutgoingCall, Signal, SipError, Trunk, UserAgent};
use hutong_trunks::call::formats;
use hutong_trunks::{KnownAnnouncements, settings};

use crate::cli::print;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::telephony::{self, Registering, TRUST_ADVICE};

/// For how long a registration or an answer to OPTIONS is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long the callee is listened to after the prompt.
const LISTENED: Duration = Duration::from_secs(3);
/// What the callee hears.
const PROMPT: &str = "好的，那今天先不打扰您了，祝您生活愉快，再见。";

/// Places one call to `number` and says what happens, with the time since the beginning.
pub(super) async fn run(config: &Config, vault: &Vault, line: &Line, number: &str) -> Result<()> {
    if line.driver != LineDriver::Sip {
        return Err(Error::Usage(format!("line {} has no trunk: its driver is {}", line.id, line.driver.name())));
    }
    let trunk = settings::open(&line.settings, vault).map_err(|error| Error::Failed(error.to_string()))?;
    let steps = Steps { begun: SystemRuntime.now() };
    let (agent, engine) = telephony::open_for_a_test(&config.sip, &config.media).await?;
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let local = agent.address_towards(&trunk).await.map_err(|error| Error::Failed(unreached(&error)))?;
    steps.say(&format!("calling from {local} over {} to {}", transport(&trunk), trunk.server))?;
    if trunk.options_s > 0 {
        let answer = agent.ping(&trunk, PATIENCE).await.map_err(|error| failed(&error))?;
        steps.say(&format!("the trunk is there: OPTIONS answered within {} ms", answer.as_millis()))?;
    }
    let registering = if trunk.register {
        let begun = Registering::begin(&agent, &trunk, PATIENCE).await.map_err(Error::Failed)?;
        steps.say("registered")?;
        Some(begun)
    } else {
        None
    };
    let (media, events) = engine.open(local, None).map_err(|error| failed(&error))?;
    media.listen(true);
    let formats = formats(&trunk, None);
    let caller = match line.kind {
        LineKind::Hidden => Number::Hidden(&line.phone),
        LineKind::Mobile | LineKind::Fixed | LineKind::Sip => Number::Shown(&line.phone),
    };
    let placed = agent.place(&trunk, local, (caller, number), media.offer(&formats));
    let call = placed.map_err(|error| failed(&error))?;
    steps.say(&format!("INVITE sent, Call-ID {}", call.call_id()))?;
    let outcome = Test { steps: &steps, call, media, events }.live().await;
    if let Some(registering) = registering {
        registering.give_back().await;
    }
    let_go(&agent).await;
    outcome
}

/// Why there is no way to the trunk, and what mends it.
fn unreached(error: &SipError) -> String {
    match error {
        SipError::Untrusted(_) => format!("{error}\n{TRUST_ADVICE}"),
        SipError::Socket { .. } | SipError::Malformed(_) | SipError::Unreachable(_) => error.to_string(),
    }
}

/// Waits, not too long, until the far side has answered our goodbye.
async fn let_go(agent: &UserAgent) {
    let quiet = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while agent.stats().calls > 0 {
            tick.tick().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, quiet).await;
}

fn transport(trunk: &Trunk) -> &'static str {
    match trunk.transport {
        hutong_telephony::sip::Transport::Udp => "UDP",
        hutong_telephony::sip::Transport::Tcp => "TCP",
        hutong_telephony::sip::Transport::Tls => "TLS",
    }
}

/// Says each step with its time.
struct Steps {
    begun: Moment,
}

impl Steps {
    fn say(&self, step: &str) -> Result<()> {
        let passed = SystemRuntime.now().since(self.begun);
        print(&format!("{:>7.3} s  {step}\n", passed.as_secs_f64()))
    }
}

struct Test<'a> {
    steps: &'a Steps,
    call: OutgoingCall,
    media: Media,
    events: Events,
}

impl Test<'_> {
    async fn live(mut self) -> Result<()> {
        if let Err(ended) = self.until_answered().await? {
            self.steps.say(&describe(&ended))?;
            return Err(Error::Failed("the call was not answered".to_owned()));
        }
        let playback = hutong_prompts::ROBOT.speak(PROMPT).clips.into_iter().map(|clip| self.media.play(clip)).last();
        self.steps.say(&format!("speaking: {PROMPT}"))?;
        let heard = self.listen(playback).await?;
        let stats = self.media.stats();
        self.steps.say(&format!(
            "packets: {} sent, {} received, {} lost; jitter {} ms",
            stats.sent,
            stats.received,
            stats.lost,
            stats.jitter.as_millis()
        ))?;
        if heard {
            self.steps.say("somebody was heard")?;
        }
        let received = stats.received;
        drop(self.media);
        drop(self.call);
        self.steps.say("hung up")?;
        if received == 0 {
            let mend = "no voice arrived: look at firewalls, sip.advertised, media.port_first and media.latching";
            return Err(Error::Failed(mend.to_owned()));
        }
        Ok(())
    }

    async fn until_answered(&mut self) -> Result<std::result::Result<(), Ended>> {
        let mut ear = EarlyMediaListener::new(&KnownAnnouncements::new().current());
        loop {
            tokio::select! {
                biased;
                signal = self.call.next() => match signal {
                    Signal::Trying => self.steps.say("100: the trunk has it")?,
                    Signal::Progress { code, sdp } => {
                        let early = if sdp.is_some() { ", with early media" } else { "" };
                        self.steps.say(&format!("{code}{early}"))?;
                        self.accept(sdp.as_deref())?;
                    }
                    Signal::Answered { sdp } => {
                        self.accept((!sdp.is_empty()).then_some(&sdp))?;
                        let codec = self.media.negotiated().map_or("no codec", |agreed| agreed.codec.name());
                        self.steps.say(&format!("200: answered, {codec}"))?;
                        return Ok(Ok(()));
                    }
                    Signal::Request(_) | Signal::Referred(_) => {}
                    Signal::Ended(ended) => return Ok(Err(ended)),
                },
                Some(event) = self.events.next() => match event {
                    Event::Began => self.steps.say("the first voice packet arrived")?,
                    Event::Frame { frame, .. } => if let Some(verdict) = ear.push(&frame) {
                        self.steps.say(&format!("heard before the answer: {verdict}"))?;
                    },
                    Event::Digit(_) | Event::Silent => {}
                },
            }
        }
    }

    fn accept(&self, sdp: Option<&[u8]>) -> Result<()> {
        match sdp.map(|sdp| self.media.accept(sdp)) {
            Some(Err(error)) => self.steps.say(&format!("its session description cannot be used: {error}")),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Listens until the prompt is spoken and for a while after it; whether somebody was heard.
    async fn listen(&mut self, playback: Option<hutong_telephony::media::Playback>) -> Result<bool> {
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
                    self.steps.say(&describe(&ended))?;
                    return Ok(heard);
                },
                () = &mut playback, if spoken_at.is_none() => {
                    spoken_at = Some(frames);
                    self.steps.say("spoken")?;
                }
                Some(event) = self.events.next() => match event {
                    Event::Began => self.steps.say("the first voice packet arrived")?,
                    Event::Digit(key) => self.steps.say(&format!("the callee pressed {key}"))?,
                    Event::Silent => self.steps.say("no packets arrive any more")?,
                    Event::Frame { frame, .. } => {
                        frames += 1;
                        heard |= activity.push(&frame);
                        if spoken_at.is_some_and(|at| frames - at >= frames_after) {
                            return Ok(heard);
                        }
                    }
                },
            }
        }
    }
}

fn describe(ended: &Ended) -> String {
    let cause = ended.q850.map_or_else(String::new, |cause| format!(", Q.850 cause {cause}"));
    match (ended.by, ended.code) {
        (EndedBy::FarSide, Some(code)) => format!("refused with {code}{cause}"),
        (EndedBy::FarSide, None) => format!("the far side hung up{cause}"),
        (EndedBy::Us, _) => "it rang for too long".to_owned(),
        (EndedBy::Silence, _) => "the trunk does not answer".to_owned(),
    }
}
