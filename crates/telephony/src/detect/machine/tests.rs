//! People and machines, as audio and as rhythms.

use proptest::prelude::*;

use super::*;
use crate::detect::activity::ActivityDetector;
use crate::detect::samples;
use crate::detect::tones::{Tone, ToneDetector};

/// The verdict on a rhythm: milliseconds of silence and speech in turns, silence first, and silence at the end.
fn rhythm(turns: &[u32]) -> Option<Verdict> {
    let mut detector = MachineDetector::default();
    let flags = turns.iter().enumerate().flat_map(|(n, ms)| std::iter::repeat_n(n % 2 == 1, (*ms / 20) as usize));
    flags.chain(std::iter::repeat_n(false, 500)).find_map(|speaking| detector.push(speaking))
}

/// The verdict on audio, and after how many milliseconds.
fn audio(played: &[i16]) -> (Option<Verdict>, usize) {
    let (mut activity, mut detector) = (ActivityDetector::default(), MachineDetector::default());
    let found = samples::frames(played).position(|frame| detector.push(activity.push(&frame)).is_some());
    (detector.verdict(), (found.unwrap_or_default() + 1) * 20)
}

fn answered(voice: &[i16]) -> Vec<i16> {
    samples::noisy(&[vec![0; 4_000], voice.to_vec(), vec![0; 48_000]].concat(), 30.0, 8)
}

#[test]
fn little_speech_is_a_person_and_much_a_machine() {
    use Reason::{LongGreeting, ManyPieces, SaysNothing, ShortGreeting};
    let check = |turns: &[u32], expected| assert_eq!(rhythm(turns), Some(expected), "{turns:?}");
    check(&[300, 400], Verdict::Person(ShortGreeting));
    check(&[300, 1_400], Verdict::Person(ShortGreeting));
    check(&[0, 300, 400, 500], Verdict::Person(ShortGreeting));
    check(&[2_400, 400], Verdict::Person(ShortGreeting));
    check(&[300, 2_000], Verdict::Machine(LongGreeting));
    check(&[300, 900, 300, 900], Verdict::Machine(LongGreeting));
    check(&[300, 200, 100, 200, 100, 200, 100, 200], Verdict::Machine(ManyPieces));
    check(&[5_000], Verdict::Unsure(SaysNothing));
    // Clicks are no speech.
    check(&[500, 40, 500, 60, 500, 40, 500, 60, 5_000], Verdict::Unsure(SaysNothing));
    check(&[500, 60, 500, 400], Verdict::Person(ShortGreeting));
}

#[test]
fn whoever_takes_a_call_is_told_from_an_answering_machine() {
    let mut persons = 0;
    let greetings = samples::shipped("callee");
    let greetings: Vec<_> = greetings.iter().filter(|(row, _)| row.starts_with("callee/greeting/")).collect();
    for (row, voice) in &greetings {
        let (verdict, after_ms) = audio(&answered(voice));
        assert_eq!(verdict, Some(Verdict::Person(Reason::ShortGreeting)), "{row}");
        assert!(after_ms < 3_000, "{row}: after {after_ms} ms");
        persons += 1;
    }
    assert!(persons >= 10);
    for (row, voice) in samples::shipped("greeting") {
        let (verdict, after_ms) = audio(&answered(&voice));
        assert!(matches!(verdict, Some(Verdict::Machine(_))), "{row}: {verdict:?}");
        assert!(after_ms < 4_000, "{row}: after {after_ms} ms");
    }
    assert!(audio(&answered(&[])).0.unwrap().is_person());
}

#[test]
fn the_beep_after_a_greeting_says_when_to_speak() {
    let beep = |n: usize| samples::clamp((n as f32 * 1_000.0 / 8_000.0 * std::f32::consts::TAU).sin() * 6_000.0);
    for (row, voice) in samples::shipped("greeting") {
        let played = [voice.clone(), vec![0; 4_000], (0..3_200).map(beep).collect(), vec![0; 8_000]].concat();
        let mut tones = ToneDetector::default();
        let heard: Vec<(usize, Tone)> = samples::frames(&samples::noisy(&played, 30.0, 4))
            .enumerate()
            .filter_map(|(n, frame)| tones.push(&frame).map(|tone| ((n + 1) * 20, tone)))
            .collect();
        let [(at_ms, Tone::Beep { hz, .. })] = heard[..] else { panic!("{row}: {heard:?}") };
        let ends_ms = (voice.len() + 4_000 + 3_200) / 8;
        assert!((ends_ms..ends_ms + 400).contains(&at_ms) && hz.abs_diff(1_000) <= 25, "{row}: {heard:?}");
    }
}

#[test]
fn words_and_beeps_overrule_what_the_rhythm_said() {
    let mut detector = MachineDetector::default();
    assert_eq!(detector.heard("喂你好"), None);
    assert_eq!(detector.heard("请在嘀声后留言"), Some(Verdict::Machine(Reason::Words)));
    let mut detector = MachineDetector::default();
    for n in 0..200 {
        detector.push((20..40).contains(&n));
    }
    assert_eq!(detector.verdict(), Some(Verdict::Person(Reason::ShortGreeting)));
    assert_eq!(detector.beep(), Verdict::Machine(Reason::Beep));
    assert_eq!(detector.verdict(), Some(Verdict::Machine(Reason::Beep)));
}

proptest! {
    #[test]
    fn there_is_one_verdict_in_time_whatever_is_heard(flags in prop::collection::vec(any::<bool>(), 250..400)) {
        let mut detector = MachineDetector::default();
        let verdicts: Vec<usize> =
            flags.iter().enumerate().filter_map(|(n, speaking)| detector.push(*speaking).map(|_| n)).collect();
        prop_assert_eq!(verdicts.len(), 1);
        prop_assert!(verdicts[0] < 250);
    }
}
