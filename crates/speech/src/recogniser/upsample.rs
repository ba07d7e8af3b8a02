//! From 8 to 16 kHz, a piece at a time.

/// Half of the taps on one side of a sample that is put in between.
const REACH: usize = 12;

/// Doubles the rate of linear samples: each of them is kept as it is, and between two of them comes one that a
/// half-band filter makes of the twelve before and the twelve after it. What comes out is twelve samples late.
///
/// Servers want 16 kHz and do not resample; that there is nothing above 4 kHz in it does not matter to them.
#[derive(Debug, Clone)]
pub(super) struct Doubler {
    /// The last samples, the newest at the end.
    history: [i16; 2 * REACH],
    taps: [f32; REACH],
}

impl Default for Doubler {
    fn default() -> Self {
        Self { history: [0; 2 * REACH], taps: taps() }
    }
}

impl Doubler {
    /// Twice as many samples.
    pub(super) fn double(&mut self, samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::with_capacity(samples.len() * 2);
        for sample in samples {
            self.history.rotate_left(1);
            self.history[2 * REACH - 1] = *sample;
            out.push(self.history[REACH - 1]);
            out.push(self.between());
        }
        out
    }

    /// The sample in the middle between the two in the middle of the history.
    fn between(&self) -> i16 {
        let pairs = self.taps.iter().enumerate().map(|(distance, tap)| {
            tap * (f32::from(self.history[REACH - 1 - distance]) + f32::from(self.history[REACH + distance]))
        });
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what a sample too loud needs")]
        let sample = pairs.sum::<f32>().round() as i16;
        sample
    }
}

/// sin(x)/x under a Hann window, summing up to one.
fn taps() -> [f32; REACH] {
    let half = |tap: usize| {
        let at = tap as f32 + 0.5;
        let phase = std::f32::consts::PI * at;
        phase.sin() / phase * (0.5 + 0.5 * (phase / (REACH as f32 + 0.5)).cos())
    };
    let raw: [f32; REACH] = std::array::from_fn(half);
    let sum = 2.0 * raw.iter().sum::<f32>();
    raw.map(|tap| tap / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "a tone is within the range")]
    fn tone(hz: f32, rate: f32, len: usize) -> Vec<i16> {
        (0..len).map(|n| ((n as f32 * hz / rate * std::f32::consts::TAU).sin() * 10_000.0) as i16).collect()
    }

    /// The level of one frequency.
    fn level(samples: &[i16], hz: f32, rate: f32) -> f32 {
        let part = |wave: fn(f32) -> f32| {
            let sum = samples
                .iter()
                .enumerate()
                .map(|(n, sample)| f32::from(*sample) * wave(n as f32 * hz / rate * std::f32::consts::TAU));
            sum.sum::<f32>() / samples.len() as f32 * 2.0
        };
        part(f32::sin).hypot(part(f32::cos))
    }

    #[test]
    fn a_tone_stays_what_it_is_and_has_no_mirror_image() {
        for hz in [300.0, 1_000.0, 2_000.0, 3_000.0] {
            let made = Doubler::default().double(&tone(hz, 8_000.0, 8_000));
            let (kept, mirrored) = (level(&made, hz, 16_000.0), level(&made, 8_000.0 - hz, 16_000.0));
            assert!((9_700.0..10_300.0).contains(&kept), "{hz} Hz: {kept}");
            assert!(mirrored < 100.0, "{hz} Hz comes back at {mirrored}");
        }
    }

    #[test]
    fn pieces_make_the_same_as_the_whole() {
        let samples = tone(700.0, 8_000.0, 999);
        let whole = Doubler::default().double(&samples);
        let mut doubler = Doubler::default();
        let pieces: Vec<i16> = samples.chunks(37).flat_map(|piece| doubler.double(piece)).collect();
        assert_eq!(pieces, whole);
        assert_eq!(whole.len(), 1_998);
    }

    #[test]
    fn the_loudest_samples_do_not_wrap_around() {
        let made = Doubler::default().double(&[i16::MAX, i16::MAX, i16::MIN, i16::MIN].repeat(100));
        let wrapped = made.windows(2).filter(|pair| i32::from(pair[0]).abs_diff(i32::from(pair[1])) > 50_000).count();
        assert_eq!(wrapped, 0);
    }
}
