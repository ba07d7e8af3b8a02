//! Wordings with slots: `{客户名称}您好`.

use std::collections::BTreeMap;

use crate::message::Message;
use crate::say;

/// One wording of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Where, in bytes of the text.
    pub(crate) offset: usize,
    /// What is wrong.
    pub(crate) message: Message,
}

/// A slot with its place, in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The variable that it speaks.
    pub(crate) name: String,
    /// Where its opening brace stands, in bytes of the text.
    pub(crate) offset: usize,
}

impl Template {
    /// Reads a wording. `{{` and `}}` stand for the braces themselves; slots that are `constants` become words.
    pub(crate) fn parse(text: &str, constants: &BTreeMap<String, String>) -> Result<(Self, Vec<Slot>), Malformed> {
        let mut pieces = Vec::new();
        let mut slots = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(index) = rest.find(['{', '}']) {
            let offset = text.len() - rest.len() + index;
            let (before, brace) = rest.split_at(index);
            plain.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let (name, after) = slot(brace, offset)?;
                if let Some(constant) = constants.get(name) {
                    plain.push_str(constant);
                } else {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Slot(name.to_owned()));
                }
                slots.push(Slot { name: name.to_owned(), offset });
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok((Self(pieces), slots))
    }

    /// A wording without slots.
    pub(crate) fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// The pieces that are the same in every call, with a word in them, in their order.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => text.contains(char::is_alphanumeric).then_some(text.as_str()),
            Piece::Slot(_) => None,
        })
    }

    /// The names that it speaks, without the constants.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The words to speak. A variable without a value is passed over in silence: better a sentence
    /// without a name than one with a brace in it.
    pub(crate) fn render<'a>(&'a self, words: impl Fn(&str) -> Option<&'a str>) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Slot(name) => words(name).unwrap_or_default(),
            })
            .collect()
    }
}

/// The name in the slot that `brace` begins with, and what follows the slot.
fn slot(brace: &str, offset: usize) -> Result<(&str, &str), Malformed> {
    let malformed = |message| Malformed { offset, message };
    let inner = brace.strip_prefix('{').ok_or_else(|| {
        malformed(say!("`}}` without `{{`; write `}}}}` for a brace", "有 }} 而没有 {{；要说花括号请写 }}}}"))
    })?;
    let (name, after) = inner.split_once('}').ok_or_else(|| {
        malformed(say!("`{{` is never closed; write `{{{{` for a brace", "{{ 没有对应的 }}；要说花括号请写 {{{{"))
    })?;
    let name = name.trim();
    if name.is_empty() || name.contains('{') {
        return Err(malformed(say!("a slot is the name of one variable in braces", "花括号里应是一个变量的名称")));
    }
    Ok((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> String {
        let constants = BTreeMap::from([("公司".to_owned(), "示例".to_owned())]);
        let (template, _) = Template::parse(text, &constants).unwrap();
        template.render(|name| (name == "姓名").then_some("王女士"))
    }

    #[test]
    fn slots_speak_their_variables() {
        assert_eq!(render("{姓名}您好"), "王女士您好");
        assert_eq!(render("您好，{ 姓名 }。"), "您好，王女士。");
        assert_eq!(render("您好{没有}。"), "您好。");
        assert_eq!(render("{{姓名}}"), "{姓名}");
        assert_eq!(render("这里是{公司}，{姓名}您好"), "这里是示例，王女士您好");
    }

    fn parse(text: &str) -> Result<(Template, Vec<Slot>), Malformed> {
        Template::parse(text, &BTreeMap::new())
    }

    #[test]
    fn a_wording_is_cut_at_what_differs_from_call_to_call() {
        let constants = BTreeMap::from([("公司".to_owned(), "示例".to_owned())]);
        let (template, slots) = Template::parse("这里是{公司}，您是{姓名}吗？{姓名}！", &constants).unwrap();
        assert_eq!(template.fixed().collect::<Vec<_>>(), ["这里是示例，您是", "吗？"]);
        assert_eq!(template.slots().collect::<Vec<_>>(), ["姓名", "姓名"]);
        assert_eq!(slots.len(), 3);
    }

    #[test]
    fn a_stray_brace_is_an_error_at_its_place() {
        assert_eq!(parse("您好{姓名").unwrap_err().offset, 6);
        assert_eq!(parse("您}").unwrap_err().offset, 3);
        assert!(parse("{}").is_err());
    }
}
