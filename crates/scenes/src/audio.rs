//! The audio of a scene that is about to be published: found where it was recorded, or rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use futures::StreamExt as _;
use hutong_domain::ids::{CompanyId, SceneId};
use hutong_domain::message::Message;
use hutong_domain::moment::Moment;
use hutong_domain::say;
use hutong_domain::scene::{FixedText, Problem, Scene, Severity, VoiceSource};
use hutong_prompts::Voice;
use hutong_speech::voice::{Speaker, VoiceError, Voices as VoiceServer, telephone_audio};
use hutong_store::audio::{self, Sound, SpokenText};
use hutong_store::{Db, Store, robot};
use hutong_telephony::detect::wav;
use thiserror::Error;

/// The list of a folder of recordings: which file speaks which text ([`crate::recording_list`]).
pub const LIST: &str = "prompts.csv";
/// Texts that are rendered at the same time.
const RENDERED_AT_ONCE: usize = 2;

/// Why a scene has no audio.
#[derive(Debug, Error)]
pub enum NoAudio {
    /// Texts that nobody speaks, in the order of the file.
    #[error("{} texts have no audio", .0.len())]
    Missing(Vec<Problem>),
    /// A folder of recordings that is not what it should be: the file, and what is wrong with it.
    #[error("{}: {why}", file.display())]
    Recordings {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hutong_store::Error),
}

/// Where the recordings of people are.
#[derive(Debug, Clone, Copy)]
pub enum Recordings<'a> {
    /// In the folders that the scene names, beside this one.
    Beside(&'a Path),
    /// In the version that was published last.
    Published,
    /// In these folders, by the names that the scene has for them; what is not there, in the version that was published
    /// last.
    Added(&'a BTreeMap<String, PathBuf>),
}

/// What a version is spoken with.
#[derive(Debug, Default)]
pub struct SceneAudio {
    /// By the name of a voice: its texts, and the sounds that speak them.
    texts: BTreeMap<String, Vec<SpokenText>>,
    /// Sounds that the store does not have yet.
    sounds: Vec<Sound>,
}

impl SceneAudio {
    /// Says in the transaction of a publication what it is spoken with.
    pub(crate) fn publish(
        &self,
        db: &mut Db,
        company: CompanyId,
        version: (SceneId, i64),
        now: Moment,
    ) -> hutong_store::Result<()> {
        self.sounds.iter().try_for_each(|sound| audio::put(db, company, sound, now))?;
        self.texts.iter().try_for_each(|(voice, texts)| audio::set_texts(db, company, version, voice, texts))
    }

    /// How many texts of all voices are spoken with sounds that do not ship with hutong.
    #[must_use]
    pub fn count(&self) -> usize {
        self.texts.values().map(Vec::len).sum()
    }
}

/// Where audio comes from.
#[derive(Clone)]
pub struct Studio {
    /// What was published.
    pub store: Store,
    /// Who speaks what nobody has recorded.
    pub server: Option<VoiceServer>,
    /// Who speaks where a scene does not say.
    pub speaker: Speaker,
}

/// What is gathered for one scene.
struct Gathering<'a> {
    studio: &'a Studio,
    company: CompanyId,
    scene: &'a Scene,
    recordings: Recordings<'a>,
    /// Is told of each text that was rendered.
    rendered: &'a (dyn Fn() + Sync),
    sounds: Vec<Sound>,
    missing: Vec<Problem>,
}

impl Studio {
    /// Gathers the audio of every voice of a scene. `rendered` is called for each text that was rendered.
    ///
    /// # Errors
    /// Names every text that has no audio, with its place in the file.
    pub async fn gather(
        &self,
        company: CompanyId,
        scene: &Scene,
        recordings: Recordings<'_>,
        rendered: &(dyn Fn() + Sync),
    ) -> Result<SceneAudio, NoAudio> {
        let (sounds, missing) = (Vec::new(), Vec::new());
        let mut gathering = Gathering { studio: self, company, scene, recordings, rendered, sounds, missing };
        let mut all = BTreeMap::new();
        for voice in scene.voices() {
            let texts = match &voice.source {
                VoiceSource::Recordings(folder) => gathering.recorded(&voice.name, folder).await?,
                VoiceSource::Installation => gathering.rendered(&self.speaker).await?,
                VoiceSource::Speaker { speaker, speed } => {
                    gathering.rendered(&Speaker { name: speaker.clone(), speed: *speed }).await?
                }
            };
            if !texts.is_empty() {
                all.insert(voice.name.clone(), texts);
            }
        }
        let Gathering { sounds, mut missing, .. } = gathering;
        if missing.is_empty() {
            return Ok(SceneAudio { texts: all, sounds });
        }
        missing.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        // Voices of one speaker miss the same.
        missing.dedup();
        Err(NoAudio::Missing(missing))
    }
}

impl Gathering<'_> {
    async fn recorded(&mut self, voice: &str, folder: &str) -> Result<Vec<SpokenText>, NoAudio> {
        let (new, mut old) = match self.recordings {
            Recordings::Beside(beside) => (read(beside.join(folder)).await?, Vec::new()),
            Recordings::Published => (Vec::new(), self.published(voice).await?),
            Recordings::Added(added) => {
                let new = match added.get(folder) {
                    Some(folder) => read(folder.clone()).await?,
                    None => Vec::new(),
                };
                (new, self.published(voice).await?)
            }
        };
        let recorded: BTreeSet<&str> = new.iter().map(|(text, _)| text.as_str()).collect();
        old.retain(|(it, _)| !recorded.contains(it.text.as_str()));
        let of_old = old.iter().map(|(it, samples)| (it.text.as_str(), samples.as_slice()));
        let recorded = voice_of(new.iter().map(|(text, samples)| (text.as_str(), samples.as_slice())).chain(of_old));
        for text in self.scene.fixed_texts() {
            if !recorded.speak(&text.text).missing.is_empty() {
                self.note(voice, text, &say!("not recorded", "没有录制"));
            }
        }
        let mut texts: Vec<SpokenText> = old.into_iter().map(|(it, _)| it).collect();
        texts.extend(self.keep(new));
        Ok(texts)
    }

    /// What was recorded for the version that was published last.
    async fn published(&self, voice: &str) -> Result<Vec<(SpokenText, Vec<i16>)>, NoAudio> {
        let (company, name, voice) = (self.company, self.scene.name().to_owned(), voice.to_owned());
        let (texts, sounds) = self
            .studio
            .store
            .read(move |db| {
                let Some(scene) = robot::scene_of_name(db, company, &name)? else {
                    return Ok((Vec::new(), Vec::new()));
                };
                let voices = robot::voices(db, company, scene.id)?;
                let Some(voice) = voices.iter().find(|it| it.name == voice) else {
                    return Ok((Vec::new(), Vec::new()));
                };
                let texts = audio::texts(db, company, (scene.id, scene.latest_version), voice.id)?;
                let digests: Vec<String> = texts.iter().map(|it| it.digest.clone()).collect();
                let sounds = audio::find(db, company, &digests)?;
                Ok((texts, sounds))
            })
            .await?;
        let samples: BTreeMap<String, Vec<i16>> = sounds
            .into_iter()
            .filter_map(|sound| Some((sound.digest, wav::read_telephone(&sound.bytes).ok()?)))
            .collect();
        let recorded = texts.into_iter().filter_map(|it| {
            let samples = samples.get(&it.digest)?.clone();
            Some((it, samples))
        });
        Ok(recorded.collect())
    }

    fn keep(&mut self, rows: Vec<(String, Vec<i16>)>) -> Vec<SpokenText> {
        let kept = rows.into_iter().map(|(text, samples)| {
            let bytes = wav::write_alaw(&samples);
            let digest = audio::digest(&[b"recorded", &bytes]);
            self.sounds.push(Sound { digest: digest.clone(), bytes });
            SpokenText { text, digest }
        });
        kept.collect()
    }

    /// The texts that do not ship with hutong, spoken by the voice server.
    async fn rendered(&mut self, speaker: &Speaker) -> Result<Vec<SpokenText>, NoAudio> {
        let shipped = Voice::shipped(&speaker.name);
        let mut wanted: BTreeMap<&str, &FixedText> = BTreeMap::new();
        for text in self.scene.fixed_texts() {
            if !shipped.speak(&text.text).missing.is_empty() {
                wanted.entry(text.text.as_str()).or_insert(text);
            }
        }
        let Some(server) = &self.studio.server else {
            let why = say!("not recorded, and there is no voice server", "没有录制，也没有语音合成服务");
            wanted.values().for_each(|text| self.note(&speaker.name, text, &why));
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
        let known: BTreeSet<String> = self.studio.store.read(move |db| audio::known(db, company, &digests)).await?;
        let unknown: Vec<SpokenText> = texts.iter().filter(|it| !known.contains(&it.digest)).cloned().collect();
        let told = self.rendered;
        let each = futures::stream::iter(unknown).map(|it| async move {
            let spoken = server.speak(speaker.says(&it.text)).await;
            told();
            (it, spoken)
        });
        let spoken: Vec<_> = each.buffered(RENDERED_AT_ONCE).collect().await;
        for (it, samples) in spoken {
            match samples {
                Ok(samples) => self.sounds.push(Sound { digest: it.digest.clone(), bytes: wav::write_alaw(&samples) }),
                Err(error) => {
                    if let Some(text) = wanted.get(it.text.as_str()) {
                        self.note(&speaker.name, text, &say!("{error}", "语音合成失败：{error}"));
                    }
                }
            }
        }
        Ok(texts)
    }

    fn note(&mut self, voice: &str, text: &FixedText, Message { en, zh }: &Message) {
        let message = say!(
            "“{words}” has no audio in the voice {voice}: {en}",
            "“{words}”在音色 {voice} 中没有录音：{zh}",
            words = text.text
        );
        let (line, column) = (text.line, text.column);
        self.missing.push(Problem { line, column, severity: Severity::Error, message });
    }
}

fn voice_of<'a>(rows: impl Iterator<Item = (&'a str, &'a [i16])>) -> Voice {
    Voice::recorded(rows.map(|(text, samples)| (text.to_owned(), samples.into())))
}

/// The texts and samples of a folder of recordings.
async fn read(folder: PathBuf) -> Result<Vec<(String, Vec<i16>)>, NoAudio> {
    let list = folder.join(LIST);
    // Resampling takes a while: not on a thread that others wait for.
    let read = tokio::task::spawn_blocking(move || read_folder(&folder)).await;
    read.unwrap_or_else(|error| Err(NoAudio::Recordings { file: list, why: error.to_string() }))
}

fn read_folder(folder: &Path) -> Result<Vec<(String, Vec<i16>)>, NoAudio> {
    let list = folder.join(LIST);
    let wrong = |why: String| NoAudio::Recordings { file: list.clone(), why };
    let mut reader = csv::Reader::from_path(&list)
        .map_err(|error| wrong(format!("{error}; make it with: hutong scene prompts SCENE > prompts.csv")))?;
    let headers = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let column = |name: &str| {
        let found = headers.iter().position(|it| it.trim() == name);
        found.ok_or_else(|| wrong(format!("there is no column `{name}`")))
    };
    let (file, text) = (column("file")?, column("text")?);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let (Some(file), Some(text)) = (record.get(file), record.get(text)) else { continue };
        let path = Path::new(file.trim());
        // Whoever writes the list is not asked to be trusted with other files of the machine.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(wrong(format!("{} leads out of the folder", path.display())));
        }
        let path = folder.join(path);
        // A text that nobody has recorded yet is complained of by its place in the scene.
        if !path.is_file() {
            continue;
        }
        let wrong = |why: String| NoAudio::Recordings { file: path.clone(), why };
        let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let samples = telephone_audio(&bytes).map_err(|error: VoiceError| wrong(error.to_string()))?;
        rows.push((text.to_owned(), samples));
    }
    Ok(rows)
}
