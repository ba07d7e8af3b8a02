//! Everything that is wrong with a scene is reported with its line and column.

use hutong_domain::scene::{Scene, json_schema, script};

/// A small scene without a flaw; each test spoils one place of it.
const SCENE: &str = "\
hutong: 1
name: 回访
robot: { name: 回访员 }
variables:
  - { name: 订单号 }
intents:
  - { name: 满意, keywords: [满意, 挺好] }
nodes:
  - name: 开场
    say: 您好，您的订单{订单号}还满意吗？
    branches:
      - { intent: 满意, next: 致谢 }
      - { intent: 否定, next: 道歉 }
  - name: 道歉
    say: [非常抱歉。, 不好意思。]
    next: 致谢
  - name: 致谢
    say: 谢谢，再见。
    end: { reason: 完成 }
knowledge:
  - name: 问退货
    keywords: [退货]
    answer: 七天内可以退货。
    reveals: { 关注: 售后 }
results:
  - name: 客户意向等级
    values: [A级(较强), D级(需筛选)]
    default: D级(需筛选)
    rules:
      - when: ('致谢' in visited)
        value: A级(较强)
        because: 完成回访。
  - name: 关注
    values: [售后]
    multiple: true
";

/// Whether a text is Chinese outside of the names that it quotes.
fn is_chinese(text: &str) -> bool {
    let own = text.split(['“', '”']).step_by(2);
    own.flat_map(str::chars).any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)) && !text.contains('`')
}

/// Spoils the scene and compares everything that is reported, which has Chinese words as well.
#[track_caller]
fn check(good: &str, bad: &str, expected: &[&str]) {
    assert!(SCENE.contains(good), "{good}");
    let problems = match Scene::parse(&SCENE.replacen(good, bad, 1)) {
        Ok(scene) => scene.warnings().to_vec(),
        Err(problems) => problems,
    };
    let got: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(got, expected);
    for problem in problems {
        assert!(is_chinese(&problem.message.zh), "{problem:?}");
    }
}

#[test]
fn the_scene_itself_has_no_problems() {
    check("回访", "回访", &[]);
}

#[test]
fn a_branch_to_a_missing_node_names_the_nearest() {
    check("next: 道歉", "next: 道谦", &["13:29: error: unknown node `道谦`; did you mean `道歉`?"]);
}

#[test]
fn an_unknown_intent_names_the_nearest() {
    check("intent: 否定", "intent: 否认", &["13:19: error: unknown intent `否认`; did you mean `否定`?"]);
}

#[test]
fn an_unknown_variable_is_reported_at_its_brace() {
    check(
        "{订单号}",
        "{订单}",
        &[
            "5:13: warning: no prompt and no condition uses the variable `订单号`",
            "10:17: error: unknown variable `订单`; did you mean `订单号`?",
        ],
    );
    check(
        "say: 谢谢，再见。",
        "say: \"谢谢{姓名，再见。\"",
        &["18:13: error: `{` is never closed; write `{{` for a brace"],
    );
}

#[test]
fn problems_are_told_in_chinese_as_well() {
    let check = |good: &str, bad: &str, expected: &[&str]| {
        let problems = Scene::parse(&SCENE.replacen(good, bad, 1)).unwrap_err();
        let got: Vec<&str> = problems.iter().map(|problem| problem.message.zh.as_str()).collect();
        assert_eq!(got, expected);
    };
    check("next: 道歉", "next: 道谦", &["没有节点“道谦”；是不是“道歉”？"]);
    check("- name: 道歉", "- name: 开场", &["没有节点“道歉”", "节点“开场”已存在（第 9 行），请换个名称"]);
    check("value: A级(较强)", "value: A", &["没有“客户意向等级”的值“A”"]);
    check("('致谢' in visited)", "('致谢' in visited) && round > 3", &["条件里没有 round 这个名称；是不是 rounds？"]);
    check("name: 回访\n", "", &["缺少字段 name"]);
    check("hutong: 1", "hutong: 一", &["这里应为整数"]);
    check(SCENE, "", &["话术是空的，或没有写完"]);
    check("say: 谢谢，再见。", "say: \"谢谢{姓名，再见。\"", &["{ 没有对应的 }；要说花括号请写 {{"]);
    check(
        "name: 回访",
        "nme: 回访",
        &[
            "没有字段 nme；可用的有 hutong、name、robot、language、voices、constants、variables、start、defaults、closing、voicemail、on_deaf、do_not_call、intents、anywhere、nodes、flows、knowledge、results",
        ],
    );
}

#[test]
fn an_unreachable_node_is_a_warning() {
    check("next: 道歉", "next: 致谢", &["14:11: warning: nothing leads to the node `道歉`"]);
}

#[test]
fn a_node_that_leads_nowhere_is_a_dead_end() {
    check(
        "    next: 致谢\n",
        "",
        &[
            "14:11: error: the node `道歉` is a dead end: give it branches, `otherwise`, `next`, `end`, `transfer`, `call` or `return`",
        ],
    );
    check(
        "    next: 致谢\n",
        "    next: 致谢\n    end: { reason: 完成 }\n",
        &[
            "14:11: error: the node `道歉` can do only one of these: listen (`branches`, `otherwise`), go on (`next`), end (`end`), `transfer`, `call`, `return`",
        ],
    );
}

#[test]
fn prompts_that_lead_round_to_themselves_are_an_error() {
    check(
        "    next: 致谢\n",
        "    next: 道歉\n",
        &["14:11: error: from `道歉` the prompts lead round to itself without ever listening"],
    );
}

#[test]
fn a_loop_without_an_exit_is_a_warning() {
    check(
        "    say: 谢谢，再见。\n    end: { reason: 完成 }\n",
        "    say: 谢谢，再见。\n    otherwise: 开场\n",
        &[
            "9:11: warning: no answer leads from here to an end; the call ends only by silence or after 30 rounds: `开场`, `道歉`, `致谢`",
        ],
    );
}

#[test]
fn names_are_given_once() {
    check(
        "  - name: 道歉\n",
        "  - name: 开场\n",
        &["13:29: error: unknown node `道歉`", "14:11: error: the node `开场` exists already, in line 9"],
    );
}

#[test]
fn every_scene_concludes_the_intent_level() {
    check("name: 客户意向等级", "name: 客户意向", &["26:3: error: every scene must conclude a result `客户意向等级`"]);
    check("    default: D级(需筛选)\n", "", &["26:11: error: `客户意向等级` needs a `default`: every call has one"]);
    check(
        "values: [A级(较强), D级(需筛选)]\n    default: D级(需筛选)",
        "values: [A级(较强)]\n    default: A级(较强)",
        &[
            "26:11: error: `unanswered` must say the level of a call that nobody answered: `D级(需筛选)` is not among the values",
        ],
    );
}

#[test]
fn values_are_listed_before_they_are_concluded() {
    check(
        "value: A级(较强)",
        "value: A级(很强)",
        &["31:16: error: unknown value of `客户意向等级` `A级(很强)`; did you mean `A级(较强)`?"],
    );
    check("关注: 售后", "关注点: 售后", &["24:21: error: unknown result `关注点`; did you mean `关注`?"]);
}

#[test]
fn a_bad_condition_is_reported_where_it_is_bad() {
    check(
        "('致谢' in visited)",
        "('致谢' in visited) && round > 3",
        &["30:36: error: unknown name `round` in a condition; did you mean `rounds`?"],
    );
    check("('致谢' in visited)", "('致榭' in visited)", &["30:16: error: unknown node `致榭`; did you mean `致谢`?"]);
    check(
        "('致谢' in visited)",
        "\"'致谢' in visited &&\"",
        &["30:34: error: the condition is not valid CEL: Syntax error: mismatched input '<EOF>'"],
    );
}

#[test]
fn what_is_not_yaml_or_not_a_scene_is_reported_with_its_place() {
    check(
        "robot: { name: 回访员 }",
        "robot: { name: 回访员",
        &["4:10: error: while parsing a flow mapping, did not find expected ',' or '}'"],
    );
    check(
        "    say: 谢谢，再见。",
        "    sya: 谢谢，再见。",
        &[
            "18:5: error: unknown field `sya`, expected one of name, say, again, interruptible, silence_ms, pause_ms, expects, branches, otherwise, on_silence, on_unknown, next, end, transfer, call, then, return",
        ],
    );
    check(
        "hutong: 1",
        "hutong: 2",
        &["1:9: error: version 2 of the scene language is not known here; this is version 1"],
    );
    check("name: 回访\n", "", &["24:1: error: missing field `name`"]);
    check("say: 谢谢，再见。", "say: []", &["18:10: error: at least one wording is needed"]);
}

#[test]
fn anything_at_all_is_refused_rather_than_crashed_on() {
    for text in ["", "\0", "- 1", "hutong", "{", "&a [*a]", "hutong: 1\nnodes: []\nresults: []"] {
        assert!(!Scene::parse(text).unwrap_err().is_empty(), "{text}");
    }
}

#[test]
fn a_script_is_checked_like_a_scene() {
    let scene = Scene::parse(SCENE).unwrap();
    let check = |yaml: &str, expected: &[&str]| {
        let problems = script::run(&scene, yaml).unwrap_err();
        let got: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(got, expected);
    };
    check(
        "- name: 满意\n  turns:\n    - { customer: 满意, node: 致射 }",
        &["3:29: error: unknown node `致射`; did you mean `致谢`?"],
    );
    check(
        "- name: 满意\n  turns:\n    - { node: 致谢 }\n    - { customer: 好, silence: true, says: 谢 }",
        &[
            "3:15: error: a turn is exactly one of `customer: …`, `key: …`, `silence: true`, `hangs_up: true`, `transfer: taken` or `failed`, `deaf: true`, `machine: true`",
            "4:19: error: a turn is exactly one of `customer: …`, `key: …`, `silence: true`, `hangs_up: true`, `transfer: taken` or `failed`, `deaf: true`, `machine: true`",
        ],
    );
    check(
        "- name: 满意\n  expect: { results: { 关注点: 售后 } }\n- name: 满意",
        &[
            "2:29: error: unknown result `关注点`; did you mean `关注`?",
            "3:9: error: the dialogue `满意` exists already, in line 1",
        ],
    );
}

#[test]
fn a_failed_dialogue_says_which_turn_expected_what_and_got_what() {
    let scene = Scene::parse(SCENE).unwrap();
    let yaml = "\
- name: 满意
  variables: { 订单号: 三号 }
  opening: { says: 三号 }
  turns:
    - { customer: 能退货吗, intent: 问退货, node: 开场 }
    - { customer: 挺好的, intent: 否定, node: 道歉, says: 抱歉 }
    - { customer: 喂 }
  expect: { reason: 没完成, results: { 关注: [], 客户意向等级: A级(较强) } }
";
    let reports = script::run(&scene, yaml).unwrap();
    let failures: Vec<String> = reports[0].failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        failures,
        [
            "6:42: turn 2: expected node 道歉, got 致谢",
            "6:52: turn 2: expected words with “抱歉”, got “谢谢，再见。”",
            "6:32: turn 2: expected intent 否定, got 满意",
            "7:19: turn 3: expected a conversation that goes on, got it was over already",
            "8:21: expected hang-up reason 没完成, got 完成",
            "8:41: expected 关注 none, got 售后",
        ]
    );
    assert!(!reports[0].passed());
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (file, schema) in [("scene.schema.json", json_schema()), ("script.schema.json", script::json_schema())] {
        let path = format!("{}/../../docs/{file}", env!("CARGO_MANIFEST_DIR"));
        let mut expected = serde_json::to_string_pretty(&schema).unwrap();
        expected.push('\n');
        if std::env::var_os("HUTONG_BLESS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap();
        // As values: the order of keys depends on what else is compiled with the tests.
        let [published, expected] =
            [published, expected].map(|it| serde_json::from_str::<serde_json::Value>(&it).unwrap());
        assert!(published == expected, "docs/{file} is not up to date: run this test with HUTONG_BLESS=1");
    }
}
