//! Tones as exchanges send them, cleanly and not, and voices, which are none.

use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::detect::samples::{self, Noise};

/// A piece of a signal: Hz (0 for silence) and milliseconds.
type Piece = (f32, u32);

/// These pieces one after the other, −13 dB of full scale, with white noise this many dB below.
fn signal(pieces: &[Piece], noise_db: f32) -> Vec<i16> {
    let mut noise = Noise::new(7);
    let mut phase = 0.0_f32;
    let mut samples = Vec::new();
    for (hz, ms) in pieces {
        for _ in 0..ms * 8 {
            phase = (phase + hz / 8_000.0).fract();
            let tone = if *hz > 0.0 { (phase * TAU).sin() * 10_000.0 } else { 0.0 };
            let hiss = noise.next() * 10_000.0 / 2_f32.sqrt() * 10_f32.powf(-noise_db / 20.0);
            samples.push(samples::clamp(tone + hiss));
        }
    }
    samples
}

fn heard(samples: &[i16]) -> Vec<Tone> {
    let mut detector = ToneDetector::default();
    samples::frames(samples).filter_map(|frame| detector.push(&frame)).collect()
}

fn repeated(pieces: &[Piece], times: usize) -> Vec<Piece> {
    pieces.repeat(times)
}

#[test]
fn the_rhythm_of_450_hz_says_what_it_means() {
    let check = |cycle: &[Piece], times, expected| {
        for noise_db in [60.0, 20.0, 13.0] {
            let tones = heard(&signal(&repeated(cycle, times), noise_db));
            assert!(tones.contains(&expected), "{expected:?} at {noise_db} dB gave {tones:?}");
            assert!(tones.iter().all(|tone| *tone == expected), "{expected:?} at {noise_db} dB gave {tones:?}");
        }
    };
    check(&[(450.0, 1_000), (0.0, 4_000)], 2, Tone::Ringback);
    check(&[(440.0, 950), (0.0, 4_200)], 2, Tone::Ringback);
    check(&[(450.0, 350), (0.0, 350)], 4, Tone::Busy);
    check(&[(465.0, 385), (0.0, 315)], 4, Tone::Busy);
    check(&[(450.0, 700), (0.0, 700)], 4, Tone::Congestion);
    check(&[(450.0, 3_000)], 1, Tone::Dial);
    let short: Piece = (450.0, 100);
    let pause: Piece = (0.0, 100);
    check(&[short, pause, short, pause, short, pause, (450.0, 400), (0.0, 400)], 3, Tone::Unobtainable);
}

#[test]
fn busy_is_known_after_two_of_its_tones() {
    let tones = heard(&signal(&repeated(&[(450.0, 350), (0.0, 350)], 3)[..5], 40.0));
    assert_eq!(tones, [Tone::Busy]);
}

#[test]
fn a_ringing_tone_begins_again_after_its_pause() {
    let tones = heard(&signal(&repeated(&[(450.0, 1_000), (0.0, 4_000)], 3), 30.0));
    assert_eq!(tones, [Tone::Ringback; 3]);
}

#[test]
fn a_rhythm_is_kept_under_the_noise_of_the_line_and_its_codec() {
    let wave = signal(&repeated(&[(450.0, 350), (0.0, 350)], 5), 10.0);
    assert!(heard(&samples::through_alaw(&wave)).contains(&Tone::Busy));
    assert!(heard(&samples::louder(&wave, 0.1)).contains(&Tone::Busy));
}

#[test]
fn three_rising_tones_announce_an_announcement() {
    for gap in [0, 20] {
        let pieces = [(0.0, 205), (950.0, 330), (0.0, gap), (1_400.0, 330), (0.0, gap), (1_800.0, 330), (0.0, 500)];
        assert_eq!(heard(&signal(&pieces, 25.0)), [Tone::SpecialInformation], "{gap} ms between them");
    }
    let falling = [(1_800.0, 330), (1_400.0, 330), (950.0, 330), (0.0, 200)];
    assert_eq!(heard(&signal(&falling, 25.0)), []);
}

#[test]
fn a_beep_is_one_tone_with_silence_after_it() {
    for (hz, ms) in [(400.0, 300), (440.0, 500), (777.0, 250), (1_000.0, 200), (1_400.0, 1_000), (1_985.0, 400)] {
        let tones = heard(&signal(&[(0.0, 300), (hz, ms), (0.0, 1_500)], 20.0));
        let [Tone::Beep { hz: measured_hz, ms: measured_ms }] = tones[..] else { panic!("{hz} Hz gave {tones:?}") };
        assert!((f32::from(measured_hz) - hz).abs() <= 25.0, "{measured_hz} for {hz} Hz");
        assert!(u32::from(measured_ms).abs_diff(ms) <= 40, "{measured_ms} for {ms} ms");
    }
    let check_none = |pieces: &[Piece]| assert_eq!(heard(&signal(pieces, 20.0)), [], "{pieces:?}");
    check_none(&[(0.0, 300), (1_000.0, 80), (0.0, 1_000)]);
    check_none(&[(0.0, 300), (1_000.0, 1_800), (0.0, 1_000)]);
    check_none(&[(0.0, 300), (2_300.0, 400), (0.0, 1_000)]);
    check_none(&[(0.0, 300), (1_000.0, 400), (0.0, 150), (700.0, 400), (900.0, 400)]);
}

#[test]
fn no_voice_is_a_tone() {
    for (file, voice) in samples::shipped("") {
        let padded = [voice, vec![0; 12_000]].concat();
        assert_eq!(heard(&padded), [], "{file}");
    }
}

proptest! {
    #[test]
    fn nothing_heard_makes_the_detector_panic(pieces in prop::collection::vec(prop::collection::vec(any::<i16>(), 160), 0..40)) {
        let _ = heard(&pieces.concat());
    }
}
