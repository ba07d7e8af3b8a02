//! Written dialogues as tests of a scene: `hutong scene test FILE --script FILE`.

mod coverage;
mod document;
mod play;

use std::fmt;

use super::Scene;
use super::names::Names;
use super::problem::{Problem, Problems};
use super::source::{self, Located};
use crate::say;
pub use coverage::{Covered, untested};
use document::Dialogue;

/// How one dialogue went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogueReport {
    /// Its name in the script.
    pub name: String,
    /// What went otherwise than written; empty: the dialogue passed.
    pub failures: Vec<Failure>,
    /// Everything that was said, a line each, for the people who look into a failure.
    pub transcript: Vec<String>,
    /// What it came to.
    pub covered: Covered,
}

impl DialogueReport {
    /// Whether everything went as written.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// One thing that went otherwise than written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the script, from 1.
    pub line: u32,
    /// Column of the line in characters, from 1.
    pub column: u32,
    /// The turn, from 1; 0 is the robot's opening; none for what was expected of the whole dialogue.
    pub turn: Option<usize>,
    /// What was expected, with what it is about: `node 预约看房`.
    pub expected: String,
    /// What happened instead.
    pub got: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if let Some(turn) = self.turn {
            write!(f, "turn {turn}: ")?;
        }
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

/// Plays every dialogue of a script against a scene.
///
/// # Errors
/// What is wrong with the script itself; at least one problem.
pub fn run(scene: &Scene, script_yaml: &str) -> Result<Vec<DialogueReport>, Vec<Problem>> {
    let dialogues: Vec<Dialogue> = source::read(script_yaml).map_err(|problem| vec![problem])?;
    check(scene, &dialogues)?;
    Ok(dialogues.iter().map(|dialogue| play::play(scene, dialogue)).collect())
}

/// The JSON Schema of scripts, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Vec<Dialogue>);
    schema.insert("title".to_owned(), "Script".into());
    schema.to_value()
}

/// What the scene calls a turn in which the robot did not understand.
pub(super) const UNKNOWN: &str = "AI_UNKNOWN";

/// Names in the script that the scene does not have are mistakes of the script.
fn check(scene: &Scene, dialogues: &[Dialogue]) -> Result<(), Vec<Problem>> {
    let mut problems = Problems::default();
    let mut names = Names::new(say!("dialogue", "对话"));
    for (index, dialogue) in dialogues.iter().enumerate() {
        names.add(&dialogue.name, index, &mut problems);
        check_node(scene, dialogue.opening.node.as_ref(), &mut problems);
        for turn in &dialogue.turns {
            check_node(scene, turn.node.as_ref(), &mut problems);
            check_intent(scene, turn.intent.as_ref(), &mut problems);
            if turn.events().is_none() {
                let message = say!(
                    "a turn is exactly one of `customer: …`, `key: …`, `silence: true`, `hangs_up: true`, \
                     `transfer: taken` or `failed`, `deaf: true`, `machine: true`",
                    "每一轮只写一项：customer: …、key: …、silence: true、hangs_up: true、\
                     transfer: taken 或 failed、deaf: true、machine: true"
                );
                problems.error(turn.at().unwrap_or(dialogue.name.at), message);
            }
        }
        if let Err(at) = dialogue.clock() {
            let message = say!(
                "`now` is a date with a time, for example `2026-12-01 10:00`",
                "now 要写日期和时间，例如 2026-12-01 10:00"
            );
            problems.error(at, message);
        }
        for (name, value) in &dialogue.expect.values {
            if !kept_names(scene).any(|known| known == name) {
                problems.unknown(value.at, &say!("kept value", "记下的值"), name, kept_names(scene));
            }
        }
        for (name, value) in &dialogue.expect.results {
            if scene.results().iter().all(|known| known.name != *name) {
                let known = scene.results().iter().map(|known| known.name.as_str());
                problems.unknown(value.at, &say!("result", "结论"), name, known);
            }
        }
    }
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    Ok(())
}

/// Every name under which the scene keeps something.
fn kept_names(scene: &Scene) -> impl Iterator<Item = &str> + Clone {
    scene.kept.iter().map(String::as_str)
}

fn check_node(scene: &Scene, node: Option<&Located<String>>, problems: &mut Problems) {
    if let Some(node) = node.filter(|node| scene.node(&node.value).is_none()) {
        let known = scene.nodes.iter().map(|known| known.name.as_str());
        problems.unknown(node.at, &say!("node", "节点"), &node.value, known);
    }
}

fn check_intent(scene: &Scene, intent: Option<&Located<String>>, problems: &mut Problems) {
    let Some(intent) = intent else {
        return;
    };
    let intents = scene.intents.iter().map(|known| known.name.as_str());
    let entries = scene.knowledge.iter().map(|known| known.name.as_str());
    let mut known = intents.chain(entries).chain(kept_names(scene)).chain([UNKNOWN]);
    if !known.clone().any(|known| known == intent.value) {
        let kind = say!("intent or knowledge entry", "意图或知识库条目");
        problems.unknown(intent.at, &kind, &intent.value, &mut known);
    }
}
