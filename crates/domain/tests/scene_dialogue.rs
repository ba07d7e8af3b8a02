//! What holds for every conversation with the scenes that come with hutong, and for keys and seeds.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hutong_domain::call::Understanding;
use hutong_domain::dialogue::{Action, Event, Opening, State, Step, begin, candidates, step, weigh, would_understand};
use hutong_domain::scene::{BUILT_IN, Scene};
use proptest::prelude::*;

/// The scenes that come with hutong, read once.
static SCENES: LazyLock<Vec<Scene>> =
    LazyLock::new(|| BUILT_IN.iter().map(|built_in| Scene::parse(built_in.yaml).unwrap()).collect());

const WORDS: &[&str] =
    &["好的", "不要", "在忙", "打错了", "别再打了", "多少钱", "嗯", "，。", "", "不知所云", "能贷款吗", "😀", "1"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop::sample::select(WORDS).prop_map(Event::heard),
        1 => any::<String>().prop_map(Event::heard),
        1 => any::<char>().prop_map(|digit| Event::Key { digit }),
        2 => Just(Event::Silence),
        1 => Just(Event::Answered),
    ]
}

fn opening(seed: u64) -> Opening {
    Opening { seed, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) }
}

/// What every step must be like.
fn check_step(before: &State, event: &Event, after: &State, step: &Step) {
    if before.is_ended() || *event == Event::HungUp {
        assert_eq!(step.actions, [], "spoke after the end");
        assert!(after.is_ended());
        return;
    }
    let last = step.actions.last();
    match last {
        Some(Action::HangUp { .. }) => assert!(after.is_ended()),
        Some(Action::Listen { .. }) => assert!(!after.is_ended()),
        other => panic!("the step ends with {other:?}"),
    }
    let turns_over = step.actions.iter().filter(|action| !matches!(action, Action::Say { .. }));
    assert_eq!(turns_over.count(), 1, "{step:?}");
    let heard = matches!(event, Event::Heard { .. });
    assert_eq!(step.understanding.is_some(), heard);
    if let Some(Understanding::Matched(hit)) = &step.understanding {
        assert!((0.0..=1.0).contains(&hit.score), "{hit:?}");
    }
    for action in &step.actions {
        if let Action::Say { text, .. } = action {
            assert!(!text.trim().is_empty());
        }
    }
}

fn play(scene: &Scene, seed: u64, events: &[Event]) -> (State, Vec<Step>) {
    let mut state = begin(scene, &BTreeMap::new(), opening(seed));
    let steps = events
        .iter()
        .map(|event| {
            let before = state.clone();
            let step = step(scene, &mut state, event);
            check_step(&before, event, &state, &step);
            step
        })
        .collect();
    (state, steps)
}

proptest! {
    #[test]
    fn the_built_in_scenes_stand_anything(
        seed: u64,
        hang_up_after in 0..40_usize,
        events in prop::collection::vec(event(), 40),
    ) {
        for scene in &*SCENES {
            let mut events = events.clone();
            events.insert(hang_up_after, Event::HungUp);
            let (state, _) = play(scene, seed, &events);
            prop_assert!(state.is_ended());
        }
    }

    #[test]
    fn a_conversation_goes_on_from_a_stored_state_as_if_nothing_had_happened(
        seed: u64,
        events in prop::collection::vec(event(), 1..10),
        next in event(),
    ) {
        let scene = &SCENES[0];
        let (mut state, _) = play(scene, seed, &events);
        let stored = serde_json::to_string(&state).unwrap();
        let mut restored: State = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&restored, &state);
        prop_assert_eq!(step(scene, &mut restored, &next), step(scene, &mut state, &next));
    }

    #[test]
    fn nothing_crashes_the_parser(text: String, at in 0..4_000_usize, cut in 0..40_usize) {
        let _ = Scene::parse(&text);
        // A scene with a piece torn out is nearly a scene, and goes deeper.
        let whole: Vec<char> = BUILT_IN[0].yaml.chars().collect();
        let torn = whole.iter().take(at).chain(whole.iter().skip(at + cut)).collect::<String>();
        let _ = Scene::parse(&(torn + &text));
    }
}

#[test]
fn a_state_of_another_scene_ends_politely() {
    let scene = |index: usize| Scene::parse(BUILT_IN[index].yaml).unwrap();
    let mut state = begin(&scene(0), &BTreeMap::new(), opening(1));
    step(&scene(0), &mut state, &Event::Answered);
    let heard = Event::heard("好的");
    let step = step(&scene(1), &mut state, &heard);
    assert!(matches!(step.actions.as_slice(), [Action::Say { .. }, Action::HangUp { .. }]), "{step:?}");
    assert!(state.is_ended());
}

#[test]
fn the_seed_chooses_among_the_wordings() {
    let scene = Scene::parse(BUILT_IN[0].yaml).unwrap();
    let first_words = |seed: u64| {
        let mut state = begin(&scene, &BTreeMap::new(), opening(seed));
        format!("{:?}", step(&scene, &mut state, &Event::Answered).actions)
    };
    let openings: std::collections::BTreeSet<String> = (0..32).map(first_words).collect();
    assert_eq!(openings.len(), 2);
}

#[test]
fn keys_lead_along_their_branches() {
    let scene = Scene::parse(
        "\
hutong: 1
name: 满意度
robot: { name: 回访员 }
nodes:
  - name: 评分
    say: 满意请按1，不满意请按2。
    branches: [{ key: '1', next: 谢谢 }, { key: '2', next: 抱歉 }]
    on_unknown: { say: 请按1或者2。, limit: 1 }
  - { name: 谢谢, say: 谢谢。, end: { reason: 满意 } }
  - { name: 抱歉, say: 抱歉。, end: { reason: 不满意 } }
results:
  - name: 客户意向等级
    values: [A级(较强), D级(需筛选)]
    default: D级(需筛选)
",
    )
    .unwrap();
    let mut state = begin(&scene, &BTreeMap::new(), opening(0));
    step(&scene, &mut state, &Event::Answered);
    let wrong = step(&scene, &mut state, &Event::Key { digit: '9' });
    assert_eq!(wrong.node, "评分");
    let right = step(&scene, &mut state, &Event::Key { digit: '2' });
    assert_eq!(right.node, "抱歉");
    assert_eq!(state.hang_up_reason(), Some("不满意"));
}

#[test]
fn a_question_is_understood_only_where_its_condition_holds() {
    let scene = Scene::parse(
        "\
hutong: 1
name: 核实
robot: { name: 核实员 }
nodes:
  - name: 核实
    say: 请问是本人吗？
    branches: [{ intent: 肯定, next: 告知 }]
  - name: 告知
    say: 您的快递到了。
    branches: [{ intent: 告别, next: 结束 }]
  - { name: 结束, say: 再见。, end: { reason: 完成 } }
knowledge:
  - { name: 单号, keywords: [单号], when: ('告知' in visited), answer: 单号是三五七八。 }
results:
  - { name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }
",
    )
    .unwrap();
    let mut state = begin(&scene, &BTreeMap::new(), opening(0));
    step(&scene, &mut state, &Event::Answered);
    assert_eq!(candidates(&scene, &state).len(), 1);
    assert!(!would_understand(&scene, &state, "单号多少"));
    let before = step(&scene, &mut state, &Event::heard("单号多少"));
    assert_eq!(before.understanding, Some(Understanding::Unknown));
    step(&scene, &mut state, &Event::heard("是的"));
    assert!(would_understand(&scene, &state, "单号多少"));
    let after = step(&scene, &mut state, &Event::heard("单号多少"));
    assert!(matches!(&after.actions[0], Action::Say { text, .. } if text.contains("三五七八")), "{after:?}");
}

#[test]
fn what_is_understood_is_among_what_was_near_and_nothing_nearer_was_passed_over() {
    let mut understood = 0;
    for scene in SCENES.iter() {
        let mut state = begin(scene, &BTreeMap::new(), opening(0));
        assert_eq!(weigh(scene, &state, "好的"), [], "nobody has answered yet");
        step(scene, &mut state, &Event::Answered);
        for words in WORDS {
            let near = weigh(scene, &state, words);
            assert!(near.windows(2).all(|pair| pair[0].score >= pair[1].score), "{near:?}");
            let mut state = state.clone();
            match step(scene, &mut state, &Event::heard(*words)).understanding {
                Some(Understanding::Matched(hit)) => {
                    assert!(near.contains(&hit), "{words}: {hit:?} is not among {near:?}");
                    understood += 1;
                }
                Some(Understanding::Unknown) => {
                    assert!(near.iter().all(|other| other.score < scene.threshold()), "{words}: {near:?}");
                }
                Some(Understanding::NotNeeded) | None => {}
            }
        }
    }
    assert!(understood > 10, "{understood}");
}
