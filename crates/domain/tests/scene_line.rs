//! What happens on the line: keys, interruptions, transfers, a recogniser that is gone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;

use hutong_domain::dialogue::{
    Action, Event, Interruption, KeyEntry, Listen, Opening, State, Step, TransferHow, begin, step,
};
use hutong_domain::scene::{Scene, script};

const RESULTS: &str = "results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]\n";

/// A scene with these lines and nothing else of interest; without a warning where it says so.
#[track_caller]
fn scene(lines: &str) -> Scene {
    let yaml = format!("hutong: 1\nname: 试\nrobot: {{ name: 机 }}\n{lines}");
    let yaml = if lines.contains("results:") { yaml } else { yaml + RESULTS };
    Scene::parse(&yaml).unwrap_or_else(|problems| panic!("{problems:#?}\n{yaml}"))
}

/// Plays written dialogues against a scene; all of them must pass.
#[track_caller]
fn passes(scene: &Scene, dialogues: &str) {
    let reports = script::run(scene, dialogues).unwrap_or_else(|problems| panic!("{problems:#?}"));
    for report in reports {
        assert!(report.passed(), "{}: {:#?}\n{}", report.name, report.failures, report.transcript.join("\n"));
    }
}

fn opening() -> Opening {
    Opening { seed: 0, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) }
}

fn play(scene: &Scene, events: &[Event]) -> (State, Vec<Step>) {
    let mut state = begin(scene, &BTreeMap::new(), opening());
    let steps = events.iter().map(|event| step(scene, &mut state, event)).collect();
    (state, steps)
}

#[test]
fn keys_are_collected_until_there_are_enough_or_one_ends_them() {
    let scene = scene(
        "\
nodes:
  - name: 尾号
    say: 请输入尾号。
    branches: [{ keys: { digits: 4, keep: 尾号 }, next: 金额 }, { key: '*', next: 完 }]
    on_unknown: { say: 要四位。 }
  - name: 金额
    say: 尾号{尾号}，请输入金额，以井号结束。
    branches: [{ keys: { digits: 6, until: '#', between_ms: 2000 }, keep: 金额, next: 完 }]
  - { name: 完, say: 谢谢。, end: { reason: 完 } }
results:
  - { name: 客户意向等级, values: [D级(需筛选), A级(较强)], default: D级(需筛选), rules: [
      { when: \"values['金额'] == '120'\", value: A级(较强), because: 金额对。 }] }
",
    );
    passes(
        &scene,
        "\
- name: 都输了
  turns:
    - { key: '3578', node: 金额, says: 三五七八 }
    - { key: '120#', node: 完 }
  expect: { values: { 尾号: '3578', 金额: '120' }, results: { 客户意向等级: A级(较强) } }
- name: 井号多余
  turns:
    - { key: '35', node: 尾号 }
    - { silence: true, node: 尾号, says: 要四位 }
    - { key: '*', node: 完 }
- name: 满了还有井号
  turns:
    - { key: '3578', node: 金额 }
    - { key: '123456', node: 完 }
- name: 停下来也算
  turns:
    - { key: '3578', node: 金额 }
    - { key: '12', node: 金额 }
    - { silence: true, node: 完 }
  expect: { values: { 金额: '12' } }
",
    );
    let (_, steps) =
        play(&scene, &[Event::Answered, Event::Key { digit: '3' }, Event::Key { digit: '5' }, Event::heard("啊")]);
    let keys = |step: &Step| match step.actions.last() {
        Some(Action::Listen(Listen { keys, silence_ms, .. })) => (*keys, *silence_ms),
        other => panic!("{other:?}"),
    };
    assert_eq!(keys(&steps[0]), (KeyEntry::Digits { missing: 4, typed: 0, until: None }, 4000));
    assert_eq!(keys(&steps[2]), (KeyEntry::Digits { missing: 2, typed: 2, until: None }, 4000));
    assert_eq!(keys(&steps[3]).0, KeyEntry::Digits { missing: 4, typed: 0, until: None });
}

#[test]
fn a_call_is_handed_to_a_person_and_goes_on_when_nobody_takes_it() {
    let scene = scene(
        "\
variables: [{ name: 顾问, default: '4001' }]
nodes:
  - { name: 问, say: 要转人工吗？, branches: [{ intent: 肯定, next: 转 }] }
  - { name: 转, say: 请稍等。, transfer: { to: 'sip:{顾问}@pbx', how: bridge, ring_s: 10, failed: 没人 } }
  - { name: 没人, say: 顾问在忙，稍后联系您。, end: { reason: 没人接 } }
results:
  - { name: 客户意向等级, values: [D级(需筛选), A级(较强)], default: D级(需筛选), rules: [
      { when: transferred && reason == '转接人工', value: A级(较强), because: 转了。 }] }
",
    );
    passes(
        &scene,
        "\
- name: 接了
  turns: [{ customer: 好的, node: 转, says: 稍等 }, { transfer: taken }]
  expect: { reason: 转接人工, results: { 客户意向等级: A级(较强) } }
- name: 没人接
  turns: [{ customer: 好的 }, { transfer: failed, node: 没人, says: 在忙 }]
  expect: { reason: 没人接, results: { 客户意向等级: D级(需筛选) } }
",
    );
    let (mut state, steps) = play(&scene, &[Event::Answered, Event::heard("好的")]);
    let transfer = Action::Transfer { to: "sip:4001@pbx".to_owned(), how: TransferHow::Bridge, ring_ms: 10_000 };
    assert_eq!(steps[1].actions.last(), Some(&transfer));
    assert!(state.is_transferring() && !state.is_ended());
    // What happens meanwhile leads to nothing.
    for event in [Event::heard("喂"), Event::Silence, Event::Key { digit: '1' }, Event::Deaf, Event::Machine] {
        assert_eq!(step(&scene, &mut state, &event).actions, [], "{event:?}");
    }
    step(&scene, &mut state, &Event::Transferred);
    assert!(state.is_transferred() && state.is_ended());
}

#[test]
fn what_only_a_sign_of_listening_cut_off_is_said_again() {
    let scene = scene(
        "\
nodes:
  - name: 问
    say: 我们有一个优惠活动，您想了解一下吗？
    again: 您想了解一下吗？
    interruptible: { after_ms: 1200 }
    pause_ms: 300
    branches: [{ intent: 肯定, next: 完 }]
  - { name: 完, say: 谢谢。, end: { reason: 完 } }
",
    );
    passes(
        &scene,
        "\
- name: 嗯嗯
  turns:
    - { customer: 嗯, interrupts: true, node: 问, says: 您想了解 }
    - { customer: '', interrupts: true, node: 问, says: 您想了解 }
    - { customer: 嗯, interrupts: true, node: 完 }
- name: 好的
  turns: [{ customer: 好的, interrupts: true, node: 完 }]
- name: 没打断
  turns: [{ customer: 嗯, node: 完 }]
",
    );
    let (_, steps) = play(&scene, &[Event::Answered]);
    assert!(matches!(
        steps[0].actions.as_slice(),
        [
            Action::Say { interruption: Interruption::After { ms: 1200 }, .. },
            Action::Listen(Listen { pause_ms: 300, keys: KeyEntry::Unused, .. })
        ]
    ));
}

#[test]
fn without_a_recogniser_the_talk_goes_on_by_keys_or_ends() {
    let scene = scene(
        "\
on_deaf: { say: 听不清。, next: 按键, reason: 听不见 }
nodes:
  - { name: 问, say: 满意吗？, branches: [{ intent: 肯定, next: 完 }, { intent: 否定, next: 问 }] }
  - { name: 按键, say: 满意请按一。, branches: [{ key: '1', next: 再问 }] }
  - { name: 再问, say: 真的吗？, branches: [{ intent: 肯定, next: 完 }] }
  - { name: 完, say: 谢谢。, end: { reason: 完 } }
",
    );
    passes(
        &scene,
        "\
- name: 按键继续
  turns:
    - { deaf: true, node: 按键, says: 听不清 }
    - { key: '1', says: 打扰 }
  expect: { reason: 正常结束 }
- name: 有按键的地方继续
  turns:
    - { deaf: true, node: 按键 }
    - { deaf: true, node: 按键 }
    - { silence: true, node: 按键 }
",
    );
    let plain = self::scene(
        "nodes: [{ name: 问, say: 满意吗？, branches: [{ intent: 肯定, next: 完 }] }, { name: 完, say: 谢。, end: { reason: 完 } }]\n",
    );
    passes(&plain, "- { name: 完, turns: [{ deaf: true, says: 听不清您的声音 }], expect: { reason: 无法识别 } }\n");
}
