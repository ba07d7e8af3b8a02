//! What is given with a scene or a call: constants, variables, kept values, voices.

use super::super::document::forms::VoiceFields;
use super::super::document::{self, Document};
use super::super::model::Variable;
use super::super::source::Located;
use super::super::{Voice, VoiceSource};
use super::{BUILT_IN_VARIABLES, Compiler};
use crate::message::Message;
use crate::say;

/// How fast a speaker may speak.
const SPEED_RANGE: std::ops::RangeInclusive<f64> = 0.5..=2.0;

impl Compiler<'_> {
    /// Learns the names of everything that a slot can speak. A name stands for one thing only.
    pub(super) fn given_names(&mut self, document: &Document) {
        for (index, variable) in document.variables.iter().enumerate() {
            if self.is_not_built_in(&variable.name) {
                self.variables.add(&variable.name, index, &mut self.problems);
            }
        }
        for (name, text) in &document.constants {
            let located = text.with(name.clone());
            if name.trim().is_empty() || name.contains(['{', '}']) {
                let message = say!("a constant needs a name, without braces", "常量要有名称，且不能含花括号");
                self.problems.error(text.at, message);
            } else if self.variables.get(name).is_some() {
                let message = say!("`{name}` is a variable already", "“{name}”已是变量，请换个名称");
                self.problems.error(text.at, message);
            } else if self.is_not_built_in(&located) {
                self.constants.insert(name.clone(), text.value.clone());
            }
        }
        let flows = document.flows.iter().flat_map(|flow| &flow.nodes);
        let branches = document.nodes.iter().chain(flows).flat_map(|node| &node.branches).chain(&document.anywhere);
        for branch in branches {
            let typed = branch.keys.as_ref().and_then(|keys| keys.value.keep.as_ref());
            for name in branch.keep.iter().chain(typed) {
                self.kept_name(name);
            }
        }
    }

    fn kept_name(&mut self, name: &Located<String>) {
        if name.value.trim().is_empty() || name.value.contains(['{', '}']) {
            let message = say!("a kept value needs a name, without braces", "keep 要有名称，且不能含花括号");
            self.problems.error(name.at, message);
        } else if self.variables.get(&name.value).is_some() || self.constants.contains_key(&name.value) {
            let message = say!(
                "`{name}` is given with the call or the scene already; keep it by another name",
                "“{name}”已是变量或常量；请用别的名称记下",
                name = name.value
            );
            self.problems.error(name.at, message);
        } else if self.is_not_built_in(name) {
            self.kept.note(&name.value, 0, name.at);
        }
    }

    fn is_not_built_in(&mut self, name: &Located<String>) -> bool {
        let built_in = BUILT_IN_VARIABLES.contains(&name.value.as_str());
        if built_in {
            let message = say!("`{name}` is built in; leave it out", "“{name}”是内置的，请删去", name = name.value);
            self.problems.error(name.at, message);
        }
        !built_in
    }

    pub(super) fn variables(&mut self, written: &[document::Variable]) -> Vec<Variable> {
        for variable in written {
            for (field, value) in [("default", &variable.default), ("example", &variable.example)] {
                let Some(value) = value else { continue };
                if let Err(Message { en, zh }) = variable.kind.check(&value.value, self.language) {
                    let message = say!("the {field} does not fit: {en}", "{field} 不符合变量的类型：{zh}");
                    self.problems.error(value.at, message);
                }
            }
        }
        let compiled = written.iter().map(|variable| Variable {
            name: variable.name.value.clone(),
            kind: variable.kind,
            default: variable.default.as_ref().map(|default| default.value.clone()),
            required: variable.required.unwrap_or(variable.default.is_none()),
        });
        compiled.collect()
    }

    pub(super) fn voices(&mut self, written: &[document::forms::Voice]) -> Vec<Voice> {
        let mut voices: Vec<Voice> = Vec::new();
        for document::forms::Voice(fields) in written {
            let name = &fields.name;
            if voices.iter().any(|voice| voice.name == name.value) {
                let message =
                    say!("the voice `{name}` is listed already", "音色“{name}”已列出，请删去一个", name = name.value);
                self.problems.error(name.at, message);
            }
            let source = self.voice_source(fields);
            voices.push(Voice { name: name.value.clone(), source });
        }
        voices
    }

    fn voice_source(&mut self, fields: &VoiceFields) -> VoiceSource {
        let VoiceFields { name, speaker, speed, recordings } = fields;
        if let (None, Some(speed)) = (speaker, speed) {
            self.problems.error(speed.at, say!("only a `speaker` has a speed", "只有写了 speaker 才能写 speed"));
        }
        if let Some(speed) = speed.as_ref().filter(|speed| !SPEED_RANGE.contains(&speed.value)) {
            let (least, most) = (SPEED_RANGE.start(), SPEED_RANGE.end());
            let message = say!("a speed lies between {least} and {most}", "speed 应在 {least} 与 {most} 之间");
            self.problems.error(speed.at, message);
        }
        match (speaker, recordings) {
            (Some(_), Some(recordings)) => {
                let message = say!(
                    "the voice `{name}` is either a `speaker` or a folder of `recordings`",
                    "音色“{name}”只能写 speaker 或 recordings 中的一个",
                    name = name.value
                );
                self.problems.error(recordings.at, message);
                VoiceSource::Installation
            }
            (Some(speaker), None) => VoiceSource::Speaker {
                speaker: speaker.value.clone(),
                speed: speed.as_ref().map_or(1.0, |speed| speed.value),
            },
            (None, Some(folder)) => VoiceSource::Recordings(folder.value.clone()),
            (None, None) => VoiceSource::Installation,
        }
    }
}
