//! Whose voice it is: people behind the customer, and the echo of our own prompts.

use hutong_prompts::Role;
use hutong_speech::endpoint::{EndpointSettings, Endpointer, SpeechEvent};

use crate::figures::{compare, figures, frames, model};
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
    for db in [-30.0, -25.0, -20.0] {
        let figures = compare(&format!("callees, babble at {db} dB"), &set.with(&babble(set.ms(), db)));
        println!("{figures}");
    }
}

#[test]
fn our_own_echo_is_no_customer() {
    let played = placed(&clips(Role::Prompt, 20)).samples;
    let echo = sounds::through_alaw(&[vec![0; sounds::samples(120)], sounds::louder(&played, -20.0)].concat());
    let begun = |with_played: bool| {
        let mut endpointer = Endpointer::new(model().detector(), EndpointSettings::default());
        let pairs = frames(&played).zip(frames(&echo));
        let events = pairs.filter_map(|(played, heard)| {
            if with_played {
                endpointer.push_played(played);
            }
            endpointer.push(heard)
        });
        events.filter(|event| matches!(event, SpeechEvent::Began { .. })).count()
    };
    println!(
        "20 prompts heard as an echo of −20 dB: {} begin an utterance, {} where what is played is known",
        begun(false),
        begun(true)
    );
    assert_eq!(begun(true), 0);
}
