//! Voices, alone and in noise; and what is no voice.

use hutong_prompts::Role;
use hutong_speech::endpoint::{EndpointSettings, Endpointer, LEAD_MS};
use hutong_speech::vad::Detector;

use crate::figures::{by_detector, by_loudness, compare, endpointer, figures, utterances};
use crate::set::{Labelled, clips, placed, words};
use crate::sounds;

/// Twenty things that callees say.
fn callees() -> Labelled {
    placed(&clips(Role::Callee, 20))
}

/// Twenty sentences, many with pauses in them.
fn sentences() -> Labelled {
    placed(&clips(Role::Prompt, 20))
}

#[test]
fn voices_in_silence_are_found_with_all_their_ends() {
    for (name, set) in [("callees", callees()), ("sentences", sentences())] {
        let figures = compare(name, &set);
        assert!(figures.right >= 95.0, "{name}: {figures}");
        // Everything of ours that comes on top of the pause, before an answer.
        assert!(figures.end_lag.most() <= 130.0 && figures.end_lag.mean() <= 80.0, "{name}: {figures}");
        let lead = LEAD_MS as f32;
        assert!(figures.begin_lag.most() <= lead && figures.begin_lag.mean() <= 64.0, "{name}: {figures}");
        assert_eq!((figures.ends_found, figures.split, figures.spurious), (20, 0, 0), "{name}: {figures}");
    }
}

#[test]
fn voices_in_noise_5_db_below_them_are_found_with_all_their_ends() {
    for (name, set) in [("callees", callees()), ("sentences", sentences())] {
        let dbfs = set.speech_dbfs() - 5.0;
        for (noise, sound) in [("white", sounds::white(set.ms(), dbfs, 7)), ("pink", sounds::pink(set.ms(), dbfs, 8))] {
            let figures = compare(&format!("{name}, {noise} noise 5 dB"), &set.with(&sound));

            assert!(figures.right >= 93.0, "{name}, {noise}: {figures}");
            assert_eq!((figures.ends_found, figures.split, figures.spurious), (20, 0, 0), "{name}, {noise}: {figures}");
        }
    }
}

#[test]
fn no_tone_no_music_and_no_noise_is_an_utterance() {
    const MS: usize = 60_000;
    let check = |name: &str, sound: Vec<i16>, expected: usize| {
        let sound = sounds::through_alaw(&sound);
        let (by_model, by_loudness) = (utterances(endpointer(), &sound).len(), by_loudness(&sound).utterances.len());
        println!("a minute of {name:24} model {by_model:2} utterances, loudness {by_loudness:2}");
        assert_eq!(by_model, expected, "{name}");
    };
    check("silence", vec![0; sounds::samples(MS)], 0);
    check("ringback of 450 Hz", sounds::ringback(MS), 0);
    check("busy tone of 450 Hz", sounds::busy(MS), 0);
    check("beeps", sounds::beeps(MS), 0);
    check("keys", sounds::keys(MS), 0);
    check("hum", sounds::hum(MS), 0);
    check("music", sounds::music(MS), 0);
    check("white noise", sounds::white(MS, -25.0, 3), 0);
    check("pink noise", sounds::pink(MS, -25.0, 4), 0);
}

#[test]
fn a_voice_over_hum_and_music_far_behind_it_is_found() {
    let set = callees();
    for (name, sound) in [("hum", sounds::hum(set.ms())), ("music", sounds::louder(&sounds::music(set.ms()), -10.0))] {
        let figures = compare(&format!("callees, {name}"), &set.with(&sound));
        // A short 嗯 of one voice is lost in the music.
        assert!(figures.ends_found >= 19 && figures.spurious == 0, "{name}: {figures}");
    }
}

#[test]
fn the_shortest_answers_are_heard() {
    let check = |texts: &[&str], least: usize| {
        let words: Vec<_> = texts.iter().flat_map(|text| words(Role::Callee, text)).collect();
        let figures = compare(&texts.join(" "), &placed(&words));
        assert_eq!(figures.expected, texts.len() * 2);
        assert!(figures.ends_found >= least, "{figures}");
    };
    check(&["喂", "好的", "不用了", "你好"], 8);
    // Hummed with the mouth closed, it is no voice to the model.
    check(&["嗯"], 1);
}

#[test]
fn without_the_model_voices_in_silence_are_still_found() {
    let set = callees().through_alaw();
    let endpointer = Endpointer::new(Detector::by_energy(), EndpointSettings::default());
    let figures = figures(&set, &by_detector(Detector::by_energy(), endpointer, &set.samples));
    println!("callees                      energy   {figures}");
    assert!(figures.ends_found >= 18 && figures.spurious == 0, "{figures}");
}
