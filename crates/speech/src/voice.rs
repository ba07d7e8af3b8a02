//! Voices: texts become telephone audio on a server with OpenAI's `POST /v1/audio/speech`.

use std::time::Duration;

use hutong_telephony::detect::wav;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};
use serde_json::json;
use thiserror::Error;
use tokio::time::timeout;

use crate::loudness;
use crate::server::{Server, ServerError, ServerSettings, SetupError, answer};

/// What such servers call their model where it is up to them.
const MODEL: &str = "tts-1";
/// The longest text that is asked for at once, in characters: OpenAI's own limit, to which others keep.
pub const TEXT_CHARS_MAX: usize = 4_096;
/// The longest answer: five minutes at 48 kHz.
const ANSWER_BYTES_MAX: usize = 5 * 60 * 96_000;
/// A text that was not spoken since the server could not be reached, or was busy, is asked for so many times in all.
const ATTEMPTS_MAX: usize = 2;
/// How long one text may take unless the operator says otherwise: servers without a GPU speak in real time.
pub const TEXT_TIMEOUT: Duration = Duration::from_secs(60);
/// Samples in a second that a server may give.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Samples that are resampled at a time.
const CHUNK: usize = 1_024;

/// A server that speaks.
#[derive(Debug, Clone)]
pub struct VoiceSettings {
    /// Where it is.
    pub server: ServerSettings,
    /// The model that is asked for.
    pub model: Option<String>,
    /// How long one text may take, with all attempts.
    pub text_timeout: Duration,
}

/// A client of a server that speaks. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Voices {
    server: Server,
    model: String,
    text_timeout: Duration,
}

/// What is to be spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speech<'a> {
    /// The words.
    pub text: &'a str,
    /// Whose voice.
    pub voice: &'a str,
    /// 1 is the voice's own; OpenAI allows 0.25 to 4.
    pub speed: f32,
}

/// Who speaks texts, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// As the voice server knows it.
    pub name: String,
    /// 1 is the speaker's own.
    pub speed: f64,
}

impl Speaker {
    /// What a voice server is asked for.
    #[must_use]
    pub fn says<'a>(&'a self, text: &'a str) -> Speech<'a> {
        #[expect(clippy::cast_possible_truncation, reason = "a factor between a half and two")]
        let speed = self.speed as f32;
        Speech { text, voice: &self.name, speed }
    }
}

/// Why a text is not spoken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VoiceError {
    /// There is nothing to speak, or too much.
    #[error("a text has between 1 and {TEXT_CHARS_MAX} characters; this one has {0}")]
    Length(usize),
    /// The server.
    #[error("the voice server: {0}")]
    Server(#[from] ServerError),
    /// It gave audio with nothing in it.
    #[error("the voice server gave nothing but silence")]
    Silence,
}

impl Voices {
    /// A client of this server.
    ///
    /// # Errors
    /// When it cannot be as it is set.
    pub fn new(settings: &VoiceSettings) -> Result<Self, SetupError> {
        let VoiceSettings { server, model, text_timeout } = settings;
        let server = Server::new(server, "audio/speech")?;
        Ok(Self { server, model: model.clone().unwrap_or_else(|| MODEL.to_owned()), text_timeout: *text_timeout })
    }

    /// Speaks a text: linear samples of 8 kHz, as loud as everything else ([`loudness::ACTIVE_DB`]), without the silence
    /// around it.
    ///
    /// # Errors
    /// When the text is too long, or the server does not speak it in time.
    pub async fn speak(&self, speech: Speech<'_>) -> Result<Vec<i16>, VoiceError> {
        let chars = speech.text.chars().count();
        if speech.text.trim().is_empty() || chars > TEXT_CHARS_MAX {
            return Err(VoiceError::Length(chars));
        }
        let file = timeout(self.text_timeout, self.ask(speech)).await.map_err(|_| ServerError::TooLate)??;
        telephone_audio(&file)
    }

    /// The model that is asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    async fn ask(&self, speech: Speech<'_>) -> Result<Vec<u8>, ServerError> {
        let Speech { text, voice, speed } = speech;
        let body =
            json!({ "model": self.model, "input": text, "voice": voice, "speed": speed, "response_format": "wav" });
        let mut attempt = 1;
        loop {
            match answer(self.server.post().json(&body), ANSWER_BYTES_MAX).await {
                Err(error) if error.may_pass() && attempt < ATTEMPTS_MAX => attempt += 1,
                outcome => return outcome,
            }
        }
    }
}

/// What a WAV file of a voice has in it as telephone audio: linear samples of 8 kHz, as loud as everything else
/// ([`loudness::ACTIVE_DB`]), without the silence around it.
///
/// # Errors
/// When it is no WAV file, or nothing is heard in it.
pub fn telephone_audio(file: &[u8]) -> Result<Vec<i16>, VoiceError> {
    let mut samples = loudness::trimmed(&telephone(file)?);
    if samples.is_empty() {
        return Err(VoiceError::Silence);
    }
    loudness::level(&mut samples);
    Ok(samples)
}

/// The samples of a WAV file, mono and at 8 kHz. Its rate is read from its header; servers that stream leave lengths in
/// it that they did not know yet, so that what is there counts.
fn telephone(file: &[u8]) -> Result<Vec<i16>, ServerError> {
    let unreadable = |why: String| ServerError::Unreadable { what: "WAV file", why };
    let wav::Wav { rate_hz, channels, samples } = wav::read(file).map_err(|error| unreadable(error.to_string()))?;
    if !RATES_HZ.contains(&rate_hz) || channels == 0 {
        return Err(unreadable(format!("{channels} channels at {rate_hz} Hz")));
    }
    let channels = usize::from(channels);
    let mono = samples
        .chunks_exact(channels)
        .map(|together| together.iter().map(|sample| f32::from(*sample)).sum::<f32>() / channels as f32);
    resampled(mono.collect(), rate_hz).map_err(unreadable)
}

fn resampled(samples: Vec<f32>, rate_hz: u32) -> Result<Vec<i16>, String> {
    let samples = if rate_hz == 8_000 || samples.is_empty() {
        samples
    } else {
        let rate = usize::try_from(rate_hz).map_err(|error| error.to_string())?;
        let resampler = Fft::<f32>::new(rate, 8_000, CHUNK, 1, FixedSync::Both);
        let mut resampler = resampler.map_err(|error| error.to_string())?;
        let input = InterleavedSlice::new(&samples, 1, samples.len()).map_err(|error| error.to_string())?;
        let made = resampler.process_all(&input, samples.len(), None).map_err(|error| error.to_string())?;
        made.take_data()
    };
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let linear = samples.into_iter().map(|sample| sample.round() as i16).collect();
    Ok(linear)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(rate_hz: u32, channels: u16, samples: &[i16], data_bytes: u32) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF\xff\xff\xff\xffWAVEfmt ");
        file.extend(16_u32.to_le_bytes());
        file.extend([1_u16.to_le_bytes(), channels.to_le_bytes()].concat());
        file.extend([rate_hz.to_le_bytes(), (rate_hz * 2 * u32::from(channels)).to_le_bytes()].concat());
        file.extend([(2 * channels).to_le_bytes(), 16_u16.to_le_bytes()].concat());
        file.extend_from_slice(b"data");
        file.extend(data_bytes.to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    #[expect(clippy::cast_possible_truncation, reason = "a tone is within the range")]
    fn tone(hz: f32, rate_hz: u32, count: usize) -> Vec<i16> {
        let step = hz / rate_hz as f32 * std::f32::consts::TAU;
        (0..count).map(|n| ((n as f32 * step).sin() * 8_000.0) as i16).collect()
    }

    fn crossings(samples: &[i16]) -> usize {
        samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count()
    }

    #[test]
    fn audio_of_any_rate_becomes_that_of_a_telephone() {
        for rate_hz in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
            for (channels, data_bytes) in [(1, u32::MAX), (1, 0x7fff_f000), (2, 0)] {
                let count = usize::try_from(rate_hz).unwrap();
                let samples: Vec<i16> = tone(500.0, rate_hz, count)
                    .into_iter()
                    .flat_map(|sample| std::iter::repeat_n(sample, usize::from(channels)))
                    .collect();
                let bytes = if data_bytes == 0 { u32::try_from(samples.len() * 2).unwrap() } else { data_bytes };
                let made = telephone(&wav(rate_hz, channels, &samples, bytes)).unwrap();
                assert!(made.len().abs_diff(8_000) < 20, "{rate_hz} Hz: {} samples", made.len());
                assert!(crossings(&made).abs_diff(500) <= 1, "{rate_hz} Hz: {}", crossings(&made));
            }
        }
    }

    #[test]
    fn what_is_above_the_band_of_a_telephone_does_not_fold_back() {
        let made = telephone(&wav(24_000, 1, &tone(6_000.0, 24_000, 24_000), u32::MAX)).unwrap();
        let most = made[200..7_800].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!(most < 30, "{most}");
    }

    #[test]
    fn what_is_no_audio_is_an_error() {
        let check = |file: &[u8]| assert!(telephone(file).is_err(), "{file:?}");
        check(b"");
        check(b"{\"error\":\"no\"}");
        check(b"ID3 an MP3 whatever was asked for");
        check(&wav(1, 1, &[1, 2], 4));
        check(&wav(400_000, 1, &[1, 2], 4));
        check(&wav(8_000, 0, &[1, 2], 4));
        check(&wav(24_000, 1, &[], 0)[..30]);
    }
}
