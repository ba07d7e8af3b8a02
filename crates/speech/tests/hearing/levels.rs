//! Whose voice it is: people behind the customer, and the echo of our own prompts.

use hutong_prompts::Role;
use hutong_speech::endpoint::SpeechEvent;

use crate::figures::{compare, endpointer, frames};
use crate::set::{clips, placed};
use crate::sounds;

/// Three people who do not stop to talk, each at −20 dB of full scale and all of them this much louder.
fn babble(ms: usize, db: f32) -> Vec<i16> {
    let sentences = clips(Role::Prompt, 60).concat();
    let voice =
        |offset: usize| sentences.iter().copied().cycle().skip(offset).take(sounds::samples(ms)).collect::<Vec<_>>();
    let all = sounds::mix(&sounds::mix(&voice(0), &voice(123_456)), &voice(654_321));
    sounds::louder(&all, db)
}

#[test]
fn people_behind_the_customer_do_not_hold_his_utterances_open() {
    let set = placed(&clips(Role::Callee, 20));
    // Before he was heard for the first time nobody knows how loud he is: so the people begin his first utterance.
    let check = |db: f32, least: usize| {
        let figures = compare(&format!("callees, babble at {db} dB"), &set.with(&babble(set.ms(), db)));
        assert!(figures.ends_found >= least && figures.spurious == 0, "{db}: {figures}");
    };
    check(-30.0, 20);
    check(-25.0, 18);
}

/// What we play, and how often somebody is heard to begin in what comes back, with and without knowing what is played.
fn begun(played: &[i16], heard: &[i16]) -> (usize, usize) {
    let count = |known: bool| {
        let mut endpointer = endpointer();
        let events = frames(played).zip(frames(heard)).filter_map(|(played, heard)| {
            if known {
                endpointer.push_played(played);
            }
            endpointer.push(heard)
        });
        events.filter(|event| matches!(event, SpeechEvent::Began { .. })).count()
    };
    (count(true), count(false))
}

#[test]
fn our_own_echo_is_no_customer_where_it_is_known_what_is_played() {
    let played = placed(&clips(Role::Prompt, 20)).samples;
    let echo = [vec![0; sounds::samples(120)], sounds::louder(&played, -20.0)].concat();
    let (known, unknown) = begun(&played, &sounds::through_alaw(&echo));
    println!(
        "20 prompts, heard as an echo of -20 dB: {known} begin an utterance, {unknown} where it is not known what is played"
    );
    assert_eq!(known, 0);
    assert!(unknown > 0, "the model takes an echo for a voice, which it is");
}

#[test]
fn a_customer_who_interrupts_is_heard_through_the_echo() {
    let customer = placed(&clips(Role::Callee, 20));
    let sentences = clips(Role::Prompt, 20).concat();
    let played: Vec<i16> = sentences.iter().copied().cycle().take(customer.samples.len()).collect();
    let echo = [vec![0; sounds::samples(120)], sounds::louder(&played, -20.0)].concat();
    let (known, unknown) = begun(&played, &customer.with(&echo).through_alaw().samples);
    println!("20 interruptions in an echo of -20 dB: {known} heard, {unknown} where it is not known what is played");
    assert!(known >= 19, "{known}");
}
