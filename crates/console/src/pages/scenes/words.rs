//! What is in a scene, in words.

use hutong_domain::scene::outline::{By, Does, Exit, Step};

use crate::ui::Ui;

/// What leads along a way: `肯定`, `按 1`, `沉默`.
pub(super) fn by(ui: &Ui, by: &By) -> String {
    let plain = |zh: &str, en: &str| ui.t(zh, en).to_owned();
    match by {
        By::Words { intent, value } => {
            let value = value.map(|kind| value_kind(ui, kind).to_owned());
            let parts: Vec<String> = intent.clone().into_iter().chain(value).collect();
            parts.join(" + ")
        }
        By::Key(key) => plain("按 ", "key ") + key,
        By::Keys(digits) => format!("{}{digits}{}", ui.t("按 ", ""), ui.t(" 位", " keys")),
        By::Otherwise => plain("其他", "anything else"),
        By::Silence => plain("沉默", "silence"),
        By::Unknown => plain("没听懂", "not understood"),
        By::Next => plain("接着", "then"),
        By::Failed => plain("转接失败", "nobody takes it"),
        By::Returned(name) => plain("返回 ", "returns ") + name,
        By::Enter => plain("进入流程", "enters"),
    }
}

/// The same with what is kept on the way.
pub(super) fn exit(ui: &Ui, exit: &Exit) -> String {
    let words = by(ui, &exit.by);
    match &exit.keeps {
        Some(name) if *name != words => format!("{words}{}{name}", ui.t("，记为", ", kept as ")),
        _ => words,
    }
}

fn value_kind<'a>(ui: &Ui, kind: &'a str) -> &'a str {
    match kind {
        "time" => ui.t("时间", "a time"),
        "number" => ui.t("数字", "a number"),
        "money" => ui.t("金额", "an amount"),
        "digits" => ui.t("号码", "digits"),
        "phone" => ui.t("电话号码", "a phone number"),
        other => other,
    }
}

/// What a variable is.
pub(super) fn variable_kind<'a>(ui: &Ui, kind: &'a str) -> &'a str {
    match kind {
        "text" => ui.t("文字", "text"),
        "name" => ui.t("姓名", "name"),
        "date" => ui.t("日期", "date"),
        other => value_kind(ui, other),
    }
}

/// Where a prompt is said: a node or a question by its name, other places in words.
pub(super) fn place<'a>(ui: &Ui, place: &'a str) -> &'a str {
    match place {
        "defaults" => ui.t("通用", "for all steps"),
        "closing" => ui.t("结束语", "closing"),
        "on_deaf" => ui.t("识别中断", "nothing is recognised"),
        "do_not_call" => ui.t("拒绝再打", "no more calls"),
        "voicemail" => ui.t("语音信箱", "answering machine"),
        other => other,
    }
}

/// What a step does once it has spoken.
pub(super) fn does(ui: &Ui, step: &Step) -> String {
    match &step.does {
        Does::Listen => ui.t("听客户说", "listens").to_owned(),
        Does::GoOn => ui.t("接着说", "goes on").to_owned(),
        Does::End { reason } => format!("{}{reason}", ui.t("挂机：", "hangs up: ")),
        Does::Transfer { to } => format!("{}{to}", ui.t("转人工：", "hands over to ")),
        Does::Call { flow } => format!("{}{flow}", ui.t("进入流程：", "enters the flow ")),
        Does::Return { name } => format!("{}{name}", ui.t("返回：", "returns ")),
    }
}

/// The class of a step, for its colour.
pub(super) const fn class(step: &Step) -> &'static str {
    match step.does {
        Does::Listen => "listen",
        Does::GoOn => "go-on",
        Does::End { .. } => "end",
        Does::Transfer { .. } => "transfer",
        Does::Call { .. } | Does::Return { .. } => "flow-call",
    }
}
