//! What the check of a scene finds, with line and column.

use hutong_domain::scene::Scene;

const HEAD: &str = "hutong: 1\nname: 试\nrobot: { name: 机 }\n";
const RESULTS: &str = "results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]\n";

/// Whether a text is Chinese outside of the names that it quotes.
fn is_chinese(text: &str) -> bool {
    let own = text.split(['“', '”']).step_by(2);
    own.flat_map(str::chars).any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)) && !text.contains('`')
}

/// Everything that is reported of a scene with these lines, which begin at line 4, and that it has Chinese words as well.
#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let yaml = format!("{HEAD}{lines}{}", if lines.contains("results:") { "" } else { RESULTS });
    let problems = match Scene::parse(&yaml) {
        Ok(scene) => scene.warnings().to_vec(),
        Err(problems) => problems,
    };
    let got: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(got, expected, "{yaml}");
    for problem in problems {
        assert!(is_chinese(&problem.message.zh), "{problem:?}");
    }
}

const END: &str = "  - { name: 完, say: 再见。, end: { reason: 完 } }\n";

#[test]
fn flows_that_enter_themselves_are_an_error() {
    check(
        &format!(
            "\
flows:
  - name: 甲
    nodes: [{{ name: 一, call: 乙, then: 二 }}, {{ name: 二, return: 好 }}]
  - name: 乙
    nodes: [{{ name: 一, call: 甲, then: 二 }}, {{ name: 二, return: 好 }}]
nodes:
  - {{ name: 始, call: 甲, then: 完 }}
{END}"
        ),
        &[
            "5:11: error: this flow enters itself: the robot would never come back from it",
            "7:11: error: this flow enters itself: the robot would never come back from it",
        ],
    );
}

#[test]
fn flows_that_nothing_calls_and_nodes_of_flows_that_nothing_leads_to_are_warnings() {
    check(
        &format!(
            "\
flows:
  - name: 甲
    nodes: [{{ name: 一, say: 好。, return: 好 }}, {{ name: 二, return: 坏 }}]
  - name: 乙
    nodes: [{{ name: 一, return: 好 }}]
nodes:
  - {{ name: 始, call: 甲, then: {{ 好: 完, 坏: 完 }} }}
{END}"
        ),
        &["6:54: warning: nothing leads to the node `甲/二`", "7:11: warning: nothing calls this flow"],
    );
}

#[test]
fn what_a_flow_returns_has_a_way_and_its_nodes_stay_in_it() {
    check(
        &format!(
            "\
flows:
  - name: 甲
    nodes: [{{ name: 一, say: 好吗？, branches: [{{ intent: 肯定, next: 二 }}], otherwise: 完 }}, {{ name: 二, return: 好 }}]
nodes:
  - {{ name: 始, call: 甲, then: {{ 坏: 完 }} }}
  - {{ name: 中, return: 好 }}
{END}"
        ),
        &[
            "6:82: error: `完` is outside of this flow; leave the flow by `return`",
            "8:31: error: the flow `甲` also returns `好`",
            "8:36: error: unknown return of the flow `甲` `坏`",
            "9:24: error: only a node of a flow can `return`",
        ],
    );
}

#[test]
fn prompts_that_lead_round_through_flows_and_failed_transfers_are_an_error() {
    check(
        &format!(
            "\
flows: [{{ name: 甲, nodes: [{{ name: 一, say: 好。, return: 好 }}] }}]
nodes:
  - {{ name: 始, say: 您好。, call: 甲, then: 转 }}
  - {{ name: 转, transfer: {{ to: '4001', failed: [{{ when: rounds > 3, to: 完 }}, 始] }} }}
{END}"
        ),
        &["6:13: error: from `始` the prompts lead round to itself without ever listening"],
    );
}

#[test]
fn loops_that_nothing_leads_out_of_are_worse_than_those_that_no_answer_does() {
    let looping = |fallback: &str| {
        format!(
            "\
nodes:
  - {{ name: 始, say: 好吗？, otherwise: 又{fallback} }}
  - {{ name: 又, say: 真的？, branches: [{{ intent: 肯定, next: 始 }}]{fallback} }}
"
        )
    };
    check(
        &looping(""),
        &[
            "5:13: warning: no answer leads from here to an end; the call ends only by silence or after 30 rounds: `始`, `又`",
        ],
    );
    check(
        &looping(", on_silence: { next: 始 }, on_unknown: { next: 始 }"),
        &["5:13: warning: nothing leads from here to an end; the call ends only after 30 rounds: `始`, `又`"],
    );
}

#[test]
fn fewer_rounds_than_the_shortest_way_to_an_end_are_a_warning() {
    check(
        &format!(
            "\
defaults: {{ rounds_max: 1 }}
nodes:
  - {{ name: 始, say: 一？, otherwise: 二 }}
  - {{ name: 二, say: 二？, otherwise: 完 }}
{END}"
        ),
        &["4:25: warning: the shortest way to an end takes 2 turns of the customer, and the call ends after 1"],
    );
}

#[test]
fn what_is_given_and_never_used_is_a_warning() {
    check(
        &format!(
            "\
constants: {{ 公司: 示例 }}
variables: [{{ name: 金额, type: money }}]
nodes:
  - {{ name: 始, say: 一？, branches: [{{ value: time, keep: 时间, next: 完 }}] }}
{END}"
        ),
        &[
            "4:18: warning: no prompt uses the constant `公司`",
            "5:21: warning: no prompt and no condition uses the variable `金额`",
            "7:57: warning: `时间` is kept, and nothing uses it",
        ],
    );
}

#[test]
fn a_value_that_is_used_before_it_can_be_kept_is_a_warning() {
    check(
        &format!(
            "\
nodes:
  - {{ name: 始, say: '{{时间}}方便吗？', branches: [{{ intent: 肯定, next: 问 }}] }}
  - {{ name: 问, say: 几点？, branches: [{{ value: time, keep: 时间, next: 好 }}] }}
  - {{ name: 好, say: '好，{{时间}}。', next: 完 }}
{END}"
        ),
        &["5:13: warning: `时间` is used at `始` before anything can have kept it"],
    );
}

#[test]
fn values_and_defaults_that_do_not_fit_are_errors() {
    check(
        &format!(
            "\
constants: {{ 金额: 五百 }}
variables:
  - {{ name: 金额, type: money, default: 好多 }}
  - {{ name: 日期, type: date, example: 2026-13-40 }}
voices: [{{ name: 甲, speed: 3 }}, {{ name: 甲, speaker: a, recordings: b }}]
nodes:
  - {{ name: 始, say: '{{金额}}{{日期}}', next: 完 }}
{END}"
        ),
        &[
            "4:18: error: `金额` is a variable already",
            "6:39: error: the default does not fit: `好多` is not an amount of money: write digits, as in 12000.50",
            "7:38: error: the example does not fit: `2026-13-40` is not a date: the calendar has no such day",
            "8:28: error: only a `speaker` has a speed",
            "8:28: error: a speed lies between 0.5 and 2",
            "8:41: error: the voice `甲` is listed already",
            "8:68: error: the voice `甲` is either a `speaker` or a folder of `recordings`",
        ],
    );
}

#[test]
fn meanings_that_hide_each_other_are_a_warning_with_both_names() {
    check(
        &format!(
            "\
intents:
  - {{ name: 想买, keywords: [买房, 想买] }}
  - {{ name: 要买, keywords: [买房] }}
nodes:
  - {{ name: 始, say: 买吗？, branches: [{{ intent: 想买, next: 完 }}, {{ intent: 要买, next: 完 }}] }}
{END}knowledge:
  - {{ name: 价格, keywords: [多少钱, 价格], answer: 不贵。 }}
  - {{ name: 售价, keywords: [价格], answer: 便宜。 }}
"
        ),
        &[
            "6:13: warning: at `始` nothing is understood as `要买`: whatever says it says `想买` (line 5) as well",
            "12:13: warning: nothing is understood as `售价`: whatever asks it says `价格` (line 11) as well",
        ],
    );
}

#[test]
fn results_that_nothing_gives_and_rules_that_are_never_reached_are_warnings() {
    check(
        &format!(
            "\
nodes:
  - {{ name: 始, say: 好吗？, otherwise: 完 }}
{END}results:
  - name: 客户意向等级
    values: [A级(较强), B级(一般), C级(很少), D级(需筛选)]
    default: D级(需筛选)
    rules:
      - {{ when: rounds > 2, value: A级(较强), because: 多。 }}
      - {{ when: rounds > 2, value: C级(很少), because: 多。 }}
      - {{ when: 1 < 2, value: C级(很少), because: 总是。 }}
      - {{ when: rounds > 3, value: C级(很少), because: 多。 }}
"
        ),
        &[
            "9:22: warning: nothing gives the value `B级(一般)` of `客户意向等级`",
            "13:17: warning: this rule is never reached: the one in line 12 has the same condition",
            "15:17: warning: this rule is never reached: the one in line 14 always holds",
        ],
    );
}

#[test]
fn branches_and_conditions_that_make_no_sense_are_errors_at_their_places() {
    check(
        &format!(
            "\
nodes:
  - name: 始
    say: 好吗？
    branches:
      - {{ key: '1', next: 完 }}
      - {{ key: '1', next: 完 }}
      - {{ keys: {{ digits: 40 }}, next: 完 }}
      - {{ value: time, next: 完 }}
      - {{ intent: 肯定, key: '2', next: 完 }}
      - {{ intent: 否定, next: [{{ when: talk_seconds > 3, to: 完 }}, 完] }}
      - {{ intent: 忙碌, next: [{{ when: \"'时间' in values\", to: 完 }}] }}
  - {{ name: 转, transfer: {{ to: '4001', ring_s: 1, failed: 完 }} }}
  - {{ name: 空, end: {{ reason: 完 }} }}
{END}"
        ),
        &[
            "9:16: error: `1` leads on from here already",
            "10:17: error: an answer has between 1 and 20 digits",
            "10:17: error: the key `1` cannot be an answer by itself where several keys are one",
            "11:18: error: say under which name the value is kept: `keep: NAME`",
            "12:19: error: a branch has an `intent`, a `value`, both of them, a `key`, or `keys`",
            "13:38: error: `talk_seconds` is known only when the call is over",
            "14:38: error: a list of conditions ends with a node, for when none of them holds",
            "15:48: error: it rings between 3 and 120 seconds",
            "16:13: error: the node `空` listens or ends the call, so it must `say` something first",
        ],
    );
}

#[test]
fn a_rule_gives_a_value_or_what_was_kept() {
    check(
        &format!(
            "\
nodes:
  - {{ name: 始, say: 几点？, branches: [{{ value: time, keep: 时间, next: 完 }}] }}
{END}results:
  - name: 客户意向等级
    values: [D级(需筛选)]
    default: D级(需筛选)
    rules: [{{ value_of: 时间, because: 约了。 }}]
  - name: 时间
    values: any
    rules:
      - {{ value_of: 时问, because: 约了。 }}
      - {{ value: 随便, because: 总是。 }}
      - {{ because: 没有。 }}
"
        ),
        &[
            "11:25: error: what customers say is not in a list: `客户意向等级` needs `values: any`",
            "15:21: error: unknown kept value `时问`; did you mean `时间`?",
            "16:18: error: a rule needs a `when`; what always holds is the `default`",
            "17:20: error: a rule gives either a `value` or a `value_of`",
        ],
    );
}
