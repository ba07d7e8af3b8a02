//! Tones: what exchanges and machines send instead of words.
//!
//! China's exchanges use one frequency, 450 Hz, and tell by its rhythm what they mean (GB/T 3380, YDN 065): see
//! [`Tone`]. Others announce their announcements with three rising tones (ITU-T E.180), and machines beep.

mod cadence;
mod goertzel;
mod single;

#[cfg(test)]
mod tests;

use cadence::Cadence;
use goertzel::{Bank, Probe};
use single::Single;

use crate::media::{FRAME_SAMPLES, Frame};

/// Milliseconds of a frame.
const FRAME_MS: u32 = 20;
/// Below −50 dB of full scale nothing is a tone: the root of the mean square, in samples.
const QUIET_RMS: f32 = 100.0;
/// The tone of China's exchanges.
const EXCHANGE_HZ: f32 = 450.0;
/// How much of a window's energy is the tone where there is one. The share of noise 10 dB below it is a tenth.
const TONE_SHARE: f32 = 0.8;

/// What was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It rings: 1 s of 450 Hz, 4 s of silence.
    Ringback,
    /// Busy: 0.35 s on, 0.35 s off.
    Busy,
    /// No way through the network: 0.7 s on, 0.7 s off.
    Congestion,
    /// No such number: three times 0.1 s on and off, then 0.4 s on and off.
    Unobtainable,
    /// The tone that waits for a number, without an end.
    Dial,
    /// 950, 1400 and 1800 Hz, a third of a second each: a spoken announcement follows.
    SpecialInformation,
    /// One tone, then silence: a machine records from here on.
    Beep {
        /// Its frequency, within 25 Hz.
        hz: u16,
        /// Its length, within 40 ms.
        ms: u16,
    },
}

/// Listens for tones, a frame at a time. It keeps no more than two frames and allocates nothing.
#[derive(Debug, Clone)]
pub struct ToneDetector {
    /// The frame before: a window is 40 ms long and moves by 20.
    previous: Frame,
    exchange: Probe,
    bank: Bank,
    cadence: Cadence,
    single: Single,
    /// Whether the newest frame was loud, and no tone.
    otherwise: bool,
}

impl Default for ToneDetector {
    fn default() -> Self {
        Self {
            previous: [0; FRAME_SAMPLES],
            exchange: Probe::new(EXCHANGE_HZ),
            bank: Bank::default(),
            cadence: Cadence::default(),
            single: Single::default(),
            otherwise: false,
        }
    }
}

impl ToneDetector {
    /// What the frame completes, if anything. A rhythm that goes on is reported again with every repetition.
    pub fn push(&mut self, frame: &Frame) -> Option<Tone> {
        let samples = frame.map(f32::from);
        let power = mean_square(&samples);
        let loud = power > QUIET_RMS * QUIET_RMS;
        let on = loud && self.exchange.share(&self.previous, frame) > TONE_SHARE;
        self.previous = *frame;
        let heard = if loud { self.bank.strongest(&samples, power) } else { None };
        self.otherwise = loud && !on && heard.is_none();
        let rhythm = self.cadence.push(on, power);
        let single = self.single.push(heard, power);
        rhythm.or(single)
    }

    /// Whether the newest frame was sound, but no tone of any frequency.
    #[must_use]
    pub const fn sounds_otherwise(&self) -> bool {
        self.otherwise
    }
}

/// The power of a frame, in squared samples.
fn mean_square(samples: &[f32; FRAME_SAMPLES]) -> f32 {
    let count = FRAME_SAMPLES as f32;
    samples.iter().map(|sample| sample * sample).sum::<f32>() / count
}
