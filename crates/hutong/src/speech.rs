//! Speech as this binary wires it: recognisers, the voice that renders, and the language model, as configured.

use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_dialer::mind::{Mind, Question};
use hutong_dialer::runtime::BoxFuture;
use hutong_scenes::Studio;
use hutong_speech::mind::{self, Candidate, MindSettings};
use hutong_speech::recogniser::{Protocol, RecogniserSettings, Recognisers};
use hutong_speech::server::{ServerSettings, SetupError};
use hutong_speech::voice::{Speaker, TEXT_TIMEOUT, VoiceSettings, Voices};
use hutong_store::Store;
use hutong_telephony::sip::Secret;
use hutong_trunks::{SceneVoices, Speech};
use serde::Deserialize;

use crate::error::{Error, Result};

/// How long connecting to a server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What an answer may take, whoever configures it: at most a minute, which only tests on busy machines want.
const ANSWER_TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
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
    #[serde(default = "no_key")]
    key: Secret,
    #[serde(default = "answer_timeout_ms")]
    answer_timeout_ms: u64,
}

const fn answer_timeout_ms() -> u64 {
    2_000
}

const fn no_key() -> Secret {
    Secret(String::new())
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

impl SpeechConfig {
    pub(crate) fn check(&self) -> Result<()> {
        for (index, recogniser) in self.recognisers.iter().enumerate() {
            let key = format!("speech.recognisers[{index}]");
            if !ANSWER_TIMEOUT_MS.contains(&recogniser.answer_timeout_ms) {
                return Err(out_of_range(&format!("{key}.answer_timeout_ms"), &ANSWER_TIMEOUT_MS));
            }
            let schemes = match recogniser.protocol {
                Protocol::Openai => ["http://", "https://"],
                Protocol::Funasr | Protocol::Vosk => ["ws://", "wss://"],
            };
            if !schemes.iter().any(|scheme| recogniser.url.starts_with(scheme)) {
                let problem = format!("{:?} must begin with {} or {}", recogniser.url, schemes[0], schemes[1]);
                return Err(Error::config(&format!("{key}.url"), &problem));
            }
        }
        if !SPEEDS.contains(&self.voice.speed) {
            return Err(out_of_range("speech.voice.speed", &SPEEDS));
        }
        if self.voice.speaker.trim().is_empty() {
            return Err(Error::config("speech.voice.speaker", "needs the name of a speaker of the voice server"));
        }
        if !ANSWER_TIMEOUT_MS.contains(&self.mind.timeout_ms) {
            return Err(out_of_range("speech.mind.timeout_ms", &ANSWER_TIMEOUT_MS));
        }
        Ok(())
    }

    /// Who understands, in the operator's order.
    pub(crate) fn recognisers(&self) -> Result<Recognisers> {
        let settings = self.recognisers.iter().map(|it| {
            let name = if it.name.is_empty() { address(&it.url) } else { &it.name };
            RecogniserSettings {
                model: given(&it.model),
                language: given(&it.language),
                key: given(&it.key.0).map(Secret),
                connect_timeout: CONNECT_TIMEOUT,
                answer_timeout: Duration::from_millis(it.answer_timeout_ms),
                ..RecogniserSettings::at(name, it.protocol, &it.url)
            }
        });
        Recognisers::new(settings.collect()).map_err(|error| wrong("speech.recognisers", &error))
    }

    /// Who speaks what nobody has recorded.
    pub(crate) fn voice_server(&self) -> Result<Option<Voices>> {
        let VoiceConfig { url, model, key, .. } = &self.voice;
        let settings =
            server(url, key).map(|server| VoiceSettings { server, model: given(model), text_timeout: TEXT_TIMEOUT });
        settings.map(|settings| Voices::new(&settings)).transpose().map_err(|error| wrong("speech.voice", &error))
    }

    /// What scenes are published with.
    pub(crate) fn studio(&self, store: &Store) -> Result<Studio> {
        Ok(Studio { store: store.clone(), server: self.voice_server()?, speaker: self.speaker() })
    }

    /// Who speaks where a scene does not say.
    pub(crate) fn speaker(&self) -> Speaker {
        Speaker { name: self.voice.speaker.clone(), speed: self.voice.speed }
    }

    /// Which language model is asked, where one is.
    pub(crate) fn mind_model(&self) -> Option<String> {
        given(&self.mind.url).map(|_| self.mind.model.clone())
    }

    /// Who is asked what rules do not understand.
    pub(crate) fn mind(&self) -> Result<Option<Arc<dyn Mind>>> {
        let MindConfig { url, model, key, timeout_ms } = &self.mind;
        let Some(server) = server(url, key) else { return Ok(None) };
        let settings = MindSettings {
            server,
            model: model.clone(),
            answer_timeout: Duration::from_millis(*timeout_ms),
            has_json_format: true,
        };
        let mind = mind::Mind::new(&settings).map_err(|error| wrong("speech.mind", &error))?;
        Ok(Some(Arc::new(LanguageModel(mind))))
    }

    /// How calls on trunks hear and speak.
    pub(crate) fn open(&self, store: &Store, runtime: Arc<dyn Runtime>) -> Result<Speech> {
        let recognisers = self.recognisers()?;
        let voices = SceneVoices::new(store.clone(), self.voice_server()?, self.speaker(), runtime);
        Ok(Speech { recognisers: (!recognisers.is_empty()).then_some(recognisers), voices })
    }
}

/// A language model, as the dialer asks it.
#[derive(Debug)]
struct LanguageModel(mind::Mind);

impl Mind for LanguageModel {
    fn choose(&self, question: Question) -> BoxFuture<'_, Option<usize>> {
        Box::pin(async move {
            let Question { robot_said, customer_said, choices } = question;
            let examples: Vec<Vec<&str>> =
                choices.iter().map(|(_, examples)| examples.iter().map(String::as_str).collect()).collect();
            let candidates: Vec<Candidate<'_>> = choices
                .iter()
                .zip(&examples)
                .map(|((name, _), examples)| Candidate { name, examples })
                .take(mind::CANDIDATES_MAX)
                .collect();
            let asked = mind::Question { utterance: &customer_said, robot: &robot_said, candidates: &candidates };
            let (chosen, outcome) = match self.0.choose(asked).await {
                Ok(Some(index)) => (Some(index), "chosen"),
                Ok(None) => (None, "none"),
                Err(error) => {
                    tracing::warn!(%error, "the language model did not say what a customer meant");
                    (None, "failed")
                }
            };
            metrics::counter!("hutong_mind_answers_total", "outcome" => outcome).increment(1);
            chosen
        })
    }
}

fn server(url: &str, key: &Secret) -> Option<ServerSettings> {
    let url = given(url)?;
    Some(ServerSettings { url, key: given(&key.0).map(Secret), certificates: None, connect_timeout: CONNECT_TIMEOUT })
}

fn given(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// An address without its scheme.
fn address(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, address)| address)
}

fn out_of_range<T: std::fmt::Display>(key: &str, range: &std::ops::RangeInclusive<T>) -> Error {
    Error::config(key, &format!("must be between {} and {}", range.start(), range.end()))
}

fn wrong(key: &str, error: &SetupError) -> Error {
    Error::config(key, &error.to_string())
}
