//! What scenes can say, played.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;

use hutong_domain::call::{CallResult, FinishStatus, Understanding};
use hutong_domain::dialogue::{Action, Event, Opening, State, Step, begin, candidates, step, would_understand};
use hutong_domain::grading::{Facts, grade};
use hutong_domain::scene::{Language, Scene, VoiceSource, script};

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

fn said(step: &Step) -> String {
    let texts = step.actions.iter().filter_map(|action| match action {
        Action::Say { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

const FLOWS: &str = "\
variables: [{ name: 尾号, type: digits, example: '3578' }]
anywhere: [{ intent: 打错, next: 抱歉 }]
flows:
  - name: 核实
    nodes:
      - { name: 问, say: 请说后四位。, branches: [{ value: digits, keep: 报的, next: 核对 }], on_unknown: { limit: 0, next: 不符 } }
      - { name: 核对, next: [{ when: \"values['报的'] == variables['尾号']\", to: 通过 }, 不符] }
      - { name: 通过, call: 致谢, then: 回 }
      - { name: 回, return: 通过 }
      - { name: 不符, return: 不符 }
  - name: 致谢
    nodes: [{ name: 谢, say: 谢谢。, return: 好 }]
nodes:
  - { name: 开场, say: 您好。, call: 核实, then: { 通过: 告知, 不符: 抱歉 } }
  - { name: 告知, say: 您有一笔账单。, call: 致谢, then: 完 }
  - { name: 完, say: 再见。, end: { reason: 完, label: 好 } }
  - { name: 抱歉, say: 打扰了。, end: { reason: 不符 } }
results:
  - { name: 客户意向等级, values: [D级(需筛选), A级(较强)], default: D级(需筛选), rules: [
      { when: \"label == '好' && '核实/核对' in visited\", value: A级(较强), because: 核实了。 }] }
";

#[test]
fn a_way_is_chosen_by_what_has_just_been_kept() {
    let scene = scene(
        "\
nodes:
  - name: 问
    say: 您能先还多少？
    branches:
      - value: money
        keep: 金额
        next: [{ when: \"values['金额'] >= 1000\", to: 多 }, { when: \"'金额' in values && rounds > 100\", to: 问 }, 少]
  - { name: 多, say: '好的，{金额}。', end: { reason: 多 } }
  - { name: 少, say: '只有{金额}吗？好的。', end: { reason: 少 } }
",
    );
    passes(
        &scene,
        "\
- name: 多
  turns: [{ customer: 先还两千块, intent: 金额, node: 多, says: 两千元 }]
  expect: { reason: 多, values: { 金额: '2000' } }
- name: 少
  turns: [{ customer: 先还五百块, node: 少, says: 五百元 }]
  expect: { reason: 少, values: { 金额: '500' } }
- name: 没有
  turns: [{ customer: 再说吧, intent: AI_UNKNOWN, node: 问 }]
",
    );
}

#[test]
fn a_value_is_spoken_back_and_becomes_a_result() {
    let scene = scene(
        "\
nodes:
  - name: 约
    say: 您看什么时候方便？
    branches:
      - { value: time, keep: 预约时间, next: 确认 }
      - { intent: 忙碌, next: 算了 }
  - { name: 确认, say: '好的，{预约时间}见。', end: { reason: 约好 } }
  - { name: 算了, say: 那算了。, end: { reason: 没约 } }
results:
  - { name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }
  - { name: 预约时间, values: any, rules: [{ value_of: 预约时间, because: '客户约了{预约时间}。' }] }
",
    );
    assert!(scene.results()[1].open && scene.results()[1].values.is_empty());
    passes(
        &scene,
        "\
- name: 约好
  now: 2026-12-01 09:00
  turns: [{ customer: 那就明天下午三点吧, intent: 预约时间, node: 确认, says: 明天下午三点 }]
  expect: { values: { 预约时间: 2026-12-02 15:00 }, results: { 预约时间: 2026-12-02 15:00 } }
- name: 没空
  turns: [{ customer: 明天没空, intent: 忙碌, node: 算了 }]
  expect: { results: { 预约时间: [] } }
",
    );
    let (state, _) = play(&scene, &[Event::Answered, Event::heard("周六吧")]);
    let kept = &state.values()["预约时间"];
    assert_eq!(kept.moment.map(jiff::civil::DateTime::date), Some(jiff::civil::date(2026, 12, 5)));
    assert_eq!(kept.utterance, "周六吧");
}

#[test]
fn a_flow_leads_back_to_whoever_called_it() {
    let scene = scene(FLOWS);
    assert_eq!(scene.warnings(), []);
    passes(
        &scene,
        "\
- name: 通过
  variables: { 尾号: '3578' }
  opening: { node: 核实/问, says: 后四位 }
  turns: [{ customer: 三五七八, node: 完, says: 账单 }]
  expect: { reason: 完, results: { 客户意向等级: A级(较强) } }
- name: 不符
  variables: { 尾号: '3579' }
  turns: [{ customer: 三五七八, node: 抱歉 }]
- name: 打错了
  turns: [{ customer: 你打错了, intent: 打错, node: 抱歉 }]
",
    );
}

#[test]
fn who_asks_never_to_be_called_again_is_not_even_without_a_branch() {
    let scene = scene(
        "\
do_not_call: { say: 好的，不再打扰。, reason: 免打扰 }
intents:
  - { name: 想看房, keywords: [看房] }
  - { name: 除名, keywords: [从名单上去掉], do_not_call: true }
nodes:
  - { name: 问, say: 想看房吗？, branches: [{ intent: 想看房, next: 二 }, { intent: 否定, next: 二 }] }
  - { name: 二, say: 还有吗？, branches: [{ intent: 拒绝再打, next: 自己 }, { intent: 否定, next: 完 }] }
  - { name: 自己, say: 自己的话。, end: { reason: 自己 } }
  - { name: 完, say: 再见。, end: { reason: 完 } }
",
    );
    passes(
        &scene,
        "\
- name: 没有分支
  turns: [{ customer: 以后不要再给我打电话了, intent: 拒绝再打, says: 不再打扰 }]
  expect: { reason: 免打扰, do_not_call: true }
- name: 自己的意图
  turns: [{ customer: 把我从名单上去掉, intent: 除名 }]
  expect: { reason: 免打扰, do_not_call: true }
- name: 有分支
  turns: [{ customer: 想看房, node: 二 }, { customer: 别再打了, intent: 拒绝再打, node: 自己, says: 自己的话 }]
  expect: { reason: 自己, do_not_call: true }
- name: 只是投诉
  turns: [{ customer: 我要投诉, intent: AI_UNKNOWN, node: 问 }, { customer: 再打我就投诉 }]
  expect: { reason: 免打扰, do_not_call: true }
- name: 只是不要
  turns: [{ customer: 不需要, intent: 否定, node: 二 }, { customer: 没有了, intent: 否定, node: 完 }]
  expect: { do_not_call: false }
",
    );
}

#[test]
fn who_asks_never_to_be_called_again_is_not_talked_on_to() {
    let scene = scene(
        "\
do_not_call: { say: 好的，不再打扰。, reason: 免打扰 }
intents:
  - { name: 不清楚, patterns: ['*不知道*'] }
nodes:
  - { name: 问, say: 他几点回来？, branches: [{ intent: 不清楚, next: 二 }, { value: time, keep: 时间, next: 二 }] }
  - { name: 二, say: 还有吗？, branches: [{ intent: 拒绝再打, next: 自己 }, { intent: 不清楚, next: 完 }] }
  - { name: 自己, say: 自己的话。, end: { reason: 自己 } }
  - { name: 完, say: 再见。, end: { reason: 完 } }
knowledge:
  - { name: 烦, patterns: ['*你别打了*'], answer: 打扰您了。 }
",
    );
    passes(
        &scene,
        "\
- name: 另有分支
  turns: [{ customer: '不知道，你别打了吧', intent: 拒绝再打, says: 不再打扰 }]
  expect: { reason: 免打扰, do_not_call: true }
- name: 另有值
  turns: [{ customer: '明天下午三点钟以后别再打了', intent: 拒绝再打 }]
  expect: { reason: 免打扰, do_not_call: true }
- name: 场景的分支
  turns: [{ customer: 不知道, node: 二 }, { customer: '不知道，你别打了吧', intent: 拒绝再打, node: 自己 }]
  expect: { reason: 自己, do_not_call: true }
- name: 语言模型听出来的
  turns: [{ customer: 不知道, node: 二 }, { customer: 咱们缘分尽了, choice: 拒绝再打, intent: 拒绝再打, node: 自己 }]
  expect: { do_not_call: true }
- name: 只是不知道
  turns: [{ customer: 不知道, node: 二 }, { customer: 我不知道啊, node: 完 }]
  expect: { do_not_call: false }
",
    );
}

#[test]
fn a_value_counts_by_how_much_of_the_utterance_it_is() {
    let scene = scene(
        "\
nodes:
  - name: 问
    say: 您哪天过来？
    branches: [{ value: time, keep: 时间, next: 完 }, { intent: 肯定, next: 问 }, { intent: 忙碌, next: 问 }]
  - { name: 完, say: '{时间}见。', end: { reason: 完 } }
knowledge:
  - { name: 营业时间, keywords: [开门, 开到几点, open], answer: 我们都在。 }
  - { name: 带人, keywords: [孩子, 带孩子, 一起过去], answer: 可以一起来。 }
",
    );
    passes(
        &scene,
        "\
- name: 只说时间
  turns: [{ customer: 那就明天下午三点吧, intent: 时间, node: 完 }]
- name: 问时间
  turns: [{ customer: 明天下午三点可以吗, intent: 时间, node: 完 }]
- name: 问别的
  turns: [{ customer: 你们周日开门吗, intent: 营业时间, node: 问 }, { customer: 我想带孩子一起过去看周六, intent: 带人, node: 问 }]
- name: 多半是时间
  turns: [{ customer: 孩子放学以后吧周六下午三点半, intent: 时间, node: 完 }]
- name: 英文
  turns: [{ customer: 'Are you open?', intent: 营业时间 }]
",
    );
}

#[test]
fn digits_are_taken_for_digits_rather_than_for_a_number() {
    let scene = scene(
        "\
nodes:
  - name: 问
    say: 几位？尾号多少？
    branches: [{ value: number, keep: 人数, next: 人 }, { value: digits, keep: 尾号, next: 号 }, { value: phone, keep: 电话, next: 话 }]
  - { name: 人, say: '{人数}位。', end: { reason: 人 } }
  - { name: 号, say: '尾号{尾号}。', end: { reason: 号 } }
  - { name: 话, say: '电话{电话}。', end: { reason: 话 } }
",
    );
    passes(
        &scene,
        "\
- { name: 连写, turns: [{ customer: '3578', node: 号, says: 尾号三五七八 }] }
- { name: 尾号, turns: [{ customer: 尾号3578啊, node: 号, says: 尾号三五七八 }] }
- { name: 分开, turns: [{ customer: 3 5 7 8, node: 号, says: 尾号三五七八 }] }
- { name: 汉字, turns: [{ customer: 三五七八, node: 号, says: 尾号三五七八 }] }
- { name: 零, turns: [{ customer: '1380', node: 号 }] }
- { name: 电话, turns: [{ customer: '13800138000', node: 话 }] }
- { name: 人数, turns: [{ customer: 一共三个人, node: 人, says: 三位 }] }
- { name: 大数, turns: [{ customer: 两百五十人, node: 人 }] }
",
    );
}

#[test]
fn an_english_question_that_names_a_day_asks_about_something_else() {
    let scene = scene(
        "\
language: en
nodes:
  - { name: ask, say: When?, branches: [{ value: time, keep: moment, next: done }, { intent: 'yes', next: ask }] }
  - { name: done, say: '{moment} then.', end: { reason: done } }
knowledge:
  - { name: hours, keywords: [open], answer: We are. }
",
    );
    passes(
        &scene,
        "\
- name: a question
  turns: [{ customer: 'Are you open on Sunday?', intent: hours, node: ask }, { customer: Sunday then, node: done }]
- name: a question about the time
  turns: [{ customer: 'Is 3 pm okay?', intent: moment, node: done }]
- name: an offer
  turns: [{ customer: 'How about tomorrow at 3 pm?', intent: moment, node: done }]
",
    );
}

#[test]
fn who_asks_again_hears_the_next_answer_and_not_for_ever() {
    let scene = scene(
        "\
nodes:
  - { name: 问, say: 您好。, again: 那您看？, branches: [{ intent: 肯定, next: 完 }], on_unknown: { say: 没听懂。 } }
  - { name: 完, say: 谢谢。, end: { reason: 完 } }
knowledge:
  - { name: 价格, keywords: [多少钱], answer: [第一个。, 第二个。], limit: 2 }
  - { name: 地址, keywords: [在哪], answer: 城东。, limit: 1, then: 完 }
",
    );
    let (_, steps) = play(
        &scene,
        &[
            Event::Answered,
            Event::heard("多少钱"),
            Event::heard("多少钱"),
            Event::heard("多少钱"),
            Event::heard("在哪"),
        ],
    );
    let first = said(&steps[1]);
    let second = said(&steps[2]);
    assert_ne!(first, second);
    assert!(first.contains("个。那您看？") && second.contains("个。那您看？"), "{first} {second}");
    assert_eq!(said(&steps[3]), "没听懂。");
    assert_eq!(said(&steps[4]), "城东。谢谢。");
}

#[test]
fn a_language_model_chooses_only_what_the_scene_has_and_only_where_the_rules_do_not_understand() {
    let scene = scene(
        "\
nodes:
  - { name: 问, say: 您好。, branches: [{ intent: 肯定, next: 完 }, { value: time, keep: 时间, next: 完 }] }
  - { name: 完, say: '谢谢{时间}。', end: { reason: 完 } }
knowledge: [{ name: 价格, keywords: [多少钱], samples: [这个怎么卖], answer: 不贵。 }]
",
    );
    let (state, _) = play(&scene, &[Event::Answered]);
    let names: Vec<String> = candidates(&scene, &state).into_iter().map(|candidate| candidate.name).collect();
    assert_eq!(names, ["肯定", "价格"]);
    assert!(would_understand(&scene, &state, "多少钱") && !would_understand(&scene, &state, "啥行情啊如今"));
    passes(
        &scene,
        "\
- name: 选中
  turns: [{ customer: 啥行情啊如今, choice: 价格, intent: 价格, node: 问, says: 不贵 }]
- name: 编造
  turns: [{ customer: 啥行情啊如今, choice: 打折, intent: AI_UNKNOWN, node: 问 }]
- name: 值不能猜
  turns: [{ customer: 啥行情啊如今, choice: 时间, intent: AI_UNKNOWN, node: 问 }]
- name: 规则优先
  turns: [{ customer: 多少钱, choice: 肯定, intent: 价格 }]
",
    );
}

#[test]
fn constants_are_part_of_the_words_and_variables_are_spoken_as_what_they_are() {
    let scene = scene(
        "\
language: zh
constants: { 机构: 示例金融 }
voices: [标准(一), { name: 小北, speaker: zf_xiaobei, speed: 1.1 }, { name: 真人, recordings: li }]
variables:
  - { name: 金额, type: money, example: '1280.5' }
  - { name: 日期, type: date, default: 2026-12-05 }
nodes:
  - name: 问
    say: [\"这里是{机构}，您的{金额}在{日期}到期。\", { text: 您好。, audio: hello.wav }]
    end: { reason: 完 }
",
    );
    let texts: Vec<(&str, &str)> =
        scene.fixed_texts().iter().map(|text| (text.place.as_str(), text.text.as_str())).collect();
    let built_in: Vec<&str> = texts[..3].iter().map(|(place, _)| *place).collect();
    assert_eq!(built_in, ["closing", "do_not_call", "on_deaf"]);
    assert_eq!(texts[3..], [("问", "这里是示例金融，您的"), ("问", "在"), ("问", "到期。"), ("问", "您好。")]);
    assert_eq!(scene.fixed_texts()[6].audio.as_deref(), Some("hello.wav"));
    let given = BTreeMap::from([("金额".to_owned(), "1280.5".to_owned())]);
    assert_eq!(scene.slot_texts(&given, opening().now), ["一千二百八十元五角", "十二月五日"]);
    assert_eq!(scene.check_value("金额", "1280"), Ok(()));
    assert!(scene.check_value("金额", "好多").is_err());
    assert_eq!(scene.check_value("别的", "随便"), Ok(()));
    assert_eq!(scene.variables().collect::<Vec<_>>(), ["金额"]);
    assert_eq!(scene.language(), Language::Zh);
    let sources: Vec<&VoiceSource> = scene.voices().iter().map(|voice| &voice.source).collect();
    let speaker = VoiceSource::Speaker { speaker: "zf_xiaobei".to_owned(), speed: 1.1 };
    assert_eq!(sources, [&VoiceSource::Installation, &speaker, &VoiceSource::Recordings("li".to_owned())]);
    let missing = scene.without_audio(|text| text.place != "问" || text.text.chars().count() > 1);
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["12:11: error: no audio for “在”, which `问` says"]);
}

#[test]
fn an_english_scene_speaks_and_understands_english() {
    let scene = scene(
        "\
language: en
nodes:
  - name: ask
    say: Hello, is this a good time?
    branches:
      - { intent: 'yes', next: when }
      - { intent: 'no', next: bye }
  - { name: when, say: When may we come?, branches: [{ value: time, keep: visit, next: bye }] }
  - { name: bye, say: 'All right{visit}, goodbye.', end: { reason: done } }
",
    );
    passes(
        &scene,
        "\
- name: yes
  now: 2026-12-01 09:00
  turns:
    - { customer: 'Yes, go ahead', intent: 'yes', node: when }
    - { customer: 'mumble mumble', intent: AI_UNKNOWN, says: Sorry }
    - { customer: 'Tomorrow at three pm', node: bye }
  expect: { values: { visit: 2026-12-02 15:00 } }
- name: never
  turns: [{ customer: never call me again, says: not called again }]
  expect: { reason: do not call, do_not_call: true }
",
    );
}

#[test]
fn evidence_of_a_kept_value_is_the_utterance_that_it_was_kept_from() {
    let scene = scene(
        "\
nodes:
  - { name: 问, say: 什么时候？, branches: [{ value: time, keep: 时间, next: 完 }] }
  - { name: 完, say: 好。, end: { reason: 完 } }
results:
  - { name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }
  - { name: 时间, values: any, rules: [{ value_of: 时间, because: '约了{时间}。' }] }
",
    );
    let (state, _) = play(&scene, &[Event::Answered, Event::heard("明天上午十点")]);
    let utterance = |speaker, text: &str, start_ms| hutong_domain::call::Utterance {
        speaker,
        text: text.to_owned(),
        start_ms,
        end_ms: start_ms + 900,
        at: hutong_domain::moment::Moment(start_ms),
        understanding: Some(Understanding::NotNeeded),
        node: "问".to_owned(),
        latency: None,
        recogniser: None,
    };
    use hutong_domain::call::Speaker::{Customer, Robot};
    let transcript =
        [utterance(Robot, "什么时候？", 0), utterance(Customer, "明天上午十点", 1000), utterance(Robot, "好。", 2000)];
    let facts = Facts {
        finish_status: FinishStatus::Answered,
        talk_ms: 3000,
        chat_rounds: 2,
        state: Some(&state),
        transcript: &transcript,
    };
    let results: Vec<CallResult> = grade(&scene, &facts);
    let time = results.iter().find(|result| result.name == "时间").unwrap();
    assert_eq!(time.value, "2026-12-02 10:00");
    assert!(time.description.as_deref().is_some_and(|words| words.contains("十点")), "{time:?}");
    assert_eq!(
        time.evidence.iter().map(|it| (it.utterance, it.from_ms, it.until_ms)).collect::<Vec<_>>(),
        [(1, 1000, 1900)]
    );
}
