//! The customer's silence, on the stream's clock.

use std::time::Duration;

use hutong_telephony::media;

/// For how long after the end of speech its words are waited for.
const WORDS_PATIENCE: Duration = Duration::from_millis(1_500);

/// How long nothing was said.
pub(crate) struct Quiet {
    since: u64,
    patience: u64,
    spoke: bool,
}

impl Quiet {
    pub(crate) fn new(position: u64, patience: Duration) -> Self {
        Self { since: position, patience: samples(patience), spoke: false }
    }

    pub(crate) fn is_over(&mut self, position: u64, voiced: bool) -> bool {
        if voiced {
            (self.since, self.spoke) = (position, true);
        }
        let patience = if self.spoke { self.patience.max(samples(WORDS_PATIENCE)) } else { self.patience };
        position.saturating_sub(self.since) >= patience
    }
}

fn samples(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(media::SAMPLE_RATE) / 1_000)
}
