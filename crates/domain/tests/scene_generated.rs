//! What holds for every conversation with every scene that is read: nodes, flows, branches, values, keys, knowledge and
//! transfers at random, and anything at all that happens.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may fail like tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use hutong_domain::call::Understanding;
use hutong_domain::dialogue::{Action, Event, Opening, State, Step, begin, step};
use hutong_domain::scene::Scene;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const INTENTS: &[&str] = &["肯定", "否定", "忙碌", "打错", "拒绝再打", "转人工"];
const VALUES: &[&str] = &["time", "number", "money", "digits", "phone"];
const CONDITIONS: &[&str] =
    &["rounds > 4", "'肯定' in intents", "'价格' in knowledge", "unknowns > 1 || silences > 2", "deaf"];
const WORDS: &[&str] = &[
    "好的",
    "不要",
    "在忙",
    "打错了",
    "别再打了",
    "多少钱",
    "嗯",
    "嗯嗯",
    "，。",
    "",
    "不知所云",
    "能贷款吗",
    "😀",
    "1",
    "明天下午三点",
    "五百块",
    "尾号三五七八",
    "转人工",
];

/// Where something leads; numbers are those of nodes, and wrap.
#[derive(Debug, Clone)]
struct Way {
    to: usize,
    guard: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
enum Branch {
    Intent(usize, bool),
    Value(usize),
    Key(u8),
}

#[derive(Debug, Clone)]
enum Kind {
    Listen { branches: Vec<(Branch, Way)>, keys: Option<(u32, bool, Way)>, otherwise: Option<Way>, silent: Option<Way> },
    Next(Way),
    End,
    Transfer(Way),
    Call(usize, Way),
    Return(usize),
}

fn way() -> impl Strategy<Value = Way> {
    (0..12_usize, prop::option::weighted(0.2, (0..CONDITIONS.len(), 0..12_usize)))
        .prop_map(|(to, guard)| Way { to, guard })
}

fn branch() -> impl Strategy<Value = Branch> {
    prop_oneof![
        4 => (0..INTENTS.len(), any::<bool>()).prop_map(|(intent, keep)| Branch::Intent(intent, keep)),
        2 => (0..VALUES.len()).prop_map(Branch::Value),
        1 => (0..10_u8).prop_map(Branch::Key),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let listens = (
        prop::collection::vec((branch(), way()), 1..5),
        prop::option::weighted(0.2, (1..5_u32, any::<bool>(), way())),
        prop::option::of(way()),
        prop::option::of(way()),
    );
    prop_oneof![
        6 => listens.prop_map(|(branches, keys, otherwise, silent)| Kind::Listen { branches, keys, otherwise, silent }),
        1 => way().prop_map(Kind::Next),
        2 => Just(Kind::End),
        1 => way().prop_map(Kind::Transfer),
        2 => (0..3_usize, way()).prop_map(|(flow, way)| Kind::Call(flow, way)),
        1 => (0..2_usize).prop_map(Kind::Return),
    ]
}

/// A scene at random. Flows call later ones only, so that none enters itself.
#[derive(Debug, Clone)]
struct Plan {
    nodes: Vec<Kind>,
    flows: Vec<Vec<Kind>>,
    rounds: u32,
    limit: u32,
    on_deaf: bool,
    machine: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let flows = prop::collection::vec(prop::collection::vec(kind(), 1..4), 0..4);
    (prop::collection::vec(kind(), 2..9), flows, 1..12_u32, 0..5_u32, any::<bool>(), any::<bool>()).prop_map(
        |(nodes, flows, rounds, limit, on_deaf, machine)| Plan { nodes, flows, rounds, limit, on_deaf, machine },
    )
}

impl Plan {
    fn yaml(&self) -> String {
        let (rounds, limit) = (self.rounds, self.limit);
        let mut yaml = format!(
            "hutong: 1\nname: 随机\nrobot: {{ name: 机 }}\n\
             defaults: {{ rounds_max: {rounds}, on_unknown: {{ limit: {limit} }} }}\n\
             anywhere: [{{ intent: 忙碌, next: 点0 }}]\n"
        );
        if self.on_deaf {
            yaml.push_str("on_deaf: { next: 点1 }\n");
        }
        if self.machine {
            yaml.push_str("voicemail: { do: go_on }\n");
        }
        yaml.push_str("nodes:\n");
        self.write(&self.nodes, None, &mut yaml);
        if !self.flows.is_empty() {
            yaml.push_str("flows:\n");
        }
        for (index, flow) in self.flows.iter().enumerate() {
            let _ = writeln!(yaml, "  - name: 流{index}\n    nodes:");
            self.write(flow, Some(index), &mut yaml);
        }
        yaml.push_str("knowledge:\n  - { name: 价格, keywords: [多少钱], answer: [不贵。, 真不贵。], limit: 2 }\n");
        yaml.push_str("  - { name: 贷款, keywords: [贷款], answer: 可以。, then: 点1 }\n");
        yaml.push_str("results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]\n");
        yaml
    }

    fn write(&self, kinds: &[Kind], flow: Option<usize>, yaml: &mut String) {
        let name = |index: usize| format!("点{}", index % kinds.len());
        let way = |way: &Way| match way.guard {
            Some((condition, to)) => {
                format!("[{{ when: \"{}\", to: {} }}, {}]", CONDITIONS[condition], name(to), name(way.to))
            }
            None => name(way.to),
        };
        // What goes on without listening leads forward, as prompts that lead round are refused.
        let forward = |index: usize, way: &Way| {
            let later = kinds.len() - index - 1;
            let to = |to: usize| format!("点{}", index + 1 + to % later.max(1));
            (later > 0).then(|| match way.guard {
                Some((condition, guarded)) => {
                    format!("[{{ when: \"{}\", to: {} }}, {}]", CONDITIONS[condition], to(guarded), to(way.to))
                }
                None => to(way.to),
            })
        };
        for (index, kind) in kinds.iter().enumerate() {
            let _ = writeln!(yaml, "      - name: 点{index}\n        say: [第{index}句甲, 第{index}句乙]");
            match kind {
                Kind::Listen { branches, keys, otherwise, silent } => {
                    yaml.push_str("        branches:\n");
                    let mut seen = BTreeSet::new();
                    for (branch, next) in branches {
                        let next = way(next);
                        let (once, line) = match branch {
                            Branch::Intent(intent, keep) => {
                                let keep = if *keep { ", keep: 原话" } else { "" };
                                (format!("i{intent}"), format!("intent: {}{keep}", INTENTS[*intent]))
                            }
                            Branch::Value(value) => {
                                (format!("v{value}"), format!("value: {}, keep: 值{value}", VALUES[*value]))
                            }
                            Branch::Key(key) => (format!("k{key}"), format!("key: '{key}'")),
                        };
                        let clashes = keys.is_some() && matches!(branch, Branch::Key(_));
                        if seen.insert(once) && !clashes {
                            let _ = writeln!(yaml, "          - {{ {line}, next: {next} }}");
                        }
                    }
                    if let Some((digits, until, next)) = keys {
                        let until = if *until { ", until: '#'" } else { "" };
                        let next = way(next);
                        let keys = format!("keys: {{ digits: {digits}{until} }}, keep: 键");
                        let _ = writeln!(yaml, "          - {{ {keys}, next: {next} }}");
                    }
                    if seen.iter().all(|once| once.starts_with('k')) && keys.is_some() {
                        let _ = writeln!(yaml, "          - {{ intent: 肯定, next: {} }}", name(0));
                    }
                    if let Some(next) = otherwise {
                        let _ = writeln!(yaml, "        otherwise: {}", way(next));
                    }
                    if let Some(next) = silent {
                        let _ = writeln!(yaml, "        on_silence: {{ next: {} }}", way(next));
                    }
                }
                Kind::Next(next) | Kind::Transfer(next) | Kind::Call(_, next) => {
                    self.write_silent(kind, forward(index, next), flow, yaml);
                }
                Kind::Return(returned) if flow.is_some() => {
                    let _ = writeln!(yaml, "        return: 名{returned}");
                }
                Kind::End | Kind::Return(_) => yaml.push_str("        end: { reason: 完, label: 签 }\n"),
            }
        }
    }
}

impl Plan {
    fn write_silent(&self, kind: &Kind, next: Option<String>, flow: Option<usize>, yaml: &mut String) {
        let called = match kind {
            Kind::Call(called, _) => Some(flow.map_or(0, |flow| flow + 1) + called).filter(|it| *it < self.flows.len()),
            _ => None,
        };
        let _ = match (next, called, kind) {
            (None, ..) => writeln!(yaml, "        end: {{ reason: 完 }}"),
            (Some(next), Some(called), _) => writeln!(yaml, "        call: 流{called}\n        then: {next}"),
            (Some(next), None, Kind::Transfer(_)) => {
                writeln!(yaml, "        transfer: {{ to: '4001', failed: {next} }}")
            }
            (Some(next), ..) => writeln!(yaml, "        next: {next}"),
        };
    }
}

fn event() -> impl Strategy<Value = Event> {
    let words = (prop::sample::select(WORDS), any::<bool>(), prop::option::of(prop::sample::select(INTENTS)));
    prop_oneof![
        8 => words.prop_map(|(text, interrupted, choice)| Event::Heard {
            text: text.to_owned(),
            interrupted,
            choice: choice.map(str::to_owned),
        }),
        1 => any::<String>().prop_map(Event::heard),
        3 => prop::sample::select(&['0', '1', '5', '9', '#', '*', '😀'][..]).prop_map(|digit| Event::Key { digit }),
        2 => Just(Event::Silence),
        1 => Just(Event::Answered),
        1 => Just(Event::Deaf),
        1 => Just(Event::Machine),
        1 => Just(Event::TransferFailed { reason: "busy".to_owned() }),
    ]
}

fn opening(seed: u64) -> Opening {
    Opening { seed, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) }
}

/// What every step must be like.
fn check_step(before: &State, event: &Event, after: &State, step: &Step) {
    let stands_still = before.is_transferring() && !matches!(event, Event::TransferFailed { .. });
    if before.is_ended() || stands_still || matches!(event, Event::HungUp | Event::Transferred) {
        assert_eq!(step.actions, [], "did something after the end, or while a transfer was under way: {event:?}");
        return;
    }
    match step.actions.last() {
        Some(Action::HangUp { .. }) => assert!(after.is_ended() && after.hang_up_reason().is_some()),
        Some(Action::Listen(_)) => assert!(!after.is_ended() && !after.is_transferring()),
        Some(Action::Transfer { .. }) => assert!(after.is_transferring()),
        other => panic!("the step ends with {other:?}"),
    }
    let others = step.actions.iter().filter(|action| !matches!(action, Action::Say { .. }));
    assert_eq!(others.count(), 1, "{step:?}");
    assert_eq!(step.understanding.is_some(), matches!(event, Event::Heard { .. }), "{event:?}");
    if let Some(Understanding::Matched(hit)) = &step.understanding {
        assert!((0.0..=1.0).contains(&hit.score), "{hit:?}");
    }
    let texts = step.actions.iter().filter_map(|action| match action {
        Action::Say { text, .. } => Some(text),
        _ => None,
    });
    texts.for_each(|text| assert!(!text.trim().is_empty()));
}

/// Plays events, and restores the state from its JSON before each.
fn play(scene: &Scene, seed: u64, events: &[Event]) -> (State, Vec<Step>) {
    let mut state = begin(scene, &BTreeMap::new(), opening(seed));
    let mut steps = Vec::new();
    for event in events {
        let before = state.clone();
        let stored = serde_json::to_string(&state).unwrap();
        state = serde_json::from_str(&stored).unwrap();
        assert_eq!(state, before, "{stored}");
        let step = step(scene, &mut state, event);
        check_step(&before, event, &state, &step);
        steps.push(step);
    }
    (state, steps)
}

/// The scene of a plan; none where it is refused for what such plans may be refused for.
fn read(plan: &Plan) -> Option<Scene> {
    let yaml = plan.yaml();
    match Scene::parse(&yaml) {
        Ok(scene) => Some(scene),
        Err(problems) => {
            let expected = |message: &str| message.contains("without ever listening");
            let all = problems.iter().filter(|problem| problem.severity == hutong_domain::scene::Severity::Error);
            for problem in all {
                assert!(expected(&problem.message.en), "{problem}\n{yaml}");
            }
            None
        }
    }
}

#[test]
fn most_generated_scenes_are_read() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = BTreeMap::new();
    for _ in 0..200 {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        *counts.entry(read(&plan).is_some()).or_insert(0) += 1;
    }
    assert!(counts[&true] >= 190, "{counts:?}");
}

proptest! {
    #[test]
    fn a_conversation_never_speaks_after_its_end_and_is_the_same_again(
        plan in plan(),
        seed: u64,
        events in prop::collection::vec(event(), 1..40),
        last in prop::sample::select(&[Event::HungUp, Event::Transferred, Event::Silence][..]),
    ) {
        let Some(scene) = read(&plan) else { return Ok(()) };
        let mut events = events;
        events.push(last);
        events.extend([Event::heard("好的"), Event::Silence, Event::Answered]);
        let first = play(&scene, seed, &events);
        prop_assert_eq!(play(&scene, seed, &events), first);
    }

    #[test]
    fn a_customer_who_keeps_answering_anything_comes_to_an_end(
        plan in plan(),
        seed: u64,
        events in prop::collection::vec(event(), 60),
    ) {
        let Some(scene) = read(&plan) else { return Ok(()) };
        // Five keys at most are one turn, and at most twelve turns there are.
        let answers = events.iter().filter(|event| {
            !matches!(event, Event::TransferFailed { .. } | Event::Machine | Event::Answered)
        });
        let mut state = begin(&scene, &BTreeMap::new(), opening(seed));
        step(&scene, &mut state, &Event::Answered);
        let mut steps = 0;
        for event in answers.cycle().take(200) {
            if state.is_ended() || state.is_transferring() {
                break;
            }
            step(&scene, &mut state, event);
            steps += 1;
        }
        prop_assert!(state.is_ended() || state.is_transferring(), "{state:?}");
        prop_assert!(steps <= 12 * 6, "{steps} steps");
    }
}
