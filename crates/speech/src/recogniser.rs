//! Recognisers: what a person on a call says, as text, from servers that others run.
//!
//! A call is listened to by a [`Hearing`], utterance by utterance: whoever finds where one begins and ends hands its audio
//! over while it is spoken. For every utterance that is begun and finished there is exactly one [`HearingEvent::Final`]
//! or [`HearingEvent::Failed`], within the time that the servers are given, whatever they do: a server that fails is
//! followed by the next one, to which the utterance is sent again from its beginning.
//!
//! Each utterance has a connection of its own, so that no answer is ever taken for that of another one; the next is
//! opened as soon as one is used up, so that connecting costs no talk time.

mod activity;
mod dialect;
mod funasr;
mod fuzzing;
mod hearing;
mod openai;
mod servers;
mod socket;
mod spare;
mod take;
mod text;
mod upsample;
mod utterance;
mod vosk;

use std::sync::Arc;
use std::time::Duration;

use hutong_telephony::sip::Secret;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::Instant;

pub use hearing::{Hearing, HearingEvents};
pub use servers::{ServerHealth, ServerState};

pub(crate) use fuzzing::fuzz;

use crate::server::SetupError;
use servers::Servers;
use utterance::Utterance;

/// The longest utterance: one that is cut off at 15 s, with what was said before it was noticed, and some more.
pub const UTTERANCE_MAX: Duration = Duration::from_secs(20);
/// The same at 8 kHz.
pub const UTTERANCE_SAMPLES_MAX: usize = 160_000;
/// How long connecting may take unless the operator says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an answer may take after the end of speech unless the operator says otherwise.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Hotwords that go along with an utterance.
pub const HOTWORDS_MAX: usize = 100;
/// Utterances of a call that are finished and not answered yet; more than so many fail.
pub const UNANSWERED_MAX: usize = 4;

/// The protocol of a recogniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// FunASR's runtime, over a WebSocket.
    Funasr,
    /// `POST /v1/audio/transcriptions`, in OpenAI's shape.
    Openai,
    /// Vosk's server, over a WebSocket.
    Vosk,
}

/// One recogniser.
#[derive(Debug, Clone)]
pub struct RecogniserSettings {
    /// What the operator calls it.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// `ws://HOST:PORT` or `wss://…`; for [`Protocol::Openai`] `http://` or `https://`.
    pub url: String,
    /// The model that is asked for, for [`Protocol::Openai`].
    pub model: Option<String>,
    /// The only language that it understands, as in `zh`; without it, it is told which one is spoken.
    pub language: Option<String>,
    /// Goes along as `Authorization: Bearer`.
    pub key: Option<Secret>,
    /// Authorities that are trusted besides the system's, in PEM.
    pub certificates: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take after the end of speech.
    pub answer_timeout: Duration,
}

impl RecogniserSettings {
    /// A recogniser at an address, with everything else at its default.
    #[must_use]
    pub fn at(name: &str, protocol: Protocol, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol,
            url: url.to_owned(),
            model: None,
            language: None,
            key: None,
            certificates: None,
            connect_timeout: CONNECT_TIMEOUT,
            answer_timeout: ANSWER_TIMEOUT,
        }
    }
}

/// What is known of a call before anything is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallHints {
    /// The language that is spoken, as in `zh` or `en`.
    pub language: Option<String>,
    /// Words that are likely: names of the product and of the company. No more than [`HOTWORDS_MAX`] are used.
    pub hotwords: Vec<String>,
}

impl CallHints {
    fn hotwords(&self) -> impl Iterator<Item = &str> {
        self.hotwords.iter().map(String::as_str).filter(|word| !word.trim().is_empty()).take(HOTWORDS_MAX)
    }
}

/// What is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HearingEvent {
    /// What an utterance may become, while it is spoken. Not all servers say so, and some of these are left out where
    /// nobody takes them.
    Partial {
        /// The number that it was begun with.
        utterance: u32,
        /// All of it so far.
        text: String,
    },
    /// An utterance is understood. The text is empty where nothing was said that the recogniser has a word for.
    Final {
        /// The number that it was begun with.
        utterance: u32,
        /// All of it.
        text: String,
        /// How long that took after its end.
        took: Duration,
        /// The recogniser's name.
        by: Arc<str>,
    },
    /// An utterance will not be understood.
    Failed {
        /// The number that it was begun with.
        utterance: u32,
        /// Of the last recogniser that was asked.
        why: Failure,
    },
}

/// Why an utterance was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// None is there for the language, or all are left alone for a while after they failed.
    #[error("there is no recogniser that could be asked")]
    NoServer,
    /// No connection.
    #[error("it cannot be connected to: {0}")]
    Connect(String),
    /// No connection any more.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// It answered, and not in its protocol.
    #[error("it does not keep to its protocol: {0}")]
    Protocol(String),
    /// It answered that it will not.
    #[error("{0}")]
    Refused(String),
    /// The time was up.
    #[error("it did not answer in time")]
    TooLate,
    /// More than [`UTTERANCE_MAX`].
    #[error("the utterance is longer than {} s", UTTERANCE_MAX.as_secs())]
    TooLong,
    /// More than [`UNANSWERED_MAX`].
    #[error("more than {UNANSWERED_MAX} utterances wait for an answer")]
    TooMany,
}

/// What came of asking a recogniser for [`Recognisers::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The recogniser's name.
    pub name: Arc<str>,
    /// What it understood, and how long that took after the end of the audio.
    pub outcome: Result<(String, Duration), Failure>,
}

/// The recognisers of an installation, the first ones preferred. Shared by all calls.
#[derive(Clone)]
pub struct Recognisers {
    servers: Arc<Servers>,
    runtime: Handle,
}

impl Recognisers {
    /// Recognisers in the operator's order. Nothing is connected to before a call is listened to. Time is tokio's.
    ///
    /// # Errors
    /// When one of them cannot be as it is set, or this is not inside a tokio runtime.
    pub fn new(settings: Vec<RecogniserSettings>) -> Result<Self, SetupError> {
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        Ok(Self { servers: Arc::new(Servers::new(settings)?), runtime })
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.len() == 0
    }

    /// Listens to one call.
    #[must_use]
    pub fn listen(&self, hints: CallHints) -> (Hearing, HearingEvents) {
        hearing::listen(self.servers.clone(), self.runtime.clone(), hints)
    }

    /// How each of them does, in the operator's order.
    #[must_use]
    pub fn health(&self) -> Vec<ServerHealth> {
        self.servers.health(Instant::now())
    }

    /// Asks each of them for what is said in `samples` (8 kHz, at most [`UTTERANCE_SAMPLES_MAX`]), also those that are
    /// left alone; where there are none, for half a second of silence.
    pub async fn check(&self, samples: &[i16], hints: &CallHints) -> Vec<Check> {
        let silence = [0; 4_000];
        let samples = if samples.is_empty() { &silence } else { samples };
        let checks = (0..self.servers.len()).map(|server| Utterance::check(&self.servers, server, samples, hints));
        futures::future::join_all(checks).await
    }
}

impl std::fmt::Debug for Recognisers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.health()).finish()
    }
}
