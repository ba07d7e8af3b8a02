//! One call on a trunk: its signalling and its voices, as the dialer sees them.

mod talk;
mod transfer;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_dialer::line::{
    Briefing, CallReport, Heard, LeftOver, Line, LiveCall, Recording, Said, TransferTarget, Transferred,
};
use hutong_dialer::runtime::BoxFuture;
use hutong_domain::dialogue::{Interruption, Listen};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Signals};
use hutong_recordings::{Kept, Recordings, Take, Tape};
use hutong_store::claim::Claimed;
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::media::{self, Codec, Engine, Event, Events, Formats, Frame, Media, Tap};
use hutong_telephony::sip::{EndedBy, Number, OutgoingCall, Reply, SessionChange, Signal, Srtp, Trunk, UserAgent};

use tracing::Instrument as _;

use crate::hearing::Hearing;
use crate::machine::MachineEar;
use crate::speech::Speech;
use crate::trunks::Trunks;
use crate::voices::CallVoice;
use crate::way::Way;

/// What the callee did that nobody has asked for yet.
const PENDING_MAX: usize = 32;
/// The longest that a call lasts. Conversations end by themselves; a far side that puts us on hold for ever does not.
const CALL_MAX: Duration = Duration::from_secs(30 * 60);

/// Everything that calls on trunks need.
pub struct Carrier {
    /// Signals.
    pub agent: UserAgent,
    /// Carries voices.
    pub engine: Engine,
    /// The address at which voices reach us, where a translator stands between.
    pub advertised: Option<IpAddr>,
    /// The trunks.
    pub trunks: Arc<Trunks>,
    /// Where calls are recorded.
    pub recordings: Recordings,
    /// How robots hear and speak.
    pub speech: Speech,
    /// The clock.
    pub runtime: Arc<dyn Runtime>,
}

/// The line driver over SIP.
pub struct TrunkLine {
    carrier: Arc<Carrier>,
}

impl TrunkLine {
    /// Places calls with this.
    #[must_use]
    pub fn new(carrier: Arc<Carrier>) -> Self {
        Self { carrier }
    }
}

impl Line for TrunkLine {
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall> {
        Box::new(TrunkCall {
            carrier: self.carrier.clone(),
            claimed: claimed.clone(),
            leg: None,
            take: None,
            pending: VecDeque::new(),
            report: CallReport::default(),
            briefing: Briefing::default(),
            voice: None,
            ear: Some(MachineEar::default()),
            hearing: None,
            interrupted: false,
        })
    }

    fn left_over(&self, attempt: &Claimed) -> Option<LeftOver> {
        let name = self.carrier.recordings.left_over_of(attempt.company, attempt.call, attempt.attempt_no)?;
        let Kept { recording, customer_recording } = Kept::of(name);
        Some(LeftOver { both: recording, customer: customer_recording })
    }
}

/// Hands the voices to the recording; tells it of the answer at the first frame after that.
struct CallTap {
    tape: Tape,
    answered: Arc<AtomicBool>,
    told: bool,
}

impl Tap for CallTap {
    fn frame(&mut self, customer: &Frame, robot: &Frame) {
        if !self.told && self.answered.load(Ordering::Acquire) {
            self.told = true;
            self.tape.answered();
        }
        self.tape.frame(customer, robot);
    }
}

/// A call whose signalling and voices are open.
struct Leg {
    // Dropped in this order: voices stop before the far side is told.
    media: Media,
    events: Events,
    call: OutgoingCall,
    formats: Formats,
    sandbox: bool,
    /// Tells the recording of the answer.
    told: Arc<AtomicBool>,
    /// When the call was answered, on the stream's clock and on ours.
    answered: (u64, Moment),
}

impl Leg {
    /// The moment of a place in the stream.
    fn moment(&self, position: u64) -> Moment {
        let (from, at) = self.answered;
        let samples = position.saturating_sub(from);
        at.after(Duration::from_millis(samples.saturating_mul(1_000) / u64::from(media::SAMPLE_RATE)))
    }

    fn change_session(&mut self, change: SessionChange) {
        let agreed = match &change.offer {
            Some(offer) => self.media.answer(offer, &self.formats),
            None => Ok(self.media.offer(&self.formats)),
        };
        match agreed {
            Ok(sdp) => {
                self.call.set_session(sdp.clone());
                change.reply(Reply::Accept(sdp));
            }
            Err(error) => {
                tracing::debug!(call_id = self.call.call_id(), %error, "a change of the session is refused");
                change.reply(Reply::Refuse);
            }
        }
    }
}

impl Drop for Leg {
    /// Measures how the voices went, for whoever watches. What is dropped next stops them.
    fn drop(&mut self) {
        let stats = self.media.stats();
        if stats.received > 0 {
            metrics::histogram!("hutong_rtp_jitter_seconds").record(stats.jitter.as_secs_f64());
            let expected = stats.received + stats.lost;
            #[expect(clippy::cast_precision_loss, reason = "a share, of at most some millions")]
            metrics::histogram!("hutong_rtp_loss_ratio").record(stats.lost as f64 / expected as f64);
        }
    }
}

struct TrunkCall {
    carrier: Arc<Carrier>,
    claimed: Claimed,
    leg: Option<Leg>,
    take: Option<Take>,
    pending: VecDeque<Heard>,
    report: CallReport,
    briefing: Briefing,
    /// What the robot speaks with.
    voice: Option<CallVoice>,
    /// Listens for an answering machine.
    ear: Option<MachineEar>,
    /// Listens for words; none before the answer, and in the sandbox, where words come as text.
    hearing: Option<Hearing>,
    /// A prompt was cut off, and what cut it off is not heard yet.
    interrupted: bool,
}

/// The status that says that voices cannot be agreed on.
const NOT_ACCEPTABLE_HERE: u16 = 488;

/// What happened on a leg.
enum Happened {
    Signal(Signal),
    Event(Event),
}

async fn next(leg: &mut Leg) -> Happened {
    tokio::select! {
        biased;
        signal = leg.call.next() => Happened::Signal(signal),
        Some(event) = leg.events.next() => Happened::Event(event),
    }
}

impl TrunkCall {
    /// Opens signalling and voices.
    async fn begin(&mut self) -> Result<Leg, String> {
        let carrier = &self.carrier;
        let line = self.claimed.line;
        let found = carrier.trunks.find(line).await;
        let (known, state) = found.ok_or_else(|| format!("line {line} has no usable trunk"))?;
        let trunk = &known.trunk;
        if let Some(why) = state.why_down() {
            return Err(format!("the trunk {} of line {line} is not there: {}", trunk.server, why.en));
        }
        self.voice = Some(carrier.speech.voices.open(&self.claimed, &self.briefing.slot_texts).await?);
        let local = carrier.agent.address_towards(trunk).await.map_err(|error| error.to_string())?;
        let now = carrier.runtime.now();
        let name = carrier.recordings.name(self.claimed.company, self.claimed.call, self.claimed.attempt_no, now);
        let (tape, take) = carrier.recordings.record(name);
        self.take = Some(take);
        let answered = Arc::new(AtomicBool::new(false));
        let tap = CallTap { tape, answered: answered.clone(), told: false };
        let (media, events) = carrier.engine.open(local, Some(Box::new(tap))).map_err(|error| error.to_string())?;
        media.listen(true);
        let formats = formats(trunk, carrier.advertised);
        let sdp = media.offer(&formats);
        let number = self.claimed.caller_phone.as_str();
        let caller = if known.hides_caller { Number::Hidden(number) } else { Number::Shown(number) };
        let numbers = (caller, self.claimed.customer_phone.as_str());
        let call = carrier.agent.place(trunk, local, numbers, sdp).map_err(|error| error.to_string())?;
        Ok(Leg { media, events, call, formats, sandbox: trunk.sandbox, told: answered, answered: (0, now) })
    }

    async fn until_answered(&mut self) -> Result<(), Disposition> {
        let mut leg = match self.begin().instrument(tracing::info_span!("invite")).await {
            Ok(leg) => leg,
            Err(reason) => {
                tracing::warn!(call = %self.claimed.call, reason, "call {} cannot be placed", self.claimed.call);
                return Err(self.unanswered(Signals::new(Ended::TrunkDead)));
            }
        };
        let mut ear = EarlyMediaListener::new(&self.carrier.trunks.announcements());
        let mut way = Way::begun(self.carrier.runtime.now());
        let ended = loop {
            let happened = next(&mut leg).await;
            match happened {
                Happened::Signal(Signal::Progress { code, sdp }) => {
                    way.progress(code, self.carrier.runtime.now());
                    if let Some(Err(error)) = sdp.map(|sdp| leg.media.accept(&sdp)) {
                        tracing::debug!(call_id = leg.call.call_id(), %error, "early media is not heard");
                    }
                }
                Happened::Signal(Signal::Answered { sdp }) => match self.on_answer(leg, &sdp) {
                    Ok(()) => {
                        self.report.signals =
                            Some(way.signals(Ended::Answered, None, ear.verdict(), self.carrier.runtime.now()));
                        return Ok(());
                    }
                    Err(signals) => return Err(self.unanswered(signals)),
                },
                Happened::Signal(Signal::Request(request)) => self.on_request(&mut leg, request),
                Happened::Signal(Signal::Ended(ended)) => break ended,
                Happened::Event(Event::Frame { frame, .. }) => {
                    let Some(verdict) = ear.push(&frame) else { continue };
                    way.heard(verdict, self.carrier.runtime.now());
                    if !ear.is_final() {
                        continue;
                    }
                    let signals = way.signals(Ended::Recognised, None, ear.verdict(), self.carrier.runtime.now());
                    return Err(self.unanswered(signals));
                }
                Happened::Signal(Signal::Trying | Signal::Referred(_)) | Happened::Event(_) => {}
            }
        };
        let how = match ended.by {
            EndedBy::FarSide => Ended::Refused,
            EndedBy::Us => Ended::RingTimeout,
            EndedBy::Silence => Ended::TrunkDead,
        };
        let signals = way.signals(how, Some(&ended), ear.verdict(), self.carrier.runtime.now());
        Err(self.unanswered(signals))
    }

    /// The call is answered, if its voices can be agreed on; a 200 may say nothing new after early media.
    fn on_answer(&mut self, mut leg: Leg, sdp: &[u8]) -> Result<(), Signals> {
        let agreed = match sdp {
            [] => leg.media.negotiated().ok_or_else(|| "the answer has no session description".to_owned()),
            sdp => leg.media.accept(sdp).map_err(|error| error.to_string()),
        };
        if let Err(error) = agreed {
            tracing::warn!(
                call_id = leg.call.call_id(),
                error,
                "the answer to call {} cannot be heard",
                self.claimed.call
            );
            return Err(Signals { sip_code: Some(NOT_ACCEPTABLE_HERE), ..Signals::new(Ended::Refused) });
        }
        leg.answered = (leg.media.position(), self.carrier.runtime.now());
        leg.told.store(true, Ordering::Release);
        if !leg.sandbox {
            self.hearing = Some(self.carrier.speech.hearing(self.claimed.call, &self.briefing));
        }
        self.leg = Some(leg);
        Ok(())
    }

    /// How an attempt without an answer ended. Its early media is kept where something was heard.
    fn unanswered(&mut self, signals: Signals) -> Disposition {
        self.report.signals = Some(signals);
        match self.take.take() {
            Some(take) if signals.early_media != EarlyMedia::Nothing => self.keep(take),
            Some(take) => take.discard(),
            None => {}
        }
        signals.disposition()
    }

    fn keep(&mut self, take: Take) {
        let Kept { recording, customer_recording } = take.names();
        let discard = Box::new(move || take.discard());
        self.report.recording = Some(Recording { both: recording, customer: customer_recording, discard });
    }
}

impl LiveCall for TrunkCall {
    fn brief(&mut self, briefing: Briefing) {
        self.briefing = briefing;
    }

    fn answered(&mut self) -> BoxFuture<'_, Result<(), Disposition>> {
        Box::pin(self.until_answered())
    }

    fn say<'a>(&'a mut self, text: &'a str, interruption: Interruption) -> BoxFuture<'a, Said> {
        Box::pin(self.speak(text, interruption))
    }

    fn listen(&mut self, listen: Listen) -> BoxFuture<'_, Heard> {
        Box::pin(self.hear(listen))
    }

    fn transfer<'a>(&'a mut self, to: &'a TransferTarget) -> BoxFuture<'a, Transferred> {
        Box::pin(self.hand_over(to))
    }

    fn hang_up(&mut self) -> BoxFuture<'_, ()> {
        // What the leg holds goes in its order: voices first. The far side's goodbye is waited for by nobody.
        self.leg = None;
        Box::pin(std::future::ready(()))
    }

    fn report(&mut self) -> CallReport {
        if let Some(take) = self.take.take() {
            self.keep(take);
        }
        std::mem::take(&mut self.report)
    }
}

/// What is offered to a trunk; `advertised` is where voices reach us, where a translator stands between.
#[must_use]
pub fn formats(trunk: &Trunk, advertised: Option<IpAddr>) -> Formats {
    let codecs = if trunk.prefer_ulaw { [Codec::Pcmu, Codec::Pcma] } else { [Codec::Pcma, Codec::Pcmu] };
    let srtp = match trunk.srtp {
        Srtp::Off => media::Srtp::Off,
        Srtp::Offered => media::Srtp::Offered,
        Srtp::Required => media::Srtp::Required,
    };
    Formats { codecs: codecs.to_vec(), srtp, advertised, ..Formats::default() }
}
