//! Recognisers that do all kinds of things: for every utterance there is one answer, in time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod fake;
mod funasr;
mod http;
mod tls;
mod vosk;

use std::time::Duration;

use hutong_speech::recogniser::{
    CallHints, Hearing, HearingEvent, HearingEvents, Protocol, RecogniserSettings, Recognisers,
};
use tokio::time::timeout;

/// Far more than anything here takes: a test that waits so long has found a fault.
const BOUND: Duration = Duration::from_secs(60);
/// What servers get to answer: little, since some of them never do.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);
/// What servers get that do answer, on a machine that is busy.
const AMPLE: Duration = Duration::from_secs(20);

fn settings(name: &str, protocol: Protocol, url: &str, answer_timeout: Duration) -> RecogniserSettings {
    RecogniserSettings {
        answer_timeout,
        connect_timeout: answer_timeout,
        ..RecogniserSettings::at(name, protocol, url)
    }
}

/// Half a second of something loud, and half a second of something quiet: frames as a call has them.
fn speech() -> Vec<Vec<i16>> {
    let frame = |loud: bool| (0..160_i16).map(|n| if loud { (n % 8 - 4) * 2_000 } else { n % 3 }).collect();
    (0..50).map(|number| frame(number < 25)).collect()
}

/// Speaks an utterance into a call.
fn speak(hearing: &Hearing, utterance: u32) {
    hearing.begin(utterance);
    for frame in speech() {
        hearing.push(&frame);
    }
    hearing.finish(utterance);
}

/// The answer to an utterance; those in between are looked at.
async fn answer(events: &mut HearingEvents, utterance: u32) -> HearingEvent {
    loop {
        let event = timeout(BOUND, events.next()).await.expect("there is always an answer").unwrap();
        match &event {
            HearingEvent::Partial { utterance: of, text } => {
                assert_eq!(*of, utterance);
                assert!(!text.is_empty());
            }
            HearingEvent::Final { utterance: of, .. } | HearingEvent::Failed { utterance: of, .. } => {
                assert_eq!(*of, utterance);
                return event;
            }
        }
    }
}

/// What became of an utterance: the text and who understood it, or the beginning of why not.
fn told(event: &HearingEvent) -> (String, String) {
    match event {
        HearingEvent::Final { text, by, .. } => (text.clone(), by.to_string()),
        HearingEvent::Failed { why, .. } => (why.to_string(), String::new()),
        HearingEvent::Partial { .. } => panic!("this is no answer"),
    }
}

fn listen(servers: Vec<RecogniserSettings>) -> (Recognisers, Hearing, HearingEvents) {
    let recognisers = Recognisers::new(servers).unwrap();
    let (hearing, events) = recognisers.listen(CallHints::default());
    (recognisers, hearing, events)
}
