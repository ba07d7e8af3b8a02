//! What robots speak with: the audio of a published scene in one of its voices, and the words of one customer.

use std::sync::Arc;

use futures::StreamExt as _;
use hutong_dialer::Runtime;
use hutong_domain::ids::{CompanyId, SceneId, VoiceId};
use hutong_prompts::{Clip, Spoken, Voice};
use hutong_scenes::SceneVoice;
use hutong_speech::voice::{Speaker, VoiceError, Voices as VoiceServer};
use hutong_store::Store;
use hutong_store::claim::Claimed;
use hutong_store::scenes::Scenes;
use tokio::sync::watch;

/// Voices of published scenes that are kept in memory.
const SCENE_VOICES_MAX: u64 = 64;
/// Words of customers that are kept in memory, for redials and for names that many bear: some 100 MB at most.
const WORDS_MAX: u64 = 4_096;
/// Words of one customer that are rendered at the same time.
const RENDERED_AT_ONCE: usize = 4;
/// Words of one customer that are rendered at all.
const WORDS_OF_A_CALL_MAX: usize = 64;

/// Rendered words by speaker, the bits of the speed, and text.
type WordCache = moka::sync::Cache<(String, u64, String), Clip>;

/// The voices of an installation.
pub struct SceneVoices {
    store: Store,
    scenes: Scenes,
    server: Option<VoiceServer>,
    /// Who speaks where a scene does not say.
    speaker: Speaker,
    opened: moka::sync::Cache<(CompanyId, SceneId, i64, VoiceId), Arc<SceneVoice>>,
    words: WordCache,
    runtime: Arc<dyn Runtime>,
}

/// The voice of one call.
pub(crate) struct CallVoice {
    voice: Arc<SceneVoice>,
    words: watch::Receiver<Vec<(String, Clip)>>,
}

impl SceneVoices {
    /// Voices of this store's scenes, whose customers' words this server renders.
    #[must_use]
    pub fn new(store: Store, server: Option<VoiceServer>, speaker: Speaker, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            scenes: Scenes::new(store.clone()),
            store,
            server,
            speaker,
            opened: moka::sync::Cache::new(SCENE_VOICES_MAX),
            words: moka::sync::Cache::new(WORDS_MAX),
            runtime,
        }
    }

    /// The voice of a call. The words of its customer are rendered from here on, while the phone rings.
    ///
    /// # Errors
    /// In words, when the store fails or holds no such scene.
    pub(crate) async fn open(&self, claimed: &Claimed, slot_texts: &[String]) -> Result<CallVoice, String> {
        let voice = self.voice(claimed).await.map_err(|error| format!("the voice of the scene: {error}"))?;
        let no_words = Voice::default();
        let missing: Vec<String> = slot_texts
            .iter()
            .filter(|text| !voice.speak(&no_words, text).missing.is_empty())
            .take(WORDS_OF_A_CALL_MAX)
            .cloned()
            .collect();
        let (rendered, words) = watch::channel(Vec::new());
        if let (Some(server), Some(speaker), false) = (&self.server, voice.speaker(), missing.is_empty()) {
            let task = render(server.clone(), speaker.clone(), self.words.clone(), missing, rendered);
            self.runtime.spawn(Box::pin(task));
        }
        Ok(CallVoice { voice, words })
    }

    async fn voice(&self, claimed: &Claimed) -> hutong_store::Result<Arc<SceneVoice>> {
        let (company, scene, version, voice) = (claimed.company, claimed.scene, claimed.scene_version, claimed.voice);
        let key = (company, scene, version, voice);
        if let Some(opened) = self.opened.get(&key) {
            return Ok(opened);
        }
        let opened =
            SceneVoice::open(&self.store, &self.scenes, (company, scene, version), voice, &self.speaker).await?;
        let opened = Arc::new(opened);
        self.opened.insert(key, opened.clone());
        Ok(opened)
    }
}

/// Renders the words of one customer, and tells of each as soon as it is there. A call never waits for them.
async fn render(
    server: VoiceServer,
    speaker: Speaker,
    known: WordCache,
    texts: Vec<String>,
    rendered: watch::Sender<Vec<(String, Clip)>>,
) {
    let each = futures::stream::iter(texts).map(|text| {
        let (server, speaker, known) = (&server, &speaker, &known);
        async move {
            let key = (speaker.name.clone(), speaker.speed.to_bits(), text);
            if let Some(clip) = known.get(&key) {
                return Ok((key.2, clip));
            }
            let clip: Clip = server.speak(speaker.says(&key.2)).await?.into();
            known.insert(key.clone(), clip.clone());
            Ok::<_, VoiceError>((key.2, clip))
        }
    });
    let mut each = each.buffer_unordered(RENDERED_AT_ONCE);
    while let Some(spoken) = each.next().await {
        match spoken {
            Ok(word) => rendered.send_modify(|words| words.push(word)),
            Err(error) => {
                metrics::counter!("hutong_words_not_rendered_total").increment(1);
                tracing::error!(%error, "a customer's words are not rendered: prompts will leave them out");
            }
        }
    }
}

impl CallVoice {
    /// Speaks a text with what there is now.
    pub(crate) fn speak(&self, text: &str) -> Spoken {
        let words = Voice::recorded(self.words.borrow().iter().cloned());
        self.voice.speak(&words, text)
    }
}
