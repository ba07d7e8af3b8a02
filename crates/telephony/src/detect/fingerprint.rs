//! How a piece of audio sounds, in 32 bits a frame, so that the same recording is known again through any line.
//!
//! Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002), for the telephone's band: each bit
//! says whether the difference between two neighbouring bands has grown or shrunk since the frame before. Gain and
//! codecs hardly change that; other recordings agree by chance only, in half of the bits.

use std::f32::consts::TAU;
use std::fmt::Write as _;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::media::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Samples of a window, a quarter of a second; it moves by a frame.
const WINDOW_SAMPLES: usize = 2_048;
/// Bands, their widths in equal proportion.
const BANDS: usize = 33;
const LOWEST_HZ: f32 = 300.0;
const HIGHEST_HZ: f32 = 3_400.0;
/// Below −50 dB of full scale a frame is silence: the root of the mean square, in samples.
const QUIET_RMS: f32 = 100.0;
/// What stands for a frame of silence.
const SILENCE: u32 = 0;

/// The longest piece whose fingerprint is kept: 30 seconds.
pub const FRAMES_MAX: usize = 30 * 50;
/// Frames of audio that a window needs before its first bits: a quarter of a second.
pub(crate) const WINDOW_FRAMES: usize = WINDOW_SAMPLES.div_ceil(FRAME_SAMPLES);

/// The fingerprint of a piece of audio, without silence at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint(Vec<u32>);

impl Fingerprint {
    /// How these samples sound, [`FRAMES_MAX`] frames of them at most.
    #[must_use]
    pub fn of(samples: &[i16]) -> Self {
        let mut maker = FingerprintMaker::new(&Spectrum::new());
        let frames = samples.as_chunks::<FRAME_SAMPLES>().0;
        let bits: Vec<u32> = frames.iter().take(FRAMES_MAX).filter_map(|frame| maker.push(frame)).collect();
        let first = bits.iter().position(|it| *it != SILENCE).unwrap_or(bits.len());
        let end = bits.iter().rposition(|it| *it != SILENCE).map_or(first, |last| last + 1);
        Self(bits.get(first..end).unwrap_or_default().to_vec())
    }

    /// The bits, one number a frame; 0 is silence.
    #[must_use]
    pub fn bits(&self) -> &[u32] {
        &self.0
    }

    /// How much audio it stands for, in milliseconds: the first window included.
    #[must_use]
    pub fn duration_ms(&self) -> usize {
        if self.0.is_empty() { 0 } else { (self.0.len() + WINDOW_FRAMES) * 20 }
    }

    /// As a text, eight hexadecimal digits a frame.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.0.len() * 8);
        for bits in &self.0 {
            // Writing to a text never fails.
            let _ = write!(text, "{bits:08x}");
        }
        text
    }

    /// What [`Fingerprint::to_text`] wrote; none where the text is something else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (chunks, rest) = text.as_bytes().as_chunks::<8>();
        if !rest.is_empty() || chunks.len() > FRAMES_MAX {
            return None;
        }
        let number = |chunk: &[u8; 8]| u32::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok();
        chunks.iter().map(number).collect::<Option<_>>().map(Self)
    }
}

/// What every maker of fingerprints needs, worked out once.
#[derive(Clone)]
pub(crate) struct Spectrum {
    transform: Arc<dyn RealToComplex<f32>>,
    /// Hann's window.
    window: Arc<[f32]>,
    /// The first bin of each band, and the one after the last.
    edges: [usize; BANDS + 1],
}

impl Spectrum {
    pub(crate) fn new() -> Self {
        let (count, rate) = (WINDOW_SAMPLES as f32, SAMPLE_RATE as f32);
        let hann = |n: usize| 0.5 - 0.5 * (TAU * n as f32 / count).cos();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 76 to 870")]
        let edge =
            |proportion: f32| (LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(proportion) / rate * count).round() as usize;
        let mut edges = [0; BANDS + 1];
        let mut step = 0.0;
        for it in &mut edges {
            let bands = BANDS as f32;
            *it = edge(step / bands);
            step += 1.0;
        }
        let transform = RealFftPlanner::new().plan_fft_forward(WINDOW_SAMPLES);
        Self { transform, window: (0..WINDOW_SAMPLES).map(hann).collect(), edges }
    }
}

/// Makes a fingerprint while audio arrives. Some 50 kB; nothing is allocated after it was made.
pub(crate) struct FingerprintMaker {
    spectrum: Spectrum,
    /// The newest samples, oldest first.
    samples: Vec<f32>,
    windowed: Vec<f32>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The energies of the frame before; none before the first full window.
    before: Option<[f32; BANDS]>,
    frames: usize,
}

impl FingerprintMaker {
    pub(crate) fn new(spectrum: &Spectrum) -> Self {
        Self {
            samples: vec![0.0; WINDOW_SAMPLES],
            windowed: vec![0.0; WINDOW_SAMPLES],
            bins: spectrum.transform.make_output_vec(),
            scratch: spectrum.transform.make_scratch_vec(),
            spectrum: spectrum.clone(),
            before: None,
            frames: 0,
        }
    }

    /// The bits of the window that ends with the frame; none before two full windows were heard.
    pub(crate) fn push(&mut self, frame: &Frame) -> Option<u32> {
        self.samples.copy_within(FRAME_SAMPLES.., 0);
        let newest = self.samples.iter_mut().skip(WINDOW_SAMPLES - FRAME_SAMPLES);
        newest.zip(frame).for_each(|(sample, new)| *sample = f32::from(*new));
        self.frames = (self.frames + 1).min(WINDOW_FRAMES);
        if self.frames < WINDOW_FRAMES {
            return None;
        }
        let energies = self.energies();
        let before = self.before.replace(energies)?;
        Some(bits_of(&energies, &before))
    }

    fn energies(&mut self) -> [f32; BANDS] {
        let parts = self.samples.iter().zip(self.spectrum.window.iter());
        self.windowed.iter_mut().zip(parts).for_each(|(out, (sample, weight))| *out = sample * weight);
        let mut energies = [0.0; BANDS];
        let done = self.spectrum.transform.process_with_scratch(&mut self.windowed, &mut self.bins, &mut self.scratch);
        // It fails for buffers of other lengths only, and these came from the transform itself.
        if done.is_err() {
            return energies;
        }
        for (energy, edges) in energies.iter_mut().zip(self.spectrum.edges.windows(2)) {
            if let [from, until] = edges {
                *energy = self.bins.get(*from..*until).unwrap_or_default().iter().map(Complex::norm_sqr).sum();
            }
        }
        energies
    }
}

fn bits_of(energies: &[f32; BANDS], before: &[f32; BANDS]) -> u32 {
    let count = WINDOW_SAMPLES as f32;
    // Parseval's theorem: half of the bins, and Hann's window leaves three eighths of the power.
    let mean_square = energies.iter().sum::<f32>() * 2.0 / (count * count * 0.375);
    if mean_square < QUIET_RMS * QUIET_RMS {
        return SILENCE;
    }
    let differences = energies.windows(2).zip(before.windows(2));
    let bits = differences.fold(0, |bits, (now, then)| match (now, then) {
        ([low, high], [low_before, high_before]) => {
            bits << 1 | u32::from((low - high) - (low_before - high_before) > 0.0)
        }
        _ => bits,
    });
    // A frame that is not silent never looks like silence.
    if bits == SILENCE { 1 } else { bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::samples;

    /// The share of bits that differ between the same frames of two pieces.
    fn errors(one: &[u32], other: &[u32]) -> f64 {
        let differing: u32 = one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum();
        f64::from(differing) / (one.len().min(other.len()) as f64 * 32.0)
    }

    #[test]
    fn a_line_changes_few_bits_and_another_recording_half_of_them() {
        let shipped = samples::shipped("announcement");
        let noise = |samples: &[i16]| samples::noisy(samples, 300.0, 11);
        for (n, (text, recording)) in shipped.iter().enumerate() {
            let print = Fingerprint::of(recording);
            let heard = |samples: &[i16]| errors(print.bits(), Fingerprint::of(samples).bits());
            assert_eq!(heard(&samples::through_alaw(recording)), 0.0, "{text}: it is of A-law already");
            let quieter = heard(&samples::through_alaw(&samples::louder(recording, 0.25)));
            assert!(quieter < 0.1, "{text}: {quieter} quieter");
            let noisy = heard(&noise(recording));
            assert!(noisy < 0.2, "{text}: {noisy} in noise 20 dB below");
            // A window that begins in the middle of another one.
            let between = heard(&recording[80..]);
            assert!(between < 0.2, "{text}: {between} between two windows");
            let other = errors(print.bits(), Fingerprint::of(&shipped[(n + 1) % shipped.len()].1).bits());
            assert!(other > 0.4, "{text}: {other} to another one");
        }
    }

    #[test]
    fn silence_at_the_ends_does_not_count() {
        let (_, recording) = samples::shipped("announcement").remove(0);
        let padded = [vec![0; 16_000], recording.clone(), vec![0; 16_000]].concat();
        let (plain, padded) = (Fingerprint::of(&recording), Fingerprint::of(&padded));
        assert!(padded.bits().len() >= plain.bits().len());
        assert!(padded.bits().len() <= plain.bits().len() + 2 * WINDOW_FRAMES);
        assert_eq!(Fingerprint::of(&[0; 16_000]), Fingerprint::default());
        assert_eq!(Fingerprint::default().duration_ms(), 0);
    }

    #[test]
    fn a_text_that_is_no_fingerprint_is_refused() {
        for text in ["0", "0123456", "xxxxxxxx", "0123456789", &"0".repeat(8 * FRAMES_MAX + 8)] {
            assert_eq!(Fingerprint::from_text(text), None);
        }
    }

    proptest! {
        #[test]
        fn a_text_gives_the_fingerprint_back(bits in prop::collection::vec(any::<u32>(), 0..100)) {
            let print = Fingerprint(bits);
            prop_assert_eq!(Fingerprint::from_text(&print.to_text()), Some(print));
        }

        #[test]
        fn any_samples_have_a_fingerprint(samples in prop::collection::vec(any::<i16>(), 0..6_000)) {
            prop_assert!(Fingerprint::of(&samples).bits().len() <= samples.len() / FRAME_SAMPLES);
        }
    }
}
