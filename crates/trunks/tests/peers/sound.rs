//! What recordings contain: a known sound in them, and how much of them is one tone.

use std::f64::consts::TAU;

use hutong_prompts::Role;
use hutong_telephony::media::{Codec, FRAME_SAMPLES, SAMPLE_RATE};

/// Samples by which a place is found, and how far apart those of them are that are compared.
const SOUGHT: (usize, usize) = (4_000, 4);
/// Samples by which a frame may be beside its place.
const SLIP_MAX: usize = 960;

/// What is lost of a voice is made up for, unless it is more than this at once.
pub(crate) const GAP_FRAMES_MAX: usize = 10;
/// A frame of speech that is louder than this is heard well; one that is below the other is a silence.
const LOUD: u16 = 2_000;
const QUIET: u16 = 100;

/// What the robot says, as the network carries it in `codec`.
pub(crate) fn spoken(text: &str, codec: Codec) -> Vec<i16> {
    let spoken = hutong_prompts::ROBOT.speak(text);
    assert!(spoken.missing.is_empty(), "not recorded: {}", spoken.missing);
    spoken.clips.iter().flat_map(|clip| carried(clip, codec)).collect()
}

/// A sound as the network carries it in `codec`.
pub(crate) fn carried(sound: &[i16], codec: Codec) -> Vec<i16> {
    sound.iter().map(|sample| codec.decode(codec.encode(*sample))).collect()
}

/// How alike two sounds are, whatever their loudness: 1 where they are the same.
fn alike(one: &[i16], other: &[i16]) -> f64 {
    let pairs = || one.iter().zip(other).map(|(one, other)| (f64::from(*one), f64::from(*other)));
    let sum = |of: fn((f64, f64)) -> f64| pairs().map(of).sum::<f64>();
    let energy = (sum(|(one, _)| one * one) * sum(|(_, other)| other * other)).sqrt();
    if energy == 0.0 { 0.0 } else { sum(|(one, other)| one * other) / energy }
}

/// Where in `recorded` the sound begins that is most like `sound`, judged by its loudest part.
pub(crate) fn place_of(sound: &[i16], recorded: &[i16]) -> usize {
    let (length, step) = SOUGHT;
    let loudness = |at: usize| sound[at..at + length].iter().step_by(step).map(|s| i64::from(*s).pow(2)).sum::<i64>();
    let from = (0..=sound.len() - length).step_by(FRAME_SAMPLES).max_by_key(|at| loudness(*at)).unwrap();
    if let Some(at) = place_of_frames(sound, from..from + length, recorded) {
        return at;
    }
    let part: Vec<i16> = sound[from..from + length].iter().step_by(step).copied().collect();
    let like = |at: usize| {
        let there: Vec<i16> = recorded[at..at + length].iter().step_by(step).copied().collect();
        alike(&part, &there)
    };
    let last = recorded.len().checked_sub(sound.len() - from).expect("the recording is longer than the sound");
    (from..=last).max_by(|one, other| like(*one).total_cmp(&like(*other))).unwrap() - from
}

/// What the other side said, of a recording of both voices and one of the customer alone.
pub(crate) fn without(both: &[i16], customer: &[i16]) -> Vec<i16> {
    both.iter().zip(customer).map(|(both, customer)| both.saturating_sub(*customer)).collect()
}

/// The share of the frames of a sound that are in a recording; 0 where not one is that could tell its place.
pub(crate) fn share_of(sound: &[i16], recorded: &[i16]) -> f64 {
    place_of_frames(sound, 0..sound.len(), recorded).map_or(0.0, |at| found(sound, &recorded[at..]))
}

/// Where a sound begins one of whose frames in this part is in `recorded` sample by sample: found at once.
fn place_of_frames(sound: &[i16], part: std::ops::Range<usize>, recorded: &[i16]) -> Option<usize> {
    part.step_by(FRAME_SAMPLES).find_map(|from| {
        let frame = sound.get(from..from + FRAME_SAMPLES)?;
        let last = recorded.len().checked_sub(sound.len() - from)?;
        if frame.iter().all(|sample| sample.unsigned_abs() <= QUIET) {
            return None;
        }
        (from..=last).rev().find(|at| recorded[*at..].starts_with(frame)).map(|at| at - from)
    })
}

/// The share of the frames of `sound` that are in `recorded`, sample by sample: each where the one before it leads to
/// expect it, or up to so much beside it. On a busy machine a buffer may slip, which nobody hears.
pub(crate) fn found(sound: &[i16], recorded: &[i16]) -> f64 {
    found_beside(sound, recorded, SLIP_MAX)
}

/// The same, where a frame may be up to `slip_max` samples beside its place: somebody was put on hold.
pub(crate) fn found_beside(sound: &[i16], recorded: &[i16], slip_max: usize) -> f64 {
    let there = |frame: &[i16], at: usize| recorded.get(at..at + frame.len()) == Some(frame);
    let (mut slipped, mut found, mut frames) = (0_isize, 0_u32, 0_u32);
    for (at, frame) in (0..).step_by(FRAME_SAMPLES).zip(sound.chunks_exact(FRAME_SAMPLES)) {
        let expected = usize::saturating_add_signed(at, slipped);
        let beside = || (expected.saturating_sub(slip_max)..expected + slip_max).find(|place| there(frame, *place));
        let place = if there(frame, expected) { Some(expected) } else { beside() };
        frames += 1;
        if let Some(place) = place {
            found += 1;
            slipped = place.checked_signed_diff(at).unwrap();
        }
    }
    f64::from(found) / f64::from(frames)
}

/// The longest run of frames in `recorded` in which nothing is heard though `sound`, which begins there, is loud.
pub(crate) fn longest_gap(sound: &[i16], recorded: &[i16]) -> usize {
    let loudest = |frame: &[i16]| frame.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    let frames = sound.chunks_exact(FRAME_SAMPLES).zip(recorded.chunks_exact(FRAME_SAMPLES));
    let silent: Vec<bool> = frames.map(|(said, heard)| loudest(said) > LOUD && loudest(heard) < QUIET).collect();
    silent.split(|silent| !silent).map(<[bool]>::len).max().unwrap_or(0)
}

/// The share of the frames of a sound that are in a recording, wherever it begins there, and its longest gap.
pub(crate) fn arrived(sound: &[i16], recorded: &[i16]) -> (f64, usize) {
    let at = place_of(sound, recorded);
    (found(sound, &recorded[at..]), longest_gap(sound, &recorded[at..]))
}

/// The same of what a callee of the farm said, in whichever voice.
pub(crate) fn arrived_of(words: &str, recorded: &[i16]) -> (f64, usize) {
    let voices = hutong_prompts::entries().iter().filter(|row| row.role == Role::Callee && row.text == words);
    let sounds = voices.map(|row| arrived(&carried(&row.clip(), Codec::Pcma), recorded));
    sounds.max_by(|one, other| one.0.total_cmp(&other.0)).expect("the words are recorded")
}

/// The longest time, in samples, in which nothing at all is heard.
pub(crate) fn longest_silence(recorded: &[i16]) -> usize {
    recorded.split(|sample| *sample != 0).map(<[i16]>::len).max().unwrap_or(0)
}

/// The share of the energy of samples that is a tone of this frequency, measured frame by frame: two clocks may slip.
pub(crate) fn share_of_tone(samples: &[i16], hertz: f64) -> f64 {
    let (mut tone, mut all) = (0.0, 0.0);
    for frame in samples.chunks_exact(FRAME_SAMPLES) {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (at, sample) in (0_u32..).zip(frame) {
            let (value, angle) = (f64::from(*sample), TAU * hertz * f64::from(at) / f64::from(SAMPLE_RATE));
            sine += value * angle.sin();
            cosine += value * angle.cos();
            all += value * value;
        }
        tone += (sine * sine + cosine * cosine) * 2.0 / f64::from(u32::try_from(frame.len()).unwrap());
    }
    if all == 0.0 { 0.0 } else { tone / all }
}

#[test]
fn a_tone_is_told_from_another_one() {
    let tone: Vec<i16> = (0..8_000_i32)
        .map(|at| {
            #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
            let sample = (8_000.0 * (TAU * 1_000.0 * f64::from(at) / 8_000.0).sin()) as i16;
            sample
        })
        .collect();
    assert!(share_of_tone(&tone, 1_000.0) > 0.999);
    assert!(share_of_tone(&tone, 450.0) < 0.01);
    assert!(share_of_tone(&[0; 8_000], 1_000.0) < 0.001);
}

#[test]
fn a_sound_is_found_where_it_is() {
    let sound = spoken("好的，那今天先不打扰您了，祝您生活愉快，再见。", Codec::Pcma);
    let mut recorded = vec![0; 1_234];
    recorded.extend(&sound);
    recorded.extend([0; 800]);
    assert_eq!(place_of(&sound, &recorded), 1_234);
    assert!((found(&sound, &recorded[1_234..]) - 1.0).abs() < f64::EPSILON);
    assert_eq!(longest_gap(&sound, &recorded[1_234..]), 0);
    let loudest = (0..sound.len()).max_by_key(|at| sound[*at].unsigned_abs()).unwrap() / FRAME_SAMPLES;
    let mut torn = sound.clone();
    torn[loudest * FRAME_SAMPLES..][..FRAME_SAMPLES].fill(0);
    assert_eq!(longest_gap(&sound, &torn), 1);
    recorded[5_000] ^= 64;
    recorded.drain(9_000..9_100);
    let share = found(&sound, &recorded[1_234..]);
    assert!(share < 1.0 && share > 0.95, "{share}");
}
