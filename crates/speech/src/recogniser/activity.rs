//! Where in an utterance something is said, by its loudness alone.
//!
//! It is no voice detector: whoever hands over an utterance has had one. It says whether a server may still have a part
//! of it to answer for.

/// 20 ms at 8 kHz.
const FRAME: usize = 160;
/// A frame is said when it is not further than this below the loudest one, −20 dB …
const PEAK_SHARE: f32 = 0.1;
/// … and this far above the quietest ones, 6 dB.
const FLOOR_TIMES: f32 = 2.0;
/// A gap of so many frames, 400 ms, may be the end of a sentence to a server.
const GAP_FRAMES: usize = 20;
/// Fewer frames than this, 100 ms, are no word.
const WORD_FRAMES: usize = 5;

/// Levels of an utterance so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity {
    levels: Vec<f32>,
    /// Squares of the frame that is not complete yet, and how many of them there are.
    open: (f32, usize),
}

impl Activity {
    pub(super) fn push(&mut self, samples: &[i16]) {
        for sample in samples {
            self.open.0 += f32::from(*sample) * f32::from(*sample);
            self.open.1 += 1;
            if self.open.1 == FRAME {
                self.levels.push((self.open.0 / FRAME as f32).sqrt());
                self.open = (0.0, 0);
            }
        }
    }

    /// Frames so far.
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// Whether there is a gap in it, with something said before and after it.
    pub(super) fn has_gap(&self) -> bool {
        let least = self.least();
        let mut quiet = None;
        for level in &self.levels {
            quiet = match quiet {
                Some(frames) if *level > least && frames >= GAP_FRAMES => return true,
                _ if *level > least => Some(0),
                quiet => quiet.map(|frames| frames + 1),
            };
        }
        false
    }

    /// Whether a word is said from this frame on.
    pub(super) fn speaks_after(&self, frame: usize) -> bool {
        let least = self.least();
        self.levels.iter().skip(frame).filter(|level| **level > least).count() >= WORD_FRAMES
    }

    /// Milliseconds in which something is said.
    pub(super) fn said_ms(&self) -> usize {
        let least = self.least();
        self.levels.iter().filter(|level| **level > least).count() * 20
    }

    fn least(&self) -> f32 {
        let mut sorted = self.levels.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or_default();
        // Not the very loudest frame: that may be a click.
        let (loud, floor) = (at(97), at(10));
        // Where nobody pauses, the quietest frames are speech as well.
        (loud * PEAK_SHARE).max((floor * FLOOR_TIMES).min(loud * 0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-like noise where `said` is true, 100 ms each, over a floor of noise.
    fn utterance(said: &[bool], floor: i16) -> Activity {
        let mut activity = Activity::default();
        let mut state = 1_u32;
        for said in said {
            let samples: Vec<i16> = (0..800)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let noise = i16::from_le_bytes(state.to_le_bytes()[2..].try_into().unwrap());
                    if *said { noise / 8 } else { noise % (floor + 1) }
                })
                .collect();
            activity.push(&samples);
        }
        activity
    }

    #[test]
    fn gaps_words_and_their_lengths_are_seen() {
        let check = |pattern: &str, has_gap: bool, said_ms: usize| {
            for floor in [0, 20, 300] {
                let said: Vec<bool> = pattern.chars().map(|it| it == '#').collect();
                let activity = utterance(&said, floor);
                assert_eq!(activity.has_gap(), has_gap, "{pattern} over {floor}");
                assert_eq!(activity.said_ms(), said_ms, "{pattern} over {floor}");
            }
        };
        check("..######.......", false, 600);
        check("..###.....####.......", true, 700);
        check("..###..####.......", false, 700);
        check(".....#.....", false, 100);
    }

    #[test]
    fn what_is_said_after_a_moment_is_told_from_silence() {
        let said: Vec<bool> = "..###.....####.......".chars().map(|it| it == '#').collect();
        let activity = utterance(&said, 20);
        assert!(activity.speaks_after(5 * 8));
        assert!(!activity.speaks_after(5 * 14));
        assert!(!Activity::default().speaks_after(0));
    }
}
