//! One call on a trunk: its signalling and its voices, as the dialer sees them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_dialer::line::{CallReport, Heard, LeftOver, Line, LiveCall, Recording, Said, TransferTarget, Transferred};
use hutong_dialer::runtime::BoxFuture;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Signals};
use hutong_prompts::ROBOT;
use hutong_recordings::{Kept, Recordings, Take, Tape};
use hutong_store::claim::Claimed;
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::media::{self, Codec, Engine, Event, Events, Formats, Frame, Media, Playback, Played, Tap};
use hutong_telephony::sip::{
    EndedBy, Number, OutgoingCall, Reply, Request, SessionChange, Signal, Srtp, Trunk, UserAgent,
};
use hutong_telephony::words::Words;

use crate::machine::{Ears, MachineEar};
use crate::quiet::Quiet;
use crate::trunks::Trunks;
use crate::way::Way;

mod transfer;

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
            ear: Some(MachineEar::default()),
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
    /// Listens for an answering machine.
    ear: Option<MachineEar>,
}

/// The status that says that voices cannot be agreed on.
const NOT_ACCEPTABLE_HERE: u16 = 488;

/// Why a prompt was cut off.
#[derive(Default)]
struct Cut {
    hung_up: bool,
    machine: bool,
}

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
            return Err(format!("the trunk {} of line {line} is not there: {why}", trunk.server));
        }
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
        let mut leg = match self.begin().await {
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

    async fn speak(&mut self, text: &str, interruptible: bool) -> Said {
        let now = self.carrier.runtime.now();
        let Some(mut leg) = self.leg.take() else {
            return Said { from: now, until: now, hung_up: true, machine: false };
        };
        let spoken = ROBOT.speak(text);
        if !spoken.missing.is_empty() {
            // Not which words: a customer's name may be among them.
            let missing = spoken.missing.chars().count();
            tracing::warn!(call = %self.claimed.call, missing, "{missing} characters of a prompt are not recorded");
        }
        leg.media.listen(self.ear.is_some());
        let mut from = None;
        let mut until = leg.media.position();
        let mut cut = Cut::default();
        let mut over = self.carrier.runtime.sleep_until(leg.answered.1.after(CALL_MAX));
        let queued: Vec<_> = spoken.clips.into_iter().map(|clip| leg.media.play(clip)).collect();
        for playback in queued {
            let played = self.until_played(&mut leg, playback, interruptible, (&mut over, &mut cut)).await;
            from = from.or((played.until > played.from).then_some(played.from));
            until = until.max(played.until);
            if cut.hung_up || cut.machine {
                break;
            }
        }
        let Cut { hung_up, machine } = cut;
        let said = Said { from: leg.moment(from.unwrap_or(until)), until: leg.moment(until), hung_up, machine };
        self.leg = Some(leg);
        said
    }

    async fn until_played(
        &mut self,
        leg: &mut Leg,
        mut playback: Playback,
        interruptible: bool,
        (over, cut): (&mut BoxFuture<'static, ()>, &mut Cut),
    ) -> Played {
        loop {
            let waiting = self.pending.len();
            tokio::select! {
                biased;
                // After the end, the next signal is the end again, at once.
                signal = leg.call.next(), if !cut.hung_up => match signal {
                    Signal::Ended(_) => cut.hung_up = true,
                    Signal::Request(request) => self.on_request(leg, request),
                    _ => {}
                },
                played = &mut playback => return played,
                () = &mut *over, if !cut.hung_up => cut.hung_up = true,
                Some(event) = leg.events.next() => match event {
                    Event::Digit(key) => self.remember(Heard::Key(key)),
                    Event::Silent => cut.hung_up = true,
                    Event::Frame { frame, .. } => cut.machine |= self.is_machine(&frame),
                    Event::Began => {}
                },
            }
            let interrupted = interruptible && self.pending.len() > waiting;
            if interrupted || cut.hung_up || cut.machine {
                leg.media.stop_playing();
            }
        }
    }

    async fn hear(&mut self, silence: Duration) -> Heard {
        if let Some(heard) = self.pending.pop_front() {
            return heard;
        }
        let Some(mut leg) = self.leg.take() else { return Heard::HungUp };
        leg.media.listen(true);
        let mut activity = ActivityDetector::default();
        // Speech puts the end of patience off: its words come when it is over.
        let mut quiet = Quiet::new(leg.media.position(), silence);
        let mut over = self.carrier.runtime.sleep_until(leg.answered.1.after(CALL_MAX));
        let heard = loop {
            let happened = tokio::select! {
                happened = next(&mut leg) => happened,
                () = &mut over => break Heard::HungUp,
            };
            match happened {
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
                    if quiet.is_over(position, activity.push(&frame)) {
                        break Heard::Silence;
                    }
                }
                Happened::Signal(_) | Happened::Event(Event::Began) => {}
            }
        };
        self.leg = Some(leg);
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

    fn on_request(&mut self, leg: &mut Leg, request: Request) {
        match request {
            Request::Session(change) => leg.change_session(change),
            Request::Refer(asked) => drop(asked),
            Request::Info { content_type, body } => {
                if let Some(words) = leg.sandbox.then(|| Words::read(&content_type, &body)).flatten() {
                    let until = leg.moment(leg.media.position());
                    let from = until.before(words.spoken()).max(leg.answered.1);
                    let machine = self.ear.as_mut().is_some_and(|ear| ear.heard(&words.text));
                    self.remember(Heard::Words { text: words.text, from, until });
                    if machine {
                        self.ear = None;
                        self.remember(Heard::Machine);
                    }
                }
            }
        }
    }

    /// Keeps what nobody has asked for yet; what is too much is forgotten.
    fn remember(&mut self, heard: Heard) {
        if self.pending.len() < PENDING_MAX {
            self.pending.push_back(heard);
        }
    }
}

impl LiveCall for TrunkCall {
    fn answered(&mut self) -> BoxFuture<'_, Result<(), Disposition>> {
        Box::pin(self.until_answered())
    }

    fn say<'a>(&'a mut self, text: &'a str, interruptible: bool) -> BoxFuture<'a, Said> {
        Box::pin(self.speak(text, interruptible))
    }

    fn listen(&mut self, silence: Duration) -> BoxFuture<'_, Heard> {
        Box::pin(self.hear(silence))
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
