//! Whether an answering machine has taken the call.

use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::detect::machine::{MachineDetector, Verdict};
use hutong_telephony::detect::tones::{Tone, ToneDetector};
use hutong_telephony::media::Frame;

/// For how long a machine may talk before its beep: 30 s.
const FRAMES_MAX: u32 = 1_500;

/// Listens from the answer on.
///
/// Somebody who talks on for long may be a machine, or a person who has much to say: that alone decides nothing. Only a
/// beep after it does, or words that nobody but a machine says. Talking to a machine costs less than hanging up on a
/// person.
#[derive(Default)]
pub(crate) struct MachineEar {
    activity: ActivityDetector,
    machine: MachineDetector,
    tones: ToneDetector,
    frames: u32,
}

/// What an ear has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ears {
    /// Nothing yet.
    Open,
    /// A machine, which records from here on.
    Machine,
    /// No machine, or one that does not give itself away.
    Nobody,
}

impl MachineEar {
    /// Hears 20 ms of the customer.
    pub(crate) fn push(&mut self, frame: &Frame) -> Ears {
        self.frames += 1;
        let speaking = self.activity.push(frame);
        self.machine.push(speaking);
        let beep = matches!(self.tones.push(frame), Some(Tone::Beep { .. }));
        match self.machine.verdict() {
            Some(Verdict::Machine(_)) if beep => Ears::Machine,
            _ if self.frames >= FRAMES_MAX => Ears::Nobody,
            _ => Ears::Open,
        }
    }

    /// Whether only a machine says these words.
    pub(crate) fn heard(&mut self, words: &str) -> bool {
        self.machine.heard(words).is_some()
    }
}
