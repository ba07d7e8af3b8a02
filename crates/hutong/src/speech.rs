//! Speech as this binary wires it: recognisers, the voice that renders, and the language model, as configured.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_speech::mind::{Mind, MindSettings};
use hutong_speech::recogniser::{Protocol, RecogniserSettings, Recognisers};
use hutong_speech::server::ServerSettings;
use hutong_speech::vad::VadModel;
use hutong_speech::voice::{VoiceServer, VoiceSettings};
use hutong_store::Store;
use hutong_telephony::sip::Secret;
use hutong_trunks::{SceneVoices, Speaker, Speech};
use serde::Deserialize;

use crate::error::{Error, Result};

/// How long connecting to a server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What an answer may take at most, whoever configures it: nobody waits longer on the phone.
const ANSWER_TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=15_000;
/// How fast a voice speaks, as servers take it.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.5..=2.0;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpeechConfig {
    recognisers: Vec<RecogniserConfig>,
    voice: VoiceConfig,
    mind: MindConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecogniserConfig {
    /// Its address without the scheme where it has none.
    #[serde(default)]
    name: String,
    protocol: Protocol,
    url: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    key: Secret,
    #[serde(default = "answer_timeout_ms")]
    answer_timeout_ms: u64,
}

const fn answer_timeout_ms() -> u64 {
    2_000
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceConfig {
    url: String,
    model: String,
    speaker: String,
    speed: f64,
    key: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MindConfig {
    url: String,
    model: String,
    key: Secret,
    timeout_ms: u64,
}
