//! What is concluded about a call, with its reasons and its evidence.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;

use hutong_domain::call::{CallResult, Evidence, FinishStatus, Speaker, Utterance};
use hutong_domain::dialogue::{Action, Event, Opening, State, begin, step};
use hutong_domain::grading::{BY_KNOWLEDGE, BY_RULE, BY_USER_LEVEL, Facts, grade};
use hutong_domain::moment::Moment;
use hutong_domain::scene::{BUILT_IN, Scene};

/// Talks to a scene as a dialer does, and keeps the transcript.
fn talk(scene: &Scene, words: &[&str]) -> (State, Vec<Utterance>) {
    let mut state =
        begin(scene, &BTreeMap::new(), Opening { seed: 3, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) });
    let mut transcript = Vec::new();
    let events = words.iter().map(|text| Event::heard(*text));
    for event in std::iter::once(Event::Answered).chain(events) {
        let step = step(scene, &mut state, &event);
        if let Event::Heard { text, .. } = event {
            transcript.push(utterance(Speaker::Customer, text, &step.node));
            transcript.last_mut().unwrap().understanding = step.understanding;
        }
        for action in step.actions {
            if let Action::Say { text, node, .. } = action {
                transcript.push(utterance(Speaker::Robot, text, &node));
            }
        }
    }
    (state, transcript)
}

fn utterance(speaker: Speaker, text: String, node: &str) -> Utterance {
    Utterance {
        speaker,
        text,
        start_ms: 0,
        end_ms: 0,
        at: Moment(0),
        understanding: None,
        node: node.to_owned(),
        latency: None,
        recogniser: None,
    }
}

fn evidence(positions: &[usize]) -> Vec<Evidence> {
    positions.iter().map(|&utterance| Evidence { utterance, from_ms: 0, until_ms: 0 }).collect()
}

fn grade_talk(scene: &Scene, words: &[&str]) -> Vec<CallResult> {
    let (state, transcript) = talk(scene, words);
    grade(
        scene,
        &Facts {
            finish_status: FinishStatus::Answered,
            talk_ms: 30_000,
            chat_rounds: 5,
            state: Some(&state),
            transcript: &transcript,
        },
    )
}

fn real_estate() -> Scene {
    Scene::parse(BUILT_IN[0].yaml).unwrap()
}

#[test]
fn a_result_names_its_rule_its_reason_and_its_evidence() {
    // 0 opening, 1 customer, 2 answer, 3 back to the opening, 4 customer, 5 answer, 6 back,
    // 7 customer, 8 farewell.
    let words = ["价格多少", "均价多少钱呢", "那加我微信吧"];
    let results = grade_talk(&real_estate(), &words);
    let expected = [
        CallResult {
            name: "客户意向等级".to_owned(),
            value: "A级(较强)".to_owned(),
            description: Some("该客户在通话过程中主动询问了产品细节，有进一步了解产品的意愿。".to_owned()),
            rule: Some(BY_USER_LEVEL.to_owned()),
            evidence: evidence(&[1, 4, 7, 8]),
        },
        CallResult {
            name: "客户关注点".to_owned(),
            value: "询问价格".to_owned(),
            description: Some("客户问到了“询问价格”。".to_owned()),
            rule: Some(BY_KNOWLEDGE.to_owned()),
            evidence: evidence(&[1, 4]),
        },
    ];
    assert_eq!(results, expected);
}

#[test]
fn concerns_are_concluded_once_each_in_the_order_in_which_they_came_up() {
    let words = ["有学校吗", "能贷款吗", "学区怎么样", "多少钱一平"];
    let results = grade_talk(&real_estate(), &words);
    let concerns: Vec<&str> =
        results.iter().filter(|result| result.name == "客户关注点").map(|result| result.value.as_str()).collect();
    assert_eq!(concerns, ["商业配套", "能否贷款", "询问价格"]);
}

#[test]
fn other_results_come_from_rules_too() {
    let scene = Scene::parse(BUILT_IN[1].yaml).unwrap();
    let results = grade_talk(&scene, &["是我", "明天就还"]);
    assert_eq!(results[0].name, "催缴结果");
    assert_eq!(results[0].value, "成功");
    assert_eq!(results[0].rule.as_deref(), Some(BY_RULE));
    assert_eq!(results[1].value, "A级(较强)");
}

#[test]
fn an_answered_call_without_a_conversation_still_has_a_level() {
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).unwrap();
        let facts = Facts {
            finish_status: FinishStatus::Answered,
            talk_ms: i64::MAX,
            chat_rounds: 0,
            state: None,
            transcript: &[],
        };
        let levels = grade(&scene, &facts);
        assert_eq!(levels.iter().filter(|result| result.name == "客户意向等级").count(), 1);
    }
}

#[test]
fn a_condition_that_cannot_be_evaluated_does_not_hold() {
    let yaml = "\
hutong: 1
name: 除零
robot: { name: 机 }
nodes: [{ name: 开场, say: 再见。, end: { reason: 完 } }]
results:
  - name: 客户意向等级
    values: [A级(较强), C级(很少), D级(需筛选)]
    default: C级(很少)
    rules:
      - { when: size(visited) > 0 && 1 / (rounds - 5) > 0, value: A级(较强), because: 算错了。 }
";
    let results = grade_talk(&Scene::parse(yaml).unwrap(), &[]);
    assert_eq!(results[0].value, "C级(很少)");
    assert_eq!(results[0].description.as_deref(), Some("没有命中任何规则，取默认值。"));
}
