//! Over UDP: single messages, huge ones, and floods.

use std::fmt::Write as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::UdpSocket;

use super::agent::{LOOPBACK, SDP, Victim, memory, place, soon, until_ended};
use super::messages::{self, lines, request};
use hutong_telephony::sip::{AgentStats, Trunk};

/// Bytes by which memory may grow over a flood: what is remembered of requests for 32 seconds, and then forgotten.
const GROWTH_BYTES_MAX: usize = 96 * 1024 * 1024;

async fn socket() -> UdpSocket {
    UdpSocket::bind((LOOPBACK, 0)).await.unwrap()
}

/// The status code of what comes next.
async fn status(socket: &UdpSocket) -> u16 {
    let mut answer = [0; 65_535];
    let length = socket.recv(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    // What keeps a connection alive is answered without a code.
    text.split(' ').nth(1).map_or(0, |code| code.parse().unwrap())
}

/// The first final status code that comes back before an OPTIONS that was sent behind it is answered; 0 where none does.
async fn asked(victim: &Victim, message: &[u8]) -> u16 {
    let socket = socket().await;
    socket.send_to(message, victim.address()).await.unwrap();
    victim.has_read_all().await;
    // Calls are refused by a task of their own, a moment later.
    let wait = Duration::from_millis(500);
    tokio::time::timeout(wait, async {
        loop {
            let code = status(&socket).await;
            if code >= 200 {
                return code;
            }
        }
    })
    .await
    .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_torture_are_answered_or_passed_over_and_change_nothing() {
    let victim = Victim::new().await;
    let mut wrong = String::new();
    for message in messages::all() {
        let me = socket().await.local_addr().unwrap();
        let code = asked(&victim, &message.bytes(victim.address(), me)).await;
        if message.answer.is_some_and(|answer| answer != code) {
            writeln!(wrong, "{}: {code} instead of {:?}", message.section, message.answer).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_of_all_that_fits_change_nothing() {
    let victim = Victim::new().await;
    let me = socket().await;
    let address = me.local_addr().unwrap().to_string();
    let large = [
        request("OPTIONS", "one", &format!("X: {}\n", "x".repeat(60_000))),
        request("OPTIONS", "many", &"a:b\n".repeat(12_000)),
        request("OPTIONS", "vias", &"v: SIP/2.0/UDP x;branch=y\n".repeat(2_200)),
        request("OPTIONS", "routes", &format!("Route: {}<sip:x;lr>\n", "<sip:x;lr>, ".repeat(5_000))),
        request("OPTIONS", "folded", &format!("X: y\n{}", " z\n".repeat(15_000))),
        request("OPTIONS", "quotes", &format!("Contact: {}\n", "\"".repeat(60_000))),
        request("OPTIONS", "brackets", &format!("Contact: {}\n", "<".repeat(60_000))),
        request("INVITE", "params", &format!("Contact: <sip:x@y{}>\n", ";a=b".repeat(14_000))),
    ];
    for message in large {
        let message = message.replace("VICTIM", &victim.address().to_string()).replace("ME", &address);
        me.send_to(message.as_bytes(), victim.address()).await.unwrap();
    }
    victim.is_as_before().await;
}

/// A seed with a few bytes of it changed.
fn junk(seeds: &[Vec<u8>], number: u32, chance: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds[chance.random_range(0..seeds.len())].clone();
    if bytes.is_empty() {
        return bytes;
    }
    for _ in 0..chance.random_range(0..8) {
        let at = chance.random_range(0..bytes.len());
        match chance.random_range(0..3) {
            0 => bytes[at] = chance.random(),
            1 => drop(bytes.drain(at..(at + 8).min(bytes.len() - 1).max(at))),
            _ => drop(bytes.splice(at..at, b"\r\n".iter().copied())),
        }
    }
    // Another transaction each, where its number is not among what was changed.
    String::from_utf8_lossy(&bytes).replace("z9hG4bK", &format!("z9hG4bK{number}x")).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_datagrams_of_junk_leave_nothing_behind() {
    let victim = Victim::new().await;
    let me = socket().await;
    let seeds: Vec<Vec<u8>> =
        messages::all().iter().map(|message| message.bytes(victim.address(), me.local_addr().unwrap())).collect();
    let mut chance = StdRng::seed_from_u64(4_475);
    victim.is_as_before().await;
    let before = memory();
    for number in 0..20_000 {
        me.send_to(&junk(&seeds, number, &mut chance), victim.address()).await.unwrap();
        if number % 32 == 0 {
            victim.has_read_all().await;
        }
    }
    victim.is_as_before().await;
    let grown = memory().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "memory has grown by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_never_confirms_is_forgotten_with_everything_else() {
    let victim = Victim::new().await;
    let me = socket().await;
    let address = me.local_addr().unwrap().to_string();
    for number in 0..50 {
        let invite = request("INVITE", &format!("unconfirmed{number}"), "Content-Type: application/sdp\n")
            .replace("nobody", super::agent::NUMBER)
            .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()))
            .replace("VICTIM", &victim.address().to_string())
            .replace("ME", &address);
        me.send_to(invite.as_bytes(), victim.address()).await.unwrap();
    }
    victim.has_read_all().await;
    soon(async {
        while victim.agent.stats().calls < 50 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // 64 × T1 for the confirmation, and as long again for the goodbye that nobody answers.
    let forgotten = async {
        while victim.agent.stats() != AgentStats::default() {
            let a_moment = Duration::from_millis(100);
            tokio::time::timeout(a_moment, std::future::pending::<()>()).await.unwrap_err();
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(110), forgotten).await;
    assert!(ended.is_ok(), "still there: {:?}", victim.agent.stats());
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_a_call_in_every_broken_form_end_it_or_are_passed_over() {
    let victim = Victim::new().await;
    let far = socket().await;
    let trunk = Trunk { reply_s: 1, ..Trunk::at(&far.local_addr().unwrap().to_string()) };
    for broken in [
        "SIP/2.0 200\n",
        "SIP/2.0 200 OK\nVia: x\n",
        "SIP/2.0 200 OK\nVIA\nCSeq: 1 INVITE\n",
        "SIP/2.0 700 Beyond\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\n",
        "SIP/2.0 099 Below\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\n",
        "SIP/2.0 200 OK\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nContact: <sip:[>\n",
        "SIP/2.0 183 x\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nRSeq: -1\nRequire: 100rel\nContact: nowhere\n",
        "SIP/2.0 302 x\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nContact: <sip:elsewhere@127.0.0.1:9>\n",
        "SIP/2.0 401 x\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nWWW-Authenticate: Digest\n",
        "SIP/2.0 401 x\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nWWW-Authenticate: Basic realm=\"\n",
        "SIP/2.0 422 x\nVIA\nFROM\nTO;tag=x\nCALL\nCSeq: 1 INVITE\nMin-SE: 99999999999\n",
    ] {
        let mut call = place(&victim.agent, &trunk);
        let mut invite = [0; 65_535];
        let (length, from) = soon(far.recv_from(&mut invite)).await.unwrap();
        let invite = String::from_utf8_lossy(&invite[..length]).into_owned();
        let line = |name: &str| invite.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        let answer = broken.replace("VIA", &line("Via")).replace("FROM", &line("From")).replace("TO", &line("To"));
        let answer = answer.replace("CALL", &line("Call-ID"));
        far.send_to(lines(&format!("{answer}Content-Length: 0\n\n")).as_bytes(), from).await.unwrap();
        // It ends in whatever way; a call that the far side has answered is hung up by us.
        let ended = tokio::time::timeout(Duration::from_secs(4), until_ended(&mut call)).await;
        // What is left unanswered ends by itself: nobody waits for ever.
        assert!(ended.is_ok() || broken.starts_with("SIP/2.0 2") || broken.starts_with("SIP/2.0 1"), "{broken}");
        drop(call);
        // Whatever was still on its way to the far side is of no interest to the next call.
        while far.try_recv(&mut [0; 65_535]).is_ok() {}
    }
    victim.is_as_before().await;
}
