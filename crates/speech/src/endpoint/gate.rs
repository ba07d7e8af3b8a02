//! Whose voice it is, by its level: the customer's, or one in the room behind him, or the echo of our own.

use super::EndpointSettings;
use crate::vad::{FRAME_SAMPLES, Frame};

/// The level of a syllable is its loudest chunk of this many: consonants are far quieter than vowels.
const SYLLABLE_CHUNKS: usize = 4;
/// How fast the usual level follows a louder voice, and a quieter one, a voiced chunk at a time.
const RISE: f32 = 0.15;
const FALL: f32 = 0.02;
/// How fast it falls while somebody is heard who is too quiet for it, in decibels a chunk: somebody who has moved away
/// from the telephone is heard again after some seconds.
const FORGET_DB: f32 = 0.02;
/// The echo of what we played comes within this many frames.
const ECHO_FRAMES: usize = 20;
/// A power of one, below full scale.
const FULL_SCALE_DB: f32 = 90.308_74;

/// The level of a power in squared samples, in decibels of full scale. Silence has some finite level.
fn dbfs(power: f32) -> f32 {
    10.0 * power.max(0.01).log10() - FULL_SCALE_DB
}

/// Lets the customer's voice through.
#[derive(Debug)]
pub(super) struct Gate {
    quietest_dbfs: f32,
    below_usual_db: f32,
    below_played_db: f32,
    /// The customer's level, once he was heard.
    usual_dbfs: Option<f32>,
    levels: [f32; SYLLABLE_CHUNKS],
    /// What was played in the last frames, and is in the one to come.
    played: [f32; ECHO_FRAMES],
    played_now: f32,
}

impl Gate {
    pub(super) fn new(settings: &EndpointSettings) -> Self {
        Self {
            quietest_dbfs: settings.quietest_dbfs,
            below_usual_db: settings.below_usual_db,
            below_played_db: settings.below_played_db,
            usual_dbfs: None,
            levels: [f32::NEG_INFINITY; SYLLABLE_CHUNKS],
            played: [f32::NEG_INFINITY; ECHO_FRAMES],
            played_now: f32::NEG_INFINITY,
        }
    }

    /// Whether a chunk of this power, which is speech or not, is the customer's.
    pub(super) fn push(&mut self, power: f32, speech: bool) -> bool {
        self.levels.rotate_left(1);
        self.levels[SYLLABLE_CHUNKS - 1] = dbfs(power);
        if !speech {
            return false;
        }
        let level = greatest(&self.levels);
        if level < self.quietest_dbfs || level < greatest(&self.played) - self.below_played_db {
            return false;
        }
        let usual = self.usual_dbfs.unwrap_or(level);
        let passes = level >= usual - self.below_usual_db;
        let rate = if level > usual { RISE } else { FALL };
        self.usual_dbfs = Some(if passes { usual + (level - usual) * rate } else { usual - FORGET_DB });
        passes
    }

    /// Another frame is heard: whether or not anything was played meanwhile.
    pub(super) fn next_frame(&mut self) {
        self.played.rotate_left(1);
        self.played[ECHO_FRAMES - 1] = std::mem::replace(&mut self.played_now, f32::NEG_INFINITY);
    }

    pub(super) fn push_played(&mut self, frame: &Frame) {
        let power = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / FRAME_SAMPLES as f32;
        self.played_now = dbfs(power);
    }
}

fn greatest(levels: &[f32]) -> f32 {
    levels.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many voiced chunks of a level get through.
    fn passed(gate: &mut Gate, level_dbfs: f32, count: usize) -> usize {
        let power = 10_f32.powf((level_dbfs + FULL_SCALE_DB) / 10.0);
        (0..count).filter(|_| gate.push(power, true)).count()
    }

    fn gate() -> Gate {
        Gate::new(&EndpointSettings::default())
    }

    #[test]
    fn levels_are_of_full_scale() {
        assert!(dbfs(32_768.0 * 32_768.0).abs() < 0.01);
        assert!((dbfs(184.0 * 184.0) + 45.0).abs() < 0.1);
        assert!(dbfs(0.0).is_finite() && dbfs(0.0) < -100.0);
    }

    #[test]
    fn only_what_is_loud_enough_for_a_telephone_gets_through() {
        assert_eq!(passed(&mut gate(), -44.0, 100), 100);
        assert_eq!(passed(&mut gate(), -46.0, 100), 0);
        let mut gate = gate();
        assert!(!gate.push(1_000_000.0, false), "it is no speech");
    }

    #[test]
    fn whoever_is_far_quieter_than_the_customer_is_somebody_else() {
        let mut gate = gate();
        assert_eq!(passed(&mut gate, -20.0, 100), 100);
        // His own last syllables are.
        assert_eq!(passed(&mut gate, -32.0, 10), 10);
        // The level of a syllable is that of its loudest chunk, so the first ones after a voice are still his.
        let behind = passed(&mut gate, -42.0, 100);
        assert!(behind < SYLLABLE_CHUNKS, "{behind}");
        // He speaks on, and louder: he is heard at once.
        assert_eq!(passed(&mut gate, -18.0, 100), 100);
    }

    #[test]
    fn somebody_who_has_moved_away_is_heard_again() {
        let mut gate = gate();
        passed(&mut gate, -15.0, 200);
        let heard = passed(&mut gate, -35.0, 600);
        assert!(heard > 300, "{heard} of 600");
    }

    #[test]
    fn what_comes_back_of_what_we_play_is_no_customer() {
        let mut gate = gate();
        let played = [3_277; FRAME_SAMPLES];
        let mut hear = |level_dbfs: f32, played: Option<&Frame>| {
            if let Some(frame) = played {
                gate.push_played(frame);
            }
            gate.next_frame();
            passed(&mut gate, level_dbfs, 1) == 1
        };
        assert!((0..50).all(|_| !hear(-40.0, Some(&played))));
        // It comes late.
        assert!((0..10).all(|_| !hear(-40.0, None)));
        assert!(hear(-25.0, Some(&played)));
        let later = (0..50).filter(|_| hear(-39.0, None)).count();
        assert!(later >= 25, "{later}");
    }
}
