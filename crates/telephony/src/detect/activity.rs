//! Whether somebody speaks (placeholder until the detector is merged).

use crate::media::Frame;

/// Hears whether somebody speaks.
#[derive(Debug, Clone, Default)]
pub struct ActivityDetector;

impl ActivityDetector {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Whether the frame is speech.
    pub fn push(&mut self, frame: &Frame) -> bool {
        let energy: i64 = frame.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
        energy / 160 > 40_000
    }
}
