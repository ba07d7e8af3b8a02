//! What else is heard on a line: noise, tones, music; and what a line does to samples.

use std::f32::consts::TAU;

use audio_codec_algorithms::{decode_alaw, encode_alaw};

const RATE: f32 = 8_000.0;

/// Samples of so many milliseconds.
pub(crate) fn samples(ms: usize) -> usize {
    ms * 8
}

/// The amplitude of so many decibels below full scale.
fn amplitude(dbfs: f32) -> f32 {
    32_768.0 * 10_f32.powf(dbfs / 20.0)
}

pub(crate) fn rms(samples: &[i16]) -> f32 {
    (samples.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to what a sample can be")]
fn sample(value: f32) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}

/// Amplified by so many decibels.
pub(crate) fn louder(samples: &[i16], db: f32) -> Vec<i16> {
    let factor = 10_f32.powf(db / 20.0);
    samples.iter().map(|it| sample(f32::from(*it) * factor)).collect()
}

/// Both at once, as long as the first.
pub(crate) fn mix(first: &[i16], second: &[i16]) -> Vec<i16> {
    let second = second.iter().copied().chain(std::iter::repeat(0));
    first.iter().zip(second).map(|(one, other)| one.saturating_add(other)).collect()
}

/// What comes out of a line with A-law.
pub(crate) fn through_alaw(samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|it| decode_alaw(encode_alaw(*it))).collect()
}

/// A seeded source of white noise between −1 and 1.
struct White(u32);

impl White {
    fn next(&mut self) -> f32 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}

/// Of this root mean square, in decibels of full scale.
fn levelled(values: &[f32], dbfs: f32) -> Vec<i16> {
    let power = values.iter().map(|value| value * value).sum::<f32>() / values.len().max(1) as f32;
    let factor = amplitude(dbfs) / power.sqrt();
    values.iter().map(|value| sample(value * factor)).collect()
}

pub(crate) fn white(ms: usize, dbfs: f32, seed: u32) -> Vec<i16> {
    let mut source = White(seed);
    levelled(&std::iter::repeat_with(|| source.next()).take(samples(ms)).collect::<Vec<_>>(), dbfs)
}

/// Noise that falls by 3 dB an octave, as that of streets and rooms does: white noise, held for 1, 2, 4 … samples, and
/// added up (Voss and McCartney).
pub(crate) fn pink(ms: usize, dbfs: f32, seed: u32) -> Vec<i16> {
    let mut source = White(seed);
    let mut held = [0.0; 10];
    let values = (1..=samples(ms)).map(|at| {
        held[at.trailing_zeros().min(9) as usize] = source.next();
        held.iter().sum::<f32>() + source.next()
    });
    levelled(&values.collect::<Vec<_>>(), dbfs)
}

/// Sines of these frequencies, all of the same strength.
fn sines(ms: usize, frequencies_hz: &[f32], dbfs: f32) -> Vec<i16> {
    let value = |at: usize| {
        let t = at as f32 / RATE;
        frequencies_hz.iter().map(|hz| (TAU * ((hz * t).fract())).sin()).sum::<f32>()
    };
    levelled(&(0..samples(ms)).map(value).collect::<Vec<_>>(), dbfs)
}

/// A tone that is on and off by turns.
fn cadence(ms: usize, frequencies_hz: &[f32], on_ms: usize, off_ms: usize, dbfs: f32) -> Vec<i16> {
    let tone = sines(on_ms, frequencies_hz, dbfs);
    let period = tone.iter().copied().chain(std::iter::repeat_n(0, samples(off_ms))).collect::<Vec<_>>();
    period.into_iter().cycle().take(samples(ms)).collect()
}

/// What is heard while the other telephone rings in China: a second in five.
pub(crate) fn ringback(ms: usize) -> Vec<i16> {
    cadence(ms, &[450.0], 1_000, 4_000, -15.0)
}

pub(crate) fn busy(ms: usize) -> Vec<i16> {
    cadence(ms, &[450.0], 350, 350, -15.0)
}

/// Short ones, and the long one of an answering machine.
pub(crate) fn beeps(ms: usize) -> Vec<i16> {
    let short = cadence(ms / 2, &[1_000.0], 200, 800, -12.0);
    let long = cadence(ms - ms / 2, &[1_400.0], 1_000, 2_000, -12.0);
    [short, long].concat()
}

/// All sixteen keys, 100 ms each, half a second apart.
pub(crate) fn keys(ms: usize) -> Vec<i16> {
    let low = [697.0, 770.0, 852.0, 941.0];
    let high = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    let all = (0..16).flat_map(|key| cadence(600, &[low[key / 4], high[key % 4]], 100, 500, -12.0));
    all.collect::<Vec<_>>().into_iter().cycle().take(samples(ms)).collect()
}

/// Mains, with what a rectifier makes of it.
pub(crate) fn hum(ms: usize) -> Vec<i16> {
    sines(ms, &[50.0, 100.0, 150.0, 200.0, 300.0], -30.0)
}

/// A melody over chords, plucked: each note has harmonics and dies away.
pub(crate) fn music(ms: usize) -> Vec<i16> {
    const MELODY: [f32; 16] =
        [659.3, 587.3, 523.3, 587.3, 659.3, 659.3, 659.3, 0.0, 587.3, 587.3, 587.3, 0.0, 659.3, 784.0, 784.0, 0.0];
    const CHORDS: [[f32; 3]; 4] =
        [[261.6, 329.6, 392.0], [349.2, 440.0, 523.3], [392.0, 493.9, 587.3], [261.6, 329.6, 392.0]];
    const NOTE: usize = 3_000;
    let note = |hz: f32, since: usize, length: usize| {
        let t = since as f32 / RATE;
        let dying = (-4.0 * since as f32 / length as f32).exp() * (since as f32 / 80.0).min(1.0);
        (1..=4_u8).map(|nth| (TAU * (hz * t * f32::from(nth)).fract()).sin() / f32::from(nth)).sum::<f32>() * dying
    };
    let value = |at: usize| {
        let (step, since) = (at / NOTE, at % NOTE);
        let chord = CHORDS[step / 4 % CHORDS.len()];
        let melody = note(MELODY[step % MELODY.len()], since, NOTE);
        melody + chord.iter().map(|hz| note(*hz, at % (4 * NOTE), 4 * NOTE)).sum::<f32>() / 2.0
    };
    levelled(&(0..samples(ms)).map(value).collect::<Vec<_>>(), -20.0)
}
