//! Past calls against other versions of their scene.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hutong_domain::call::{FinishStatus, Speaker, Understanding, Utterance};
use hutong_domain::dialogue::{Action, Event, Opening, begin, step};
use hutong_domain::grading::{Facts, grade};
use hutong_domain::moment::Moment;
use hutong_domain::scene::replay::{Course, KeptCall, Replay, ResultFlip, Summary, replay};
use hutong_domain::scene::{BUILT_IN, Scene};
use jiff::civil::date;
use proptest::prelude::*;

const SCENE: &str = "
hutong: 1
name: 满意度回访
robot: { name: 回访员 }
voices: [小林]
nodes:
  - name: 开场
    say: 您好，您对我们的服务满意吗？
    branches:
      - { intent: 肯定, next: 推荐 }
      - { intent: 否定, next: 道歉 }
      - { key: '1', next: 推荐 }
  - name: 推荐
    say: 您会推荐给朋友吗？
    branches:
      - { intent: 肯定, next: 致谢 }
      - { intent: 否定, next: 致谢 }
  - { name: 道歉, say: 非常抱歉，我们会尽快联系您。, next: 致谢 }
  - { name: 致谢, say: 谢谢您，再见。, end: { reason: 完成回访 } }
intents:
  - { name: 肯定, keywords: [满意, 会的] }
  - { name: 否定, keywords: [不满意] }
knowledge:
  - name: 询问价格
    keywords: [价格, 多少钱]
    answer: 价格以合同为准。
    reveals: { 客户关注点: 价格 }
results:
  - name: 客户意向等级
    values: [A级(较强), B级(一般), C级(很少), D级(需筛选)]
    default: C级(很少)
    rules:
      - { when: ('推荐' in visited), value: A级(较强), because: 客户表示满意。 }
      - { when: unknowns > 0, value: B级(一般), because: 没有听懂。 }
  - { name: 客户关注点, values: [价格, 优惠], multiple: true }
";

fn scene(changes: &[(&str, &str)]) -> Scene {
    let mut yaml = SCENE.to_owned();
    for (from, to) in changes {
        assert!(yaml.contains(from), "{from} is not in the scene");
        yaml = yaml.replace(from, to);
    }
    Scene::parse(&yaml).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn heard(words: &str) -> Event {
    Event::heard(words)
}

/// Talks as a dialer does, and keeps the call. The customer hangs up at the end, where the robot has not; of the robot's
/// last words they hear as many prompts as `heard_at_end` says.
fn live(scene: &Scene, seed: u64, customer: &[Event], heard_at_end: usize) -> KeptCall {
    let opening = Opening { seed, now: date(2026, 5, 1).at(10, 0, 0, 0) };
    let variables = BTreeMap::from([("客户名称".to_owned(), "王女士".to_owned())]);
    let mut state = begin(scene, &variables, opening);
    let (mut events, mut transcript, mut now_ms) = (Vec::new(), Vec::new(), 0);
    let mut say = |transcript: &mut Vec<Utterance>, speaker, text: &str, node: &str| {
        now_ms += 1_000;
        transcript.push(Utterance {
            speaker,
            text: text.to_owned(),
            start_ms: now_ms - 1_000,
            end_ms: now_ms,
            at: Moment(now_ms),
            understanding: (speaker == Speaker::Customer).then_some(Understanding::NotNeeded),
            node: node.to_owned(),
            latency: None,
            recogniser: None,
        });
    };
    let all = [Event::Answered].into_iter().chain(customer.iter().cloned());
    let last = customer.len();
    for (turn, event) in all.enumerate() {
        if state.is_ended() {
            break;
        }
        if let Event::Heard { text, .. } = &event {
            say(&mut transcript, Speaker::Customer, text, state.node());
        }
        let taken = step(scene, &mut state, &event);
        if let (Some(understanding), Some(said)) = (taken.understanding, transcript.last_mut()) {
            said.understanding = Some(understanding);
        }
        events.push(event);
        let says = taken.actions.iter().filter_map(|action| match action {
            Action::Say { text, node, .. } => Some((text, node)),
            _ => None,
        });
        let heard = if turn == last && !state.is_ended() { heard_at_end } else { usize::MAX };
        for (text, node) in says.take(heard) {
            say(&mut transcript, Speaker::Robot, text, node);
        }
    }
    if !state.is_ended() {
        step(scene, &mut state, &Event::HungUp);
        events.push(Event::HungUp);
    }
    let robot = transcript.iter().filter(|said| said.speaker == Speaker::Robot).count();
    let (talk_ms, chat_rounds) = (transcript.last().map_or(0, |said| said.end_ms), i64::try_from(robot).unwrap());
    let facts = Facts {
        finish_status: FinishStatus::Answered,
        talk_ms,
        chat_rounds,
        state: Some(&state),
        transcript: &transcript,
    };
    let results = grade(scene, &facts);
    let course = Course { opening, events };
    KeptCall { variables, course, transcript, results, by_hand: BTreeMap::new(), talk_ms, chat_rounds }
}

fn kept(words: &[&str]) -> KeptCall {
    let events: Vec<Event> = words.iter().map(|words| heard(words)).collect();
    live(&scene(&[]), 0, &events, usize::MAX)
}

fn flips(replay: &Replay) -> Vec<String> {
    replay.flips.iter().map(ToString::to_string).chain(replay.results.iter().map(ToString::to_string)).collect()
}

#[test]
fn words_that_are_put_otherwise_are_no_flip() {
    let call = kept(&["挺满意的", "会的"]);
    let new = scene(&[("您会推荐给朋友吗", "如果朋友需要，您会推荐我们吗"), ("谢谢您，再见", "感谢，再见")]);

    let replayed = replay(&new, &call);

    assert_eq!(replayed, Replay::default());
}

#[test]
fn another_meaning_and_another_result_are_told_with_their_turn() {
    let call = kept(&["价格多少", "挺满意的", "会的"]);
    let new = scene(&[
        ("keywords: [价格, 多少钱]", "keywords: [多少钱]"),
        (
            "results:",
            "  - { name: 询问优惠, keywords: [价格], answer: 价格以合同为准。, reveals: { 客户关注点: 优惠 } }\nresults:",
        ),
    ]);

    let replayed = replay(&new, &call);

    assert_eq!(flips(&replayed), ["turn 1 “价格多少”: 询问价格 → 询问优惠", "客户关注点 价格 → 优惠"]);
    assert_eq!((replayed.diverged_at, replayed.ends_otherwise), (None, false));
}

#[test]
fn what_is_not_understood_any_more_makes_the_rest_uncertain() {
    let call = kept(&["价格多少", "挺满意的", "会的"]);
    let new = scene(&[("keywords: [价格, 多少钱]", "keywords: [多少钱]")]);

    let replayed = replay(&new, &call);

    assert_eq!(flips(&replayed), ["turn 1 “价格多少”: 询问价格 → AI_UNKNOWN", "客户关注点 价格 → none (uncertain)"]);
    assert_eq!((replayed.diverged_at, replayed.unknowns, replayed.ends_otherwise), (Some(1), (0, 1), false));
}

#[test]
fn a_question_more_is_told_and_the_call_goes_on_as_long_as_it_makes_sense() {
    let call = kept(&["挺满意的", "会的"]);
    let new = scene(&[
        ("intent: 肯定, next: 推荐", "intent: 肯定, next: 评分"),
        (
            "  - name: 推荐",
            "  - { name: 评分, say: 请您打个分。, branches: [{ intent: 没听清, next: 推荐 }] }\n  - name: 推荐",
        ),
    ]);

    let replayed = replay(&new, &call);

    let expected = [
        "turn 1 “挺满意的”: [推荐] → [评分]",
        "turn 2 “会的”: 肯定 → AI_UNKNOWN (uncertain)",
        "客户意向等级 A级(较强) → B级(一般) (uncertain)",
    ];
    assert_eq!(flips(&replayed), expected);
    assert!(replayed.ends_otherwise);
}

#[test]
fn words_that_make_no_sense_twice_end_the_replay() {
    let call = kept(&["价格多少", "价格是多少", "多少钱", "满意", "会的"]);
    let new = scene(&[("keywords: [价格, 多少钱]", "keywords: [优惠]")]);

    let replayed = replay(&new, &call);

    assert_eq!((replayed.diverged_at, replayed.stopped_at), (Some(1), Some(4)));
    assert!(replayed.ends_otherwise);
    assert!(replayed.flips.iter().skip(1).all(|flip| !flip.certain));
}

#[test]
fn a_robot_that_hangs_up_earlier_ends_the_replay() {
    let call = kept(&["挺满意的", "会的"]);
    let new = scene(&[("intent: 肯定, next: 推荐", "intent: 肯定, next: 致谢")]);

    let replayed = replay(&new, &call);

    assert_eq!((replayed.diverged_at, replayed.stopped_at, replayed.ends_otherwise), (Some(1), Some(2), true));
    assert_eq!(
        flips(&replayed),
        ["turn 1 “挺满意的”: [推荐] → [致谢]", "客户意向等级 A级(较强) → C级(很少) (uncertain)"]
    );
}

#[test]
fn keys_and_silences_are_played_again() {
    let events = [Event::Silence, Event::Key { digit: '1' }, heard("会的")];
    let call = live(&scene(&[]), 0, &events, usize::MAX);
    assert_eq!(replay(&scene(&[]), &call), Replay::default());
    let new = scene(&[("key: '1', next: 推荐", "key: '1', next: 道歉")]);

    let replayed = replay(&new, &call);

    assert_eq!(flips(&replayed)[0], "turn 2 (key 1): [推荐] → [道歉]");
}

#[test]
fn what_a_person_has_judged_is_the_truth() {
    let mut call = kept(&["不满意"]);
    let truth = vec!["A级(较强)".to_owned()];
    call.by_hand.insert("客户意向等级".to_owned(), truth.clone());
    let unchanged = replay(&scene(&[]), &call);
    assert_eq!((unchanged.judged[0].agreed_before, unchanged.judged[0].agrees_now), (false, false));
    let new = scene(&[("'推荐' in visited", "'道歉' in visited")]);

    let replayed = replay(&new, &call);

    let flip = ResultFlip {
        name: "客户意向等级".to_owned(),
        from: vec!["C级(很少)".to_owned()],
        to: truth.clone(),
        by_hand: Some(truth),
        certain: true,
    };
    assert_eq!(replayed.results, [flip]);
    assert_eq!((replayed.judged[0].agreed_before, replayed.judged[0].agrees_now), (false, true));
    assert_eq!(flips(&replayed), ["客户意向等级 C级(很少) → A级(较强) (by hand: A级(较强))"]);
}

#[test]
fn the_summary_counts_calls_and_flips() {
    let new = scene(&[("keywords: [价格, 多少钱]", "keywords: [多少钱]")]);
    let mut summary = Summary::default();
    for words in [&["价格多少", "挺满意的", "会的"][..], &["挺满意的", "会的"], &["价格"], &["不满意"]]
    {
        summary.add(&replay(&new, &kept(words)));
    }

    assert_eq!((summary.calls, summary.changed, summary.diverged, summary.unknowns), (4, 2, 2, (0, 2)));
    let table = summary.to_string();
    for line in [
        "calls that come out otherwise\t2 of 4 (50.0 %)\n",
        "not understood\t0 before, 2 now\n",
        "2\t客户关注点\t价格 → none\n",
        "1\t客户意向等级\tC级(很少) → B级(一般)\n",
        "2\tbranch\t询问价格 → AI_UNKNOWN\n",
    ] {
        assert!(table.contains(line), "{line:?} is not in\n{table}");
    }
    assert!(!table.contains("judged by hand"));
}

const WORDS: [&str; 16] = [
    "好的",
    "不用了",
    "多少钱",
    "你是谁",
    "价格",
    "在忙",
    "没听清",
    "嗯",
    "别再打了",
    "天气",
    "什么时候还",
    "可以",
    "已经还了",
    "加微信",
    "位置在哪",
    "",
];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => prop::sample::select(&WORDS[..]).prop_map(heard),
        1 => Just(Event::Silence),
        1 => prop::sample::select(&['1', '2', '#'][..]).prop_map(|digit| Event::Key { digit }),
        1 => Just(Event::Machine),
    ]
}

proptest! {
    #[test]
    fn the_same_version_concludes_the_same_of_every_call(
        built_in in 0..BUILT_IN.len(),
        seed: u64,
        events in prop::collection::vec(event(), 0..12),
        heard_at_end in 0_usize..4,
    ) {
        static SCENES: LazyLock<Vec<Scene>> =
            LazyLock::new(|| BUILT_IN.iter().map(|built_in| Scene::parse(built_in.yaml).unwrap()).collect());
        let scene = &SCENES[built_in];
        let call = live(scene, seed, &events, heard_at_end);

        let replayed = replay(scene, &call);

        prop_assert!(!replayed.has_flips() && !replayed.ends_otherwise, "{replayed:?}\n{call:?}");
        prop_assert_eq!(replayed.unknowns.0, replayed.unknowns.1);
    }
}
