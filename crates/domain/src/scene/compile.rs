//! From a scene as it is written to a scene as it is played, or to everything that is wrong with it.

mod branches;
mod given;
mod meanings;
mod nodes;
mod prompts;
mod results;
mod unused;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use super::check::{self, Places};
use super::document::{self, Document, VoicemailAction};
use super::model::{Branch, Closing, KeyBranch, OnDeaf, Voicemail};
use super::names::Names;
use super::problem::{Problem, Problems};
use super::source::{Located, Position};
use super::{FixedText, Language, Scene, source};
use crate::say;
use prompts::Words;

/// The version of the scene language that is read here.
const FORMAT: u32 = 1;

/// What is known of every customer.
const BUILT_IN_VARIABLES: &[&str] = &["客户名称", "联系方式"];

/// How many turns a conversation has at most, unless the scene says otherwise.
const ROUNDS_MAX_DEFAULT: u32 = 30;

/// How many turns a scene may allow at most.
const ROUNDS_MAX_LIMIT: u32 = 100;

/// How sure the robot must be, unless the scene says otherwise.
const THRESHOLD_DEFAULT: f64 = 0.55;

/// Reads a scene.
pub(super) fn compile(yaml: &str) -> Result<Scene, Vec<Problem>> {
    let document: Document = source::read(yaml).map_err(|problem| vec![problem])?;
    let mut compiler = Compiler::new(yaml, document.language);
    compiler.names(&document);
    let scene = compiler.scene(&document);
    let mut problems = compiler.problems;
    match scene {
        Some(mut scene) if !problems.has_errors() => {
            // The graph is looked at only when all names are known: half a graph has dead ends that
            // its author never wrote.
            check::check(&scene, &compiler.places, &mut problems);
            if problems.has_errors() {
                return Err(problems.into_sorted());
            }
            scene.warnings = problems.into_sorted();
            Ok(scene)
        }
        _ => Err(problems.into_sorted()),
    }
}

/// What is known while a scene is compiled.
struct Compiler<'a> {
    source: &'a str,
    language: Language,
    problems: Problems,
    constants: BTreeMap<String, String>,
    variables: Names,
    /// What customers say that is kept.
    kept: Names,
    /// The nodes of the scene itself.
    nodes: Names,
    flows: Vec<FlowNames>,
    flow_names: Names,
    /// Every node as the record calls it, those of flows as `flow/node`.
    full_nodes: Names,
    intents: Names,
    knowledge: Names,
    results: Names,
    defaults: nodes::Defaults,
    anywhere: Vec<Branch>,
    anywhere_keys: BTreeMap<char, KeyBranch>,
    /// The flow that is being compiled; none: the scene itself.
    scope: Option<usize>,
    /// What the wordings belong to that are being compiled.
    place: String,
    /// Where the field begins that built-in words stand for.
    place_at: Position,
    texts: Vec<FixedText>,
    /// Names that a prompt speaks.
    spoken: BTreeSet<String>,
    /// Names of variables, constants and kept values that anything uses.
    used: BTreeSet<String>,
    places: Places,
}

/// The nodes of a flow.
struct FlowNames {
    nodes: Names,
    start: usize,
    /// The names that it returns.
    returns: BTreeSet<String>,
}

impl<'a> Compiler<'a> {
    fn new(source: &'a str, language: Language) -> Self {
        Self {
            source,
            language,
            problems: Problems::default(),
            constants: BTreeMap::new(),
            variables: Names::new(say!("variable", "变量")),
            kept: Names::new(say!("kept value", "记下的值")),
            nodes: Names::new(say!("node", "节点")),
            flows: Vec::new(),
            flow_names: Names::new(say!("flow", "流程")),
            full_nodes: Names::new(say!("node", "节点")),
            intents: Names::new(say!("intent", "意图")),
            knowledge: Names::new(say!("knowledge entry", "知识库条目")),
            results: Names::new(say!("result", "结论")),
            defaults: nodes::Defaults::default(),
            anywhere: Vec::new(),
            anywhere_keys: BTreeMap::new(),
            scope: None,
            place: String::new(),
            place_at: Position::START,
            texts: Vec::new(),
            spoken: BTreeSet::new(),
            used: BTreeSet::new(),
            places: Places::default(),
        }
    }

    /// Learns every name first, so that things may be mentioned before they are written.
    fn names(&mut self, document: &Document) {
        self.given_names(document);
        let problems = &mut self.problems;
        for (index, node) in document.nodes.iter().enumerate() {
            self.nodes.add(&node.name, index, problems);
            self.full_nodes.note(&node.name.value, index, node.name.at);
            self.places.nodes.push(node.name.at);
        }
        for (index, entry) in document.knowledge.iter().enumerate() {
            self.knowledge.add(&entry.name, index, problems);
            self.places.knowledge.push(entry.name.at);
        }
        for (index, result) in document.results.value.iter().enumerate() {
            self.results.add(&result.name, index, problems);
        }
        let mut next = document.nodes.len();
        for (index, flow) in document.flows.iter().enumerate() {
            next = self.flow_nodes(index, flow, next);
        }
    }

    /// Learns the names of a flow, whose first node is the `first` of all. Gives the position after its last.
    fn flow_nodes(&mut self, index: usize, flow: &document::Flow, first: usize) -> usize {
        self.flow_names.add(&flow.name, index, &mut self.problems);
        self.places.flows.push(flow.name.at);
        let mut nodes = Names::new(say!("node", "节点"));
        for (node, position) in flow.nodes.iter().zip(first..) {
            nodes.add(&node.name, position, &mut self.problems);
            let full = full_name(&flow.name.value, &node.name.value);
            if self.full_nodes.get(&full).is_some() {
                let message = say!("the node `{full}` exists already", "节点“{full}”已存在，请换个名称");
                self.problems.error(node.name.at, message);
            }
            self.full_nodes.note(&full, position, node.name.at);
            self.places.nodes.push(node.name.at);
        }
        if flow.nodes.is_empty() {
            self.problems.error(flow.name.at, say!("a flow needs at least one node", "流程至少要有一个节点"));
        }
        let start = flow.start.as_ref().and_then(|start| nodes.resolve(start, &mut self.problems));
        let returns = flow.nodes.iter().filter_map(|node| node.returns.as_ref());
        self.flows.push(FlowNames {
            nodes,
            start: start.unwrap_or(first),
            returns: returns.map(|name| name.value.clone()).collect(),
        });
        first + flow.nodes.len()
    }

    fn scene(&mut self, document: &Document) -> Option<Scene> {
        self.format(&document.hutong);
        if document.name.value.trim().is_empty() {
            self.problems.error(document.name.at, say!("a scene needs a name", "话术缺少名称"));
        }
        let (intents, hotwords) = self.intents(&document.intents);
        let threshold = self.threshold(document.defaults.threshold.as_ref());
        let rounds_max = self.rounds_max(document.defaults.rounds_max.as_ref());
        let start = self.start(document.start.as_ref(), &document.nodes);
        self.defaults(&document.defaults);
        self.anywhere(&document.anywhere);
        let nodes = self.all_nodes(document);
        let knowledge = self.all_knowledge(&document.knowledge, &document.results.value, &intents);
        let closing = self.closing("closing", &document.closing, Words::closing(self.language));
        let do_not_call = self.closing("do_not_call", &document.do_not_call, Words::do_not_call(self.language));
        let on_deaf = self.on_deaf(&document.on_deaf);
        let voicemail = self.voicemail(&document.voicemail);
        let results = self.all_results(&document.results);
        let variables = self.variables(&document.variables);
        let voices = self.voices(&document.voices);
        self.texts.sort_by_key(|text| (text.line, text.column));
        self.unused(document);
        Some(Scene {
            name: document.name.value.clone(),
            robot_name: document.robot.name.value.clone(),
            industry: (document.robot.industry.one.clone(), document.robot.industry.two.clone()),
            language: self.language,
            voices,
            variables,
            start: start?,
            nodes: nodes?,
            intents,
            hotwords: self.hotwords(hotwords, &document.knowledge),
            knowledge: knowledge?,
            closing: closing?,
            do_not_call: do_not_call?,
            on_deaf: on_deaf?,
            voicemail: voicemail?,
            threshold,
            rounds_max,
            definitions: results.definitions,
            conclusions: results.conclusions,
            unanswered: results.unanswered?,
            texts: std::mem::take(&mut self.texts),
            kept: self.kept.iter().map(str::to_owned).collect(),
            spoken_slots: std::mem::take(&mut self.spoken),
            warnings: Vec::new(),
        })
    }

    fn format(&mut self, format: &Located<u32>) {
        if format.value != FORMAT {
            let message = say!(
                "version {given} of the scene language is not known here; this is version {FORMAT}",
                "这里不认识第 {given} 版话术语言，请写 hutong: {FORMAT}",
                given = format.value
            );
            self.problems.error(format.at, message);
        }
    }

    fn start(&mut self, start: Option<&Located<String>>, nodes: &[document::Node]) -> Option<usize> {
        match start {
            Some(name) => self.nodes.resolve(name, &mut self.problems),
            None if nodes.is_empty() => {
                self.problems.error(Position::START, say!("a scene needs at least one node", "话术至少要有一个节点"));
                None
            }
            None => Some(0),
        }
    }

    fn threshold(&mut self, threshold: Option<&Located<f64>>) -> f64 {
        let Some(threshold) = threshold else {
            return THRESHOLD_DEFAULT;
        };
        if !(0.0..=1.0).contains(&threshold.value) {
            self.problems.error(threshold.at, say!("a threshold lies between 0 and 1", "threshold 应在 0 与 1 之间"));
        }
        threshold.value
    }

    fn rounds_max(&mut self, rounds: Option<&Located<u32>>) -> u32 {
        let Some(rounds) = rounds else {
            return ROUNDS_MAX_DEFAULT;
        };
        if !(1..=ROUNDS_MAX_LIMIT).contains(&rounds.value) {
            let message = say!(
                "a conversation has between 1 and {ROUNDS_MAX_LIMIT} rounds",
                "rounds_max 应在 1 与 {ROUNDS_MAX_LIMIT} 之间"
            );
            self.problems.error(rounds.at, message);
        }
        self.places.rounds_max = Some(rounds.at);
        rounds.value
    }

    fn closing(&mut self, place: &str, closing: &document::Closing, built_in: Words) -> Option<Closing> {
        self.at_place(place, Position::START);
        let say = self.wordings(&closing.say);
        Some(Closing {
            say: self.or_built_in(say?, built_in.say),
            reason: closing.reason.clone().unwrap_or_else(|| built_in.reason.to_owned()),
        })
    }

    fn on_deaf(&mut self, written: &document::OnDeaf) -> Option<OnDeaf> {
        let words = Words::on_deaf(self.language);
        self.at_place("on_deaf", Position::START);
        let say = self.wordings(&written.say);
        let next = written.next.as_ref().map(|name| self.nodes.resolve(name, &mut self.problems));
        Some(OnDeaf {
            closing: Closing {
                say: self.or_built_in(say?, words.say),
                reason: written.reason.clone().unwrap_or_else(|| words.reason.to_owned()),
            },
            next: match next {
                Some(next) => Some(next?),
                None => None,
            },
        })
    }

    fn voicemail(&mut self, voicemail: &document::Voicemail) -> Option<Voicemail> {
        let words = Words::voicemail(self.language);
        self.at_place("voicemail", Position::START);
        let say = self.wordings(&voicemail.say)?;
        let reason = voicemail.reason.clone().unwrap_or_else(|| words.reason.to_owned());
        Some(match voicemail.action {
            VoicemailAction::HangUp => Voicemail::Leave { say: Vec::new(), reason },
            VoicemailAction::LeaveMessage => Voicemail::Leave { say: self.or_built_in(say, words.say), reason },
            VoicemailAction::GoOn => Voicemail::GoOn,
        })
    }
}

/// What the record and the rules call a node of a flow.
pub(super) fn full_name(flow: &str, node: &str) -> String {
    format!("{flow}/{node}")
}
