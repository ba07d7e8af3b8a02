//! Results that nothing gives, and rules that are never reached.

use std::collections::BTreeSet;

use super::super::Scene;
use super::super::model::{Conclusion, Given};
use super::super::problem::Problems;
use super::{Places, ResultPlaces};
use crate::call::INTENT_LEVEL;
use crate::say;

pub(super) fn check(scene: &Scene, places: &Places, problems: &mut Problems) {
    for ((definition, conclusion), places) in scene.definitions.iter().zip(&scene.conclusions).zip(&places.results) {
        let given = given(scene, conclusion);
        for (value, &at) in definition.values.iter().zip(&places.values) {
            if !given.contains(value.as_str()) {
                let message = say!(
                    "nothing gives the value `{value}` of `{name}`",
                    "没有规则给出“{name}”的值“{value}”",
                    name = definition.name
                );
                problems.warning(at, message);
            }
        }
        if definition.open && conclusion.rules.is_empty() && given.is_empty() {
            let message = say!("nothing gives `{name}` a value", "没有规则给出“{name}”的值", name = definition.name);
            problems.warning(places.at, message);
        }
        if !conclusion.multiple {
            never_reached(conclusion, places, problems);
        }
    }
}

/// Every value that something gives.
fn given<'a>(scene: &'a Scene, conclusion: &'a Conclusion) -> BTreeSet<&'a str> {
    let rules = conclusion.rules.iter().filter_map(|rule| match &rule.value {
        Given::Value(value) => Some(value.as_str()),
        Given::Kept(_) => None,
    });
    let reveals = scene.knowledge.iter().flat_map(|entry| &entry.reveals);
    let revealed = reveals.filter(|(name, _)| *name == conclusion.name).map(|(_, value)| value.as_str());
    let unanswered = (conclusion.name == INTENT_LEVEL).then_some(scene.unanswered.as_str());
    rules.chain(revealed).chain(conclusion.default.as_deref()).chain(unanswered).collect()
}

/// Of a result with one value the first rule that holds counts.
fn never_reached(conclusion: &Conclusion, places: &ResultPlaces, problems: &mut Problems) {
    for (index, (rule, &at)) in conclusion.rules.iter().zip(&places.rules).enumerate() {
        let Some(condition) = &rule.condition else { continue };
        let before = conclusion.rules.iter().zip(&places.rules).take(index);
        for (earlier, earlier_at) in before {
            let Some(earlier) = &earlier.condition else { continue };
            let line = earlier_at.line;
            let message = if earlier.always_holds() {
                say!(
                    "this rule is never reached: the one in line {line} always holds",
                    "永远轮不到这条规则：第 {line} 行的规则总是成立"
                )
            } else if earlier.text() == condition.text() {
                say!(
                    "this rule is never reached: the one in line {line} has the same condition",
                    "永远轮不到这条规则：第 {line} 行的规则条件相同"
                )
            } else {
                continue;
            };
            problems.warning(at, message);
            break;
        }
    }
}
