//! The labelled set: shipped voices at known places, with silence between.

use std::ops::Range;

use hutong_prompts::{Role, entries};

use crate::sounds;

/// What counts as part of a word's sound: within so many decibels of the clip's loudest 10 ms.
const BELOW_LOUDEST_DB: f32 = 35.0;
const BLOCK: usize = 80;
/// Gaps that are shorter belong to the speech around them: stops, and the steps between syllables.
const GAP: usize = 1_600;

/// A call, and who spoke when: places are samples.
#[derive(Clone)]
pub(crate) struct Labelled {
    pub(crate) samples: Vec<i16>,
    /// Speech without its gaps.
    pub(crate) speech: Vec<Range<usize>>,
    /// From the first to the last sound of each clip.
    pub(crate) utterances: Vec<Range<usize>>,
}

/// So many clips of a role, spread over all that there are.
pub(crate) fn clips(role: Role, count: usize) -> Vec<Vec<i16>> {
    let all: Vec<_> = entries().iter().filter(|entry| entry.role == role).collect();
    (0..count).map(|nth| all[nth * all.len() / count].clip().to_vec()).collect()
}

pub(crate) fn words(role: Role, text: &str) -> Vec<Vec<i16>> {
    entries()
        .iter()
        .filter(|entry| entry.role == role && entry.text == text)
        .map(|entry| entry.clip().to_vec())
        .collect()
}

/// Where a clip is loud.
fn speech(clip: &[i16]) -> Vec<Range<usize>> {
    let powers: Vec<f32> = clip.chunks(BLOCK).map(|block| sounds::rms(block).powi(2)).collect();
    let least = powers.iter().copied().fold(0.0, f32::max) * 10_f32.powf(-BELOW_LOUDEST_DB / 10.0);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, _) in powers.iter().enumerate().filter(|(_, power)| **power >= least) {
        let block = at * BLOCK..(at + 1) * BLOCK;
        match ranges.last_mut() {
            Some(last) if block.start - last.end < GAP => last.end = block.end,
            _ => ranges.push(block),
        }
    }
    ranges
}

/// These clips after each other, with one to two and a half seconds of silence around each.
pub(crate) fn placed(clips: &[Vec<i16>]) -> Labelled {
    let mut made = Labelled { samples: vec![0; sounds::samples(1_500)], speech: Vec::new(), utterances: Vec::new() };
    for (nth, clip) in clips.iter().enumerate() {
        let at = made.samples.len();
        let ranges: Vec<_> = speech(clip).into_iter().map(|range| range.start + at..range.end + at).collect();
        made.utterances.push(ranges[0].start..ranges[ranges.len() - 1].end);
        made.speech.extend(ranges);
        made.samples.extend(clip);
        made.samples.extend(std::iter::repeat_n(0, sounds::samples(1_200 + nth * 379 % 1_300)));
    }
    made
}

impl Labelled {
    pub(crate) fn ms(&self) -> usize {
        self.samples.len() / 8
    }

    /// The root mean square of the speech alone.
    pub(crate) fn speech_dbfs(&self) -> f32 {
        let speech: Vec<i16> = self.speech.iter().flat_map(|range| &self.samples[range.clone()]).copied().collect();
        20.0 * (sounds::rms(&speech) / 32_768.0).log10()
    }

    pub(crate) fn with(&self, sound: &[i16]) -> Self {
        Self { samples: sounds::mix(&self.samples, sound), ..self.clone() }
    }

    pub(crate) fn through_alaw(&self) -> Self {
        Self { samples: sounds::through_alaw(&self.samples), ..self.clone() }
    }
}
