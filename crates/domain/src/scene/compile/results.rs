//! What a scene concludes, and when.

use super::super::ResultDefinition;
use super::super::check::ResultPlaces;
use super::super::condition::Use;
use super::super::document;
use super::super::document::forms::Values;
use super::super::model::{Conclusion, Given, Rule};
use super::super::source::Located;
use super::Compiler;
use crate::call::INTENT_LEVEL;
use crate::say;
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
            let message = say!("every scene must conclude a result `{INTENT_LEVEL}`", "话术必须有结论“{INTENT_LEVEL}”");
            self.problems.error(written.at, message);
        }
        for result in &written.value {
            let rules = result.rules.iter();
            self.places.results.push(ResultPlaces {
                at: result.name.at,
                values: listed(result).iter().map(|value| value.at).collect(),
                rules: rules.map(|rule| rule.when.as_ref().map_or(rule.because.at, |when| when.at)).collect(),
            });
        }
        Results {
            unanswered: level.and_then(|level| self.intent_level(level)),
            conclusions: written.value.iter().map(|result| self.conclusion(result)).collect(),
            definitions: written
                .value
                .iter()
                .map(|result| ResultDefinition {
                    name: result.name.value.clone(),
                    values: listed(result).iter().map(|value| value.value.clone()).collect(),
                    open: matches!(result.values, Values::Any),
                })
                .collect(),
        }
    }

    /// What only the intent level has: a value for every call, answered or not.
    fn intent_level(&mut self, level: &document::ResultRules) -> Option<String> {
        if level.default.is_none() {
            let message = say!(
                "`{INTENT_LEVEL}` needs a `default`: every call has one",
                "“{INTENT_LEVEL}”要写 default：每通电话都要有等级"
            );
            self.problems.error(level.name.at, message);
        }
        if matches!(level.values, Values::Any) {
            let message = say!("`{INTENT_LEVEL}` needs a list of values", "“{INTENT_LEVEL}”要列出所有等级（values）");
            self.problems.error(level.name.at, message);
            return None;
        }
        if level.multiple {
            let message =
                say!("a call has exactly one `{INTENT_LEVEL}`", "每通电话只有一个“{INTENT_LEVEL}”，请删去 multiple");
            self.problems.error(level.name.at, message);
        }
        if let Some(unanswered) = &level.unanswered {
            self.value(unanswered, level);
            return Some(unanswered.value.clone());
        }
        if listed(level).iter().any(|value| value.value == DEFAULT_UNANSWERED_LEVEL) {
            return Some(DEFAULT_UNANSWERED_LEVEL.to_owned());
        }
        let message = say!(
            "`unanswered` must say the level of a call that nobody answered: `{DEFAULT_UNANSWERED_LEVEL}` is not among the values",
            "请用 unanswered 写明未接通时的等级：values 里没有“{DEFAULT_UNANSWERED_LEVEL}”"
        );
        self.problems.error(level.name.at, message);
        None
    }

    fn conclusion(&mut self, written: &document::ResultRules) -> Conclusion {
        let name = &written.name;
        let values = listed(written);
        if values.is_empty() && matches!(written.values, Values::These(_)) {
            let message = say!("`{name}` needs values", "“{name}”要列出值（values）", name = name.value);
            self.problems.error(name.at, message);
        }
        for (index, value) in values.iter().enumerate() {
            let before = values.iter().take(index);
            if before.into_iter().any(|other| other.value == value.value) {
                let message =
                    say!("the value `{value}` is listed already", "值“{value}”已列出，请删去一个", value = value.value);
                self.problems.error(value.at, message);
            }
        }
        if let (Some(unanswered), true) = (&written.unanswered, name.value != INTENT_LEVEL) {
            let message = say!(
                "only `{INTENT_LEVEL}` is concluded of unanswered calls",
                "未接通的电话只有“{INTENT_LEVEL}”，请删去 unanswered"
            );
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
        let condition = match &written.when {
            Some(when) => Some(self.condition(when, Use::Rule)?),
            None => None,
        };
        let because = self.template(&written.because);
        let value = match (&written.value, &written.value_of) {
            (Some(value), None) => {
                if written.when.is_none() {
                    let message = say!(
                        "a rule needs a `when`; what always holds is the `default`",
                        "规则要写 when；都不符合时的值写在 default"
                    );
                    self.problems.error(value.at, message);
                }
                self.value(value, result);
                Given::Value(value.value.clone())
            }
            (None, Some(kept)) => {
                self.kept.resolve(kept, &mut self.problems);
                self.used.insert(kept.value.clone());
                if let Values::These(_) = result.values {
                    let message = say!(
                        "what customers say is not in a list: `{name}` needs `values: any`",
                        "客户说的话无法事先列出：“{name}”要写 values: any",
                        name = result.name.value
                    );
                    self.problems.error(kept.at, message);
                }
                Given::Kept(kept.value.clone())
            }
            _ => {
                let message =
                    say!("a rule gives either a `value` or a `value_of`", "规则要写 value 或 value_of 中的一个");
                self.problems.error(written.because.at, message);
                return None;
            }
        };
        Some(Rule { condition, value, because: because? })
    }

    fn value(&mut self, value: &Located<String>, result: &document::ResultRules) {
        let Values::These(values) = &result.values else {
            return;
        };
        let known = values.iter().map(|known| known.value.as_str());
        if known.clone().all(|known| known != value.value) {
            let kind = say!("value of `{name}`", "“{name}”的值", name = result.name.value);
            self.problems.unknown(value.at, &kind, &value.value, known);
        }
    }

    /// Checks what a knowledge entry says about the customer.
    pub(super) fn revealed(&mut self, name: &str, value: &Located<String>, results: &[document::ResultRules]) {
        match results.iter().find(|result| result.name.value == name) {
            Some(result) => self.value(value, result),
            None => self.problems.unknown(value.at, self.results.kind(), name, self.results.iter()),
        }
    }
}

/// The values that a result lists; none where any will do.
fn listed(result: &document::ResultRules) -> &[Located<String>] {
    match &result.values {
        Values::Any => &[],
        Values::These(values) => values,
    }
}
