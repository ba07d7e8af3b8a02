//! The callee farm, over SIP and RTP.

use hutong_domain::dialogue::Interruption;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use hutong_callee::{Farm, Options, Pace};
use hutong_dialer::line::{Heard, Recording};
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Meaning};
use hutong_telephony::sip::{Listen, Trunk};

use crate::bench::{Bench, LOOPBACK, for_at_most};
use crate::{process, sound};

const PATIENCE: Duration = Duration::from_secs(60);

/// A line to a farm of quick people.
pub(crate) async fn with_farm() -> (Farm, Bench) {
    with_farm_on(LOOPBACK).await
}

/// The same, on another address.
async fn with_farm_on(address: IpAddr) -> (Farm, Bench) {
    let farm =
        Farm::open(Options { listen: (address, 0).into(), seed: 7, ports: 0..=0, pace: Pace(100), record: None });
    let farm = farm.await.unwrap();
    let trunk = Trunk { sandbox: true, ring_s: 8, ..Trunk::at(&farm.address().to_string()) };
    let bench = Bench::listening(trunk, Listen::at((address, 0).into())).await;
    (farm, bench)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_unanswered_sandbox_number_ends_as_its_last_digits_say() {
    let (_farm, bench) = with_farm().await;
    let check = async |number: &str, expected: Disposition, heard: Option<EarlyMedia>| {
        let mut call = bench.dial(number);
        let disposition = soon(call.answered()).await.unwrap_err();
        call.hang_up().await;
        let signals = call.report().signals.unwrap();
        assert_eq!(disposition, expected, "{number} {signals:?}");
        if let Some(heard) = heard {
            assert_eq!(signals.early_media, heard, "{number} {signals:?}");
        }
    };
    tokio::join!(
        check("13800138001", Disposition::Declined, None),
        check("13800138002", Disposition::Unreachable, Some(EarlyMedia::Announcement(Meaning::Unreachable))),
        check("13800138003", Disposition::LineFailed, None),
        check("13800138004", Disposition::Vacant, Some(EarlyMedia::Announcement(Meaning::Vacant))),
        check("13800138005", Disposition::PoweredOff, Some(EarlyMedia::Announcement(Meaning::PoweredOff))),
        check("13800138007", Disposition::Suspended, Some(EarlyMedia::Announcement(Meaning::Suspended))),
        check("13800138006", Disposition::Busy, Some(EarlyMedia::Busy)),
        check("13800138008", Disposition::RangOut, Some(EarlyMedia::Ringback)),
        check("13800138009", Disposition::LineInArrears, None),
        check("13800138022", Disposition::OutOfCoverage, Some(EarlyMedia::Nothing)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_is_spoken_heard_and_recorded() {
    tokio::join!(conversation(LOOPBACK), conversation(Ipv6Addr::LOCALHOST.into()));
}

async fn conversation(address: IpAddr) {
    let (farm, bench) = with_farm_on(address).await;
    let mut call = bench.dial("13800138000");
    soon(call.answered()).await.unwrap();
    let said = soon(call.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", Interruption::Always)).await;
    assert!(!said.hung_up && said.until.since(said.from) > Duration::from_secs(2), "{said:?}");
    let Heard::Words { text, from, until, .. } = soon(call.listen(for_at_most(Duration::from_secs(4)))).await else {
        panic!("nothing was said");
    };
    assert!(!text.is_empty() && from >= said.until && until > from, "{text} {from:?} {until:?} {said:?}");
    call.hang_up().await;
    let report = call.report();
    assert_eq!(report.signals.unwrap().ended, Ended::Answered);
    drop(call);
    let Recording { both, customer, discard } = report.recording.unwrap();
    // What becomes of it is decided only when this is dropped.
    drop(discard);
    let (spec, mixed) = bench.samples(&both).await;
    assert_eq!((spec.channels, spec.sample_rate), (1, 8_000));
    let (_, alone) = bench.samples(&customer).await;
    let loud = |samples: &[i16]| samples.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    // The robot's two seconds are in the one, and not in the other.
    assert!(loud(&mixed) > loud(&alone) + 4_000, "{} {}", loud(&mixed), loud(&alone));
    assert!(loud(&alone) > 500, "{}", loud(&alone));
    bench.at_rest().await;
    process::until("the farm is at rest", || (farm.calls() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_heard_and_a_callee_who_hangs_up_is_gone() {
    let (_farm, bench) = with_farm().await;
    let mut presses = bench.dial("13800138028");
    soon(presses.answered()).await.unwrap();
    soon(presses.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", Interruption::Never)).await;
    assert_eq!(soon(presses.listen(for_at_most(Duration::from_secs(5)))).await, Heard::Key('1'));
    presses.hang_up().await;

    let mut hangs_up = bench.dial("13800138026");
    soon(hangs_up.answered()).await.unwrap();
    let text = "好的，那今天先不打扰您了，祝您生活愉快，再见。";
    assert!(!soon(hangs_up.say(text, Interruption::Always)).await.hung_up);
    assert!(matches!(soon(hangs_up.listen(for_at_most(Duration::from_secs(5)))).await, Heard::Words { .. }));
    assert!(soon(hangs_up.say(text, Interruption::Always)).await.hung_up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_whose_packets_get_lost_is_heard_all_the_same() {
    let (farm, bench) = with_farm().await;
    let mut call = bench.dial("13800138032");
    soon(call.answered()).await.unwrap();
    let text = "好的，那今天先不打扰您了，祝您生活愉快，再见。";
    // Whoever hears the robot end, answers: its own voice comes through whole.
    assert!(!soon(call.say(text, Interruption::Always)).await.hung_up);
    let Heard::Words { text: words, .. } = soon(call.listen(for_at_most(Duration::from_secs(5)))).await else {
        panic!("no answer")
    };
    // The last of it is on its way.
    assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
    call.hang_up().await;
    let report = call.report();
    drop(call);
    bench.at_rest().await;
    process::until("the farm is at rest", || (farm.calls() == 0).then_some(())).await;

    let stats = bench.carrier.engine.stats();
    // One in ten, give or take: a call of ten seconds has some five hundred.
    assert!(stats.lost * 20 > stats.received, "{stats:?}");
    let customer = bench.customer(report).await;
    let (share, gap) = sound::arrived_of(&words, &customer[customer.len() - 3 * 8_000..]);
    assert!(share >= 0.5 && gap <= sound::GAP_FRAMES_MAX, "{share} of the frames come, gaps of {gap}, {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voicemail_is_known_by_its_greeting_and_its_beep() {
    let (_farm, bench) = with_farm().await;
    let mut call = bench.dial("13800138029");
    soon(call.answered()).await.unwrap();
    let said = soon(call.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", Interruption::Always)).await;
    let machine = said.machine || soon(call.listen(for_at_most(Duration::from_secs(20)))).await == Heard::Machine;
    assert!(machine, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_without_a_trunk_that_answers_fails_at_once() {
    let gone = std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let trunk = Trunk { reply_s: 1, ..Trunk::at(&gone.local_addr().unwrap().to_string()) };
    let bench = Bench::on(trunk).await;
    let mut call = bench.dial("13800138000");
    assert_eq!(soon(call.answered()).await, Err(Disposition::LineFailed));
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::TrunkDead);
}
