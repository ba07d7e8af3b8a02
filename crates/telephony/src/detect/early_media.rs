//! What is heard before the answer, as one verdict.

use std::sync::Arc;

use hutong_domain::outcome::{EarlyMedia, Meaning};

use super::announcement::{AnnouncementListener, Announcements, Recognised};
use super::tones::{Tone, ToneDetector};
use crate::media::Frame;

/// Sound for so long that is no tone is something else: a melody, or words that nobody knows. 1.5 seconds.
const OTHER_FRAMES: u32 = 75;

/// Listens to one call until it is answered, a frame at a time.
pub struct EarlyMediaListener {
    tones: ToneDetector,
    announcement: AnnouncementListener,
    verdict: EarlyMedia,
    recognised: Option<Recognised>,
    /// Frames of sound that was no tone.
    sound: u32,
}

impl EarlyMediaListener {
    /// Listens for these announcements, and for tones.
    #[must_use]
    pub fn new(announcements: &Arc<Announcements>) -> Self {
        Self {
            tones: ToneDetector::default(),
            announcement: announcements.listen(),
            verdict: EarlyMedia::Nothing,
            recognised: None,
            sound: 0,
        }
    }

    /// The verdict, where the frame has changed it. What says more takes the place of what says less, and never the
    /// other way round: an announcement after ringing is the reason why it no longer rings.
    pub fn push(&mut self, frame: &Frame) -> Option<EarlyMedia> {
        let tone = self.tones.push(frame);
        self.sound += u32::from(self.tones.sounds_otherwise());
        let recognised = self.announcement.push(frame);
        let heard = match (&recognised, tone) {
            (Some(recognised), _) => EarlyMedia::Announcement(recognised.meaning),
            (None, Some(Tone::Unobtainable)) => EarlyMedia::Announcement(Meaning::Vacant),
            (None, Some(Tone::Busy)) => EarlyMedia::Busy,
            (None, Some(Tone::Congestion)) => EarlyMedia::Congestion,
            (None, Some(Tone::Ringback)) => EarlyMedia::Ringback,
            (None, _) if self.sound >= OTHER_FRAMES => EarlyMedia::Other,
            (None, _) => EarlyMedia::Nothing,
        };
        if rank(heard) <= rank(self.verdict) {
            return None;
        }
        self.verdict = heard;
        self.recognised = recognised.or(self.recognised.take());
        Some(heard)
    }

    /// What was heard so far.
    #[must_use]
    pub const fn verdict(&self) -> EarlyMedia {
        self.verdict
    }

    /// The announcement that the verdict is about.
    #[must_use]
    pub const fn recognised(&self) -> Option<&Recognised> {
        self.recognised.as_ref()
    }

    /// Whether nobody will answer any more, whatever comes: the call may be given up.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.verdict, EarlyMedia::Announcement(_) | EarlyMedia::Busy | EarlyMedia::Congestion)
    }
}

/// How much a verdict says.
const fn rank(verdict: EarlyMedia) -> u8 {
    match verdict {
        EarlyMedia::Nothing => 0,
        EarlyMedia::Other => 1,
        EarlyMedia::Ringback => 2,
        EarlyMedia::Congestion => 3,
        EarlyMedia::Busy => 4,
        // What has no reason gives way to a reason that follows.
        EarlyMedia::Announcement(Meaning::Unreachable | Meaning::NoAnswer | Meaning::OutOfCoverage) => 5,
        EarlyMedia::Announcement(_) => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::announcement::Sample;
    use crate::detect::fingerprint::Fingerprint;
    use crate::detect::samples;

    /// The verdicts that these samples lead to, one after the other.
    fn verdicts(played: &[i16]) -> Vec<EarlyMedia> {
        let known = samples::shipped("announcement").into_iter().map(|(row, recording)| Sample {
            meaning: row.split('/').nth(1).and_then(Meaning::from_name).unwrap(),
            name: row,
            fingerprint: Fingerprint::of(&recording),
        });
        let mut listener = EarlyMediaListener::new(&Arc::new(Announcements::new(known)));
        samples::frames(played).filter_map(|frame| listener.push(&frame)).collect()
    }

    fn tone(on_ms: usize, off_ms: usize, times: usize) -> Vec<i16> {
        let wave = |n: usize| samples::clamp((n as f32 * 450.0 / 8_000.0 * std::f32::consts::TAU).sin() * 8_000.0);
        let one: Vec<i16> = (0..on_ms * 8).map(wave).chain(std::iter::repeat_n(0, off_ms * 8)).collect();
        one.repeat(times)
    }

    fn spoken(role: &str, group: &str) -> Vec<i16> {
        let prefix = format!("{role}/{group}/");
        let found = samples::shipped(role).into_iter().find(|(row, _)| row.starts_with(&prefix)).unwrap().1;
        // Again and again, as carriers do.
        [found.clone(), vec![0; 8_000], found].concat()
    }

    #[test]
    fn what_says_more_takes_the_place_of_what_says_less() {
        let check = |parts: &[&[i16]], expected: &[EarlyMedia]| assert_eq!(verdicts(&parts.concat()), expected);
        let silence = vec![0; 16_000];
        let ringing = tone(1_000, 4_000, 2);
        let off = EarlyMedia::Announcement(Meaning::PoweredOff);
        let unanswered = EarlyMedia::Announcement(Meaning::NoAnswer);
        check(&[&silence], &[]);
        check(&[&ringing], &[EarlyMedia::Ringback]);
        check(&[&silence, &tone(350, 350, 5)], &[EarlyMedia::Busy]);
        check(&[&tone(700, 700, 5)], &[EarlyMedia::Congestion]);
        check(&[&spoken("announcement", "powered_off")], &[EarlyMedia::Other, off]);
        check(&[&ringing, &spoken("announcement", "no_answer")], &[EarlyMedia::Ringback, unanswered]);
        check(&[&ringing, &tone(350, 350, 5)], &[EarlyMedia::Ringback, EarlyMedia::Busy]);
        check(&[&spoken("announcement", "no_answer"), &tone(350, 350, 5)], &[EarlyMedia::Other, unanswered]);
        // A melody, or anything else that is no tone.
        check(&[&spoken("prompt", "real-estate"), &ringing], &[EarlyMedia::Other, EarlyMedia::Ringback]);
    }

    #[test]
    fn a_number_that_does_not_exist_has_a_tone_too() {
        let rhythm = [tone(100, 100, 3), tone(400, 400, 1)].concat().repeat(3);
        assert_eq!(verdicts(&rhythm), [EarlyMedia::Announcement(Meaning::Vacant)]);
    }
}
