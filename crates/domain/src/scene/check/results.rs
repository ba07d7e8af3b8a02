//! Results that nothing gives, and rules that are never reached.

use std::collections::BTreeSet;

use super::super::Scene;
use super::super::model::{Conclusion, Given};
use super::super::problem::Problems;
use super::{Places, ResultPlaces};
use crate::call::INTENT_LEVEL;

pub(super) fn check(scene: &Scene, places: &Places, problems: &mut Problems) {
    for ((definition, conclusion), places) in scene.definitions.iter().zip(&scene.conclusions).zip(&places.results) {
        let given = given(scene, conclusion);
        for (value, &at) in definition.values.iter().zip(&places.values) {
            if !given.contains(value.as_str()) {
                problems.warning(at, format!("nothing gives the value `{value}` of `{}`", definition.name));
            }
        }
        if definition.open && conclusion.rules.is_empty() && given.is_empty() {
            problems.warning(places.at, format!("nothing gives `{}` a value", definition.name));
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
                format!("this rule is never reached: the one in line {line} always holds")
            } else if earlier.text() == condition.text() {
                format!("this rule is never reached: the one in line {line} has the same condition")
            } else {
                continue;
            };
            problems.warning(at, message);
            break;
        }
    }
}
