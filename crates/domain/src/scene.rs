//! Scenes (话术): what a robot says, understands and concludes.
//!
//! A scene is written in YAML; `docs/scene.md` is the reference of the language. [`Scene::parse`]
//! checks everything that can be checked without a conversation, and says where it is wrong.
//! [`crate::dialogue`] plays a scene, [`crate::grading`] concludes what came of it.

mod built_in;
mod check;
mod compile;
pub(crate) mod condition;
mod document;
pub(crate) mod kind;
pub(crate) mod model;
mod names;
pub mod outline;
mod problem;
mod public;
pub mod rehearsal;
pub mod replay;
pub mod script;
mod source;
pub(crate) mod template;

pub(crate) use crate::understanding::{intents, trigger};
pub use built_in::{BUILT_IN, BuiltIn};
pub use problem::{Problem, Severity};
pub use public::{FixedText, Language, Voice, VoiceSource};

use std::collections::BTreeSet;

use model::{Closing, Conclusion, Intent, Knowledge, Node, NodeIndex, OnDeaf, Variable, Voicemail};

/// The intent level of a call that nobody answered, where a scene does not say otherwise.
pub const DEFAULT_UNANSWERED_LEVEL: &str = "D级(需筛选)";

/// A scene that passed every check; it never changes.
#[derive(Debug)]
pub struct Scene {
    name: String,
    robot_name: String,
    industry: (String, String),
    language: Language,
    voices: Vec<Voice>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) start: NodeIndex,
    /// Never empty.
    pub(crate) nodes: Vec<Node>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) knowledge: Vec<Knowledge>,
    pub(crate) closing: Closing,
    /// For who asks never to be called again, where the scene has no branch for it.
    pub(crate) do_not_call: Closing,
    pub(crate) on_deaf: OnDeaf,
    pub(crate) voicemail: Voicemail,
    /// How sure the robot must be of what it understood, from 0 to 1.
    pub(crate) threshold: f64,
    /// How many turns a conversation may have.
    pub(crate) rounds_max: u32,
    definitions: Vec<ResultDefinition>,
    /// In the order of `definitions`.
    pub(crate) conclusions: Vec<Conclusion>,
    /// The intent level of a call that nobody answered.
    pub(crate) unanswered: String,
    /// Every fixed piece of every prompt.
    texts: Vec<FixedText>,
    /// The variables that prompts speak.
    spoken_slots: BTreeSet<String>,
    hotwords: Vec<String>,
    /// The names under which something is kept, sorted.
    kept: Vec<String>,
    warnings: Vec<Problem>,
}

/// What a scene can conclude about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultDefinition {
    /// For example 客户意向等级.
    pub name: String,
    /// Every value that can be concluded, in the scene's order; empty where any can.
    pub values: Vec<String>,
    /// Whether any value can be concluded: what customers say, such as a time.
    pub open: bool,
}

impl Scene {
    /// Reads a scene.
    ///
    /// # Errors
    /// Everything that is wrong with it, errors and warnings, in the order of the file; at least one.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Problem>> {
        compile::compile(yaml)
    }

    /// The node of this name.
    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }
}

/// The JSON Schema of the scene language, for editors.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(document::Document).to_value()
}
