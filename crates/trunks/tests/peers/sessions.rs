//! sipp as a trunk that wants something of the session: longer intervals, refreshes, a hold, answers that are
//! acknowledged early, and two telephones at once.

use hutong_domain::dialogue::Interruption;
use std::time::Duration;

use hutong_dialer::line::Heard;
use hutong_domain::outcome::Ended;
use hutong_telephony::media::Codec;
use hutong_telephony::sip::{Listen, Trunk};

use crate::bench::{Bench, LOOPBACK, for_at_most};
use crate::process::soon;
use crate::sipp::{Sipp, WORDS};
use crate::sound;

const NUMBER: &str = "13800138000";

/// Places a call that is answered, and hangs up.
async fn answered(bench: &Bench) {
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    call.hang_up().await;
    let signals = call.report().signals.unwrap();
    assert_eq!((signals.ended, signals.sip_code), (Ended::Answered, None), "{signals:?}");
    drop(call);
    bench.at_rest().await;
}

/// The requests of this method in what sipp wrote down.
fn requests(messages: &str, method: &str) -> usize {
    messages.lines().filter(|line| line.starts_with(&format!("{method} sip:"))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_wants_a_longer_session_interval_gets_it() {
    let mut sipp = Sipp::start_with("wants_longer.xml", &[], 2).await;
    let bench = Bench::on(sipp.trunk()).await;
    answered(&bench).await;
    sipp.is_content().await;
    let messages = sipp.messages();
    assert_eq!(requests(&messages, "INVITE"), 2, "{messages}");
    assert!(messages.contains("Session-Expires: 2400") && messages.contains("Min-SE: 2400"), "{messages}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_hold_the_robot_waits_and_then_goes_on_where_it_was() {
    let check = async |direction: &str, answered_as: &str| {
        let mut sipp = Sipp::start_with("holds.xml", &[("@DIRECTION@", direction)], 1).await;
        let bench = Bench::on(sipp.trunk()).await;
        let mut call = bench.dial(NUMBER);
        soon(call.answered()).await.unwrap();
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
        // The last of it is on its way.
        assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
        call.hang_up().await;
        let report = call.report();
        assert_eq!(report.signals.unwrap().ended, Ended::Answered);
        drop(call);
        sipp.is_content().await;
        bench.at_rest().await;
        let messages = sipp.messages();
        assert!(messages.contains(&format!("a={answered_as}\r\n")), "{messages}");

        // What the robot says comes back: all of it, and nothing of it while it waits.
        let sound = sound::spoken(WORDS, Codec::Pcma);
        let customer = bench.customer(report).await;
        let silence = sound::longest_silence(&customer);
        assert!(silence >= HELD_MIN, "{direction}: nothing is heard for {silence} samples");
        let share = sound::found_beside(&sound, &customer, HELD_MAX);
        assert!(share >= 0.98, "{direction}: {share} of the frames come back");
        assert!(customer.len() >= sound.len() + HELD_MIN, "{direction}: {} samples", customer.len());
    };
    tokio::join!(check("sendonly", "recvonly"), check("inactive", "inactive"));
}

/// sipp holds for a second and a half; what is surely silent of it, and what it may become on a busy machine.
const HELD_MIN: usize = 8_000;
const HELD_MAX: usize = 80_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reliable_provisional_answer_is_acknowledged_whether_it_was_offered_or_asked_for() {
    for (offered, calls) in [(true, 1), (false, 2)] {
        let mut sipp = Sipp::start_with("answers_reliably.xml", &[], calls).await;
        let bench = Bench::on(Trunk { reliable_provisional: offered, ..sipp.trunk() }).await;
        answered(&bench).await;
        sipp.is_content().await;
        let messages = sipp.messages();
        assert_eq!(requests(&messages, "PRACK"), 1, "{messages}");
        // What is offered besides stays so.
        assert!(messages.contains("Supported: timer"), "{messages}");
    }
}

/// A call whose session we refresh, until it is over.
async fn refreshed(scenario: &str) {
    // The shortest interval that standards allow takes longer than anybody waits for a test.
    let listen = Listen { session_s_min: 2, ..Listen::at((LOOPBACK, 0).into()) };
    let mut sipp = Sipp::start(scenario).await;
    let bench = Bench::listening(sipp.trunk(), listen).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(40)))).await, Heard::HungUp);
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_refreshed_by_update_where_that_is_allowed() {
    refreshed("is_updated.xml").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_refreshed_by_an_invite_and_over_when_the_far_side_has_forgotten_it() {
    refreshed("forgets.xml").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_telephones_that_answer_at_once_one_is_talked_to_and_the_other_is_hung_up() {
    let mut sipp = Sipp::start("forks.xml").await;
    let bench = Bench::on(sipp.trunk()).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}
