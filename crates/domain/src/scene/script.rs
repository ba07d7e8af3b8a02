//! Written dialogues as tests of a scene: `hutong scene test FILE --script FILE`.

mod play;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::Scene;
use super::names::Names;
use super::problem::{Problem, Problems};
use super::source::{self, Located};

/// How one dialogue went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogueReport {
    /// Its name in the script.
    pub name: String,
    /// What went otherwise than written; empty: the dialogue passed.
    pub failures: Vec<Failure>,
    /// Everything that was said, a line each, for the people who look into a failure.
    pub transcript: Vec<String>,
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

/// A dialogue as its author writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialogue {
    /// What it shows, in a few words.
    name: Located<String>,
    /// What is known of the customer.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// Chooses between wordings; 0 by default.
    #[serde(default)]
    seed: u64,
    /// What is expected of the robot's first words.
    #[serde(default)]
    opening: Expected,
    /// What the customer does, and what is expected of the robot then.
    #[serde(default)]
    turns: Vec<Turn>,
    /// What is expected of the whole dialogue.
    #[serde(default)]
    expect: ExpectedEnd,
}

/// What the customer does, one of four things, and what is expected of the robot then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    /// The customer says this.
    #[serde(default)]
    customer: Option<Located<String>>,
    /// The customer presses this key.
    #[serde(default)]
    key: Option<Located<char>>,
    /// The customer says nothing.
    #[serde(default)]
    silence: Option<Located<bool>>,
    /// The customer hangs up.
    #[serde(default)]
    hangs_up: Option<Located<bool>>,
    /// The node that is active then.
    #[serde(default)]
    node: Option<Located<String>>,
    /// What the robot's words contain.
    #[serde(default)]
    says: Option<Located<String>>,
    /// The intent or the knowledge entry that was hit; `AI_UNKNOWN` for none.
    #[serde(default)]
    intent: Option<Located<String>>,
}

/// What is expected of the robot's first words.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    /// The node that is active then.
    node: Option<Located<String>>,
    /// What the robot's words contain.
    says: Option<Located<String>>,
}

/// What is expected of the whole dialogue.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExpectedEnd {
    /// Why the robot hung up.
    reason: Option<Located<String>>,
    /// Result name → value, or list of values.
    results: BTreeMap<String, Located<super::document::Wordings>>,
}

/// What the scene calls a turn in which the robot did not understand.
pub(super) const UNKNOWN: &str = "AI_UNKNOWN";

/// Names in the script that the scene does not have are mistakes of the script.
fn check(scene: &Scene, dialogues: &[Dialogue]) -> Result<(), Vec<Problem>> {
    let mut problems = Problems::default();
    let mut names = Names::new("dialogue");
    for (index, dialogue) in dialogues.iter().enumerate() {
        names.add(&dialogue.name, index, &mut problems);
        check_node(scene, dialogue.opening.node.as_ref(), &mut problems);
        for turn in &dialogue.turns {
            check_node(scene, turn.node.as_ref(), &mut problems);
            check_intent(scene, turn.intent.as_ref(), &mut problems);
            if turn.event().is_none() {
                let at = [&turn.node, &turn.says, &turn.intent]
                    .into_iter()
                    .find_map(|expected| expected.as_ref().map(|expected| expected.at));
                problems.error(
                    at.unwrap_or(dialogue.name.at),
                    "a turn is exactly one of `customer: …`, `key: …`, `silence: true`, `hangs_up: true`",
                );
            }
        }
        for (name, value) in &dialogue.expect.results {
            if scene.results().iter().all(|known| known.name != *name) {
                let known = scene.results().iter().map(|known| known.name.as_str());
                problems.unknown(value.at, "result", name, known);
            }
        }
    }
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    Ok(())
}

fn check_node(scene: &Scene, node: Option<&Located<String>>, problems: &mut Problems) {
    if let Some(node) = node.filter(|node| scene.node(&node.value).is_none()) {
        let known = scene.nodes.iter().map(|known| known.name.as_str());
        problems.unknown(node.at, "node", &node.value, known);
    }
}

fn check_intent(scene: &Scene, intent: Option<&Located<String>>, problems: &mut Problems) {
    let Some(intent) = intent else {
        return;
    };
    let intents = scene.intents.iter().map(|known| known.name.as_str());
    let entries = scene.knowledge.iter().map(|known| known.name.as_str());
    let mut known = intents.chain(entries).chain([UNKNOWN]);
    if !known.clone().any(|known| known == intent.value) {
        problems.unknown(intent.at, "intent or knowledge entry", &intent.value, &mut known);
    }
}
