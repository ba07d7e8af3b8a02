//! Whether somebody speaks, by loudness: what stands well above the noise of the line.
//!
//! A recogniser of speech tells voices from other sounds better, at a hundred times the cost. Whoever has one feeds
//! its flags to [`crate::detect::machine`] instead of these.

use crate::media::{FRAME_SAMPLES, Frame};

/// Speech is this much louder than the noise: 12 dB, as a share of power.
const ABOVE_NOISE: f32 = 16.0;
/// It lasts until it is less than this much louder: 6 dB.
const STILL_ABOVE_NOISE: f32 = 4.0;
/// What is quieter than −45 dB of full scale is no speech on any line: the power, in squared samples.
const SPEECH_POWER_MIN: f32 = 184.0 * 184.0;
/// No line's noise is louder than −28 dB of full scale; at the beginning, when a voice may be all that was heard, none
/// louder than −41 dB is believed.
const NOISE_POWER_MAX: f32 = 1_300.0 * 1_300.0;
const FIRST_NOISE_POWER_MAX: f32 = 300.0 * 300.0;
/// The noise is the quietest frame of the last 1.2 seconds: nobody speaks for so long without a gap. Kept as the
/// quietest frames of four blocks.
const BLOCKS: usize = 4;
const BLOCK_FRAMES: usize = 15;
/// Frames in a row that begin speech: a click is shorter.
const ONSET_FRAMES: u32 = 3;
/// Frames that speech outlasts its last loud one: the gaps between syllables.
const HANGOVER_FRAMES: u32 = 6;

/// Tells speech from pauses, a frame at a time.
#[derive(Debug, Clone)]
pub struct ActivityDetector {
    /// The least powers of the last blocks, newest last; the newest block goes on.
    least: [f32; BLOCKS],
    /// Frames heard, as far as it matters.
    heard: usize,
    loud: u32,
    quiet: u32,
    active: bool,
}

impl Default for ActivityDetector {
    fn default() -> Self {
        Self { least: [f32::INFINITY; BLOCKS], heard: 0, loud: 0, quiet: 0, active: false }
    }
}

impl ActivityDetector {
    /// Whether somebody speaks in the frame. Speech is known 60 ms after it began, and its end 120 ms after it.
    pub fn push(&mut self, frame: &Frame) -> bool {
        let power = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / FRAME_SAMPLES as f32;
        let noise = self.noise(power);
        let above = if self.active { STILL_ABOVE_NOISE } else { ABOVE_NOISE };
        if power > SPEECH_POWER_MIN && power > noise * above {
            self.loud = self.loud.saturating_add(1);
            self.quiet = 0;
        } else {
            self.quiet = self.quiet.saturating_add(1);
            self.loud = 0;
        }
        if self.loud >= ONSET_FRAMES {
            self.active = true;
        } else if self.quiet > HANGOVER_FRAMES {
            self.active = false;
        }
        self.active
    }

    /// The power of the noise, this frame included.
    fn noise(&mut self, power: f32) -> f32 {
        if self.heard.is_multiple_of(BLOCK_FRAMES) {
            self.least.rotate_left(1);
            self.least[BLOCKS - 1] = f32::INFINITY;
        }
        let early = self.heard < BLOCKS * BLOCK_FRAMES;
        // It counts on in blocks once the beginning is over.
        self.heard = if early { self.heard + 1 } else { BLOCKS * BLOCK_FRAMES + (self.heard + 1) % BLOCK_FRAMES };
        let newest = &mut self.least[BLOCKS - 1];
        *newest = newest.min(power);
        let least = self.least.iter().copied().fold(f32::INFINITY, f32::min);
        least.min(if early { FIRST_NOISE_POWER_MAX } else { NOISE_POWER_MAX })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::samples;

    fn activity(played: &[i16]) -> Vec<bool> {
        let mut detector = ActivityDetector::default();
        samples::frames(played).map(|frame| detector.push(&frame)).collect()
    }

    /// How many of these flags say that somebody speaks, in percent.
    fn percent(flags: &[bool]) -> usize {
        flags.iter().filter(|it| **it).count() * 100 / flags.len().max(1)
    }

    #[test]
    fn a_voice_is_heard_above_any_noise_that_is_20_db_below() {
        for noise_rms in [0.0, 30.0, 300.0] {
            for (text, voice) in samples::shipped("callee") {
                let played = [vec![0; 24_000], voice.clone(), vec![0; 24_000]].concat();
                let played = samples::noisy(&played, noise_rms, 9);
                let flags = activity(&played);
                let (before, rest) = flags.split_at(150);
                let (during, after) = rest.split_at(voice.len() / 160);
                assert_eq!(percent(before), 0, "{text} in noise of {noise_rms}");
                // 嗯 is hardly longer than the silence around it.
                let least = if during.len() > 50 { 55 } else { 20 };
                assert!(percent(during) >= least, "{text} in noise of {noise_rms}: {}", percent(during));
                assert_eq!(percent(&after[20..]), 0, "{text} in noise of {noise_rms}");
            }
        }
    }

    #[test]
    fn silence_and_clicks_are_no_speech() {
        let silence = vec![0_i16; 80_000];
        assert_eq!(percent(&activity(&silence)), 0);
        assert_eq!(percent(&activity(&samples::noisy(&silence, 100.0, 2))), 0);
        let mut clicks = silence;
        clicks.iter_mut().step_by(8_000).for_each(|sample| *sample = 30_000);
        assert_eq!(percent(&activity(&clicks)), 0);
    }

    #[test]
    fn noise_that_begins_later_is_speech_for_little_more_than_a_second() {
        let played = [vec![0; 16_000], samples::noisy(&[0; 40_000], 300.0, 6)].concat();
        let taken = activity(&played).iter().filter(|it| **it).count() * 20;
        assert!((1..1_500).contains(&taken), "{taken} ms");
    }

    proptest! {
        #[test]
        fn nothing_heard_makes_the_detector_panic(samples in prop::collection::vec(any::<i16>(), 0..5_000)) {
            prop_assert_eq!(activity(&samples).len(), samples.len() / FRAME_SAMPLES);
        }
    }
}
