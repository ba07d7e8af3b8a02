//! For tests: the audio that hutong comes with, and what a line does to audio.

use std::path::Path;

use audio_codec_algorithms::{decode_alaw, encode_alaw};

use super::wav;
use crate::media::{FRAME_SAMPLES, Frame};

/// A seeded source of white noise, its root mean square 1.
pub(crate) struct Noise(u32);

impl Noise {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed.max(1))
    }

    /// The next value, evenly between −√3 and √3.
    pub(crate) fn next(&mut self) -> f32 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0) as f32 * 3_f32.sqrt()
    }
}

/// The nearest sample.
pub(crate) fn clamp(sample: f32) -> i16 {
    sample.round() as i16
}

/// The whole frames of these samples.
pub(crate) fn frames(samples: &[i16]) -> impl Iterator<Item = Frame> + '_ {
    samples.as_chunks::<FRAME_SAMPLES>().0.iter().copied()
}

/// What comes out of a line with A-law.
pub(crate) fn through_alaw(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|sample| decode_alaw(encode_alaw(*sample))).collect()
}

/// Amplified.
pub(crate) fn louder(samples: &[i16], gain: f32) -> Vec<i16> {
    samples.iter().map(|sample| clamp(f32::from(*sample) * gain)).collect()
}

/// With white noise of this root mean square, in samples.
pub(crate) fn noisy(samples: &[i16], rms: f32, seed: u32) -> Vec<i16> {
    let mut noise = Noise::new(seed);
    samples.iter().map(|sample| clamp(f32::from(*sample) + noise.next() * rms)).collect()
}

/// The files of a role (`callee`, say; all for the empty one) in `assets/voices`: their rows of the index, as
/// `role/group/text`, and their samples.
pub(crate) fn shipped(role: &str) -> Vec<(String, Vec<i16>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/voices");
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let rows = index.lines().skip(1).filter_map(|row| {
        let [file, _, of, group, text] = row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let bytes = (role.is_empty() || of == role).then(|| std::fs::read(folder.join(file)).unwrap())?;
        Some((format!("{of}/{group}/{text}"), wav::read_telephone(&bytes).unwrap()))
    });
    rows.collect()
}
