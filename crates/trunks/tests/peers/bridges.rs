//! A customer's call that is bridged to a person: both are telephones of the test, which keep every sample that they
//! hear; sipp and the callee farm play people who are not there, and those who talk.

use hutong_domain::dialogue::Interruption;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hutong_dialer::line::{CallReport, Heard, LiveCall, PartedBy, TransferTarget, Transferred};
use hutong_domain::transfer::{Destination, TransferFailure, TransferWay};
use hutong_telephony::media::{Codec, Engine, EngineOptions, Event, Events, Formats, Frame, Media, Tap};
use hutong_telephony::sip::{IncomingCall, Listen, Refusal, Signal, Trunk, UserAgent};
use tokio::sync::mpsc;

use crate::bench::{Bench, LOOPBACK, for_at_most};
use crate::farm::with_farm;
use crate::process::{soon, until};
use crate::sipp::WORDS;
use crate::sound;
use crate::transfers::PERSON;

const CUSTOMER: &str = "13800138000";
/// The share of a voice's frames that arrive sample by sample. It goes through the threads of two engines twice: on a busy
/// machine some are late, and are made up for.
const HEARD_MIN: f64 = 0.8;
/// What the person says, and what the customer hears until then.
const ANSWER: &str = "您看周六还是周日，方便过来看看吗？";
const WAIT: &str = "好的，那今天先不打扰您了，祝您生活愉快，再见。";

/// Telephones that the trunk reaches.
struct Phones {
    agent: UserAgent,
    engine: Engine,
    calls: mpsc::Receiver<IncomingCall>,
}

/// One of them, in a call.
struct Phone {
    // Voices stop before the far side is told.
    media: Media,
    events: Events,
    call: IncomingCall,
    heard: Arc<Mutex<Vec<i16>>>,
}

struct Keeper(Arc<Mutex<Vec<i16>>>);

impl Tap for Keeper {
    fn frame(&mut self, heard: &Frame, _said: &Frame) {
        self.0.lock().unwrap().extend(heard);
    }
}

impl Phones {
    async fn open() -> (Self, Bench) {
        let (sender, calls) = mpsc::channel(4);
        let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), Some(sender)).await.unwrap();
        let engine = Engine::start(EngineOptions { ports: 0..=0, ..EngineOptions::default() }).unwrap();
        let trunk = Trunk { bridges_max: 1, ..Trunk::at(&agent.local_address().to_string()) };
        // The legs of a bridge are on threads of their own.
        let bench = Bench::with(trunk, EngineOptions { shards: 2, ..EngineOptions::default() }).await;
        (Self { agent, engine, calls }, bench)
    }

    async fn called(&mut self, number: &str) -> IncomingCall {
        let call = soon(self.calls.recv()).await.unwrap();
        assert_eq!(call.number, number);
        call
    }

    /// Takes the next call, in this codec.
    async fn taken(&mut self, number: &str, codec: Codec) -> Phone {
        let call = self.called(number).await;
        let heard = Arc::default();
        let (media, events) = self.engine.open(LOOPBACK, Some(Box::new(Keeper(Arc::clone(&heard))))).unwrap();
        let mut phone = Phone { call, media, events, heard };
        let formats = Formats { codecs: vec![codec], ..Formats::default() };
        let answer = phone.media.answer(phone.call.offer.as_deref().unwrap(), &formats).unwrap();
        phone.call.answer(answer);
        assert!(matches!(soon(phone.call.next()).await, Signal::Answered { .. }));
        phone
    }

    async fn at_rest(&self) {
        until("the telephones are at rest", || {
            (self.agent.stats().calls == 0 && self.engine.stats().open == 0).then_some(())
        })
        .await;
    }
}

impl Phone {
    /// Waits until a voice arrives.
    async fn hears(&mut self) {
        while soon(self.events.next()).await != Some(Event::Began) {}
    }

    /// Says something to its end, and waits until the last of it has arrived.
    async fn says(&self, words: &str, codec: Codec) -> Vec<i16> {
        let said = sound::spoken(words, codec);
        assert!(soon(self.media.play(said.clone().into())).await.complete);
        let arrived = self.media.position() + 8_000;
        until("it has arrived", || (self.media.position() >= arrived).then_some(())).await;
        said
    }

    fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap().clone()
    }

    async fn until_hung_up(mut self) {
        while !matches!(soon(self.call.next()).await, Signal::Ended(_)) {}
    }
}

fn to(person: &str, ring_ms: u64, wait: Option<&str>) -> TransferTarget {
    TransferTarget {
        to: Destination::parse(person).unwrap(),
        how: TransferWay::Bridge,
        ring: Duration::from_millis(ring_ms),
        wait: wait.map(str::to_owned),
    }
}

/// A call that is answered, and the telephone that it is answered on.
async fn answered(phones: &mut Phones, bench: &Bench, codec: Codec) -> (Box<dyn LiveCall>, Phone) {
    let mut call = bench.dial(CUSTOMER);
    let (answered, mut customer) = tokio::join!(soon(call.answered()), phones.taken(CUSTOMER, codec));
    answered.unwrap();
    customer.hears().await;
    (call, customer)
}

/// The robot is heard as before, by whoever is still there.
async fn goes_on(call: &mut dyn LiveCall, customer: &Phone, codec: Codec) {
    assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
    assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
    let (share, _) = sound::arrived(&sound::spoken(WORDS, codec), &customer.heard());
    assert!(share >= HEARD_MIN, "{share} of what the robot says is heard");
}

async fn ended(bench: &Bench, phones: &Phones, mut call: Box<dyn LiveCall>) -> CallReport {
    call.hang_up().await;
    let report = call.report();
    drop(call);
    bench.at_rest().await;
    phones.at_rest().await;
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customer_and_person_hear_each_other_in_whichever_codecs_and_it_is_recorded() {
    let check = async |one: Codec, other: Codec, person_number: &str, customer_leaves: bool| {
        let (mut phones, bench) = Phones::open().await;
        let (mut call, mut customer) = answered(&mut phones, &bench, one).await;
        let target = to(person_number, 20_000, Some(WAIT));
        let talk = async {
            let mut person = phones.taken(Destination::parse(person_number).unwrap().user(), other).await;
            person.hears().await;
            let said = customer.says(WORDS, one).await;
            let answer = person.says(ANSWER, other).await;
            customer.media.send_digits("5").unwrap();
            while soon(person.events.next()).await != Some(Event::Digit('5')) {}
            person.media.send_digits("9").unwrap();
            while soon(customer.events.next()).await != Some(Event::Digit('9')) {}
            let heard = (customer.heard(), person.heard());
            if customer_leaves {
                drop(customer);
                person.until_hung_up().await;
            } else {
                drop(person);
                customer.until_hung_up().await;
            }
            (said, answer, heard)
        };
        let (transferred, (said, answer, (customer_heard, person_heard))) =
            tokio::join!(soon(call.transfer(&target)), talk);
        let Transferred::Taken { from, until, by } = transferred else { panic!("{transferred:?}") };
        assert_eq!(by, if customer_leaves { PartedBy::Customer } else { PartedBy::Person });
        assert!(until.since(from) > Duration::from_secs(4), "{from:?} {until:?}");
        let share = sound::arrived(&sound::carried(&said, other), &person_heard).0;
        assert!(share >= HEARD_MIN, "the person hears {share} of what the customer says");
        let share = sound::arrived(&sound::carried(&answer, one), &customer_heard).0;
        assert!(share >= HEARD_MIN, "the customer hears {share} of what the person says");
        let report = ended(&bench, &phones, call).await;
        let recording = report.recording.unwrap();
        let (both, alone) = (recording.both.clone(), recording.customer.clone());
        drop(recording);
        let (_, alone) = bench.samples(&alone).await;
        let (share, _) = sound::arrived(&said, &alone);
        assert!(share >= HEARD_MIN, "{share} of the customer is recorded");
        let (_, both) = bench.samples(&both).await;
        let (share, _) = sound::arrived(&answer, &sound::without(&both, &alone));
        assert!(share >= HEARD_MIN, "{share} of the person is recorded");
    };
    tokio::join!(
        check(Codec::Pcma, Codec::Pcmu, PERSON, false),
        check(Codec::Pcmu, Codec::Pcma, "sip:8001@pbx.example", true),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customer_hears_the_same_again_until_the_ring_time_is_over_and_then_the_robot() {
    let (mut phones, bench) = Phones::open().await;
    let (mut call, customer) = answered(&mut phones, &bench, Codec::Pcma).await;
    let target = to(PERSON, 9_000, Some(ANSWER));
    let ringing = async {
        let mut person = phones.called(PERSON).await;
        person.ring(None);
        // It is cancelled.
        while !matches!(soon(person.next()).await, Signal::Ended(_)) {}
    };
    let (transferred, ()) = tokio::join!(soon(call.transfer(&target)), ringing);
    assert_eq!(transferred, Transferred::Failed(TransferFailure::NoAnswer));
    let (waited, heard) = (sound::spoken(ANSWER, Codec::Pcma), customer.heard());
    let at = sound::place_of(&waited, &heard[..waited.len() + 16_000]);
    assert!(sound::found(&waited, &heard[at..]) >= HEARD_MIN);
    let (again, _) = sound::arrived(&waited, &heard[at + waited.len()..]);
    assert!(again >= HEARD_MIN, "{again} of it is heard again");
    goes_on(call.as_mut(), &customer, Codec::Pcma).await;
    call.hang_up().await;
    customer.until_hung_up().await;
    ended(&bench, &phones, call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_does_not_take_the_call_leaves_it_to_the_robot() {
    let check = async |code: u16, q850: Option<u8>, expected: TransferFailure| {
        let (mut phones, bench) = Phones::open().await;
        let (mut call, customer) = answered(&mut phones, &bench, Codec::Pcma).await;
        let target = to(PERSON, 20_000, None);
        let refusing = async { phones.called(PERSON).await.refuse(Refusal { code, q850 }) };
        let (transferred, ()) = tokio::join!(soon(call.transfer(&target)), refusing);
        assert_eq!(transferred, Transferred::Failed(expected), "{code}");
        goes_on(call.as_mut(), &customer, Codec::Pcma).await;
        call.hang_up().await;
        customer.until_hung_up().await;
        ended(&bench, &phones, call).await;
    };
    tokio::join!(
        check(486, Some(17), TransferFailure::Busy),
        check(603, Some(21), TransferFailure::Refused),
        check(480, None, TransferFailure::NoAnswer),
        check(403, None, TransferFailure::Trunk),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_hangs_up_while_the_person_is_called_ends_both_calls() {
    let (mut phones, bench) = Phones::open().await;
    let (mut call, customer) = answered(&mut phones, &bench, Codec::Pcma).await;
    let target = to(PERSON, 20_000, None);
    let leaving = async {
        let mut person = phones.called(PERSON).await;
        person.ring(None);
        drop(customer);
        while !matches!(soon(person.next()).await, Signal::Ended(_)) {}
    };
    let (transferred, ()) = tokio::join!(soon(call.transfer(&target)), leaving);
    assert_eq!(transferred, Transferred::HungUp);
    assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(1)))).await, Heard::HungUp);
    ended(&bench, &phones, call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_calls_are_bridged_than_the_settings_of_the_line_allow() {
    let (mut phones, bench) = Phones::open().await;
    let (mut call, customer) = answered(&mut phones, &bench, Codec::Pcma).await;
    let (mut other_call, other_customer) = answered(&mut phones, &bench, Codec::Pcma).await;
    let target = to(PERSON, 20_000, None);
    let talk = async {
        let mut person = phones.taken(PERSON, Codec::Pcma).await;
        person.hears().await;
        let transferred = soon(other_call.transfer(&target)).await;
        assert_eq!(transferred, Transferred::Failed(TransferFailure::Limit));
        goes_on(other_call.as_mut(), &other_customer, Codec::Pcma).await;
        drop(person);
    };
    let (transferred, ()) = tokio::join!(soon(call.transfer(&target)), talk);
    assert!(matches!(transferred, Transferred::Taken { by: PartedBy::Person, .. }), "{transferred:?}");
    customer.until_hung_up().await;
    // The place is free again.
    let taking = async {
        let mut person = phones.taken(PERSON, Codec::Pcma).await;
        person.hears().await;
    };
    let (transferred, ()) = tokio::join!(soon(other_call.transfer(&target)), taking);
    assert!(matches!(transferred, Transferred::Taken { .. }), "{transferred:?}");
    other_customer.until_hung_up().await;
    drop(other_call);
    ended(&bench, &phones, call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_stops_in_mid_transfer_hangs_up_both_sides() {
    let (mut phones, bench) = Phones::open().await;
    let (mut call, customer) = answered(&mut phones, &bench, Codec::Pcma).await;
    let target = to(PERSON, 20_000, None);
    let person = tokio::select! {
        _ = call.transfer(&target) => panic!("nobody hung up"),
        person = phones.taken(PERSON, Codec::Pcma) => person,
    };
    call.hang_up().await;
    tokio::join!(customer.until_hung_up(), person.until_hung_up());
    ended(&bench, &phones, call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_of_the_farm_talk_to_each_other_until_the_one_who_attends_hangs_up() {
    let (farm, bench) = with_farm().await;
    let mut call = bench.dial(CUSTOMER);
    soon(call.answered()).await.unwrap();
    let transferred = soon(call.transfer(&to(PERSON, 20_000, Some(WAIT)))).await;
    let Transferred::Taken { from, until, by: PartedBy::Person } = transferred else { panic!("{transferred:?}") };
    assert!(until.since(from) > Duration::from_secs(2), "{transferred:?}");
    call.hang_up().await;
    let recording = call.report().recording.unwrap();
    drop(call);
    bench.at_rest().await;
    crate::process::until("the farm is at rest", || (farm.calls() == 0).then_some(())).await;
    let (both, alone) = (recording.both.clone(), recording.customer.clone());
    drop(recording);
    let loud = |samples: &[i16]| samples.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    let ((_, both), (_, alone)) = (bench.samples(&both).await, bench.samples(&alone).await);
    assert!(loud(&alone) > 500, "the customer answers the person: {}", loud(&alone));
    // "你好，请讲", in whichever voice.
    let greeting = hutong_prompts::entries().iter().filter(|row| row.text == "你好，请讲");
    let person = sound::without(&both, &alone);
    let heard = greeting.map(|row| sound::share_of(&sound::carried(&row.clip(), Codec::Pcma), &person));
    let heard = heard.fold(0.0, f64::max);
    assert!(heard >= HEARD_MIN, "{heard} of what the person says is heard");
}
