//! What is given with a scene or a call: constants, variables, kept values, voices.

use super::super::document::forms::VoiceFields;
use super::super::document::{self, Document};
use super::super::model::Variable;
use super::super::source::Located;
use super::super::{Voice, VoiceSource};
use super::{BUILT_IN_VARIABLES, Compiler};

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
                self.problems.error(text.at, "a constant needs a name, without braces");
            } else if self.variables.get(name).is_some() {
                self.problems.error(text.at, format!("`{name}` is a variable already"));
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
            self.problems.error(name.at, "a kept value needs a name, without braces");
        } else if self.variables.get(&name.value).is_some() || self.constants.contains_key(&name.value) {
            let message =
                format!("`{}` is given with the call or the scene already; keep it by another name", name.value);
            self.problems.error(name.at, message);
        } else if self.is_not_built_in(name) {
            self.kept.note(&name.value, 0, name.at);
        }
    }

    fn is_not_built_in(&mut self, name: &Located<String>) -> bool {
        let built_in = BUILT_IN_VARIABLES.contains(&name.value.as_str());
        if built_in {
            self.problems.error(name.at, format!("`{}` is built in; leave it out", name.value));
        }
        !built_in
    }

    pub(super) fn variables(&mut self, written: &[document::Variable]) -> Vec<Variable> {
        for variable in written {
            for (field, value) in [("default", &variable.default), ("example", &variable.example)] {
                let Some(value) = value else { continue };
                if let Err(reason) = variable.kind.check(&value.value, self.language) {
                    let message = format!("the {field} does not fit: {reason}");
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
                self.problems.error(name.at, format!("the voice `{}` is listed already", name.value));
            }
            let source = self.voice_source(fields);
            voices.push(Voice { name: name.value.clone(), source });
        }
        voices
    }

    fn voice_source(&mut self, fields: &VoiceFields) -> VoiceSource {
        let VoiceFields { name, speaker, speed, recordings } = fields;
        if let (None, Some(speed)) = (speaker, speed) {
            self.problems.error(speed.at, "only a `speaker` has a speed");
        }
        if let Some(speed) = speed.as_ref().filter(|speed| !SPEED_RANGE.contains(&speed.value)) {
            let (least, most) = (SPEED_RANGE.start(), SPEED_RANGE.end());
            self.problems.error(speed.at, format!("a speed lies between {least} and {most}"));
        }
        match (speaker, recordings) {
            (Some(_), Some(recordings)) => {
                let message = format!("the voice `{}` is either a `speaker` or a folder of `recordings`", name.value);
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
