//! Real speech: shipped Mandarin through a real recogniser, over both of its protocols, and back from a real voice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::time::Duration;

use hutong_e2e::SpeechPeer;
use hutong_prompts::{Entry, Role, entries};
use hutong_speech::loudness::{ACTIVE_DB, active_db};
use hutong_speech::recogniser::{CallHints, HearingEvent, Protocol, RecogniserSettings, Recognisers, ServerState};
use hutong_speech::server::ServerSettings;
use hutong_speech::voice::{Speech, VoiceSettings, Voices};

/// Utterances that are recognised in each protocol.
const UTTERANCES: usize = 22;
/// Of a hundred characters, so many may be wrong.
const WRONG_PERCENT_MAX: usize = 15;
/// What a recogniser gets that shares two cores with other tests.
const AMPLE: Duration = Duration::from_secs(90);
/// 20 ms at 8 kHz.
const FRAME: usize = 160;

/// What callees say in more than a word, both of them in turn.
fn utterances() -> Vec<Entry> {
    let all = entries().iter().filter(|it| it.role == Role::Callee && heard(it.text).chars().count() >= 5);
    let (one, other): (Vec<Entry>, Vec<Entry>) = all.copied().partition(|it| it.voice == "zm_yunjian");
    let chosen: Vec<Entry> = one.into_iter().zip(other.into_iter().rev()).flat_map(|(a, b)| [a, b]).collect();
    assert!(chosen.len() >= UTTERANCES);
    chosen.into_iter().take(UTTERANCES).collect()
}

/// A text as it is compared: without marks, and with numbers in words.
fn heard(text: &str) -> String {
    let digit =
        |it: char| it.to_digit(10).and_then(|digit| "零一二三四五六七八九".chars().nth(digit as usize)).unwrap_or(it);
    text.chars().filter(|it| it.is_alphanumeric()).map(digit).collect()
}

async fn recognise(protocol: Protocol, url: &str) {
    let settings = RecogniserSettings { answer_timeout: AMPLE, ..RecogniserSettings::at("peer", protocol, url) };
    let recognisers = Recognisers::new(vec![settings]).unwrap();
    let hints = CallHints { language: Some("zh".to_owned()), hotwords: Vec::new() };
    let (hearing, mut events) = recognisers.listen(hints);
    let (mut wrong, mut all, mut slowest) = (0, 0, Duration::ZERO);
    for (number, entry) in (0..).zip(utterances()) {
        hearing.begin(number);
        // Silence before and after, as an utterance has it that was found on a call.
        let samples = [&[0; FRAME * 10][..], &entry.clip(), &[0; FRAME * 35]].concat();
        samples.chunks(FRAME).for_each(|frame| hearing.push(frame));
        hearing.finish(number);
        let event = loop {
            match events.next().await.unwrap() {
                HearingEvent::Partial { .. } => {}
                event => break event,
            }
        };
        let HearingEvent::Final { utterance, text, took, by } = event else { panic!("{event:?}") };
        assert_eq!((utterance, &*by), (number, "peer"));
        let (expected, heard) = (heard(entry.text), heard(&text));
        let errors =
            strsim::generic_levenshtein(&expected.chars().collect::<Vec<_>>(), &heard.chars().collect::<Vec<_>>());
        if errors > 0 {
            println!("{errors} of {}: {expected} was heard as {heard}", expected.chars().count());
        }
        (wrong, all, slowest) = (wrong + errors, all + expected.chars().count(), slowest.max(took));
    }
    println!(
        "{protocol:?}: {wrong} of {all} characters wrong in {UTTERANCES} utterances; the slowest answer took {slowest:?}"
    );
    assert!(wrong * 100 <= all * WRONG_PERCENT_MAX, "{wrong} of {all} characters are wrong");
    let health = recognisers.health().remove(0);
    assert_eq!((health.answered, health.failed, health.state), (UTTERANCES as u64, 0, ServerState::Asked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mandarin_is_recognised_in_the_protocol_of_funasr() {
    let Some(peer) = SpeechPeer::shared() else { return };
    recognise(Protocol::Funasr, &peer.websocket()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mandarin_is_recognised_in_the_shape_of_openai() {
    let Some(peer) = SpeechPeer::shared() else { return };
    recognise(Protocol::Openai, &peer.http()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_voice_speaks_is_as_loud_as_it_should_be_and_is_recognised() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let server = ServerSettings { url: peer.http(), key: None, certificates: None, connect_timeout: AMPLE };
    let voices = Voices::new(&VoiceSettings { server, model: None, text_timeout: AMPLE }).unwrap();
    let settings =
        RecogniserSettings { answer_timeout: AMPLE, ..RecogniserSettings::at("peer", Protocol::Openai, &peer.http()) };
    let recognisers = Recognisers::new(vec![settings]).unwrap();
    for (language, voice, text, expected) in [
        ("zh", "zf_xiaobei", "您好，请问您现在方便接电话吗？", "您好请问您现在方便接电话吗"),
        (
            "en",
            "af_heart",
            "Good morning. Would you like to make an appointment?",
            "goodmorningwouldyouliketomakeanappointment",
        ),
    ] {
        let samples = voices.speak(Speech { text, voice, speed: 1.0 }).await.unwrap();
        let db = active_db(&samples).unwrap();
        assert!((db - ACTIVE_DB).abs() < 1.0, "{text}: {db} dB");
        let hints = CallHints { language: Some(language.to_owned()), hotwords: Vec::new() };
        let check = recognisers.check(&samples, &hints).await.remove(0);
        let understood = heard(&check.outcome.unwrap().0).to_lowercase();
        assert!(strsim::normalized_levenshtein(&understood, expected) > 0.8, "{text}: {understood}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recogniser_that_is_killed_in_mid_sentence_is_replaced_by_the_next_one() {
    let folder = std::env::temp_dir().join(format!("hutong-killed-recogniser-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let Some(mut killed) = SpeechPeer::own(&folder) else { return };
    let Some(peer) = SpeechPeer::shared() else { return };
    let at = |name: &str, url: &str| RecogniserSettings {
        answer_timeout: AMPLE,
        ..RecogniserSettings::at(name, Protocol::Funasr, url)
    };
    let settings = vec![at("killed", &killed.websocket()), at("next", &peer.websocket())];
    let recognisers = Recognisers::new(settings).unwrap();
    let (hearing, mut events) = recognisers.listen(CallHints::default());
    let entry = utterances().into_iter().max_by_key(|it| it.text.len()).unwrap();
    let clip = entry.clip();
    let (first, second) = clip.split_at(clip.len() / 2);
    hearing.begin(1);
    first.chunks(FRAME).for_each(|frame| hearing.push(frame));
    killed.kill();
    second.chunks(FRAME).for_each(|frame| hearing.push(frame));
    hearing.push(&[0; FRAME * 35]);
    hearing.finish(1);
    let HearingEvent::Final { text, by, .. } = events.next().await.unwrap() else { panic!("it is understood") };
    assert_eq!(&*by, "next");
    assert!(strsim::normalized_levenshtein(&heard(&text), &heard(entry.text)) > 0.8, "{text} for {}", entry.text);
    drop(killed);
    std::fs::remove_dir_all(&folder).unwrap();
}
