//! The audio of a scene that is about to be published: found where it was recorded, or rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use futures::StreamExt as _;
use hutong_domain::ids::CompanyId;
use hutong_domain::scene::{FixedText, Scene, VoiceSource};
use hutong_prompts::Voice;
use hutong_speech::voice::{VoiceError, Voices as VoiceServer, telephone_audio};
use hutong_store::audio::{self, Sound, SpokenText};
use hutong_store::{Db, Store};
use hutong_telephony::detect::wav;
use hutong_trunks::Speaker;

use crate::error::{Error, Result};

/// The list of a folder of recordings: which file speaks which text. `hutong scene prompts` prints it.
pub(super) const LIST: &str = "prompts.csv";
/// Texts that are rendered at the same time.
const RENDERED_AT_ONCE: usize = 2;
/// Texts without audio that are named; the others are counted.
const NAMED_MAX: usize = 20;

/// What a version is spoken with.
#[derive(Debug, Default)]
pub(super) struct SceneAudio {
    /// By the name of a voice: its texts, and the sounds that speak them.
    texts: BTreeMap<String, Vec<SpokenText>>,
    /// Sounds that the store does not have yet.
    sounds: Vec<Sound>,
}

impl SceneAudio {
    /// Says in the transaction of a publication what it is spoken with.
    pub(super) fn publish(
        &self,
        db: &mut Db,
        company: CompanyId,
        version: (hutong_domain::ids::SceneId, i64),
        now: hutong_domain::moment::Moment,
    ) -> hutong_store::Result<()> {
        self.sounds.iter().try_for_each(|sound| audio::put(db, company, sound, now))?;
        self.texts.iter().try_for_each(|(voice, texts)| audio::set_texts(db, company, version, voice, texts))
    }

    /// How many texts of all voices are spoken with sounds that do not ship with hutong.
    pub(super) fn count(&self) -> usize {
        self.texts.values().map(Vec::len).sum()
    }
}

/// Where audio comes from.
pub(super) struct Studio<'a> {
    pub(super) store: &'a Store,
    pub(super) company: CompanyId,
    pub(super) server: Option<&'a VoiceServer>,
    /// Who speaks where a scene does not say.
    pub(super) speaker: Speaker,
}

impl Studio<'_> {
    /// Gathers the audio of every voice of a scene; folders of recordings stand beside its file.
    ///
    /// # Errors
    /// Names every text that has no audio, with its place in the file.
    pub(super) async fn gather(&self, scene: &Scene, file: &Path) -> Result<SceneAudio> {
        let mut audio = SceneAudio::default();
        let mut missing = Missing::default();
        for voice in scene.voices() {
            let texts = match &voice.source {
                VoiceSource::Recordings(folder) => {
                    let folder = file.parent().unwrap_or(Path::new(".")).join(folder);
                    let recorded = Recorded::read(&folder)?;
                    recorded
                        .without(scene.fixed_texts())
                        .for_each(|text| missing.note(&voice.name, text, "not recorded"));
                    recorded.keep(&mut audio.sounds)
                }
                VoiceSource::Installation => {
                    self.rendered(scene, &self.speaker, &mut audio.sounds, &mut missing).await?
                }
                VoiceSource::Speaker { speaker, speed } => {
                    let speaker = Speaker { name: speaker.clone(), speed: *speed };
                    self.rendered(scene, &speaker, &mut audio.sounds, &mut missing).await?
                }
            };
            if !texts.is_empty() {
                audio.texts.insert(voice.name.clone(), texts);
            }
        }
        missing.into_result(file)?;
        Ok(audio)
    }

    /// The texts that do not ship with hutong, spoken by the voice server.
    async fn rendered(
        &self,
        scene: &Scene,
        speaker: &Speaker,
        sounds: &mut Vec<Sound>,
        missing: &mut Missing,
    ) -> Result<Vec<SpokenText>> {
        let shipped = Voice::shipped(&speaker.name);
        let mut wanted: BTreeMap<&str, &FixedText> = BTreeMap::new();
        for text in scene.fixed_texts() {
            if !shipped.speak(&text.text).missing.is_empty() {
                wanted.entry(text.text.as_str()).or_insert(text);
            }
        }
        let Some(server) = self.server else {
            wanted
                .values()
                .for_each(|text| missing.note(&speaker.name, text, "not recorded, and there is no voice server"));
            return Ok(Vec::new());
        };
        let speed = speaker.speed.to_string();
        let digest = |text: &str| {
            let parts = ["rendered", server.model(), &speaker.name, &speed, text];
            audio::digest(&parts.map(str::as_bytes))
        };
        let texts: Vec<SpokenText> =
            wanted.keys().map(|text| SpokenText { text: (*text).to_owned(), digest: digest(text) }).collect();
        let digests: Vec<String> = texts.iter().map(|it| it.digest.clone()).collect();
        let company = self.company;
        let known: BTreeSet<String> = self.store.read(move |db| audio::known(db, company, &digests)).await?;
        let unknown: Vec<&SpokenText> = texts.iter().filter(|it| !known.contains(&it.digest)).collect();
        let each =
            futures::stream::iter(unknown).map(|it| async move { (it, server.speak(speaker.says(&it.text)).await) });
        let spoken: Vec<_> = each.buffered(RENDERED_AT_ONCE).collect().await;
        for (it, samples) in spoken {
            match samples {
                Ok(samples) => sounds.push(Sound { digest: it.digest.clone(), bytes: wav::write_alaw(&samples) }),
                Err(error) => {
                    if let Some(text) = wanted.get(it.text.as_str()) {
                        missing.note(&speaker.name, text, &error.to_string());
                    }
                }
            }
        }
        Ok(texts)
    }
}

/// A folder of recordings.
struct Recorded {
    /// Text and samples.
    rows: Vec<(String, Vec<i16>)>,
}

impl Recorded {
    fn read(folder: &Path) -> Result<Self> {
        let list = folder.join(LIST);
        let mut reader = csv::Reader::from_path(&list).map_err(|error| {
            let mend = "make it with: hutong scene prompts SCENE > prompts.csv";
            Error::Failed(format!("{}: {error}; {mend}", list.display()))
        })?;
        let wrong = |what: &str| Error::Failed(format!("{}: {what}", list.display()));
        let headers = reader.headers().map_err(|error| wrong(&error.to_string()))?.clone();
        let column = |name: &str| {
            headers
                .iter()
                .position(|it| it.trim() == name)
                .ok_or_else(|| wrong(&format!("there is no column `{name}`")))
        };
        let (file, text) = (column("file")?, column("text")?);
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| wrong(&error.to_string()))?;
            let (Some(file), Some(text)) = (record.get(file), record.get(text)) else { continue };
            let path = folder.join(file.trim());
            // A text that nobody has recorded yet is complained of by its place in the scene.
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|cause| Error::file(&path, cause))?;
            let wrong = |error: VoiceError| Error::Failed(format!("{}: {error}", path.display()));
            let samples = telephone_audio(&bytes).map_err(wrong)?;
            rows.push((text.to_owned(), samples));
        }
        Ok(Self { rows })
    }

    /// Those of the texts that cannot be put together from what is recorded.
    fn without<'a>(&self, texts: &'a [FixedText]) -> impl Iterator<Item = &'a FixedText> {
        let voice = Voice::recorded(self.rows.iter().map(|(text, samples)| (text.clone(), samples.as_slice().into())));
        texts.iter().filter(move |text| !voice.speak(&text.text).missing.is_empty())
    }

    fn keep(self, sounds: &mut Vec<Sound>) -> Vec<SpokenText> {
        let kept = self.rows.into_iter().map(|(text, samples)| {
            let bytes = wav::write_alaw(&samples);
            let digest = audio::digest(&[b"recorded", &bytes]);
            sounds.push(Sound { digest: digest.clone(), bytes });
            SpokenText { text, digest }
        });
        kept.collect()
    }
}

/// Texts without audio.
#[derive(Default)]
struct Missing(Vec<(u32, u32, String)>);

impl Missing {
    fn note(&mut self, voice: &str, text: &FixedText, why: &str) {
        let message = format!("“{}” has no audio in the voice {voice}: {why}", text.text);
        self.0.push((text.line, text.column, message));
    }

    fn into_result(mut self, file: &Path) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        let mut words = String::new();
        for (line, column, message) in self.0.iter().take(NAMED_MAX) {
            let _ = writeln!(words, "{}:{line}:{column}: error: {message}", file.display());
        }
        let mend = "record them (hutong scene prompts), set speech.voice.url, or publish with --text-only for simulated \
                    lines";
        let _ = write!(words, "{} texts have no audio: {mend}", self.0.len());
        Err(Error::Failed(words))
    }
}
