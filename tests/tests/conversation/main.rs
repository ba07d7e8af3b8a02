//! Conversations that are spoken: a robot on a trunk, the farm's callees with voices, and a recogniser that really
//! recognises. Nothing of what is said comes along as text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod robot;
mod words;

use hutong_e2e::SpeechPeer;
use robot::{Call, Robot, Scene};
use words::{heard_by_callee, likeness, likeness_to_any};

/// Says yes to everything.
const INTERESTED: &str = "13800138000";
/// Says yes, and asks about the flat.
const CURIOUS: &str = "13800138020";
const DECLINING: &str = "13800138021";
const SILENT: &str = "13800138025";
/// Does not let the robot finish.
const INTERRUPTS: &str = "13800138030";
/// What the scene says when nobody understands the customer.
const DEAF_WORDS: &str = "好的，那先不打扰您，我们晚一点再联系您，再见。";
/// How alike what was said and what was recognised have to be: of a hundred characters.
const ALIKE_MIN: f64 = 0.6;
/// The same of what customers say: of two characters, one.
const WORDS_ALIKE_MIN: f64 = 0.5;

/// Nearly all that was recognised of these customers is what callees say.
fn assert_recognised<'a>(calls: impl IntoIterator<Item = &'a Call>) {
    let words: Vec<String> = calls.into_iter().flat_map(Call::customer).collect();
    let (known, strange): (Vec<_>, Vec<_>) = words.iter().partition(|it| likeness_to_any(it) >= WORDS_ALIKE_MIN);
    println!("{} of {} utterances were recognised; others as {strange:?}", known.len(), words.len());
    assert!(!known.is_empty() && known.len() * 10 >= words.len() * 8, "{strange:?} of {words:?}");
}

/// What was recognised is what the callee says, and what the callee heard is what the robot said.
fn assert_understood(peer: &SpeechPeer, robot: &Robot, call: &Call) {
    assert_recognised([call]);
    let heard = heard_by_callee(peer, &robot.heard_by(&call.number));
    let said = call.robot().concat();
    let alike = likeness(&said, &heard);
    println!("{} of the robot's words were heard as said:\n{said}\n{heard}", (alike * 100.0).round());
    assert!(alike >= ALIKE_MIN, "the robot said {said:?} and was heard to say {heard:?}");
}

#[test]
fn a_conversation_in_mandarin_is_understood_by_both_sides_and_graded() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let mut robot = Robot::new(Scene::RealEstate, &[("funasr", &peer.websocket())]);
    let call = robot.call(CURIOUS);
    println!("{}", call.transcript());
    assert_understood(&peer, &robot, &call);
    let means = call.means();
    assert!(means.iter().any(|it| it == "肯定"), "{call:?}");
    assert!(means.iter().any(|it| it.starts_with("询问")), "{call:?}");
    assert!(!call.results("客户意向等级").is_empty(), "{call:?}");
    assert!(!call.results("客户关注点").is_empty(), "what was asked for is what the customer cares about: {call:?}");
    let metrics = robot.metrics();
    let measured = metrics.lines().find(|line| line.starts_with("hutong_talk_latency_seconds_count"));
    assert!(measured.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    robot.stop();
}

#[test]
fn a_recogniser_over_http_understands_as_well() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let mut robot = Robot::new(Scene::Brief, &[("openai", &peer.http())]);
    let call = robot.call(INTERESTED);
    println!("{}", call.transcript());
    assert_understood(&peer, &robot, &call);
    assert_eq!(call.results("客户意向等级"), ["A级(较强)"], "{call:?}");
    robot.stop();
}

#[test]
fn somebody_who_cuts_in_is_heard_and_the_prompt_ends_there() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let mut robot = Robot::new(Scene::RealEstate, &[("funasr", &peer.websocket())]);
    let call = robot.call(INTERRUPTS);
    println!("{}", call.transcript());
    // All prompts of the scene's first steps take longer than that.
    assert!(call.robot_times().iter().take(2).any(|(from, until)| until - from < 4_500), "{call:?}");
    assert_recognised([&call]);
    robot.stop();
}

#[test]
fn somebody_who_says_nothing_is_asked_and_taken_leave_of() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let mut robot = Robot::new(Scene::Brief, &[("funasr", &peer.websocket())]);
    let call = robot.call(SILENT);
    println!("{}", call.transcript());
    let expected = ["那您最近有没有买房或者换房的打算呢？", "喂？您那边还在听吗？", "好的，谢谢您，再见。"];
    assert_eq!(call.robot(), expected, "{call:?}");
    assert!(call.customer().is_empty(), "{call:?}");
    robot.stop();
}

#[test]
fn a_recogniser_that_dies_in_mid_sentence_leaves_nobody_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut peer) = SpeechPeer::own(folder.path()) else { return };
    let mut robot = Robot::new(Scene::Brief, &[("funasr", &peer.websocket())]);
    let task = robot.dial(&[INTERESTED]);
    robot.server().wait_for_log(1, |line| line.contains("somebody speaks"));
    peer.kill();
    let call = robot.ended(&task, INTERESTED);
    println!("{}", call.transcript());
    assert_eq!(call.robot().last().map(String::as_str), Some(DEAF_WORDS), "{call:?}");
    assert_eq!((call.finish_status, call.hung_up_by), (0, 0), "answered, and the robot hung up: {call:?}");
    let log = robot.server().log();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("recognis")), "nobody is told: {log}");
    robot.stop();
}

#[test]
fn twenty_calls_in_a_row_are_understood() {
    let Some(peer) = SpeechPeer::shared() else { return };
    let mut robot = Robot::new(Scene::Brief, &[("funasr", &peer.websocket())]);
    // Whoever is called twice in a task stands in it once: fates go by the last digits.
    let numbers: Vec<String> =
        (0..20).map(|n| format!("{}{}", 100 + n, if n % 4 == 3 { DECLINING } else { INTERESTED })).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let calls = robot.calls(&numbers, 4);
    assert_eq!(calls.len(), 20);
    assert!(calls.iter().all(|call| call.finish_status == 0), "{calls:#?}");
    assert_recognised(&calls);
    let (means, unknown) = calls
        .iter()
        .flat_map(Call::means)
        .fold((0, 0), |(all, unknown), it| (all + 1, unknown + usize::from(it == "AI_UNKNOWN")));
    println!("{unknown} of {means} were not understood");
    assert!(unknown * 5 <= means, "{calls:#?}");
    let interested = calls.iter().filter(|call| call.number.ends_with(INTERESTED));
    let (all, agreed) = interested.fold((0, 0), |(all, agreed), call| {
        (all + 1, agreed + usize::from(call.results("客户意向等级") == ["A级(较强)"]))
    });
    assert!(agreed * 10 >= all * 8, "{agreed} of {all} who agreed were understood to: {calls:#?}");
    robot.stop();
}
