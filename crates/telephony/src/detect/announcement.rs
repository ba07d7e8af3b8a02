//! Carriers' announcements, known again by their sound.
//!
//! What is heard is compared with every sample, at every place of it: the last three seconds must lie inside the
//! sample. Samples of one carrier share words, up to all but one (您所拨打的电话已关机, 已停机), so each quarter of a
//! second must agree, and no sample of another meaning may agree nearly as well.

use std::sync::Arc;

use hutong_domain::outcome::Meaning;

use super::fingerprint::{Fingerprint, FingerprintMaker, Spectrum, WINDOW_FRAMES};
use crate::media::Frame;

/// The most samples that are listened for; those beyond are left out.
pub const SAMPLES_MAX: usize = 256;
/// The shortest sample that can be recognised, in milliseconds.
pub const SAMPLE_MS_MIN: usize = 1_500;

/// Frames that are compared, three seconds of audio; all of a sample that is shorter.
const BLOCK_FRAMES: usize = 150 - WINDOW_FRAMES;
/// A search every 200 ms.
const SEARCH_FRAMES: usize = 10;
/// Below this share of differing bits, two pieces are the same recording. Chance gives a half; a line, 0.3 at worst.
const ERRORS_MAX: f32 = 0.35;
/// The same for a sample that is shorter than a block: less audio agrees by chance more easily.
const SHORT_ERRORS_MAX: f32 = 0.30;
/// The same for a quarter of a second: as long as a character. Measured with the shipped announcements, recordings that
/// differ in one character have a piece with 0.47 or more; the same recording 14 dB above noise has none over 0.41.
const PIECE_ERRORS_MAX: f32 = 0.44;
const PIECE_FRAMES: usize = 13;
/// A piece with fewer frames of sound says nothing by itself.
const PIECE_SOUND_FRAMES_MIN: u32 = 7;
/// How much worse the best sample of any other meaning has to be.
const MARGIN: f32 = 0.06;
/// Which share of a block must not be silence.
const SOUND_SHARE: f32 = 0.6;
/// What is looked at first: every ninth frame, at every second place.
const COARSE_FRAMES: usize = 9;
const COARSE_PLACES: usize = 2;
/// Above this share of differing bits there, a place is not looked at more closely.
const COARSE_ERRORS_MAX: f32 = 0.43;

/// A recording that can be recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What operators call it.
    pub name: String,
    /// What it means.
    pub meaning: Meaning,
    /// How it sounds.
    pub fingerprint: Fingerprint,
}

/// All samples that are listened for.
pub struct Announcements {
    samples: Vec<Sample>,
    spectrum: Spectrum,
}

/// A sample that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// What operators call it.
    pub name: String,
    /// What it means.
    pub meaning: Meaning,
    /// The share of bits that differ, below 0.35.
    pub error_share: f32,
}

impl Announcements {
    /// These samples, as far as they are no shorter than [`SAMPLE_MS_MIN`], and no more than [`SAMPLES_MAX`] of them.
    #[must_use]
    pub fn new(samples: impl IntoIterator<Item = Sample>) -> Self {
        let samples = samples.into_iter().filter(|sample| sample.fingerprint.duration_ms() >= SAMPLE_MS_MIN);
        Self { samples: samples.take(SAMPLES_MAX).collect(), spectrum: Spectrum::new() }
    }

    /// The samples that are listened for.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Listens to one call.
    #[must_use]
    pub fn listen(self: &Arc<Self>) -> AnnouncementListener {
        AnnouncementListener {
            maker: FingerprintMaker::new(&self.spectrum),
            announcements: Arc::clone(self),
            block: vec![0; BLOCK_FRAMES],
            heard: 0,
            until_search: SEARCH_FRAMES,
        }
    }

    /// The sample that the newest frames are a part of.
    fn search(&self, heard: &[u32]) -> Option<Recognised> {
        let mut best: Option<(&Sample, f32)> = None;
        let mut others = f32::INFINITY;
        for sample in &self.samples {
            let Some(errors) = best_place(heard, sample.fingerprint.bits()) else { continue };
            match best {
                Some((winner, least)) if errors >= least => {
                    if winner.meaning != sample.meaning {
                        others = others.min(errors);
                    }
                }
                _ => {
                    if let Some((loser, errors)) = best
                        && loser.meaning != sample.meaning
                    {
                        others = others.min(errors);
                    }
                    best = Some((sample, errors));
                }
            }
        }
        let (sample, error_share) = best.filter(|(_, errors)| others - errors >= MARGIN)?;
        Some(Recognised { name: sample.name.clone(), meaning: sample.meaning, error_share })
    }
}

/// Listens to one call for announcements, a frame at a time. Some 50 kB; nothing is allocated until one is recognised.
pub struct AnnouncementListener {
    announcements: Arc<Announcements>,
    maker: FingerprintMaker,
    /// The newest frames' bits, oldest first.
    block: Vec<u32>,
    /// How many of them were heard.
    heard: usize,
    until_search: usize,
}

impl AnnouncementListener {
    /// The announcement that is recognised with this frame. While it goes on it is recognised again and again.
    pub fn push(&mut self, frame: &Frame) -> Option<Recognised> {
        let bits = self.maker.push(frame)?;
        self.block.copy_within(1.., 0);
        if let Some(last) = self.block.last_mut() {
            *last = bits;
        }
        self.heard = (self.heard + 1).min(BLOCK_FRAMES);
        self.until_search -= 1;
        if self.until_search > 0 {
            return None;
        }
        self.until_search = SEARCH_FRAMES;
        self.announcements.search(self.block.get(BLOCK_FRAMES - self.heard..)?)
    }
}

/// The least share of differing bits between the newest frames and any place of a sample, if it is small enough.
fn best_place(heard: &[u32], sample: &[u32]) -> Option<f32> {
    let length = sample.len().min(BLOCK_FRAMES);
    let heard = heard.get(heard.len().checked_sub(length)?..)?;
    let errors_max = if length < BLOCK_FRAMES { SHORT_ERRORS_MAX } else { ERRORS_MAX };
    let last = sample.len() - length;
    let mut best = f32::INFINITY;
    for place in (0..=last).step_by(COARSE_PLACES) {
        if !sample.get(place..).is_some_and(|part| may_agree(heard, part)) {
            continue;
        }
        for place in place.saturating_sub(1)..=(place + 1).min(last) {
            let part = sample.get(place..place + length)?;
            best = best.min(difference(heard, part).unwrap_or(f32::INFINITY));
        }
    }
    (best < errors_max).then_some(best)
}

/// Whether a few of these frames agree, so that all are worth a look.
fn may_agree(heard: &[u32], sample: &[u32]) -> bool {
    let frames = heard.iter().zip(sample).step_by(COARSE_FRAMES);
    let (errors, count) =
        frames.fold((0, 0), |(errors, count), (one, other)| (errors + (one ^ other).count_ones(), count + 1));
    share(errors, count) < COARSE_ERRORS_MAX
}

/// The share of bits that differ; none where there is too little sound, or a piece of the block is something else.
fn difference(heard: &[u32], sample: &[u32]) -> Option<f32> {
    let (mut errors, mut count) = (0, 0);
    for (heard, sample) in heard.chunks(PIECE_FRAMES).zip(sample.chunks(PIECE_FRAMES)) {
        let (wrong, frames) = differing(heard, sample);
        if frames >= PIECE_SOUND_FRAMES_MIN && share(wrong, frames) > PIECE_ERRORS_MAX {
            return None;
        }
        errors += wrong;
        count += frames;
    }
    let enough = count as f32 >= SOUND_SHARE * heard.len() as f32;
    enough.then(|| share(errors, count))
}

/// How many bits differ, and in how many frames: silence agrees with silence without being the same recording.
fn differing(heard: &[u32], sample: &[u32]) -> (u32, u32) {
    let sounding = heard.iter().zip(sample).filter(|(one, other)| (**one | **other) != 0);
    sounding.fold((0, 0), |(wrong, frames), (one, other)| (wrong + (one ^ other).count_ones(), frames + 1))
}

/// The share of wrong bits in so many frames.
fn share(errors: u32, frames: u32) -> f32 {
    errors as f32 / (32 * frames.max(1)) as f32
}

#[cfg(test)]
mod tests;
