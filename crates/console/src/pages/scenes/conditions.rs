//! Conditions in plain words, for people who do not write them: `('肯定' in intents) && rounds > 2` becomes
//! （客户表示过“肯定”）且 机器人说话次数 > 2.
//!
//! Word by word, so that nothing of a condition is lost: what has no word of ours stays as it is written.

use crate::ui::Ui;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(String),
}

/// A condition in words.
pub(super) fn words(ui: &Ui, condition: &str) -> String {
    let mut rest = counted(ui, tokens(without_brackets(condition))).into_iter().peekable();
    let mut parts: Vec<String> = Vec::new();
    while let Some(token) = rest.next() {
        let part = match token {
            Token::Text(text) if rest.peek() == Some(&Token::Name("in".to_owned())) => {
                rest.next();
                match rest.next() {
                    Some(Token::Name(list)) => has(ui, &text, &list),
                    Some(other) => format!("“{text}” in {}", written(other)),
                    None => format!("“{text}” in"),
                }
            }
            Token::Name(name) if matches!(name.as_str(), "values" | "variables") && rest.peek() == Some(&sign("[")) => {
                rest.next();
                let key = rest.next();
                match (key, rest.next()) {
                    (Some(Token::Text(key)), Some(close)) if close == sign("]") => format!("“{key}”"),
                    (key, close) => {
                        [key, close].into_iter().flatten().fold(format!("{name}["), |so_far, it| so_far + &written(it))
                    }
                }
            }
            Token::Name(name) => named(ui, &name).unwrap_or(name),
            Token::Text(text) => format!("“{text}”"),
            Token::Sign(text) => operator(ui, &text).map_or(text, str::to_owned),
        };
        parts.push(part);
    }
    parts.join(" ").replace("( ", "(").replace(" )", ")")
}

/// Without the brackets around all of it, which YAML wants before a quotation mark.
fn without_brackets(condition: &str) -> &str {
    let condition = condition.trim();
    let inner = condition.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    let mut depth = 0_i32;
    let is_one = inner.is_some_and(|inner| {
        inner.chars().all(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth >= 0
        })
    });
    inner.filter(|_| is_one).unwrap_or(condition)
}

/// `size(visited)` as one name.
fn counted(ui: &Ui, tokens: Vec<Token>) -> Vec<Token> {
    let mut counted: Vec<Token> = Vec::new();
    for token in tokens {
        counted.push(token);
        let [.., Token::Name(size), open, Token::Name(list), close] = counted.as_slice() else { continue };
        if size != "size" || *open != sign("(") || *close != sign(")") {
            continue;
        }
        let words = match list.as_str() {
            "visited" => ui.t("经过的节点数", "the number of steps"),
            "intents" => ui.t("客户表示过的意图数", "the number of things that the customer meant"),
            "knowledge" => ui.t("客户问过的问题数", "the number of questions"),
            _ => continue,
        };
        counted.truncate(counted.len() - 4);
        counted.push(Token::Name(words.to_owned()));
    }
    counted
}

fn sign(text: &str) -> Token {
    Token::Sign(text.to_owned())
}

fn written(token: Token) -> String {
    match token {
        Token::Name(text) | Token::Sign(text) => text,
        Token::Text(text) => format!("'{text}'"),
    }
}

/// That something is in a list of what happened.
fn has(ui: &Ui, text: &str, list: &str) -> String {
    match list {
        "intents" => format!("{}“{text}”", ui.t("客户表示过", "the customer meant ")),
        "knowledge" => format!("{}“{text}”", ui.t("客户问过", "the customer asked ")),
        "visited" => format!("{}“{text}”", ui.t("经过节点", "the talk came through ")),
        "values" => format!("{}“{text}”", ui.t("客户说了", "the customer gave ")),
        "variables" => format!("{}“{text}”", ui.t("客户资料有", "the import gave ")),
        other => format!("“{text}” in {other}"),
    }
}

fn named(ui: &Ui, name: &str) -> Option<String> {
    let (zh, en) = match name {
        "rounds" => ("机器人说话次数", "times the robot spoke"),
        "talk_seconds" => ("通话秒数", "seconds of talk"),
        "unknowns" => ("没听懂次数", "times not understood"),
        "silences" => ("沉默次数", "silences"),
        "node" => ("所在节点", "the step"),
        "reason" => ("挂机原因", "the reason of hanging up"),
        "label" => ("结束标记", "the label of the end"),
        "hung_up_by_customer" => ("客户挂机", "the customer hung up"),
        "transferred" => ("已转人工", "a person took it"),
        "deaf" => ("识别中断", "nothing was recognised any more"),
        "do_not_call" => ("客户拒绝再打", "no more calls are wanted"),
        "true" => ("是", "true"),
        "false" => ("否", "false"),
        _ => return None,
    };
    Some(ui.t(zh, en).to_owned())
}

fn operator<'a>(ui: &Ui, text: &str) -> Option<&'a str> {
    Some(match text {
        "&&" => ui.t("且", "and"),
        "||" => ui.t("或", "or"),
        "!" => ui.t("没有", "not"),
        "==" => ui.t("是", "is"),
        "!=" => ui.t("不是", "is not"),
        ">=" => "≥",
        "<=" => "≤",
        _ => return None,
    })
}

fn tokens(condition: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), condition.trim_start());
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        let length = if let Some(text) = quoted(rest) {
            tokens.push(Token::Text(text.to_owned()));
            text.len() + 2
        } else if is_word(first) {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            tokens.push(Token::Name(rest.get(..end).unwrap_or_default().to_owned()));
            end
        } else {
            let double = ["&&", "||", "==", "!=", ">=", "<="].into_iter().find(|it| rest.starts_with(it));
            let text = double.map_or_else(|| first.to_string(), str::to_owned);
            let length = text.len();
            tokens.push(Token::Sign(text));
            length
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    tokens
}

/// The text in quotation marks that `rest` begins with; none where something in it is escaped.
fn quoted(rest: &str) -> Option<&str> {
    let mark = rest.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let text = rest.get(1..)?.split(mark).next()?;
    let is_closed = rest.get(1 + text.len()..).is_some_and(|after| after.starts_with(mark));
    (is_closed && !text.contains('\\')).then_some(text)
}

#[cfg(test)]
mod tests {
    use hutong_domain::moment::Moment;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::ui::Look;

    #[test]
    fn conditions_read_as_sentences_and_nothing_of_them_is_lost() {
        let ui =
            Ui { look: Look::default(), zone: TimeZone::UTC, now: Moment(0), user: None, company: None, section: "" };
        let check = |condition: &str, expected: &str| assert_eq!(words(&ui, condition), expected, "{condition}");
        check("('肯定' in intents)", "客户表示过“肯定”");
        check("('一分' in visited || '二分' in visited)", "经过节点“一分” 或 经过节点“二分”");
        check("('甲' in visited) || ('乙' in visited)", "(经过节点“甲”) 或 (经过节点“乙”)");
        check("(!('告知' in visited)) && rounds >= 3", "(没有 (经过节点“告知”)) 且 机器人说话次数 ≥ 3");
        check("values['金额'] >= 10", "“金额” ≥ 10");
        check("values['尾号'] == variables['后四位']", "“尾号” 是 “后四位”");
        check("reason == \"完成\" && hung_up_by_customer", "挂机原因 是 “完成” 且 客户挂机");
        check("size(knowledge) == 0 && size(x) > 2", "客户问过的问题数 是 0 且 size (x) > 2");
        check("'a in x", "' a in x");
    }
}
