//! How the robots of an installation hear and speak.

use std::sync::Arc;

use hutong_dialer::line::Briefing;
use hutong_domain::scene::Language;
use hutong_speech::endpoint::{EndpointSettings, Endpointer};
use hutong_speech::recogniser::{CallHints, Recognisers};
use hutong_speech::vad::VadModel;

use crate::hearing::Hearing;
use crate::voices::SceneVoices;

/// What calls hear and speak with.
pub struct Speech {
    /// Finds speech by its sound.
    pub vad: Arc<VadModel>,
    /// Who understands it; none where no recogniser is configured.
    pub recognisers: Option<Recognisers>,
    /// What robots speak with.
    pub voices: SceneVoices,
}

impl Speech {
    /// The ears of a call.
    pub(crate) fn hearing(&self, briefing: &Briefing) -> Hearing {
        let language = match briefing.language {
            Language::Zh => "zh",
            Language::En => "en",
        };
        let hints = CallHints { language: Some(language.to_owned()), hotwords: briefing.hotwords.clone() };
        let recogniser = self.recognisers.as_ref().map(|recognisers| recognisers.listen(hints));
        Hearing::new(Endpointer::new(self.vad.detector(), EndpointSettings::default()), recogniser)
    }
}
