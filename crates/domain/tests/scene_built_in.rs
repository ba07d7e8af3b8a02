//! The scenes that come with hutong are without a flaw, and their own dialogue tests pass.

use std::collections::BTreeMap;

use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::dialogue::{self, Action, Event, Opening, State};
use hutong_domain::grading::{Facts, grade};
use hutong_domain::scene::{BUILT_IN, Language, Problem, Scene, script};

/// How many dialogues make a scene one that can be trusted.
const DIALOGUES_MIN: usize = 30;

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
        assert!(reports.len() >= DIALOGUES_MIN, "{}", built_in.file);
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
fn the_dialogue_tests_come_to_every_node_and_question_and_conclude_every_value() {
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).unwrap();
        let reports = script::run(&scene, built_in.tests).unwrap();
        assert_eq!(script::untested(&scene, &reports), [] as [String; 0], "{}", built_in.file);
    }
}

#[test]
fn what_no_dialogue_comes_to_is_known() {
    let scene = Scene::parse(BUILT_IN[0].yaml).unwrap();
    let script = "- { name: 挂断, turns: [{ customer: 多少钱一平 }, { hangs_up: true }] }";
    let untested = script::untested(&scene, &script::run(&scene, script).unwrap());
    for expected in ["node `挽留`", "question `询问户型`", "value `环境` of `客户关注点`", "any value of `预约时间`"]
    {
        assert!(untested.iter().any(|known| known == expected), "{expected}: {untested:?}");
    }
    for tested in ["node `开场`", "question `询问价格`", "value `询问价格` of `客户关注点`"] {
        assert!(!untested.iter().any(|known| known == tested), "{tested}: {untested:?}");
    }
}

#[test]
fn wordings_are_short_enough_to_be_listened_to() {
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).unwrap();
        // A character takes as long as some two letters.
        let chars_max = if scene.language() == Language::Zh { 66 } else { 120 };
        for text in scene.fixed_texts() {
            assert!(text.text.chars().count() <= chars_max, "{}:{}: {}", built_in.file, text.line, text.text);
        }
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

/// What tells a stranger that somebody owes money.
const TELLING: &[&str] = &[
    "账单",
    "欠",
    "还款",
    "还清",
    "还上",
    "逾期",
    "征信",
    "分期",
    "减免",
    "利息",
    "费用",
    "合同",
    "扣款",
    "法律",
    "一千二百八十",
    "五月十号",
];

/// What strangers may ask, who know or guess.
const PRYING: &[&str] = &[
    "你找他什么事",
    "什么事不能跟我说吗",
    "他欠多少钱",
    "他是不是欠你们钱了",
    "他欠钱关我什么事",
    "欠了多少",
    "怎么还款",
    "怎么还",
    "在哪里还",
    "他不会不还的",
    "不还会怎么样",
    "不还钱你们会起诉吗",
    "会影响征信吗",
    "会不会上征信",
    "不会上征信吧",
    "没还会有什么后果",
    "能分期吗",
    "可以不可以延期几天",
    "利息怎么算",
    "利息能不能免掉",
    "能不能减免",
    "什么账单",
    "是不是催债的",
    "你们会不会上门",
    "不要打给通讯录",
    "你们会打给我家人吗",
    "他已经还过了",
    "他没借过钱",
    "我帮他还行不行",
    "我微信转给你行不行",
    "还了多久到账",
    "卡里有钱怎么没扣款",
    "没扣到款吗",
    "应用登录不上去",
    "密码忘记了",
    "怎么这么多",
    "明细发我看看",
    "再说一遍",
    "听不清",
    "你是哪里的",
    "你怎么有我电话",
    "你是骗子吧",
    "你们客服电话多少",
    "投诉电话多少",
    "你是不是机器人",
    "在录音吗",
    "要身份证干什么",
    "唱个歌给你听",
];

/// Ways to every place where nobody is known to be the debtor yet.
fn before_verification() -> Vec<(&'static str, Vec<Event>)> {
    let keys = |keys: &str| keys.chars().map(|digit| Event::Key { digit }).collect::<Vec<_>>();
    vec![
        ("核实身份", vec![]),
        ("再次核实", vec![Event::heard("喂，你好")]),
        ("说明核实", vec![Event::heard("是不是催款的")]),
        ("按键核实", vec![Event::heard("叽里咕噜"), Event::heard("哇啦哇啦")]),
        ("核实证件", vec![Event::heard("是我")]),
        ("等证件", vec![Event::heard("是我"), Event::heard("等一下")]),
        ("证件不符", [vec![Event::heard("是我")], keys("1111")].concat()),
        ("请求转告", vec![Event::heard("他不在")]),
        ("不便告知", vec![Event::heard("他不在"), Event::heard("他是不是欠钱了")]),
    ]
}

#[test]
fn nobody_hears_of_the_debt_before_it_is_known_who_they_are() {
    let debt = BUILT_IN.iter().find(|built_in| built_in.file == "debt-collection.yaml").unwrap();
    let scene = Scene::parse(debt.yaml).unwrap();
    let variables = [("客户名称", "李先生"), ("欠款金额", "1280"), ("还款日期", "五月十号"), ("证件后四位", "3578")];
    let variables: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let mut told = Vec::new();
    for (node, way) in before_verification() {
        let mut state = dialogue::begin(
            &scene,
            &variables,
            Opening { seed: 7, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) },
        );
        let mut hear = |state: &mut State, event: &Event| {
            for action in dialogue::step(&scene, state, event).actions {
                if let Action::Say { text, .. } = action
                    && TELLING.iter().any(|word| text.contains(word))
                {
                    told.push(format!("{node}: {event:?}: {text}"));
                }
            }
        };
        hear(&mut state, &Event::Answered);
        way.iter().for_each(|event| hear(&mut state, event));
        assert_eq!(state.node(), node);
        let offered = dialogue::candidates(&scene, &state);
        let agreeing = ["肯定", "是本人"];
        let examples = offered.iter().filter(|offer| !agreeing.contains(&offer.name.as_str()));
        let examples = examples.flat_map(|offer| &offer.examples).map(String::as_str);
        for said in PRYING.iter().copied().chain(examples) {
            let mut state = state.clone();
            hear(&mut state, &Event::heard(said));
            // Whatever happens then: nothing, or nothing that makes sense.
            for event in [Event::Silence, Event::heard("咕噜咕噜"), Event::Deaf, Event::Silence, Event::Silence] {
                hear(&mut state, &event);
            }
        }
    }
    assert!(told.is_empty(), "{}", lines(&told));
}

/// Nothing of this says that the one who speaks is the debtor.
const NOT_THE_DEBTOR: &[&str] = &[
    "嗯",
    "好的",
    "你说",
    "听着呢",
    "可以",
    "请讲",
    "方便",
    "是吗",
    "对吗",
    "是我吗",
    "本人吗",
    "是谁",
    "是他吗",
    "是哪里",
    "对面是谁",
    "他是",
    "他是我老公",
    "李先生是我爸",
    "我不是",
    "我是他邻居",
    "我是他公司的",
    "我也姓李",
    "不是我，是他弟弟",
    "是李先生的电话",
    "是啊，他手机在我这",
    "对，他不在",
    "是，不过他不在",
    "是，我是他老婆",
    "没错是他电话，他出去了",
    "本人不在",
    "是本人的家属",
    "我是李先生的秘书",
    "本人去世了",
    "谁是李先生",
    "不是本人",
];

#[test]
fn only_who_says_so_is_taken_for_the_debtor() {
    let debt = BUILT_IN.iter().find(|built_in| built_in.file == "debt-collection.yaml").unwrap();
    let scene = Scene::parse(debt.yaml).unwrap();
    let variables = [("客户名称", "李先生"), ("欠款金额", "1280"), ("还款日期", "五月十号")];
    let variables: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let now = jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0);
    let node_after = |way: &[Event], said: &str| {
        let mut state = dialogue::begin(&scene, &variables, Opening { seed: 7, now });
        dialogue::step(&scene, &mut state, &Event::Answered);
        for event in way {
            dialogue::step(&scene, &mut state, event);
        }
        dialogue::step(&scene, &mut state, &Event::heard(said));
        state.node().to_owned()
    };
    // A card's digits are not asked for where the import has none.
    let places = before_verification().into_iter().filter(|(node, _)| !node.contains("证件"));
    let mut taken = Vec::new();
    for (node, way) in places {
        for said in NOT_THE_DEBTOR {
            if node_after(&way, said) == "告知欠款" {
                taken.push(format!("{node}: {said}"));
            }
        }
        for said in ["是我", "我就是", "是本人", "喂，我就是"] {
            assert_eq!(node_after(&way, said), "告知欠款", "{node}: {said}");
        }
    }
    assert!(taken.is_empty(), "{}", lines(&taken));
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
