//! What the robot says: wordings with their slots, and the words that are built in.

use super::super::document::Wordings;
use super::super::document::wordings::Wording;
use super::super::source::{Located, Position};
use super::super::template::Template;
use super::super::{FixedText, Language};
use super::{BUILT_IN_VARIABLES, Compiler};
use crate::say;

/// Built-in words, with the reason why the robot hangs up after them.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) say: &'static str,
    pub(super) reason: &'static str,
}

impl Words {
    pub(super) const fn closing(language: Language) -> Self {
        match language {
            Language::Zh => Self {
                say: "好的，那今天先不打扰您了，祝您生活愉快，再见。", reason: "正常结束"
            },
            Language::En => {
                Self { say: "All right, I won't keep you any longer. Have a nice day. Goodbye.", reason: "closed" }
            }
        }
    }

    pub(super) const fn do_not_call(language: Language) -> Self {
        match language {
            Language::Zh => Self {
                say: "非常抱歉打扰到您，我马上为您登记，以后不会再给您打电话了，再见。",
                reason: "拒绝再打",
            },
            Language::En => Self {
                say: "I'm sorry to have bothered you. I'll see to it that you are not called again. Goodbye.",
                reason: "do not call",
            },
        }
    }

    pub(super) const fn on_deaf(language: Language) -> Self {
        match language {
            Language::Zh => Self {
                say: "非常抱歉，现在线路不太好，听不清您的声音，我们稍后再与您联系，再见。",
                reason: "无法识别",
            },
            Language::En => Self {
                say: "I'm sorry, the line is bad and I cannot hear you. We'll get back to you later. Goodbye.",
                reason: "cannot hear",
            },
        }
    }

    pub(super) const fn voicemail(language: Language) -> Self {
        match language {
            Language::Zh => {
                Self { say: "您好，打扰了，我们稍后再与您联系，再见。", reason: "语音信箱" }
            }
            Language::En => Self { say: "Hello, we'll try to reach you again later. Goodbye.", reason: "voicemail" },
        }
    }

    pub(super) const fn silence(language: Language) -> &'static str {
        match language {
            Language::Zh => "喂，您好，能听见我说话吗？",
            Language::En => "Hello, can you hear me?",
        }
    }

    pub(super) const fn unknown(language: Language) -> &'static str {
        match language {
            Language::Zh => "不好意思，刚才没听清楚，麻烦您再说一遍好吗？",
            Language::En => "Sorry, I didn't get that. Could you say it again, please?",
        }
    }

    /// Why the robot left a call that a person has taken.
    pub(super) const fn transferred(language: Language) -> &'static str {
        match language {
            Language::Zh => "转接人工",
            Language::En => "transferred",
        }
    }
}

impl Compiler<'_> {
    /// What follows belongs to this place.
    pub(super) fn at_place(&mut self, place: &str, at: Position) {
        place.clone_into(&mut self.place);
        self.place_at = at;
    }

    /// Wordings that must be there.
    pub(super) fn prompt(&mut self, wordings: &Located<Wordings>) -> Option<Vec<Template>> {
        if wordings.value.0.is_empty() {
            self.problems.error(wordings.at, say!("at least one wording is needed", "至少要写一句话"));
            return None;
        }
        self.wordings(&wordings.value)
    }

    pub(super) fn wordings(&mut self, wordings: &Wordings) -> Option<Vec<Template>> {
        let templates: Vec<_> = wordings.0.iter().map(|wording| self.wording(wording)).collect();
        templates.into_iter().collect()
    }

    fn wording(&mut self, wording: &Wording) -> Option<Template> {
        let text = &wording.text;
        if text.value.trim().is_empty() {
            self.problems.error(text.at, say!("a wording must say something", "这句话是空的"));
            return None;
        }
        let template = self.template(text)?;
        if let Some(audio) = &wording.audio {
            if template.slots().next().is_some() {
                let message = say!(
                    "a wording with slots cannot be one recording: cut it into nodes",
                    "带变量的话不能整句录音：请拆成几个节点"
                );
                self.problems.error(audio.at, message);
            }
            if audio.value.trim().is_empty() {
                self.problems.error(audio.at, say!("the recording needs a file name", "录音要写文件名"));
            }
        }
        self.spoken.extend(template.slots().map(str::to_owned));
        let fixed = template.fixed().map(|piece| FixedText {
            text: piece.to_owned(),
            place: self.place.clone(),
            audio: wording.audio.as_ref().map(|audio| audio.value.clone()),
            line: text.at.line,
            column: text.at.column,
        });
        self.texts.extend(fixed);
        Some(template)
    }

    /// A text with slots, each of which must stand for something known.
    pub(super) fn template(&mut self, text: &Located<String>) -> Option<Template> {
        match Template::parse(&text.value, &self.constants) {
            Ok((template, slots)) => {
                for slot in slots {
                    let name = slot.name.as_str();
                    self.used.insert(name.to_owned());
                    let known = self.variables.get(name).is_some()
                        || self.kept.get(name).is_some()
                        || self.constants.contains_key(name)
                        || BUILT_IN_VARIABLES.contains(&name);
                    if !known {
                        let at = text.position_within(self.source, slot.offset);
                        let known = self.variables.iter().chain(self.kept.iter());
                        let built_in = BUILT_IN_VARIABLES.iter().copied();
                        let known = known.chain(self.constants.keys().map(String::as_str)).chain(built_in);
                        self.problems.unknown(at, self.variables.kind(), name, known);
                    }
                }
                Some(template)
            }
            Err(malformed) => {
                let at = text.position_within(self.source, malformed.offset);
                self.problems.error(at, malformed.message);
                None
            }
        }
    }

    /// The wordings, or a built-in one where there are none.
    pub(super) fn or_built_in(&mut self, wordings: Vec<Template>, built_in: &str) -> Vec<Template> {
        if !wordings.is_empty() {
            return wordings;
        }
        if self.texts.iter().all(|text| text.text != built_in) {
            let Position { line, column } = self.place_at;
            let (text, place) = (built_in.to_owned(), self.place.clone());
            self.texts.push(FixedText { text, place, audio: None, line, column });
        }
        vec![Template::plain(built_in)]
    }
}
