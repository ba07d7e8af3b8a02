//! What a published version is spoken with in one of its voices.

use std::collections::HashMap;

use hutong_domain::ids::{CompanyId, SceneId, VoiceId};
use hutong_domain::scene::VoiceSource;
use hutong_prompts::{Clip, Spoken, Voice, speak};
use hutong_speech::voice::Speaker;
use hutong_store::scenes::Scenes;
use hutong_store::{Db, Result, Store, audio, robot};
use hutong_telephony::detect::wav;

/// One voice of a published scene.
pub struct SceneVoice {
    /// What was recorded or rendered when the scene was published.
    published: Voice,
    /// What ships with hutong of the same speaker.
    shipped: Voice,
    /// Who renders the words of customers; none where a person was recorded.
    speaker: Option<Speaker>,
}

impl SceneVoice {
    /// The voice of a published version; `default` speaks where the scene does not say who does.
    ///
    /// # Errors
    /// When the store fails, or holds no such scene.
    pub async fn open(
        store: &Store,
        scenes: &Scenes,
        (company, scene, version): (CompanyId, SceneId, i64),
        voice: VoiceId,
        default: &Speaker,
    ) -> Result<Self> {
        let parsed = scenes.get(company, scene, version).await?;
        let (name, published) = store
            .read(move |db| {
                Ok((robot::voice_name(db, company, voice)?, published(db, company, (scene, version), voice)?))
            })
            .await?;
        // The installation's choice for a voice that the version does not name.
        let of_name = parsed.voices().iter().find(|it| Some(&it.name) == name.as_ref());
        let source = of_name.or(parsed.voices().first()).map_or(&VoiceSource::Installation, |it| &it.source);
        let speaker = match source {
            VoiceSource::Recordings(_) => None,
            VoiceSource::Installation => Some(default.clone()),
            VoiceSource::Speaker { speaker, speed } => Some(Speaker { name: speaker.clone(), speed: *speed }),
        };
        let shipped = speaker.as_ref().map_or_else(Voice::default, |speaker| Voice::shipped(&speaker.name));
        Ok(Self { published, shipped, speaker })
    }

    /// Speaks a text, with these words of the customer.
    #[must_use]
    pub fn speak(&self, words: &Voice, text: &str) -> Spoken {
        speak(&[words, &self.published, &self.shipped], text)
    }

    /// Who renders the words of customers; none where a person was recorded.
    #[must_use]
    pub const fn speaker(&self) -> Option<&Speaker> {
        self.speaker.as_ref()
    }
}

/// What was recorded or rendered for a published version.
fn published(db: &mut Db, company: CompanyId, version: (SceneId, i64), voice: VoiceId) -> Result<Voice> {
    let texts = audio::texts(db, company, version, voice)?;
    let digests: Vec<String> = texts.iter().map(|it| it.digest.clone()).collect();
    let sounds: HashMap<String, Clip> = audio::find(db, company, &digests)?
        .into_iter()
        .filter_map(|sound| Some((sound.digest, Clip::from(wav::read_telephone(&sound.bytes).ok()?))))
        .collect();
    Ok(Voice::recorded(texts.into_iter().filter_map(|it| Some((it.text, sounds.get(&it.digest)?.clone())))))
}
