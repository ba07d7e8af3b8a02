//! Any sound, given to everything that listens.

use std::f32::consts::TAU;
use std::sync::{Arc, LazyLock};

use hutong_domain::outcome::Meaning;
use hutong_telephony::detect::activity::ActivityDetector;
use hutong_telephony::detect::announcement::{Announcements, Sample};
use hutong_telephony::detect::early_media::EarlyMediaListener;
use hutong_telephony::detect::fingerprint::Fingerprint;
use hutong_telephony::detect::machine::{MachineDetector, Parameters};
use hutong_telephony::detect::tones::ToneDetector;
use hutong_telephony::media::{FRAME_SAMPLES, Frame};

/// Frames of one input at most: a minute.
const FRAMES_MAX: usize = 3_000;

/// One announcement, two seconds of a rising tone.
static ANNOUNCEMENTS: LazyLock<Arc<Announcements>> = LazyLock::new(|| {
    let samples: Vec<i16> = (0..100_u8).flat_map(|at| tone(u16::from(at) * 20 + 300, 8_000.0, at.into())).collect();
    let fingerprint = Fingerprint::of(&samples);
    let sample = Sample { name: "rising".to_owned(), meaning: Meaning::Busy, fingerprint };
    Arc::new(Announcements::new([sample]))
});

/// Pieces of sound, each by six bytes: what it is, how high and how loud, and for how many frames.
pub(crate) fn sounds(bytes: &[u8]) {
    let mut listeners = Listeners::new();
    let mut frames = 0;
    for piece in bytes.chunks(6) {
        let at = |place: usize| piece.get(place).copied().unwrap_or(0);
        let level = f32::from(at(3)) * 128.0;
        let hertz = u16::from_be_bytes([at(1), at(2)]) % 4_000;
        for number in 0..usize::from(at(4)) {
            if frames == FRAMES_MAX {
                return;
            }
            frames += 1;
            listeners.push(&frame(at(0) % 6, hertz, level, number + usize::from(at(5))));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(fingerprint) = Fingerprint::from_text(text)
    {
        assert!(Fingerprint::from_text(&fingerprint.to_text()) == Some(fingerprint), "another print than was read");
    }
}

struct Listeners {
    activity: ActivityDetector,
    tones: ToneDetector,
    machine: MachineDetector,
    early: EarlyMediaListener,
}

impl Listeners {
    fn new() -> Self {
        Self {
            activity: ActivityDetector::default(),
            tones: ToneDetector::default(),
            machine: MachineDetector::new(Parameters::default()),
            early: EarlyMediaListener::new(&ANNOUNCEMENTS),
        }
    }

    fn push(&mut self, frame: &Frame) {
        let before = self.machine.verdict();
        let speaks = self.activity.push(frame);
        self.machine.push(speaks);
        assert!(before.is_none() || self.machine.verdict() == before, "a verdict is taken back");
        let (verdict, is_final) = (self.early.verdict(), self.early.is_final());
        self.early.push(frame);
        assert!(!is_final || self.early.verdict() == verdict, "a final verdict is taken back");
        self.tones.push(frame);
    }
}

fn frame(kind: u8, hertz: u16, level: f32, number: usize) -> Frame {
    match kind {
        0 => [0; FRAME_SAMPLES],
        1 => tone(hertz, level, number),
        2 => tone(450, level, number),
        3 => {
            let (low, high) = (tone(440, level / 2.0, number), tone(480, level / 2.0, number));
            std::array::from_fn(|at| low[at].saturating_add(high[at]))
        }
        4 => noise(level, number),
        // The loudest that there is, one way and the other.
        _ => std::array::from_fn(|at| if (at + number).is_multiple_of(2) { i16::MAX } else { i16::MIN }),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "`as` keeps to the bounds of i16")]
fn tone(hertz: u16, level: f32, number: usize) -> Frame {
    std::array::from_fn(|at| {
        let seconds = (number * FRAME_SAMPLES + at) as f32 / 8_000.0;
        ((TAU * f32::from(hertz) * seconds).sin() * level) as i16
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "`as` keeps to the bounds of i16")]
fn noise(level: f32, number: usize) -> Frame {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * level) as i16
    })
}
