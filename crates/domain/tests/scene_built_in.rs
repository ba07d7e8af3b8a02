//! The scenes that come with hutong are without a flaw, and their own dialogue tests pass.

use std::collections::BTreeMap;

use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::dialogue::{self, Action, Event, Opening};
use hutong_domain::grading::{Facts, grade};
use hutong_domain::scene::{BUILT_IN, Problem, Scene, script};

fn lines<T: ToString>(things: &[T]) -> String {
    let lines: Vec<String> = things.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn every_built_in_scene_parses_without_a_warning() {
    for built_in in BUILT_IN {
        let scene =
            Scene::parse(built_in.yaml).unwrap_or_else(|problems| panic!("{}:\n{}", built_in.file, lines(&problems)));
        assert_eq!(scene.warnings(), [] as [Problem; 0], "{}", built_in.file);
    }
}

#[test]
fn every_dialogue_test_of_the_built_in_scenes_passes() {
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).unwrap();
        let reports = script::run(&scene, built_in.tests)
            .unwrap_or_else(|problems| panic!("{}:\n{}", built_in.file, lines(&problems)));
        assert!(reports.len() >= 8, "{}", built_in.file);
        let failed: Vec<String> = reports
            .iter()
            .filter(|report| !report.passed())
            .map(|report| {
                let (failures, transcript) = (lines(&report.failures), report.transcript.join("\n"));
                format!("{}\n{failures}\n{transcript}\n", report.name)
            })
            .collect();
        assert!(failed.is_empty(), "{}:\n{}", built_in.file, failed.join("\n"));
    }
}

#[test]
fn the_built_in_scenes_are_what_the_contract_shows() {
    let scene = |name: &str| {
        let scenes = BUILT_IN.iter().map(|built_in| Scene::parse(built_in.yaml).unwrap());
        scenes.into_iter().find(|scene| scene.name() == name).unwrap()
    };
    let real_estate = scene("房产电销");
    assert_eq!(real_estate.robot_name(), "产品电销");
    assert_eq!(real_estate.voices()[0].name, "房产电销优化版(张飞)");
    assert_eq!(real_estate.variables().count(), 0);
    let concerns = &real_estate.results()[1];
    assert_eq!(concerns.name, "客户关注点");
    assert_eq!(concerns.values, ["位置", "其他楼盘", "商业配套", "户型", "环境", "能否贷款", "询问价格"]);
    let debt = scene("金融催缴");
    assert_eq!(debt.variables().collect::<Vec<_>>(), ["欠款金额", "还款日期"]);
    assert_eq!(debt.results()[0].values, ["成功", "不成功"]);
}

#[test]
fn a_stranger_never_hears_of_the_debt() {
    let debt = BUILT_IN.iter().find(|built_in| built_in.file == "debt-collection.yaml").unwrap();
    let scene = Scene::parse(debt.yaml).unwrap();
    let variables = BTreeMap::from([
        ("客户名称".to_owned(), "李先生".to_owned()),
        ("欠款金额".to_owned(), "一千二百八十元".to_owned()),
        ("还款日期".to_owned(), "五月十号".to_owned()),
    ]);
    let questions = ["你找他什么事", "他欠多少钱", "怎么还款", "会影响征信吗", "能分期吗", "什么账单", "再说一遍"];
    for question in questions {
        let mut state = dialogue::begin(
            &scene,
            &variables,
            Opening { seed: 7, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) },
        );
        dialogue::step(&scene, &mut state, &Event::Answered);
        let heard = Event::heard(question);
        for action in dialogue::step(&scene, &mut state, &heard).actions {
            if let Action::Say { text, .. } = action {
                assert!(!text.contains("一千二百八十") && !text.contains("五月十号"), "{question}: {text}");
            }
        }
    }
}

#[test]
fn an_unanswered_call_gets_the_unanswered_level_and_nothing_else() {
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).unwrap();
        for &finish_status in FinishStatus::ALL {
            if finish_status == FinishStatus::Answered {
                continue;
            }
            let results =
                grade(&scene, &Facts { finish_status, talk_ms: 0, chat_rounds: 0, state: None, transcript: &[] });
            assert_eq!(results.len(), 1);
            assert_eq!(results[0].name, INTENT_LEVEL);
            assert_eq!(results[0].value, "D级(需筛选)");
        }
    }
}

#[test]
fn the_examples_of_the_reference_work() {
    let reference = include_str!("../../../docs/scene.md");
    let mut examples = reference.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let scene = Scene::parse(examples.next().unwrap()).unwrap();
    assert_eq!(scene.warnings(), [] as [Problem; 0]);
    let reports = script::run(&scene, examples.next().unwrap()).unwrap();
    assert_eq!(reports[0].failures, []);
    assert_eq!(examples.next(), None);
}
