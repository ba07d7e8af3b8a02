//! Tones that stand for themselves: beeps, and the three that announce an announcement.

use super::{FRAME_MS, Tone};

/// A beep's frequency, from 400 to 2000 Hz as it is measured.
const BEEP_HZ: (f32, f32) = (375.0, 2_025.0);
/// A beep's length.
const BEEP_MS: (u32, u32) = (150, 1_500);
/// The silence that follows a beep.
const SILENCE_MS: u32 = 300;
/// The same where it may be an exchange's tone, which would come again.
const EXCHANGE_SILENCE_MS: u32 = 1_000;
/// An exchange's tone, and the longest of its tones that is no ringing.
const EXCHANGE_HZ: (f32, f32) = (420.0, 480.0);
const EXCHANGE_MS_MAX: u32 = 850;
/// Frames of a tone differ by less.
const STEADY_HZ: f32 = 40.0;
/// Silence is 10 dB below the tone, as a share of its power.
const SILENCE_SHARE: f32 = 0.1;
/// Frames in the middle of a tone that may be disturbed.
const GAP_FRAMES: u32 = 1;
/// The announcing tones, each within 50 Hz (ITU-T E.180, 6.1).
const SPECIAL_HZ: [f32; 3] = [950.0, 1_400.0, 1_800.0];
const SPECIAL_OFF_HZ: f32 = 55.0;
const SPECIAL_MS: (u32, u32) = (220, 450);
/// Between two announcing tones there is at most this.
const SPECIAL_GAP_MS: u32 = 80;

/// A tone of one frequency.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    hz: f32,
    frames: u32,
    power: f32,
}

/// Watches tones of any frequency.
#[derive(Debug, Clone, Default)]
pub(super) struct Single {
    /// The tone that sounds, or was the last to sound.
    held: Held,
    /// Frames since it sounded.
    since: u32,
    /// Frames since it sounded that were not silent.
    disturbed: u32,
    /// Announcing tones that came one after the other before this one.
    special: usize,
    /// Whether it is known whether it is one of them.
    judged: bool,
    reported: bool,
}

impl Single {
    /// A frame: the frequency where it is one tone, and its power.
    pub(super) fn push(&mut self, heard: Option<f32>, power: f32) -> Option<Tone> {
        match heard {
            Some(hz) if self.held.frames > 0 && self.since <= GAP_FRAMES && (hz - self.held.hz).abs() < STEADY_HZ => {
                self.hold(hz, power);
                None
            }
            Some(hz) => self.change(Held { hz, frames: 1, power }),
            None => self.fade(power),
        }
    }

    fn hold(&mut self, hz: f32, power: f32) {
        let held = &mut self.held;
        held.frames = held.frames.saturating_add(1 + self.since);
        // A mean that forgets: an onset does not count for long.
        held.hz += (hz - held.hz) * 0.3;
        held.power += (power - held.power) * 0.3;
        (self.since, self.disturbed) = (0, 0);
    }

    fn change(&mut self, next: Held) -> Option<Tone> {
        // One frame may belong to two tones, and be neither.
        if self.held.frames > 1 && !self.judged {
            self.special = if self.is_special() { self.special + 1 } else { 0 };
        }
        let complete = self.completes();
        self.held = next;
        (self.since, self.disturbed, self.judged, self.reported) = (0, 0, false, false);
        complete.then_some(Tone::SpecialInformation)
    }

    /// Whether the tone is the next one of those that announce an announcement.
    fn is_special(&self) -> bool {
        let ms = self.held.frames.saturating_mul(FRAME_MS);
        let expected = SPECIAL_HZ.get(self.special);
        expected.is_some_and(|hz| (self.held.hz - hz).abs() < SPECIAL_OFF_HZ) && within(ms, SPECIAL_MS)
    }

    /// Whether all announcing tones were heard; they are forgotten then.
    fn completes(&mut self) -> bool {
        let complete = self.special == SPECIAL_HZ.len();
        if complete {
            self.special = 0;
        }
        complete
    }

    fn fade(&mut self, power: f32) -> Option<Tone> {
        if self.held.frames == 0 {
            return None;
        }
        self.since = self.since.saturating_add(1);
        // The frame in which the tone ends is neither.
        self.disturbed += u32::from(self.since > 1 && power > self.held.power * SILENCE_SHARE);
        if self.since.saturating_mul(FRAME_MS) > SPECIAL_GAP_MS && !self.judged {
            self.judged = true;
            self.special = if self.is_special() { self.special + 1 } else { 0 };
            if self.completes() {
                self.reported = true;
                return Some(Tone::SpecialInformation);
            }
            self.special = 0;
        }
        let Held { hz, frames, .. } = self.held;
        let ms = frames.saturating_mul(FRAME_MS);
        let exchange = (EXCHANGE_HZ.0..=EXCHANGE_HZ.1).contains(&hz);
        let silence_ms = if exchange { EXCHANGE_SILENCE_MS } else { SILENCE_MS };
        let beeps = (BEEP_HZ.0..=BEEP_HZ.1).contains(&hz)
            && within(ms, (BEEP_MS.0, if exchange { EXCHANGE_MS_MAX } else { BEEP_MS.1 }))
            && self.disturbed == 0
            && self.since.saturating_mul(FRAME_MS) >= silence_ms;
        if !beeps || self.reported {
            return None;
        }
        self.reported = true;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 400 and 2000")]
        let hz = hz.round() as u16;
        Some(Tone::Beep { hz, ms: u16::try_from(ms).unwrap_or(u16::MAX) })
    }
}

const fn within(ms: u32, (least, most): (u32, u32)) -> bool {
    least <= ms && ms <= most
}
