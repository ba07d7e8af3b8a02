//! From a speech server's audio to telephone audio: 8000 Hz, even loudness, no silence around it.

use anyhow::{Context as _, Result, ensure};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Samples in a second of telephone audio.
const RATE_HZ: usize = 8_000;
/// 20 ms.
const FRAME: usize = RATE_HZ / 50;
/// How loud speech is, −20 dB of full scale: what telephone networks expect (ITU-T P.56 speaks of −26, for speech
/// with its pauses).
const ACTIVE_RMS: f32 = 0.1;
/// No sample is louder, −3 dB of full scale.
const PEAK_MAX: f32 = 0.708;
/// A frame belongs to the speech when it is not further than 35 dB below the loudest one.
const ACTIVE_SHARE: f32 = 0.018;
/// What is kept before and after the speech.
const LEAD_FRAMES: usize = 2;
const TAIL_FRAMES: usize = 5;
/// Samples that both ends rise and fall in, 5 ms, so that they do not click.
const FADE: usize = RATE_HZ / 200;
const CHUNK: usize = 1024;

/// Telephone audio of what a speech server gave.
pub(crate) fn for_telephone(samples: &[i16], rate_hz: u32) -> Result<Vec<i16>> {
    let samples = resample(samples, rate_hz)?;
    let loudness: Vec<f32> = samples.chunks(FRAME).map(rms).collect();
    let least = loudness.iter().copied().fold(0.0, f32::max) * ACTIVE_SHARE;
    let first = loudness.iter().position(|it| *it > least).context("nothing but silence")?;
    let last = loudness.iter().rposition(|it| *it > least).context("nothing but silence")?;
    let from = first.saturating_sub(LEAD_FRAMES) * FRAME;
    let until = ((last + 1 + TAIL_FRAMES) * FRAME).min(samples.len());
    let speech = samples.get(from..until).context("nothing but silence")?;
    let active: Vec<f32> = loudness.into_iter().filter(|it| *it > least).collect();
    let peak = speech.iter().copied().map(f32::abs).fold(0.0, f32::max);
    let gain = (ACTIVE_RMS / rms(&active)).min(PEAK_MAX / peak);
    Ok(speech.iter().enumerate().map(|(index, sample)| linear(sample * gain * fade(index, speech.len()))).collect())
}

fn resample(samples: &[i16], rate_hz: u32) -> Result<Vec<f32>> {
    ensure!(!samples.is_empty(), "no samples");
    let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let mut resampler = Fft::<f32>::new(usize::try_from(rate_hz)?, RATE_HZ, CHUNK, 1, FixedSync::Both)?;
    let input = InterleavedSlice::new(&samples, 1, samples.len())?;
    Ok(resampler.process_all(&input, samples.len(), None)?.take_data())
}

/// Root of the mean square.
fn rms(samples: &[f32]) -> f32 {
    let count = samples.len().max(1) as f32;
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / count).sqrt()
}

/// How much of a sample is left, by its distance from the ends.
fn fade(index: usize, len: usize) -> f32 {
    let distance = index.min(len.saturating_sub(index + 1)).min(FADE);
    distance as f32 / FADE as f32
}

fn linear(sample: f32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "within its range, and `as` saturates")]
    let sample = (sample * 32_767.0).round() as i16;
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second of silence, a second of a tone, half a second of silence, at 24 kHz.
    fn tone(hz: f32, amplitude: f32) -> Vec<i16> {
        let sample = |n: usize| {
            let on = (12_000..36_000).contains(&n);
            let phase = n as f32 / 24_000.0 * hz * std::f32::consts::TAU;
            linear(if on { phase.sin() * amplitude } else { 0.0 })
        };
        (0..48_000).map(sample).collect()
    }

    #[test]
    fn speech_gets_its_loudness_and_loses_the_silence_around_it() {
        for amplitude in [0.02, 0.9] {
            let made = for_telephone(&tone(1_000.0, amplitude), 24_000).unwrap();
            let floats: Vec<f32> = made.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            let seconds = made.len() as f32 / RATE_HZ as f32;
            let middle = rms(&floats[1_000..8_000]);
            assert!((1.0..1.25).contains(&seconds), "{seconds} s");
            assert!((0.095..0.108).contains(&middle), "{middle}");
            assert_eq!(made[0], 0);
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_does_not_fold_back() {
        let mut mixed = tone(1_000.0, 0.3);
        for (sample, high) in mixed.iter_mut().zip(tone(6_000.0, 0.3)) {
            *sample += high;
        }
        let made = for_telephone(&mixed, 24_000).unwrap();
        let share = |hz: f32| {
            let part = |wave: fn(f32) -> f32| {
                made.iter()
                    .enumerate()
                    .map(|(n, s)| f32::from(*s) * wave(n as f32 * hz / 8_000.0 * 6.283_185_5))
                    .sum::<f32>()
            };
            part(f32::sin).hypot(part(f32::cos))
        };
        // 6000 Hz would come back as 2000 Hz.
        assert!(share(2_000.0) < share(1_000.0) / 300.0, "{} of {}", share(2_000.0), share(1_000.0));
    }
}
