//! Handing a call over to a person: the far side is asked to carry it on (REFER), or the person is called on the same
//! line and both hear each other (a bridge). Until the person is there, nothing of the customer's call is given up.

use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::line::{Heard, PartedBy, TransferTarget, Transferred};
use hutong_dialer::runtime::BoxFuture;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{EarlyMedia, Ended, Signals};
use hutong_domain::transfer::{TransferFailure, TransferWay};
use hutong_prompts::Clip;
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::media::{self, Event, Media, Playback};
use hutong_telephony::sip::{EndedBy, Number, Referred, Request, Signal};

use super::{Happened, Leg, NOT_ACCEPTABLE_HERE, TrunkCall, formats, next};
use crate::bridges::Place;
use crate::trunks::KnownTrunk;

/// The pause before the customer hears the same again.
const WAIT_PAUSE: Duration = Duration::from_secs(1);
/// The longest that two people talk through us: both lines are held for as long.
const TALK_MAX: Duration = Duration::from_secs(60 * 60);

/// What the customer hears until the person is there.
struct Waiting {
    clip: Arc<[i16]>,
    playback: Option<Playback>,
}

impl Waiting {
    fn begin(clips: &[Clip], media: &Media) -> Self {
        let mut samples: Vec<i16> = clips.iter().flat_map(|clip| clip.iter().copied()).collect();
        if !samples.is_empty() {
            let pause = media::SAMPLE_RATE.saturating_mul(u32::try_from(WAIT_PAUSE.as_secs()).unwrap_or(1));
            samples.extend(std::iter::repeat_n(0, usize::try_from(pause).unwrap_or(0)));
        }
        let clip: Arc<[i16]> = samples.into();
        let playback = (!clip.is_empty()).then(|| media.play(clip.clone()));
        Self { clip, playback }
    }

    /// Plays it again and again. Can be cancelled without loss.
    async fn go_on(&mut self, media: &Media) -> std::convert::Infallible {
        while let Some(playback) = &mut self.playback {
            let played = playback.await;
            self.playback = played.complete.then(|| media.play(self.clip.clone()));
        }
        std::future::pending().await
    }
}

/// The person's side of a bridge, and its place among those of the line: free again when it is dropped.
struct Person {
    leg: Leg,
    _place: Place,
}

impl TrunkCall {
    /// See [`hutong_dialer::line::LiveCall::transfer`].
    pub(super) async fn hand_over(&mut self, target: &TransferTarget) -> Transferred {
        let Some(mut leg) = self.leg.take() else { return Transferred::HungUp };
        leg.media.listen(false);
        let wait = target.wait.as_deref().map(|text| self.clips(text)).unwrap_or_default();
        let mut waiting = Waiting::begin(&wait, &leg.media);
        let transferred = match target.how {
            TransferWay::Refer => self.refer(&mut leg, target, &mut waiting).await,
            TransferWay::Bridge => self.bridge(&mut leg, target, &mut waiting).await,
        };
        if let Transferred::Failed(why) = transferred {
            tracing::info!(call = %self.claimed.call, why = why.name(), "call {} stays with the robot", self.claimed.call);
            leg.media.stop_playing();
            self.leg = Some(leg);
        }
        let (way, outcome) = (way_name(target.how), outcome_name(transferred));
        metrics::counter!("hutong_transfers_total", "way" => way, "outcome" => outcome).increment(1);
        transferred
    }

    async fn refer(&mut self, leg: &mut Leg, target: &TransferTarget, waiting: &mut Waiting) -> Transferred {
        let Some((known, _)) = self.carrier.trunks.find(self.claimed.line).await else {
            return Transferred::Failed(TransferFailure::Trunk);
        };
        if let Err(error) = leg.call.refer(&known.trunk, &target.to, target.ring) {
            tracing::warn!(call = %self.claimed.call, %error, "call {} cannot be handed over", self.claimed.call);
            return Transferred::Failed(TransferFailure::Unsupported);
        }
        loop {
            let happened = tokio::select! {
                biased;
                signal = leg.call.next() => Happened::Signal(signal),
                Some(event) = leg.events.next() => Happened::Event(event),
                never = waiting.go_on(&leg.media) => match never {},
            };
            match happened {
                Happened::Signal(Signal::Referred(Referred::Taken)) => {
                    let now = self.carrier.runtime.now();
                    return Transferred::Taken { from: now, until: now, by: PartedBy::Us };
                }
                Happened::Signal(Signal::Referred(referred)) => return Transferred::Failed(failure_of(referred)),
                Happened::Signal(Signal::Ended(_)) => return Transferred::HungUp,
                Happened::Signal(Signal::Request(request)) => self.on_request(leg, request),
                Happened::Event(Event::Digit(key)) => self.remember(Heard::Key(key)),
                // Whoever is being handed over may hear nobody for a while: time is bounded by the REFER.
                Happened::Signal(_) | Happened::Event(_) => {}
            }
        }
    }

    async fn bridge(&mut self, customer: &mut Leg, target: &TransferTarget, waiting: &mut Waiting) -> Transferred {
        let mut person = match self.call_person(target).await {
            Ok(person) => person,
            Err(why) => return Transferred::Failed(why),
        };
        if let Err(transferred) = self.until_taken(customer, &mut person.leg, target.ring, waiting).await {
            return transferred;
        }
        // Voices stop before anybody is told: both legs are dropped with their voices first.
        self.talk(customer, &mut person.leg).await
    }

    /// Calls the person on the line of the customer's call.
    async fn call_person(&mut self, target: &TransferTarget) -> Result<Person, TransferFailure> {
        let (carrier, line) = (&self.carrier, self.claimed.line);
        let trunk = carrier.trunks.find(line).await.filter(|(_, state)| state.is_up());
        let (known, _) = trunk.ok_or(TransferFailure::Trunk)?;
        let place = carrier.trunks.bridges.take(line, known.trunk.bridges_max).ok_or(TransferFailure::Limit)?;
        let leg = self.open_leg(&known, target).await.map_err(|error| {
            tracing::warn!(call = %self.claimed.call, error, "call {} cannot be bridged", self.claimed.call);
            TransferFailure::Trunk
        })?;
        Ok(Person { leg, _place: place })
    }

    async fn open_leg(&mut self, known: &KnownTrunk, target: &TransferTarget) -> Result<Leg, String> {
        let (carrier, trunk) = (&self.carrier, &known.trunk);
        let local = carrier.agent.address_towards(trunk).await.map_err(|error| error.to_string())?;
        let (media, events) = carrier.engine.open(local, None).map_err(|error| error.to_string())?;
        media.listen(true);
        let formats = formats(trunk, carrier.advertised);
        let sdp = media.offer(&formats);
        let number = self.claimed.caller_phone.as_str();
        let caller = if known.hides_caller { Number::Hidden(number) } else { Number::Shown(number) };
        let call = carrier.agent.place_to(trunk, local, (caller, &target.to), sdp);
        let call = call.map_err(|error| error.to_string())?;
        let answered = (0, carrier.runtime.now());
        Ok(Leg { media, events, call, formats, sandbox: false, told: Arc::default(), answered })
    }

    /// Waits until the person answers, while the customer waits.
    async fn until_taken(
        &mut self,
        customer: &mut Leg,
        person: &mut Leg,
        ring: Duration,
        waiting: &mut Waiting,
    ) -> Result<(), Transferred> {
        let runtime = &self.carrier.runtime;
        let mut over = runtime.sleep_until(runtime.now().after(ring));
        let mut ear = EarlyMediaListener::new(&self.carrier.trunks.announcements());
        loop {
            tokio::select! {
                biased;
                signal = customer.call.next() => self.meanwhile(customer, Happened::Signal(signal))?,
                Some(event) = customer.events.next() => self.meanwhile(customer, Happened::Event(event))?,
                happened = next(person) => if self.on_person(person, happened, &mut ear)? {
                    return Ok(());
                },
                () = &mut over => return Err(Transferred::Failed(TransferFailure::NoAnswer)),
                never = waiting.go_on(&customer.media) => match never {},
            }
        }
    }

    /// What the customer does while the person is called.
    fn meanwhile(&mut self, customer: &mut Leg, happened: Happened) -> Result<(), Transferred> {
        match happened {
            Happened::Signal(Signal::Ended(_)) | Happened::Event(Event::Silent) => return Err(Transferred::HungUp),
            Happened::Signal(Signal::Request(request)) => self.on_request(customer, request),
            Happened::Event(Event::Digit(key)) => self.remember(Heard::Key(key)),
            Happened::Signal(_) | Happened::Event(_) => {}
        }
        Ok(())
    }

    /// What happens on the way to the person: whether they answered, or how the way ended.
    fn on_person(
        &mut self,
        person: &mut Leg,
        happened: Happened,
        ear: &mut EarlyMediaListener,
    ) -> Result<bool, Transferred> {
        let failed = |signals: Signals| Err(Transferred::Failed(TransferFailure::of(signals.disposition())));
        match happened {
            Happened::Signal(Signal::Progress { sdp: Some(sdp), .. }) => {
                if let Err(error) = person.media.accept(&sdp) {
                    tracing::debug!(call_id = person.call.call_id(), %error, "early media is not heard");
                }
            }
            Happened::Signal(Signal::Answered { sdp }) => {
                let agreed = match sdp.as_slice() {
                    [] => person.media.negotiated().is_some(),
                    sdp => person.media.accept(sdp).is_ok(),
                };
                if !agreed {
                    return failed(Signals { sip_code: Some(NOT_ACCEPTABLE_HERE), ..Signals::new(Ended::Refused) });
                }
                person.answered = (person.media.position(), self.carrier.runtime.now());
                return Ok(true);
            }
            Happened::Signal(Signal::Ended(ended)) => {
                let how = match ended.by {
                    EndedBy::FarSide => Ended::Refused,
                    EndedBy::Us => Ended::RingTimeout,
                    EndedBy::Silence => Ended::TrunkDead,
                };
                let early_media = ear.verdict();
                let (sip_code, q850_cause) = (ended.code, ended.q850);
                return failed(Signals { sip_code, q850_cause, early_media, ..Signals::new(how) });
            }
            Happened::Signal(Signal::Request(request)) => of_person(person, request),
            Happened::Event(Event::Frame { frame, .. }) => {
                if ear.push(&frame).is_some() && ear.is_final() {
                    let early_media: EarlyMedia = ear.verdict();
                    return failed(Signals { early_media, ..Signals::new(Ended::Recognised) });
                }
            }
            Happened::Signal(_) | Happened::Event(_) => {}
        }
        Ok(false)
    }

    /// Lets both hear each other until one of them is gone.
    async fn talk(&mut self, customer: &mut Leg, person: &mut Leg) -> Transferred {
        let from = self.carrier.runtime.now();
        person.media.listen(false);
        let _bridge = customer.media.bridge(&person.media);
        let mut over: BoxFuture<'static, ()> = self.carrier.runtime.sleep_until(from.after(TALK_MAX));
        let taken = |by, until: Moment| Transferred::Taken { from, until, by };
        loop {
            tokio::select! {
                biased;
                happened = next(customer) => match happened {
                    Happened::Signal(Signal::Ended(_)) | Happened::Event(Event::Silent) => {
                        return taken(PartedBy::Customer, self.carrier.runtime.now());
                    }
                    Happened::Signal(Signal::Request(request)) => self.on_request(customer, request),
                    Happened::Event(Event::Digit(key)) => pass_on(key, &person.media),
                    Happened::Signal(_) | Happened::Event(_) => {}
                },
                happened = next(person) => match happened {
                    Happened::Signal(Signal::Ended(_)) | Happened::Event(Event::Silent) => {
                        return taken(PartedBy::Person, self.carrier.runtime.now());
                    }
                    Happened::Signal(Signal::Request(request)) => of_person(person, request),
                    Happened::Event(Event::Digit(key)) => pass_on(key, &customer.media),
                    Happened::Signal(_) | Happened::Event(_) => {}
                },
                () = &mut over => return taken(PartedBy::Us, self.carrier.runtime.now()),
            }
        }
    }
}

/// A request of the person's side: nothing that they say along with the call is of use to the robot.
fn of_person(person: &mut Leg, request: Request) {
    match request {
        Request::Session(change) => person.change_session(change),
        Request::Info { .. } | Request::Refer(_) => {}
    }
}

/// A key that one side pressed is pressed for the other.
fn pass_on(key: char, to: &Media) {
    if let Err(error) = to.send_digits(key.encode_utf8(&mut [0; 4])) {
        // Not which key: it may be part of a secret.
        tracing::debug!(%error, "a key is not passed on");
    }
}

/// What a REFER that came to nothing means.
fn failure_of(referred: Referred) -> TransferFailure {
    match referred {
        Referred::Declined { code: Some(400..=403 | 405 | 407 | 415 | 420 | 489 | 501) } => {
            TransferFailure::Unsupported
        }
        Referred::Declined { code: Some(_) } => TransferFailure::Refused,
        Referred::Declined { code: None } => TransferFailure::Trunk,
        Referred::Unreached { code: None } | Referred::Taken => TransferFailure::NoAnswer,
        Referred::Unreached { code } => {
            let signals = Signals { sip_code: code, ring_ms: Some(0), ..Signals::new(Ended::Refused) };
            match TransferFailure::of(signals.disposition()) {
                // It is the far side's trunk that failed, not ours.
                TransferFailure::Trunk => TransferFailure::NoAnswer,
                why => why,
            }
        }
    }
}

fn way_name(way: TransferWay) -> &'static str {
    match way {
        TransferWay::Refer => "refer",
        TransferWay::Bridge => "bridge",
    }
}

fn outcome_name(transferred: Transferred) -> &'static str {
    match transferred {
        Transferred::Taken { .. } => "taken",
        Transferred::Failed(why) => why.name(),
        Transferred::HungUp => "hung_up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_far_side_answers_to_a_refer_is_a_reason() {
        let check = |referred, expected| assert_eq!(failure_of(referred), expected, "{referred:?}");
        for code in [401, 403, 405, 420, 501] {
            check(Referred::Declined { code: Some(code) }, TransferFailure::Unsupported);
        }
        check(Referred::Declined { code: Some(603) }, TransferFailure::Refused);
        check(Referred::Declined { code: Some(500) }, TransferFailure::Refused);
        check(Referred::Declined { code: None }, TransferFailure::Trunk);
        check(Referred::Unreached { code: None }, TransferFailure::NoAnswer);
        check(Referred::Unreached { code: Some(486) }, TransferFailure::Busy);
        check(Referred::Unreached { code: Some(603) }, TransferFailure::Refused);
        check(Referred::Unreached { code: Some(480) }, TransferFailure::NoAnswer);
        check(Referred::Unreached { code: Some(404) }, TransferFailure::NoAnswer);
        check(Referred::Unreached { code: Some(503) }, TransferFailure::NoAnswer);
    }
}
