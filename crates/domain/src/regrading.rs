//! Results that a person judges otherwise than the rules of the scene did.

use crate::call::{CallResult, INTENT_LEVEL};
use crate::scene::{ResultDefinition, Scene};

/// The kind of rule of a result that a person has set (`analyzeType` on the wire).
pub const BY_HAND: &str = "BY_ARTIFICIAL";

/// Characters of a value that a person may give an open result.
const VALUE_CHARS_MAX: usize = 100;

/// Why a result is not set to what a person wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The scene concludes no such thing.
    #[error("the scene has no result {name}; it has {}", known.join("、"))]
    UnknownResult {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The result cannot have this value.
    #[error("{name} cannot be {value}; it can be {}", allowed.join("、"))]
    UnknownValue {
        /// The result.
        name: String,
        /// What was asked for.
        value: String,
        /// What there is.
        allowed: Vec<String>,
    },
    /// The result can have one value at a time.
    #[error("{name} can have one value only")]
    OneOnly {
        /// The result.
        name: String,
    },
    /// Every call has an intent level.
    #[error("a call cannot be without {INTENT_LEVEL}")]
    NeededAlways,
    /// A value of an open result that nobody could read.
    #[error("a value must have 1 to {VALUE_CHARS_MAX} characters, and no control characters")]
    Unreadable,
}

/// Whether a result of the scene can have several values at once.
#[must_use]
pub fn is_multiple(scene: &Scene, name: &str) -> bool {
    scene.conclusions.iter().any(|conclusion| conclusion.name == name && conclusion.multiple)
}

/// Whether a person may give these values to a result of the scene; no value takes the result away.
///
/// # Errors
/// Why not.
pub fn check(scene: &Scene, name: &str, values: &[String]) -> Result<(), Refused> {
    let Some(definition) = scene.results().iter().find(|known| known.name == name) else {
        let known = scene.results().iter().map(|known| known.name.clone()).collect();
        return Err(Refused::UnknownResult { name: name.to_owned(), known });
    };
    if values.is_empty() && name == INTENT_LEVEL {
        return Err(Refused::NeededAlways);
    }
    if values.len() > 1 && !is_multiple(scene, name) {
        return Err(Refused::OneOnly { name: name.to_owned() });
    }
    values.iter().try_for_each(|value| check_value(definition, value))
}

fn check_value(definition: &ResultDefinition, value: &str) -> Result<(), Refused> {
    let ResultDefinition { name, values: allowed, open } = definition;
    if !open && !allowed.iter().any(|known| known == value) {
        return Err(Refused::UnknownValue { name: name.clone(), value: value.to_owned(), allowed: allowed.clone() });
    }
    let readable =
        !value.trim().is_empty() && value.chars().count() <= VALUE_CHARS_MAX && !value.chars().any(char::is_control);
    if *open && !readable { Err(Refused::Unreadable) } else { Ok(()) }
}

/// The results of a call after a person has given these values to one of them, in the scene's order. A value that the
/// rules gave already keeps its rule and its evidence.
#[must_use]
pub fn regrade(scene: &Scene, results: &[CallResult], name: &str, values: &[String]) -> Vec<CallResult> {
    let was: Vec<&CallResult> = results.iter().filter(|result| result.name == name).collect();
    let mut became: Vec<CallResult> = Vec::with_capacity(values.len());
    for value in values {
        if became.iter().any(|known| known.value == *value) {
            continue;
        }
        let known = was.iter().find(|known| known.value == *value);
        became.push(known.map_or_else(|| by_hand(name, value, &was), |&known| known.clone()));
    }
    let place = |name: &str| scene.results().iter().position(|known| known.name == name).unwrap_or(usize::MAX);
    let mut all: Vec<CallResult> = results.iter().filter(|result| result.name != name).cloned().chain(became).collect();
    // Stable: the values of one result stay in their order.
    all.sort_by_key(|result| place(&result.name));
    all
}

fn by_hand(name: &str, value: &str, was: &[&CallResult]) -> CallResult {
    let before: Vec<&str> = was.iter().map(|known| known.value.as_str()).collect();
    let before = if before.is_empty() { "无".to_owned() } else { before.join("、") };
    CallResult {
        name: name.to_owned(),
        value: value.to_owned(),
        description: Some(format!("人工修改，原为“{before}”。")),
        rule: Some(BY_HAND.to_owned()),
        evidence: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::BUILT_IN;

    fn scene() -> Scene {
        Scene::parse(BUILT_IN[0].yaml).unwrap()
    }

    fn result(name: &str, value: &str) -> CallResult {
        CallResult {
            name: name.to_owned(),
            value: value.to_owned(),
            description: Some("规则".to_owned()),
            rule: None,
            evidence: Vec::new(),
        }
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn only_what_the_scene_defines_can_be_set() {
        let scene = scene();
        let check = |name: &str, values: &[&str], refused: &str| {
            let outcome = check(&scene, name, &owned(values));
            let said = outcome.err().map(|refused| refused.to_string()).unwrap_or_default();
            assert!(said.starts_with(refused) && said.is_empty() == refused.is_empty(), "{name} {values:?}: {said}");
        };
        check("客户意向等级", &["B级(一般)"], "");
        check("客户意向等级", &["B"], "客户意向等级 cannot be B; it can be A级(较强)、B级(一般)");
        check("客户意向等级", &["A级(较强)", "B级(一般)"], "客户意向等级 can have one value only");
        check("客户意向等级", &[], "a call cannot be without 客户意向等级");
        check("等级", &["A级(较强)"], "the scene has no result 等级; it has 客户意向等级、");
        check("客户关注点", &[], "");
    }

    #[test]
    fn an_open_result_takes_any_value_that_can_be_read() {
        let definition = ResultDefinition { name: "预约时间".to_owned(), values: Vec::new(), open: true };
        let check = |value: &str, refused: Option<&Refused>| {
            assert_eq!(check_value(&definition, value).as_ref().err(), refused, "{value:?}");
        };
        check("2026-12-05 15:00", None);
        for unreadable in [" ", "一\n二", "\0", &"长".repeat(VALUE_CHARS_MAX + 1)] {
            check(unreadable, Some(&Refused::Unreadable));
        }
    }

    #[test]
    fn the_other_results_and_their_order_stay() {
        let scene = scene();
        let names: Vec<&str> = scene.results().iter().map(|known| known.name.as_str()).collect();
        let last = names.last().copied().unwrap();
        let before = [result(INTENT_LEVEL, "A级(较强)"), result(last, "x"), result(last, "y")];

        let after = regrade(&scene, &before, INTENT_LEVEL, &owned(&["B级(一般)"]));
        assert_eq!((after[0].value.as_str(), after[0].rule.as_deref()), ("B级(一般)", Some(BY_HAND)));
        assert_eq!(after[0].description.as_deref(), Some("人工修改，原为“A级(较强)”。"));
        assert_eq!(&after[1..], &before[1..]);

        let after = regrade(&scene, &before, last, &owned(&["z", "x", "z"]));
        let values: Vec<&str> = after.iter().map(|result| result.value.as_str()).collect();
        assert_eq!(values, ["A级(较强)", "z", "x"]);
        assert_eq!(after[2], before[1]);

        let after = regrade(&scene, &before, last, &[]);
        assert_eq!(after, &before[..1]);
    }
}
