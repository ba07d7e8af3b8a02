//! What is heard in the place of a lost frame: the last pitch period again and again, fading (G.711 Appendix I in spirit).
//!
//! Unlike the appendix it adds no delay: where sound comes back it is faded in over what was made up.

use super::{FRAME_SAMPLES, Frame};

/// Samples of the past that are kept: the longest pitch period and a window to compare, 50 ms.
const HISTORY: usize = 400;

/// Pitch periods that are looked for: 66 to 200 Hz, as in the appendix.
const PITCH: std::ops::RangeInclusive<usize> = 40..=120;

/// Samples that are compared to find the pitch: 20 ms.
const COMPARED: usize = 160;

/// Samples over which sound that comes back is faded in: 5 ms.
const FADE_IN: usize = 40;

/// Made up at full strength: 10 ms.
const STEADY_SAMPLES: usize = 80;

/// After that many samples what is made up has faded to silence: 60 ms.
const SILENT_SAMPLES: usize = 480;

/// Makes up frames from the past of one stream.
pub(crate) struct Concealer {
    history: [i16; HISTORY],
    /// The period that is repeated, while something is made up.
    period: usize,
    /// Samples made up since sound last came.
    made_up: usize,
}

impl Concealer {
    pub(crate) fn new() -> Self {
        // Before the first sound there is nothing that it could be faded in from.
        Self { history: [0; HISTORY], period: 0, made_up: SILENT_SAMPLES }
    }

    /// Sound came: remembers it, and smooths its beginning if it follows on something made up.
    pub(crate) fn heard(&mut self, sound: &mut [i16]) {
        if self.made_up > 0 {
            if self.made_up < SILENT_SAMPLES {
                let mut tail = [0; FADE_IN];
                self.make_up(&mut tail);
                for (at, (sample, tail)) in sound.iter_mut().zip(tail).enumerate() {
                    *sample = mixed(*sample, tail, at + 1, FADE_IN + 1);
                }
            }
            self.made_up = 0;
        }
        self.remember(sound);
    }

    /// No sound came: makes it up. False once it has faded to silence.
    pub(crate) fn missing(&mut self, sound: &mut [i16]) -> bool {
        if self.made_up == 0 {
            self.period = self.pitch();
        }
        if self.made_up >= SILENT_SAMPLES {
            sound.fill(0);
            return false;
        }
        self.make_up(sound);
        self.remember(sound);
        true
    }

    /// Silence that was meant, as between words: nothing is repeated over it.
    pub(crate) fn silenced(&mut self) {
        if self.made_up < SILENT_SAMPLES {
            self.made_up = SILENT_SAMPLES;
            self.history = [0; HISTORY];
        }
    }

    fn remember(&mut self, sound: &[i16]) {
        let last = &sound[sound.len().saturating_sub(HISTORY)..];
        self.history.copy_within(last.len().., 0);
        self.history[HISTORY - last.len()..].copy_from_slice(last);
    }

    /// Repeats the last period and fades. The history holds what was made up before already faded, so only the step from
    /// there on is applied to it.
    fn make_up(&mut self, samples: &mut [i16]) {
        let period = self.period.max(1);
        for at in 0..samples.len() {
            let past = if at < period { self.history[HISTORY - period + at] } else { samples[at - period] };
            let before = strength(self.made_up.saturating_sub(period));
            let now = strength(self.made_up);
            samples[at] = scaled(past, now, before);
            self.made_up += 1;
        }
    }

    /// The period at which the past is most like itself.
    fn pitch(&self) -> usize {
        let recent = &self.history[HISTORY - COMPARED..];
        let likeness = |period: &usize| {
            let earlier = &self.history[HISTORY - COMPARED - period..HISTORY - period];
            // Every other sample is enough to find the period, as in the appendix.
            let (mut product, mut energy) = (0i64, 1i64);
            for (now, then) in recent.iter().zip(earlier).step_by(2) {
                product += i64::from(*now) * i64::from(*then);
                energy += i64::from(*then) * i64::from(*then);
            }
            // Compared are product / sqrt(energy), without the root: squares that keep their sign. A past of full strength
            // stays far below the bounds of the type.
            i128::from(product) * i128::from(product.abs()) / i128::from(energy)
        };
        PITCH.max_by_key(likeness).unwrap_or(*PITCH.end())
    }
}

/// How strong the sample that is made up as the n-th is, out of `SILENT_SAMPLES`.
fn strength(made_up: usize) -> usize {
    if made_up < STEADY_SAMPLES {
        SILENT_SAMPLES
    } else {
        (SILENT_SAMPLES.saturating_sub(made_up)) * SILENT_SAMPLES / (SILENT_SAMPLES - STEADY_SAMPLES)
    }
}

/// `sample` at the strength `now`, after it was kept at the strength `before`.
fn scaled(sample: i16, now: usize, before: usize) -> i16 {
    let (now, before) = (i64::try_from(now).unwrap_or(0), i64::try_from(before.max(1)).unwrap_or(1));
    i16::try_from(i64::from(sample) * now / before).unwrap_or(0)
}

/// Between `from` (at 0) and `to` (at `of`).
fn mixed(to: i16, from: i16, at: usize, of: usize) -> i16 {
    let (at, of) = (i64::try_from(at).unwrap_or(0), i64::try_from(of.max(1)).unwrap_or(1));
    i16::try_from((i64::from(to) * at + i64::from(from) * (of - at)) / of).unwrap_or(0)
}

/// Two frames made one, the first fading into the second: leaves out 20 ms without a click.
pub(crate) fn joined(first: &Frame, second: &Frame) -> Frame {
    std::array::from_fn(|at| mixed(second[at], first[at], at, FRAME_SAMPLES))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voiced sound of 100 Hz with an overtone.
    fn sound(from: usize) -> Frame {
        std::array::from_fn(|at| {
            let turn = (from + at) as f64 * std::f64::consts::TAU / 80.0;
            rounded(turn.sin() * 6000.0 + (turn * 3.0).sin() * 2000.0)
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "within the range of a sample")]
    fn rounded(value: f64) -> i16 {
        value as i16
    }

    fn missing(concealer: &mut Concealer) -> Frame {
        let mut frame = [1; FRAME_SAMPLES];
        concealer.missing(&mut frame);
        frame
    }

    fn loudest(frame: &[i16]) -> i16 {
        frame.iter().map(|sample| sample.saturating_abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_lost_frame_sounds_on() {
        let mut concealer = Concealer::new();
        for at in 0..4 {
            concealer.heard(&mut sound(at * FRAME_SAMPLES));
        }
        let (made_up, lost) = (missing(&mut concealer), sound(4 * FRAME_SAMPLES));
        for (at, (made_up, lost)) in made_up.iter().zip(lost).enumerate().take(STEADY_SAMPLES) {
            assert!((made_up - lost).abs() < 200, "{made_up} for {lost} at {at}");
        }
        assert!(loudest(&made_up[100..]) > 4000);
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_sound_comes_back_without_a_click() {
        let mut concealer = Concealer::new();
        for at in 0..4 {
            concealer.heard(&mut sound(at * FRAME_SAMPLES));
        }
        let loudness: Vec<_> = (0..5).map(|_| loudest(&missing(&mut concealer))).collect();
        assert!(loudness[..3].is_sorted_by(|a, b| a > b), "{loudness:?}");
        assert_eq!(loudness[3..], [0, 0]);
        let mut back = sound(0);
        concealer.heard(&mut back);
        assert_eq!(back, sound(0), "after silence there is nothing to fade from");
    }

    #[test]
    fn what_was_meant_to_be_silent_stays_silent() {
        let mut concealer = Concealer::new();
        concealer.heard(&mut sound(0));
        concealer.silenced();
        assert_eq!(missing(&mut concealer), [0; FRAME_SAMPLES]);
    }

    #[test]
    fn extremes_are_concealed_without_overflow() {
        let mut concealer = Concealer::new();
        for _ in 0..4 {
            concealer.heard(&mut [i16::MIN; FRAME_SAMPLES]);
        }
        assert_eq!(missing(&mut concealer)[0], i16::MIN);
        let joined = joined(&[i16::MIN; FRAME_SAMPLES], &[i16::MAX; FRAME_SAMPLES]);
        assert!(joined.is_sorted());
    }
}
