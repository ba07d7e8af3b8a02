//! What is heard before the answer.

use hutong_domain::outcome::EarlyMedia;
use hutong_telephony::detect::tones::{Tone, ToneDetector};
use hutong_telephony::media::Frame;

/// Listens until the answer.
#[derive(Default)]
pub(crate) struct EarlyEar {
    tones: ToneDetector,
    verdict: EarlyMedia,
}

impl EarlyEar {
    /// Hears 20 ms; whether they leave no hope that anybody answers.
    pub(crate) fn hear(&mut self, frame: &Frame) -> bool {
        match self.tones.push(frame) {
            Some(Tone::Ringback) => self.verdict = EarlyMedia::Ringback,
            Some(Tone::Busy) => self.verdict = EarlyMedia::Busy,
            Some(Tone::Congestion) => self.verdict = EarlyMedia::Congestion,
            _ => {}
        }
        false
    }

    /// What was heard.
    pub(crate) fn verdict(&self) -> EarlyMedia {
        self.verdict
    }
}
