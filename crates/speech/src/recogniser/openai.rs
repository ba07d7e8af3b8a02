//! `POST /v1/audio/transcriptions`, in OpenAI's shape: the whole utterance at once, after its end.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::{CallHints, Failure, RecogniserSettings, text};
use crate::server::{Server, ServerError, ServerSettings, SetupError, answer};

/// What such servers call their model where it is up to them.
const MODEL: &str = "whisper-1";
/// The longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Characters of hotwords that go along: models read some hundred words of a prompt.
const PROMPT_CHARS_MAX: usize = 300;

/// A server.
pub(super) struct Openai {
    server: Server,
    model: String,
}

#[derive(Deserialize)]
struct Transcription {
    text: String,
}

impl Openai {
    pub(super) fn new(settings: &RecogniserSettings) -> Result<Self, SetupError> {
        let RecogniserSettings { url, key, certificates, connect_timeout, model, .. } = settings;
        let server = ServerSettings {
            url: url.clone(),
            key: key.clone(),
            certificates: certificates.clone(),
            connect_timeout: *connect_timeout,
        };
        let server = Server::new(&server, "audio/transcriptions")?;
        Ok(Self { server, model: model.clone().unwrap_or_else(|| MODEL.to_owned()) })
    }

    pub(super) async fn transcribe(&self, samples: &[i16], hints: &CallHints) -> Result<String, Failure> {
        let file = Part::bytes(wav(samples)?).file_name("utterance.wav");
        let file = file.mime_str("audio/wav").map_err(|error| Failure::Protocol(error.to_string()))?;
        let mut form = Form::new().part("file", file).text("model", self.model.clone()).text("response_format", "json");
        if let Some(language) = &hints.language {
            form = form.text("language", language.clone());
        }
        let prompt: String = hints.hotwords().collect::<Vec<_>>().join("，");
        if !prompt.is_empty() {
            form = form.text("prompt", prompt.chars().take(PROMPT_CHARS_MAX).collect::<String>());
        }
        let body = answer(self.server.post().multipart(form), ANSWER_BYTES_MAX).await?;
        let said: Transcription =
            serde_json::from_slice(&body).map_err(|error| Failure::Protocol(error.to_string()))?;
        Ok(text::clean(&said.text))
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Unreachable(why) => Self::Lost(why),
            ServerError::TooLate => Self::TooLate,
            error @ ServerError::Refused { .. } => Self::Refused(error.to_string()),
            error @ (ServerError::TooLong(_) | ServerError::Unreadable { .. }) => Self::Protocol(error.to_string()),
        }
    }
}

/// Linear telephone audio: servers that need another rate make it, and better than what is not there can be made up.
fn wav(samples: &[i16]) -> Result<Vec<u8>, Failure> {
    let spec = WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut file = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let write = |file: &mut Cursor<Vec<u8>>| {
        let mut writer = WavWriter::new(file, spec)?;
        samples.iter().try_for_each(|sample| writer.write_sample(*sample))?;
        writer.finalize()
    };
    write(&mut file).map_err(|error| Failure::Protocol(error.to_string()))?;
    Ok(file.into_inner())
}
