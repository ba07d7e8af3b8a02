//! FunASR's protocol.

use hutong_speech::recogniser::{CallHints, Failure, HearingEvent, Protocol, Recognisers, ServerState, UNANSWERED_MAX};

use crate::fake::{Deed, Fake};
use crate::{AMPLE, ANSWER_TIMEOUT, answer, listen, settings, speak, speech, told};

/// One server alone.
async fn alone(deeds: &[Deed], expected: &str) {
    let fake = Fake::start(deeds).await;
    let may_be_slow = matches!(deeds.last(), Some(Deed::Answers(_)));
    let patience = if may_be_slow { AMPLE } else { ANSWER_TIMEOUT };
    let (_recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, patience)]);
    speak(&hearing, 1);
    let (said, _) = told(&answer(&mut events, 1).await);
    assert!(said.contains(expected), "{deeds:?}: {said:?}");
    // No second answer to the first utterance: the next one is that of the second.
    speak(&hearing, 2);
    answer(&mut events, 2).await;
    assert_eq!(events.try_next(), None, "{deeds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_answers_is_taken_as_it_is_meant() {
    use Deed::*;
    alone(&[Answers("喂，你好。")], "喂，你好。").await;
    alone(&[Answers("<|zh|><|NEUTRAL|>喂，你好。")], "喂，你好。").await;
    alone(&[AnswersLikePython("喂，你好。")], "喂，你好。").await;
    alone(&[AnswersWithoutSubprotocol("喂，你好。")], "喂，你好。").await;
    alone(&[Repeats("喂。")], "喂。").await;
    alone(&[Answers("")], "").await;
    // A second of which half is a sound may be a cough, of which the server in Python says nothing.
    alone(&[HearsNothing], "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sentences_of_one_who_pauses_are_waited_for() {
    let fake = Fake::start(&[Deed::AnswersTwice("喂。", "你是谁？")]).await;
    let (_recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, AMPLE)]);
    for utterance in 0..3 {
        hearing.begin(utterance);
        [speech(), speech()].concat().iter().for_each(|frame| hearing.push(frame));
        hearing.finish(utterance);
        assert_eq!(told(&answer(&mut events, utterance).await).0, "喂。你是谁？");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_does_there_is_an_answer_in_time() {
    use Deed::*;
    alone(&[Refuses], "cannot be connected to").await;
    alone(&[HangsUp], "cannot be connected to").await;
    alone(&[Sleeps], "").await;
    alone(&[Freezes], "in time").await;
    alone(&[Closes(3)], "the connection broke").await;
    alone(&[Breaks(3)], "the connection broke").await;
    alone(&[ClosesAtTheEnd], "the connection broke").await;
    alone(&[Says("hello")], "protocol").await;
    alone(&[Says("[]")], "protocol").await;
    alone(&[Says(r#"{"mode":"2pass-offline","text":7}"#)], "protocol").await;
    alone(&[SaysBytes], "protocol").await;
    alone(&[SaysTooMuch], "the connection broke").await;
    alone(&[SendsHalf], "in time").await;
    alone(&[SendsNoise], "the connection broke").await;
    alone(&[Floods], "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_gone_for_a_moment_hears_the_utterance_from_its_beginning() {
    use Deed::*;
    for gone in [Refuses, HangsUp, Closes(3), Breaks(3), ClosesAtTheEnd, Says("hello"), SendsNoise] {
        let fake = Fake::start(&[gone, Answers("喂，你好。")]).await;
        let (recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, AMPLE)]);
        speak(&hearing, 1);
        assert_eq!(told(&answer(&mut events, 1).await).0, "喂，你好。", "{gone:?}");
        let heard = fake.heard.lock().unwrap().last().cloned().unwrap();
        assert_eq!(heard.0["audio_fs"], 16_000);
        // All of the second, in whole frames of 60 ms.
        assert_eq!(heard.1.len(), 1_920 * 17, "{gone:?}");
        assert_eq!(recognisers.health()[0].state, ServerState::Asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_hears_what_the_first_one_does_not_understand() {
    use Deed::*;
    for first in [Refuses, HangsUp, Freezes, Closes(3), ClosesAtTheEnd, Says("hello"), SendsHalf, SaysTooMuch, Sleeps] {
        let (one, other) = (Fake::start(&[first]).await, Fake::start(&[Answers("喂，你好。")]).await);
        let (_recognisers, hearing, mut events) = listen(vec![
            settings("one", Protocol::Funasr, &one.url, ANSWER_TIMEOUT * 3),
            settings("other", Protocol::Funasr, &other.url, AMPLE),
        ]);
        speak(&hearing, 1);
        let expected = ("喂，你好。".to_owned(), "other".to_owned());
        assert_eq!(told(&answer(&mut events, 1).await), expected, "{first:?}");
        let heard = other.heard.lock().unwrap().clone();
        assert_eq!((heard.len(), heard[0].1.len()), (1, 1_920 * 17), "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_again_and_again_is_left_alone() {
    let fake = Fake::start(&[Deed::Closes(3)]).await;
    let (recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, ANSWER_TIMEOUT)]);
    let mut reasons = Vec::new();
    for utterance in 0..6 {
        speak(&hearing, utterance);
        let HearingEvent::Failed { why, .. } = answer(&mut events, utterance).await else { panic!("it fails") };
        reasons.push(why);
    }
    assert!(matches!(reasons[0], Failure::Lost(_)), "{reasons:?}");
    assert_eq!(reasons[5], Failure::NoServer);
    let health = recognisers.health().remove(0);
    assert!(matches!(health.state, ServerState::LeftAlone(_)), "{health:?}");
    let connections = fake.connections();
    speak(&hearing, 6);
    answer(&mut events, 6).await;
    assert_eq!(fake.connections(), connections, "it is not bothered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_or_begun_anew_is_not_told() {
    let fake = Fake::start(&[Deed::Answers("喂，你好。")]).await;
    let (_recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, AMPLE)]);
    hearing.push(&[1; 160]);
    hearing.finish(1);
    hearing.begin(1);
    hearing.push(&[1; 160]);
    hearing.cancel(1);
    hearing.finish(1);
    hearing.begin(2);
    hearing.push(&[1; 160]);
    speak(&hearing, 3);
    assert_eq!(told(&answer(&mut events, 3).await).0, "喂，你好。");
    assert_eq!(events.try_next(), None);
    assert_eq!(fake.heard.lock().unwrap().len(), 1);
    drop(hearing);
    assert_eq!(events.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_server_can_be_asked_for_fails_and_is_told() {
    let fake = Fake::start(&[Deed::Freezes]).await;
    let (_recognisers, hearing, mut events) =
        listen(vec![settings("one", Protocol::Funasr, &fake.url, ANSWER_TIMEOUT)]);
    let count = u32::try_from(UNANSWERED_MAX).unwrap() + 2;
    (0..count).for_each(|utterance| speak(&hearing, utterance));
    let mut answered = Vec::new();
    for _ in 0..count {
        let event = tokio::time::timeout(crate::BOUND, events.next()).await.unwrap().unwrap();
        let HearingEvent::Failed { utterance, why } = event else { panic!("{event:?}") };
        assert_eq!(why == Failure::TooMany, utterance >= count - 2, "{utterance}: {why}");
        answered.push(utterance);
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..count));
    // One that never ends is not kept.
    hearing.begin(100);
    (0..21 * 50).for_each(|_| hearing.push(&speech()[0]));
    hearing.finish(100);
    assert_eq!(told(&answer(&mut events, 100).await).0, Failure::TooLong.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_open_before_anything_is_said() {
    let fake = Fake::start(&[Deed::Answers("喂。")]).await;
    let (_recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Funasr, &fake.url, AMPLE)]);
    while fake.connections() == 0 {
        tokio::task::yield_now().await;
    }
    speak(&hearing, 1);
    answer(&mut events, 1).await;
    while fake.connections() == 1 {
        tokio::task::yield_now().await;
    }
    speak(&hearing, 2);
    answer(&mut events, 2).await;
    assert!(fake.connections() <= 3, "{}", fake.connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_says_of_each_server_what_it_understands_or_why_not() {
    let (good, bad) = (Fake::start(&[Deed::Answers("喂。")]).await, Fake::start(&[Deed::Refuses]).await);
    let recognisers = Recognisers::new(vec![
        settings("good", Protocol::Funasr, &good.url, AMPLE),
        settings("bad", Protocol::Funasr, &bad.url, ANSWER_TIMEOUT),
    ]);
    let checks = recognisers.unwrap().check(&[], &CallHints::default()).await;
    assert_eq!(&*checks[0].name, "good");
    assert_eq!(checks[0].outcome.as_ref().unwrap().0, "喂。");
    assert!(matches!(checks[1].outcome, Err(Failure::Connect(_))), "{checks:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_utterances_each_is_answered_once_by_servers_that_do_as_they_like() {
    use Deed::*;
    let all = [
        Answers("喂。"),
        Refuses,
        AnswersLikePython("喂。"),
        Closes(2),
        ClosesAtTheEnd,
        Says("x"),
        HangsUp,
        AnswersTwice("喂。", "谁？"),
        SendsNoise,
        Breaks(9),
        SaysBytes,
        Repeats("喂。"),
        SendsHalf,
        Freezes,
    ];
    let mut state = 7_u32;
    let mut deeds = |count: usize| -> Vec<Deed> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            all[usize::try_from(state >> 8).unwrap() % all.len()]
        };
        (0..count).map(|_| next()).collect()
    };
    let (one, other) = (Fake::start(&deeds(400)).await, Fake::start(&deeds(400)).await);
    let mut understood = 0;
    for _ in 0..15 {
        // New ones, of which nothing bad is known.
        let (_recognisers, hearing, mut events) = listen(vec![
            settings("one", Protocol::Funasr, &one.url, ANSWER_TIMEOUT),
            settings("other", Protocol::Funasr, &other.url, ANSWER_TIMEOUT),
        ]);
        for utterance in 0..4 {
            speak(&hearing, utterance);
            understood += usize::from(matches!(answer(&mut events, utterance).await, HearingEvent::Final { .. }));
        }
        assert_eq!(events.try_next(), None);
    }
    assert!(understood > 15, "{understood} of 60");
}
