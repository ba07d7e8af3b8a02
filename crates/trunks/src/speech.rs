//! How the robots of an installation hear and speak.

use hutong_dialer::line::Briefing;
use hutong_domain::ids::CallId;
use hutong_domain::scene::Language;
use hutong_speech::endpoint::{EndpointSettings, Endpointer};
use hutong_speech::recogniser::{CallHints, Recognisers};
use hutong_speech::vad::{Detector, VadModel};

use crate::hearing::Hearing;
use crate::voices::SceneVoices;

/// What calls hear and speak with.
pub struct Speech {
    /// Who understands it; none where no recogniser is configured.
    pub recognisers: Option<Recognisers>,
    /// What robots speak with.
    pub voices: SceneVoices,
}

impl Speech {
    /// The ears of a call.
    pub(crate) fn hearing(&self, call: CallId, briefing: &Briefing) -> Hearing {
        let language = match briefing.language {
            Language::Zh => "zh",
            Language::En => "en",
        };
        let hints = CallHints { language: Some(language.to_owned()), hotwords: briefing.hotwords.clone() };
        let recogniser = self.recognisers.as_ref().map(|recognisers| recognisers.listen(hints));
        // Loaded with the first call: a server without trunks does without it.
        let detector = match VadModel::built_in() {
            Ok(model) => model.detector(),
            Err(error) => {
                tracing::error!(%error, "voices are told from other sounds by their loudness alone");
                Detector::by_energy()
            }
        };
        Hearing::new(call, Endpointer::new(detector, EndpointSettings::default()), recogniser)
    }
}
