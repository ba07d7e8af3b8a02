//! Trunks that misbehave: challenges without end, floods, forks, answers too late.

use hutong_telephony::sip::{Ended, EndedBy, Request, Signal, Trunk};

use super::agent::{SDP, Victim, memory, place, soon, until_answered, until_ended};
use super::trunk::{Came, Far};

/// Requests that one call may come to, whatever the trunk answers.
const ATTEMPTS_MAX: usize = 4;
/// Requests within a call that may wait for it, and those that come while they are taken.
const WAITING_MAX: usize = 64;
const SDP_TYPE: &str = "Content-Type: application/sdp\n";

/// Answers every INVITE by `answer` until the call ends; the end, and how many INVITEs came.
async fn answered_by(victim: &Victim, trunk: &Trunk, far: &Far, answer: impl AsyncFn(&Came, usize)) -> (Ended, usize) {
    let mut call = place(&victim.agent, trunk);
    let mut invites = 0;
    let ended = {
        let mut ended = std::pin::pin!(until_ended(&mut call));
        loop {
            tokio::select! {
                ended = &mut ended => break ended,
                came = far.next() => if came.method() == "INVITE" {
                    invites += 1;
                    assert!(invites < 100, "the call is tried for ever");
                    answer(&came, invites).await;
                },
            }
        }
    };
    (ended, invites)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_that_repeats_for_ever_ends_the_call() {
    let victim = Victim::new().await;
    for (status, header) in [("401 Unauthorized", "WWW"), ("407 Proxy Authentication Required", "Proxy")] {
        for fresh in [false, true] {
            for stale in ["", ",stale=true"] {
                let far = Far::new().await;
                let trunk = Trunk {
                    user: Some("account".to_owned()),
                    password: Some(serde_json::from_str("\"secret\"").unwrap()),
                    ..far.trunk()
                };
                let (ended, invites) = answered_by(&victim, &trunk, &far, async |came, number| {
                    let nonce = if fresh { number } else { 0 };
                    let more =
                        format!("{header}-Authenticate: Digest realm=\"x\",nonce=\"n{nonce}\",qop=\"auth\"{stale}\n");
                    far.answer(came, status, "t", &more, "").await;
                })
                .await;
                let code: u16 = status[..3].parse().unwrap();
                assert_eq!(ended, Ended { by: EndedBy::FarSide, code: Some(code), q850: None });
                assert!(invites <= ATTEMPTS_MAX, "{invites} INVITEs");
            }
        }
    }
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_interval_that_is_never_long_enough_ends_the_call() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let (ended, invites) = answered_by(&victim, &far.trunk(), &far, async |came, number| {
        let more = format!("Min-SE: {}\n", 1_800 + number);
        far.answer(came, "422 Session Interval Too Small", "t", &more, "").await;
    })
    .await;
    assert_eq!(ended, Ended { by: EndedBy::FarSide, code: Some(422), q850: None });
    assert!(invites <= ATTEMPTS_MAX, "{invites} INVITEs");
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirection_is_the_end_and_is_followed_nowhere() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let elsewhere = Far::new().await;
    let to = elsewhere.trunk().server;
    let (ended, invites) = answered_by(&victim, &far.trunk(), &far, async |came, _| {
        let more = format!("Contact: <sip:x@{to}>, <sip:y@{to}>\n");
        far.answer(came, "302 Moved Temporarily", "t", &more, "").await;
    })
    .await;
    assert_eq!(ended, Ended { by: EndedBy::FarSide, code: Some(302), q850: None });
    assert_eq!(invites, 1);
    assert!(elsewhere.until_quiet().await.is_empty());
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_provisional_answers_are_one_call() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let before = memory();
    let mut call = place(&victim.agent, &far.trunk());
    let invite = far.next_of("INVITE").await;
    let flood = async {
        for number in 0..10_000 {
            let (status, body) = if number % 2 == 0 { ("180 Ringing", "") } else { ("183 Session Progress", SDP) };
            far.answer(&invite, status, &format!("fork{}", number % 50), SDP_TYPE, body).await;
            if number % 16 == 0 {
                victim.has_read_all().await;
            }
        }
        // Lost where the flood has filled the buffers: said until it is heard.
        loop {
            far.answer(&invite, "486 Busy Here", "t", "", "").await;
            if far.next().await.method() == "ACK" {
                return;
            }
        }
    };
    let (ended, ()) = soon(async { tokio::join!(until_ended(&mut call), flood) }).await;
    assert_eq!(ended, Ended { by: EndedBy::FarSide, code: Some(486), q850: None });
    drop(call);
    victim.is_as_before().await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "memory has grown by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_answer_of_a_fork_is_hung_up_and_the_first_call_stays() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let mut call = place(&victim.agent, &far.trunk());
    let invite = far.next_of("INVITE").await;
    far.answer(&invite, "200 OK", "one", SDP_TYPE, SDP).await;
    until_answered(&mut call).await;
    assert!(far.next_of("ACK").await.line("To").contains("tag=one"));
    far.answer(&invite, "200 OK", "two", SDP_TYPE, SDP).await;
    let methods = far.until_quiet().await;
    assert_eq!(methods.first().map(String::as_str), Some("ACK"));
    assert!(methods.iter().any(|method| method == "BYE"), "{methods:?}");
    drop(call);
    let bye = far.next_of("BYE").await;
    assert!(bye.line("To").contains("tag=one"), "{}", bye.text);
    far.answer(&bye, "200 OK", "one", "", "").await;
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_after_the_cancel_is_hung_up() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let mut call = place(&victim.agent, &far.trunk());
    let invite = far.next_of("INVITE").await;
    far.answer(&invite, "180 Ringing", "one", "", "").await;
    while !matches!(soon(call.next()).await, Signal::Progress { .. }) {}
    drop(call);
    let cancel = far.next_of("CANCEL").await;
    far.answer(&cancel, "200 OK", "one", "", "").await;
    far.answer(&invite, "200 OK", "one", SDP_TYPE, SDP).await;
    far.next_of("ACK").await;
    let bye = far.next_of("BYE").await;
    far.answer(&bye, "200 OK", "one", "", "").await;
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_within_a_call_that_nobody_listens_to_is_bounded() {
    let (victim, far) = (Victim::new().await, Far::new().await);
    let mut call = place(&victim.agent, &far.trunk());
    let invite = far.next_of("INVITE").await;
    far.answer(&invite, "200 OK", "one", SDP_TYPE, SDP).await;
    until_answered(&mut call).await;
    let before = memory();
    let body = "x".repeat(20_000);
    for number in 0..6_000_u32 {
        let (method, more) =
            if number % 2 == 0 { ("INFO", "Content-Type: text/plain\n") } else { ("INVITE", SDP_TYPE) };
        far.ask(&invite, "one", method, number + 1, more, &body).await;
        if number % 8 == 0 {
            victim.has_read_all().await;
        }
    }
    let grown = memory().saturating_sub(before);
    far.ask(&invite, "one", "BYE", 100_000, "", "").await;
    let mut waiting = 0;
    let ended = loop {
        match soon(call.next()).await {
            Signal::Ended(ended) => break ended,
            Signal::Request(Request::Info { .. } | Request::Session(_)) => waiting += 1,
            _ => {}
        }
    };
    assert!(waiting <= WAITING_MAX, "{waiting} requests waited");
    assert_eq!(ended.by, EndedBy::FarSide);
    assert!(grown < 64 * 1024 * 1024, "memory has grown by {grown} bytes");
    drop(call);
    victim.is_as_before().await;
}
