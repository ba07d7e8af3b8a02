//! Words, and what was recognised of them.

use std::path::Path;
use std::time::Duration;

use hutong_e2e::SpeechPeer;
use hutong_prompts::{Role, entries};
use hutong_speech::endpoint::{EndpointSettings, Endpointer, SpeechEvent};
use hutong_speech::recogniser::{CallHints, Protocol, RecogniserSettings, Recognisers};
use hutong_speech::vad::VadModel;
use hutong_telephony::detect::wav;

/// What a recogniser gets that shares two cores with other tests.
const AMPLE: Duration = Duration::from_secs(90);
/// Samples of a millisecond.
const SAMPLES_PER_MS: usize = 8;
/// What is handed over around an utterance, in milliseconds.
const AROUND_MS: usize = 300;

/// How alike two texts are, from 0 to 1, without marks and with digits in words.
pub(crate) fn likeness(one: &str, other: &str) -> f64 {
    strsim::normalized_levenshtein(&plain(one), &plain(other))
}

/// How near words come to anything that a callee says.
pub(crate) fn likeness_to_any(words: &str) -> f64 {
    let said = entries().iter().filter(|it| it.role == Role::Callee);
    said.map(|it| likeness(it.text, words)).fold(0.0, f64::max)
}

fn plain(text: &str) -> String {
    let digit =
        |it: char| it.to_digit(10).and_then(|digit| "零一二三四五六七八九".chars().nth(digit as usize)).unwrap_or(it);
    text.chars().filter(|it| it.is_alphanumeric()).map(digit).collect()
}

/// What a recogniser makes of everything that a callee heard.
pub(crate) fn heard_by_callee(peer: &SpeechPeer, file: &Path) -> String {
    let samples = wav::read_telephone(&std::fs::read(file).unwrap()).unwrap();
    let settings = EndpointSettings { pause_ms: 500, ..EndpointSettings::default() };
    let events = Endpointer::new(VadModel::built_in().unwrap().detector(), settings).hear_all(&samples);
    let utterances: Vec<&[i16]> = events
        .iter()
        .filter_map(|event| match event {
            SpeechEvent::Ended { from_ms, until_ms, .. } => Some((*from_ms, *until_ms)),
            SpeechEvent::Began { .. } => None,
        })
        .map(|(from_ms, until_ms)| {
            let place = |ms: u64| usize::try_from(ms).unwrap() * SAMPLES_PER_MS;
            let around = AROUND_MS * SAMPLES_PER_MS;
            let from = place(from_ms).saturating_sub(around).min(samples.len());
            &samples[from..(place(until_ms) + around).min(samples.len())]
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = RecogniserSettings {
            answer_timeout: AMPLE,
            ..RecogniserSettings::at("peer", Protocol::Openai, &peer.http())
        };
        let recognisers = Recognisers::new(vec![settings]).unwrap();
        let hints = CallHints { language: Some("zh".to_owned()), hotwords: Vec::new() };
        let mut words = String::new();
        for utterance in utterances {
            words += &recognisers.check(utterance, &hints).await.remove(0).outcome.unwrap().0;
        }
        words
    })
}
