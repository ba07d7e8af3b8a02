//! What the dialogues of a script come to, and what none of them comes to.

use std::collections::BTreeSet;

use super::{DialogueReport, Scene};

/// What a dialogue came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covered {
    /// The nodes that it came through.
    pub nodes: BTreeSet<String>,
    /// The questions that were asked in it.
    pub questions: BTreeSet<String>,
    /// What was concluded about it: result name and value.
    pub results: BTreeSet<(String, String)>,
}

/// What no dialogue of a script comes to: nodes, questions, and values of results, in the order of the scene. Of a
/// result with any value it is enough that it has one.
#[must_use]
pub fn untested(scene: &Scene, reports: &[DialogueReport]) -> Vec<String> {
    let covered = || reports.iter().map(|report| &report.covered);
    let nodes = scene.nodes.iter().map(|node| &node.name);
    let nodes = nodes.filter(|name| !covered().any(|covered| covered.nodes.contains(*name)));
    let questions = scene.knowledge.iter().map(|entry| &entry.name);
    let questions = questions.filter(|name| !covered().any(|covered| covered.questions.contains(*name)));
    let results = scene.results().iter().flat_map(|definition| {
        let values = definition.values.iter().map(|value| Some(value.as_str()));
        values.chain(definition.open.then_some(None)).map(|value| (definition.name.as_str(), value))
    });
    let concluded = |&(name, value): &(&str, Option<&str>)| {
        let mut results = covered().flat_map(|covered| &covered.results);
        results.any(|(known, got)| known == name && value.is_none_or(|value| value == got))
    };
    let results = results.filter(|result| !concluded(result));
    let nodes = nodes.map(|name| format!("node `{name}`"));
    let questions = questions.map(|name| format!("question `{name}`"));
    let results = results.map(|(name, value)| match value {
        Some(value) => format!("value `{value}` of `{name}`"),
        None => format!("any value of `{name}`"),
    });
    nodes.chain(questions).chain(results).collect()
}
