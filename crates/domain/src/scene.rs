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
pub(crate) mod model;
mod names;
mod problem;
pub mod script;
mod source;
pub(crate) mod template;

pub(crate) use crate::understanding::{intents, trigger};
pub use built_in::{BUILT_IN, BuiltIn};
pub use problem::{Problem, Severity};

use model::{Closing, Conclusion, Intent, Knowledge, Node, NodeIndex, Variable, Voicemail};

/// The intent level of a call that nobody answered, where a scene does not say otherwise.
pub const DEFAULT_UNANSWERED_LEVEL: &str = "D级(需筛选)";

/// A scene that passed every check; it never changes.
#[derive(Debug)]
pub struct Scene {
    name: String,
    robot_name: String,
    industry: (String, String),
    voices: Vec<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) start: NodeIndex,
    /// Never empty.
    pub(crate) nodes: Vec<Node>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) knowledge: Vec<Knowledge>,
    pub(crate) closing: Closing,
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
    warnings: Vec<Problem>,
}

/// What a scene can conclude about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultDefinition {
    /// For example 客户意向等级.
    pub name: String,
    /// Every value that can be concluded, in the scene's order.
    pub values: Vec<String>,
}

impl Scene {
    /// Reads a scene.
    ///
    /// # Errors
    /// Everything that is wrong with it, errors and warnings, in the order of the file; at least one.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Problem>> {
        compile::compile(yaml)
    }

    /// What the author should look at, although the scene can be used.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// For example 房产电销.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an import must supply for every customer, besides 客户名称 and 联系方式.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|variable| variable.default.is_none()).map(|variable| variable.name.as_str())
    }

    /// The voices (录音) that it can be spoken with; the first is the default.
    #[must_use]
    pub fn voices(&self) -> &[String] {
        &self.voices
    }

    /// What the robot is for, in two steps; empty where the scene does not say.
    #[must_use]
    pub fn industry(&self) -> (&str, &str) {
        (&self.industry.0, &self.industry.1)
    }

    /// What operators and the API call the robot, for example 产品电销.
    #[must_use]
    pub fn robot_name(&self) -> &str {
        &self.robot_name
    }

    /// What it can conclude, in the scene's order.
    #[must_use]
    pub fn results(&self) -> &[ResultDefinition] {
        &self.definitions
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
