//! What a scene concludes, and when.

use super::super::ResultDefinition;
use super::super::condition::{Condition, MentionList};
use super::super::document;
use super::super::model::{Conclusion, Rule};
use super::super::source::Located;
use super::{Compiler, values};
use crate::call::INTENT_LEVEL;
use crate::scene::DEFAULT_UNANSWERED_LEVEL;

/// Everything that a scene concludes.
pub(super) struct Results {
    pub(super) definitions: Vec<ResultDefinition>,
    pub(super) conclusions: Vec<Conclusion>,
    /// The intent level of a call that nobody answered; none where that is in error.
    pub(super) unanswered: Option<String>,
}

impl Compiler<'_> {
    pub(super) fn all_results(&mut self, written: &Located<Vec<document::ResultRules>>) -> Results {
        let level = written.value.iter().find(|result| result.name.value == INTENT_LEVEL);
        if level.is_none() {
            let message = format!("every scene must conclude a result `{INTENT_LEVEL}`");
            self.problems.error(written.at, message);
        }
        Results {
            unanswered: level.and_then(|level| self.intent_level(level)),
            conclusions: written.value.iter().map(|result| self.conclusion(result)).collect(),
            definitions: written
                .value
                .iter()
                .map(|result| ResultDefinition {
                    name: result.name.value.clone(),
                    values: values(result.values.clone()),
                })
                .collect(),
        }
    }

    /// What only the intent level has: a value for every call, answered or not.
    fn intent_level(&mut self, level: &document::ResultRules) -> Option<String> {
        if level.default.is_none() {
            let message = format!("`{INTENT_LEVEL}` needs a `default`: every call has one");
            self.problems.error(level.name.at, message);
        }
        if level.multiple {
            let message = format!("a call has exactly one `{INTENT_LEVEL}`");
            self.problems.error(level.name.at, message);
        }
        if let Some(unanswered) = &level.unanswered {
            self.value(unanswered, level);
            return Some(unanswered.value.clone());
        }
        if level.values.iter().any(|value| value.value == DEFAULT_UNANSWERED_LEVEL) {
            return Some(DEFAULT_UNANSWERED_LEVEL.to_owned());
        }
        let message = format!(
            "`unanswered` must say the level of a call that nobody answered: `{DEFAULT_UNANSWERED_LEVEL}` is not among the values"
        );
        self.problems.error(level.name.at, message);
        None
    }

    fn conclusion(&mut self, written: &document::ResultRules) -> Conclusion {
        let name = &written.name;
        if written.values.is_empty() {
            self.problems.error(name.at, format!("`{}` needs values", name.value));
        }
        for (index, value) in written.values.iter().enumerate() {
            let before = written.values.iter().take(index);
            if before.into_iter().any(|other| other.value == value.value) {
                let message = format!("the value `{}` is listed already", value.value);
                self.problems.error(value.at, message);
            }
        }
        if let (Some(unanswered), true) = (&written.unanswered, name.value != INTENT_LEVEL) {
            let message = format!("only `{INTENT_LEVEL}` is concluded of unanswered calls");
            self.problems.error(unanswered.at, message);
        }
        if let Some(default) = &written.default {
            self.value(default, written);
        }
        Conclusion {
            name: name.value.clone(),
            multiple: written.multiple,
            default: written.default.as_ref().map(|value| value.value.clone()),
            rules: written.rules.iter().filter_map(|rule| self.rule(rule, written)).collect(),
        }
    }

    fn rule(&mut self, written: &document::Rule, result: &document::ResultRules) -> Option<Rule> {
        self.value(&written.value, result);
        let when = &written.when;
        match Condition::compile(&when.value) {
            Ok(condition) => {
                self.mentions(when, &condition);
                Some(Rule { condition, value: written.value.value.clone(), because: written.because.clone() })
            }
            Err(faults) => {
                for fault in faults {
                    let at = when.position_within(self.source, fault.offset);
                    self.problems.error(at, fault.message);
                }
                None
            }
        }
    }

    /// A condition that looks for a name that does not exist never holds.
    fn mentions(&mut self, when: &Located<String>, condition: &Condition) {
        for mention in condition.mentions() {
            let names = match mention.list {
                MentionList::Visited => &self.nodes,
                MentionList::Intents => &self.intents,
                MentionList::Knowledge => &self.knowledge,
            };
            if names.get(&mention.name).is_none() {
                let at = when.position_within(self.source, mention.offset);
                self.problems.unknown(at, names.kind(), &mention.name, names.iter());
            }
        }
    }

    fn value(&mut self, value: &Located<String>, result: &document::ResultRules) {
        let mut known = result.values.iter().map(|known| known.value.as_str());
        if known.all(|known| known != value.value) {
            let known = result.values.iter().map(|known| known.value.as_str());
            let kind = format!("value of `{}`", result.name.value);
            self.problems.unknown(value.at, &kind, &value.value, known);
        }
    }

    /// Checks what a knowledge entry says about the customer.
    pub(super) fn revealed(&mut self, name: &str, value: &Located<String>, results: &[document::ResultRules]) {
        match results.iter().find(|result| result.name.value == name) {
            Some(result) => self.value(value, result),
            None => self.problems.unknown(value.at, "result", name, self.results.iter()),
        }
    }
}
