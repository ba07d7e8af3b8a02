//! sipp as a trunk that is asked to hand a call over (REFER): it does, refuses, says nothing more, or hangs up; and the
//! callee farm, whose people do the same.

use hutong_domain::dialogue::Interruption;
use std::time::Duration;

use hutong_dialer::line::{Heard, LiveCall, PartedBy, TransferTarget, Transferred};
use hutong_domain::outcome::Ended;
use hutong_domain::transfer::{Destination, TransferFailure, TransferWay};
use hutong_telephony::media::Codec;
use hutong_telephony::sip::{Secret, Trunk};

use crate::bench::{Bench, CALLER, for_at_most};
use crate::farm::with_farm;
use crate::process::soon;
use crate::sipp::{Sipp, WORDS};
use crate::sound;

const NUMBER: &str = "13800138000";
/// A person of the sandbox who takes calls that are handed over, and the beginnings of numbers of those who do not.
pub(crate) const PERSON: &str = "13800138034";
const BUSY: &str = "13800138006";
/// Whose telephone hands no call over.
const KEEPS_CALLS: &str = "13800138033";

/// To whom calls are handed over by REFER.
fn to(person: &str, ring_ms: u64) -> TransferTarget {
    TransferTarget {
        to: Destination::parse(person).unwrap(),
        how: TransferWay::Refer,
        ring: Duration::from_millis(ring_ms),
        wait: None,
    }
}

/// A call that is answered, and what comes of handing it over.
async fn handed_over(sipp: &Sipp, trunk: Trunk, target: &TransferTarget) -> (Bench, Box<dyn LiveCall>, Transferred) {
    let bench = Bench::on(Trunk { ring_s: 30, ..trunk }).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    let transferred = soon(call.transfer(target)).await;
    let messages = sipp.messages();
    let by = format!("Referred-By: <sip:{CALLER}@127.0.0.1>");
    assert!(
        messages.contains(&by) && messages.contains("\r\nREFER sip:") | messages.contains("\nREFER sip:"),
        "{messages}"
    );
    (bench, call, transferred)
}

/// The robot is heard as before: what it says comes back; and then it hangs up.
async fn goes_on(sipp: &mut Sipp, bench: Bench, mut call: Box<dyn LiveCall>) {
    let said = soon(call.say(WORDS, Interruption::Never)).await;
    assert!(!said.hung_up && said.until.since(said.from) > Duration::from_secs(2), "{said:?}");
    assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
    call.hang_up().await;
    let report = call.report();
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
    let (share, _) = sound::arrived(&sound::spoken(WORDS, Codec::Pcma), &bench.customer(report).await);
    assert!(share >= 0.9, "{share} of the frames come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_reaches_the_person_has_the_call_and_we_leave_it() {
    let check = async |person: &str, refer_to: &str| {
        let mut sipp = Sipp::start_with("refers.xml", &[("@CODE@", "200"), ("@PHRASE@", "OK")], 1).await;
        let (bench, mut call, transferred) = handed_over(&sipp, sipp.trunk(), &to(person, 20_000)).await;
        let Transferred::Taken { from, until, by: PartedBy::Us } = transferred else { panic!("{transferred:?}") };
        assert_eq!(from, until);
        assert!(soon(call.say(WORDS, Interruption::Never)).await.hung_up, "it is over for us");
        call.hang_up().await;
        let report = call.report();
        assert_eq!(report.signals.unwrap().ended, Ended::Answered);
        assert!(report.recording.is_some());
        drop(call);
        sipp.is_content().await;
        bench.at_rest().await;
        let refer_to = refer_to.replace("@TRUNK@", &sipp.address().to_string());
        assert!(sipp.messages().contains(&refer_to), "{refer_to}: {}", sipp.messages());
    };
    tokio::join!(
        check(PERSON, "Refer-To: <sip:13800138034@@TRUNK@>"),
        check("sip:8001@pbx.example:5080", "Refer-To: <sip:8001@pbx.example:5080>"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_whom_the_trunk_does_not_reach_leaves_the_call_to_the_robot() {
    let check = async |code: &str, phrase: &str, expected: TransferFailure| {
        let mut sipp = Sipp::start_with("refers.xml", &[("@CODE@", code), ("@PHRASE@", phrase)], 1).await;
        let (bench, call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 20_000)).await;
        assert_eq!(transferred, Transferred::Failed(expected), "{code}");
        goes_on(&mut sipp, bench, call).await;
    };
    tokio::join!(
        check("486", "Busy Here", TransferFailure::Busy),
        check("603", "Decline", TransferFailure::Refused),
        check("480", "Temporarily Unavailable", TransferFailure::NoAnswer),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_hands_no_call_over_leaves_it_to_the_robot() {
    let check = async |code: &str, phrase: &str, header: &str, expected: TransferFailure| {
        let words = [("@CODE@", code), ("@PHRASE@", phrase), ("@HEADER@", header)];
        let mut sipp = Sipp::start_with("answers_refer.xml", &words, 1).await;
        let (bench, call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 20_000)).await;
        assert_eq!(transferred, Transferred::Failed(expected), "{code}");
        goes_on(&mut sipp, bench, call).await;
    };
    tokio::join!(
        check("405", "Method Not Allowed", "Allow: INVITE, ACK, BYE", TransferFailure::Unsupported),
        check("501", "Not Implemented", "Allow: INVITE, ACK, BYE", TransferFailure::Unsupported),
        check("603", "Decline", "Server: sipp", TransferFailure::Refused),
        // We have no account there: the library gives the call up, and it is taken up again.
        check("401", "Unauthorized", "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"", TransferFailure::Unsupported),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_says_nothing_more_leaves_the_call_to_the_robot_in_time() {
    let words = [("@CODE@", "202"), ("@PHRASE@", "Accepted"), ("@HEADER@", "Server: sipp")];
    let mut sipp = Sipp::start_with("answers_refer.xml", &words, 1).await;
    let (bench, call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 1_000)).await;
    assert_eq!(transferred, Transferred::Failed(TransferFailure::NoAnswer));
    goes_on(&mut sipp, bench, call).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_says_that_it_will_say_nothing_has_the_call() {
    let words = [("@CODE@", "202"), ("@PHRASE@", "Accepted"), ("@HEADER@", "Refer-Sub: false")];
    let mut sipp = Sipp::start_with("answers_refer.xml", &words, 1).await;
    let (bench, call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 20_000)).await;
    assert!(matches!(transferred, Transferred::Taken { by: PartedBy::Us, .. }), "{transferred:?}");
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_hangs_up_meanwhile_has_ended_the_call() {
    let mut sipp = Sipp::start("hangs_up_referred.xml").await;
    let (bench, mut call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 20_000)).await;
    assert_eq!(transferred, Transferred::HungUp);
    assert_eq!(soon(call.transfer(&to(PERSON, 20_000))).await, Transferred::HungUp);
    assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(5)))).await, Heard::HungUp);
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_reached_after_we_gave_up_has_the_call_all_the_same() {
    let mut sipp = Sipp::start("refers_late.xml").await;
    let (bench, mut call, transferred) = handed_over(&sipp, sipp.trunk(), &to(PERSON, 1_000)).await;
    assert_eq!(transferred, Transferred::Failed(TransferFailure::NoAnswer));
    // One may be asked for at a time: whose notifications come would not be known.
    let again = soon(call.transfer(&to(PERSON, 1_000))).await;
    assert_eq!(again, Transferred::Failed(TransferFailure::Unsupported));
    assert!(soon(call.say(WORDS, Interruption::Never)).await.hung_up, "the customer talks to somebody else");
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_of_the_farm_hand_a_call_over_or_do_not() {
    let (farm, bench) = with_farm().await;
    let check = async |number: &str, person: &str, expected: Option<TransferFailure>| {
        let mut call = bench.dial(number);
        soon(call.answered()).await.unwrap();
        let transferred = soon(call.transfer(&to(person, 20_000))).await;
        match (transferred, expected) {
            (Transferred::Taken { by: PartedBy::Us, .. }, None) => {}
            (Transferred::Failed(why), Some(expected)) if why == expected => {
                assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up, "{number}");
                let heard = soon(call.listen(for_at_most(Duration::from_secs(5)))).await;
                assert!(matches!(heard, Heard::Words { .. }), "{number}: {heard:?}");
            }
            (other, _) => panic!("{number} to {person}: {other:?}"),
        }
        call.hang_up().await;
    };
    tokio::join!(
        check(NUMBER, PERSON, None),
        check(NUMBER, BUSY, Some(TransferFailure::Busy)),
        check(KEEPS_CALLS, PERSON, Some(TransferFailure::Unsupported)),
    );
    bench.at_rest().await;
    crate::process::until("the farm is at rest", || (farm.calls() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_refused_within_the_call_does_not_end_it() {
    let words = [
        ("@CODE@", "407"),
        ("@PHRASE@", "Proxy Authentication Required"),
        ("@HEADER@", "Proxy-Authenticate: Digest realm=\"x\", nonce=\"1\""),
    ];
    // The same answer to the REFER with our account as to the one without it.
    let mut sipp = Sipp::start_with("challenges_refer.xml", &words, 1).await;
    let account = (Some("bob".to_owned()), Some(Secret("hunter2".to_owned())));
    let trunk = Trunk { user: account.0, password: account.1, ..sipp.trunk() };
    let bench = Bench::on(Trunk { ring_s: 30, ..trunk }).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    let transferred = soon(call.transfer(&to(PERSON, 20_000))).await;
    assert_eq!(transferred, Transferred::Failed(TransferFailure::Unsupported));
    goes_on(&mut sipp, bench, call).await;
}
