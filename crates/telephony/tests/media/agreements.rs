//! Calls that are held, changed and encrypted.

use hutong_telephony::media::{Codec, Direction, Event, Formats, SdpError, Srtp};

use super::peers::{End, coded, connect, engine, engine_with, least_share, only, share_heard, sweep};

/// The far side's next offer, with another direction.
fn re_offer(from: &End, direction: &str) -> String {
    from.media.offer(&Formats::default()).replace("a=sendrecv", &format!("a={direction}"))
}

#[tokio::test]
async fn a_held_call_is_silent_and_goes_on_where_it_was() {
    let engine = engine_with(|options| options.silence_max = std::time::Duration::from_millis(200));
    let (mut robot, mut customer) = (End::open(&engine), End::open(&engine));
    connect(&robot, &customer, &Formats::default(), &Formats::default());
    robot.wait_began().await;
    let sound = sweep(8000);
    let playing = robot.media.play(sound.clone());
    robot.wait_frames(5).await;

    let answer = robot.media.answer(re_offer(&customer, "inactive").as_bytes(), &Formats::default()).unwrap();
    assert!(answer.contains("a=inactive"), "{answer}");
    assert_eq!(customer.media.accept(answer.as_bytes()).unwrap().direction, Direction::Inactive);
    robot.wait_frames(2).await;
    let sent = robot.media.stats().sent;
    robot.wait_frames(15).await;
    assert_eq!(robot.media.stats().sent, sent, "nothing is sent on hold");

    let answer = robot.media.answer(re_offer(&customer, "sendrecv").as_bytes(), &Formats::default()).unwrap();
    customer.media.accept(answer.as_bytes()).unwrap();
    let played = playing.await;
    assert!(played.complete);
    customer.wait_frames(10).await;
    assert!(share_heard(&customer.sound(), &coded(&sound, Codec::Pcma)) >= least_share(&customer, sound.len()));
    while let Some(event) = robot.events.next_waiting() {
        assert_ne!(event, Event::Silent, "a hold is no silence");
    }
}

#[tokio::test]
async fn a_second_answer_takes_the_place_of_the_first() {
    let (left, right) = (engine(), engine());
    let (caller, mut early, mut later) = (End::open(&left), End::open(&right), End::open(&right));
    let offer = caller.media.offer(&Formats::default());
    let answers = [
        early.media.answer(offer.as_bytes(), &only(Codec::Pcma)).unwrap(),
        later.media.answer(offer.as_bytes(), &only(Codec::Pcmu)).unwrap(),
    ];
    assert_eq!(caller.media.accept(answers[0].as_bytes()).unwrap().codec, Codec::Pcma);
    early.wait_began().await;
    assert_eq!(caller.media.accept(answers[1].as_bytes()).unwrap().codec, Codec::Pcmu);
    later.wait_began().await;
    let sound = sweep(4000);
    assert!(caller.media.play(sound.clone()).await.complete);
    later.wait_frames(10).await;
    assert!(share_heard(&later.sound(), &coded(&sound, Codec::Pcmu)) >= least_share(&later, sound.len()));
    assert!(share_heard(&early.sound(), &coded(&sound, Codec::Pcma)) < 0.05);
    let refused = caller.media.accept(b"hello").map(|_| ()).unwrap_err();
    assert!(matches!(refused, SdpError::Malformed(_)));
    assert_eq!(caller.media.negotiated().unwrap().codec, Codec::Pcmu, "what was agreed on stays");
}

#[tokio::test]
async fn encrypted_voices_are_heard_both_ways() {
    let formats = Formats { srtp: Srtp::Required, ..Formats::default() };
    let (left, right) = (engine(), engine());
    let (mut caller, mut callee) = (End::open(&left), End::open(&right));
    connect(&caller, &callee, &formats, &formats);
    assert!(caller.media.negotiated().unwrap().encrypted);
    caller.wait_began().await;
    callee.wait_began().await;
    let sound = sweep(8000);
    let (there, back) = (caller.media.play(sound.clone()), callee.media.play(sound.clone()));
    assert!(there.await.complete && back.await.complete);
    caller.media.send_digits("7").unwrap();
    callee.wait(|event| (event == Event::Digit('7')).then_some(())).await;
    caller.wait_frames(10).await;
    let expected = coded(&sound, Codec::Pcma);
    assert!(share_heard(&caller.sound(), &expected) >= least_share(&caller, sound.len()), "{:?}", caller.media.stats());
    assert!(share_heard(&callee.sound(), &expected) >= least_share(&callee, sound.len()), "{:?}", callee.media.stats());
}

#[tokio::test]
async fn voices_under_another_key_are_not_heard() {
    let formats = Formats { srtp: Srtp::Required, ..Formats::default() };
    let engine = engine_with(|options| options.silence_max = std::time::Duration::from_millis(500));
    let (caller, mut callee) = (End::open(&engine), End::open(&engine));
    let offer = caller.media.offer(&formats);
    let keys = offer.find("inline:").unwrap() + "inline:".len();
    let mut forged = offer.clone();
    forged.replace_range(keys..keys + 40, &"A".repeat(40));
    let answer = callee.media.answer(forged.as_bytes(), &formats).unwrap();
    caller.media.accept(answer.as_bytes()).unwrap();
    let sound = sweep(4000);
    assert!(caller.media.play(sound.clone()).await.complete);
    callee.wait(|event| (event == Event::Silent).then_some(())).await;
    assert!(callee.media.stats().invalid > 20);
    assert!(callee.sound().iter().all(|sample| *sample == 0));
}
