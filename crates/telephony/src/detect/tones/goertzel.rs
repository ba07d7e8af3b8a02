//! Energy at single frequencies (Goertzel's algorithm): cheaper than a spectrum where few frequencies matter.

use std::f32::consts::TAU;

use super::TONE_SHARE;
use crate::media::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Samples of a window, 40 ms: its bins are 25 Hz apart.
const WINDOW_SAMPLES: usize = 2 * FRAME_SAMPLES;
const WINDOW_BIN_HZ: f32 = 25.0;
/// Frequencies that the bank listens at, 50 Hz apart: the bins of one frame.
const BANK_BINS: usize = 37;
const BANK_FIRST_HZ: f32 = 300.0;
const BANK_BIN_HZ: f32 = 50.0;

/// 2 cos ω.
fn coefficient(hz: f32) -> f32 {
    let rate = SAMPLE_RATE as f32;
    2.0 * (TAU * hz / rate).cos()
}

/// One frequency with its two neighbours, so that a tone may be off by a bin (exchanges may be, by 25 Hz).
#[derive(Debug, Clone)]
pub(super) struct Probe {
    coefficients: [f32; 3],
}

impl Probe {
    pub(super) fn new(hz: f32) -> Self {
        Self { coefficients: [hz - WINDOW_BIN_HZ, hz, hz + WINDOW_BIN_HZ].map(coefficient) }
    }

    /// How much of the energy of these two frames is at the frequency, from 0 to 1.
    pub(super) fn share(&self, first: &Frame, second: &Frame) -> f32 {
        let (mut one, mut two, mut energy) = ([0.0_f32; 3], [0.0_f32; 3], 0.0_f32);
        for sample in first.iter().chain(second).map(|sample| f32::from(*sample)) {
            energy += sample * sample;
            for ((one, two), coefficient) in one.iter_mut().zip(&mut two).zip(&self.coefficients) {
                let next = sample + coefficient * *one - *two;
                *two = std::mem::replace(one, next);
            }
        }
        let powers = one.iter().zip(&two).zip(&self.coefficients);
        let power: f32 = powers.map(|((one, two), coefficient)| one * one + two * two - coefficient * one * two).sum();
        let whole = WINDOW_SAMPLES as f32 * energy;
        if whole > 0.0 { 2.0 * power / whole } else { 0.0 }
    }
}

/// All frequencies that a beep or an announcing tone may have.
#[derive(Debug, Clone)]
pub(super) struct Bank {
    coefficients: [f32; BANK_BINS],
}

impl Default for Bank {
    fn default() -> Self {
        let mut hz = BANK_FIRST_HZ - BANK_BIN_HZ;
        let coefficients = [(); BANK_BINS].map(|()| {
            hz += BANK_BIN_HZ;
            coefficient(hz)
        });
        Self { coefficients }
    }
}

impl Bank {
    /// The frequency of the tone that the frame is, in Hz; none when it is not one tone.
    pub(super) fn strongest(&self, samples: &[f32; FRAME_SAMPLES], mean_square: f32) -> Option<f32> {
        let (mut one, mut two) = ([0.0_f32; BANK_BINS], [0.0_f32; BANK_BINS]);
        for sample in samples {
            for ((one, two), coefficient) in one.iter_mut().zip(&mut two).zip(&self.coefficients) {
                let next = sample + coefficient * *one - *two;
                *two = std::mem::replace(one, next);
            }
        }
        let mut powers = [0.0_f32; BANK_BINS];
        for (power, ((one, two), coefficient)) in powers.iter_mut().zip(one.iter().zip(&two).zip(&self.coefficients)) {
            *power = one * one + two * two - coefficient * one * two;
        }
        let samples = FRAME_SAMPLES as f32;
        let whole = samples * samples * mean_square;
        let mut hz = BANK_FIRST_HZ;
        let mut best = (0.0, 0.0);
        for three in powers.windows(3) {
            hz += BANK_BIN_HZ;
            let sum: f32 = three.iter().sum();
            if let ([below, _, above], true) = (three, sum > best.0) {
                best = (sum, hz + BANK_BIN_HZ * (above - below) / sum);
            }
        }
        (2.0 * best.0 > TONE_SHARE * whole).then_some(best.1)
    }
}
