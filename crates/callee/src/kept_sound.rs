//! What a person heard, kept in a file: whoever tests robots listens to them there.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hutong_telephony::detect::wav;
use hutong_telephony::media::{Frame, SAMPLE_RATE, Tap};

/// Ten minutes: what comes after that is not kept.
const SAMPLES_MAX: usize = 600 * SAMPLE_RATE as usize;

/// What one person heard so far.
#[derive(Debug, Clone)]
pub(crate) struct KeptSound {
    samples: Arc<Mutex<Vec<i16>>>,
    file: PathBuf,
}

impl KeptSound {
    /// Of the `nth` call to a number, from 1.
    pub(crate) fn new(folder: &Path, number: &str, nth: u64) -> Self {
        // Whoever calls chooses the number.
        let number: String = number.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Self { samples: Arc::default(), file: folder.join(format!("{number}-{nth}.wav")) }
    }

    pub(crate) fn tap(&self) -> Box<dyn Tap> {
        Box::new(self.clone())
    }

    /// Writes the file, under another name first: whoever waits for it finds it whole.
    pub(crate) fn keep(&self) {
        let samples = std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner));
        let unfinished = self.file.with_extension("part");
        let written = std::fs::write(&unfinished, wav::write_alaw(&samples));
        if let Err(error) = written.and_then(|()| std::fs::rename(&unfinished, &self.file)) {
            tracing::warn!(file = %self.file.display(), %error, "what a callee heard is not kept");
        }
    }
}

impl Tap for KeptSound {
    fn frame(&mut self, heard: &Frame, _said: &Frame) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() < SAMPLES_MAX {
            samples.extend_from_slice(heard);
        }
    }
}
