//! From a scene as it is written to a scene as it is played, or to everything that is wrong with it.

mod nodes;
mod results;

use std::collections::BTreeSet;

use super::check;
use super::document::{self, Document, VoicemailAction, Wordings};
use super::intents;
use super::kind::VariableKind;
use super::model::{Branch, Closing, Intent, Knowledge, Variable, Voicemail};
use super::names::Names;
use super::problem::{Problem, Problems};
use super::source::{Located, Position};
use super::template::Template;
use super::trigger::Trigger;
use super::{Language, Scene, Voice, VoiceSource, source};

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

/// The language that customers speak.
const LANGUAGE: intents::Language = intents::Language::Mandarin;

const CLOSING_SAY: &str = "好的，那今天先不打扰您了，祝您生活愉快，再见。";
const CLOSING_REASON: &str = "正常结束";
const VOICEMAIL_SAY: &str = "您好，打扰了，我们稍后再与您联系，再见。";
const VOICEMAIL_REASON: &str = "语音信箱";

/// Reads a scene.
pub(super) fn compile(yaml: &str) -> Result<Scene, Vec<Problem>> {
    let document: Document = source::read(yaml).map_err(|problem| vec![problem])?;
    let mut compiler = Compiler::new(yaml);
    compiler.names(&document);
    let scene = compiler.scene(document);
    let mut problems = compiler.problems;
    match scene {
        Some(mut scene) if !problems.has_errors() => {
            // The graph is looked at only when all names are known: half a graph has dead ends that
            // its author never wrote.
            check::check(&scene, &compiler.node_positions, &mut problems);
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
    problems: Problems,
    variables: Names,
    nodes: Names,
    node_positions: Vec<Position>,
    intents: Names,
    knowledge: Names,
    results: Names,
    defaults: nodes::Defaults,
    anywhere: Vec<Branch>,
    anywhere_keys: Vec<(char, usize)>,
}

impl<'a> Compiler<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            problems: Problems::default(),
            variables: Names::new("variable"),
            nodes: Names::new("node"),
            node_positions: Vec::new(),
            intents: Names::new("intent"),
            knowledge: Names::new("knowledge entry"),
            results: Names::new("result"),
            defaults: nodes::Defaults::default(),
            anywhere: Vec::new(),
            anywhere_keys: Vec::new(),
        }
    }

    /// Learns every name first, so that things may be mentioned before they are written.
    fn names(&mut self, document: &Document) {
        let problems = &mut self.problems;
        for (index, variable) in document.variables.iter().enumerate() {
            if BUILT_IN_VARIABLES.contains(&variable.name.value.as_str()) {
                let message = format!("`{}` is built in; leave it out", variable.name.value);
                problems.error(variable.name.at, message);
            } else {
                self.variables.add(&variable.name, index, problems);
            }
        }
        for (index, node) in document.nodes.iter().enumerate() {
            self.nodes.add(&node.name, index, problems);
            self.node_positions.push(node.name.at);
        }
        for (index, entry) in document.knowledge.iter().enumerate() {
            self.knowledge.add(&entry.name, index, problems);
        }
        for (index, result) in document.results.value.iter().enumerate() {
            self.results.add(&result.name, index, problems);
        }
    }

    fn scene(&mut self, document: Document) -> Option<Scene> {
        self.format(&document.hutong);
        if document.name.value.trim().is_empty() {
            self.problems.error(document.name.at, "a scene needs a name");
        }
        let intents = self.intents(&document.intents);
        let threshold = self.threshold(document.defaults.threshold.as_ref());
        let rounds_max = self.rounds_max(document.defaults.rounds_max.as_ref());
        let closing = self.closing(&document.closing);
        let voicemail = self.voicemail(&document.voicemail);
        let start = self.start(document.start.as_ref(), &document.nodes);
        self.defaults(&document.defaults);
        self.anywhere(&document.anywhere);
        let nodes = self.all_nodes(&document.nodes);
        let knowledge = self.all_knowledge(&document.knowledge, &document.results.value, &intents);
        let results = self.all_results(&document.results);
        self.unused_intents(&document);
        Some(Scene {
            name: document.name.value,
            robot_name: document.robot.name.value,
            industry: (document.robot.industry.one, document.robot.industry.two),
            language: Language::Zh,
            voices: document
                .voices
                .into_iter()
                .map(|voice| Voice { name: voice.value, source: VoiceSource::Installation })
                .collect(),
            variables: document
                .variables
                .into_iter()
                .map(|variable| Variable {
                    name: variable.name.value,
                    kind: VariableKind::Text,
                    required: variable.default.is_none(),
                    default: variable.default,
                })
                .collect(),
            start: start?,
            nodes: nodes?,
            intents,
            knowledge: knowledge?,
            closing: closing?,
            voicemail: voicemail?,
            threshold,
            rounds_max,
            definitions: results.definitions,
            conclusions: results.conclusions,
            unanswered: results.unanswered?,
            texts: Vec::new(),
            spoken_slots: BTreeSet::new(),
            hotwords: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn format(&mut self, format: &Located<u32>) {
        if format.value != FORMAT {
            let message =
                format!("version {} of the scene language is not known here; this is version {FORMAT}", format.value);
            self.problems.error(format.at, message);
        }
    }

    fn start(&mut self, start: Option<&Located<String>>, nodes: &[document::Node]) -> Option<usize> {
        match start {
            Some(name) => self.nodes.resolve(name, &mut self.problems),
            None if nodes.is_empty() => {
                self.problems.error(Position::START, "a scene needs at least one node");
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
            self.problems.error(threshold.at, "a threshold lies between 0 and 1");
        }
        threshold.value
    }

    fn rounds_max(&mut self, rounds: Option<&Located<u32>>) -> u32 {
        let Some(rounds) = rounds else {
            return ROUNDS_MAX_DEFAULT;
        };
        if !(1..=ROUNDS_MAX_LIMIT).contains(&rounds.value) {
            let message = format!("a conversation has between 1 and {ROUNDS_MAX_LIMIT} rounds");
            self.problems.error(rounds.at, message);
        }
        rounds.value
    }

    fn closing(&mut self, closing: &document::Closing) -> Option<Closing> {
        let say = self.wordings(&closing.say)?;
        Some(Closing {
            say: or_built_in(say, CLOSING_SAY),
            reason: closing.reason.clone().unwrap_or_else(|| CLOSING_REASON.to_owned()),
        })
    }

    fn voicemail(&mut self, voicemail: &document::Voicemail) -> Option<Voicemail> {
        let say = self.wordings(&voicemail.say)?;
        let reason = voicemail.reason.clone().unwrap_or_else(|| VOICEMAIL_REASON.to_owned());
        Some(match voicemail.action {
            VoicemailAction::HangUp => Voicemail::Leave { say: Vec::new(), reason },
            VoicemailAction::LeaveMessage => Voicemail::Leave { say: or_built_in(say, VOICEMAIL_SAY), reason },
            VoicemailAction::GoOn => Voicemail::GoOn,
        })
    }

    /// The built-in intents, then those of the scene; one of a built-in name adds to it.
    fn intents(&mut self, written: &[document::Intent]) -> Vec<Intent> {
        let mut intents: Vec<Intent> =
            intents::built_in(LANGUAGE).map(|(name, trigger)| Intent { name: name.to_owned(), trigger }).collect();
        for intent in written {
            let mut trigger = Trigger::new(true);
            self.fill(&mut trigger, &intent.keywords, &intent.patterns, &intent.samples);
            if trigger.is_empty() {
                let message = format!("nothing that is said can mean `{}`", intent.name.value);
                self.problems.error(intent.name.at, message);
            }
            let other_name = intents::other_names(LANGUAGE).find(|(name, _)| *name == intent.name.value);
            let position = intents.iter().position(|known| known.name == intent.name.value);
            let position = position.or(other_name.map(|(_, position)| position));
            self.intents.add(&intent.name, position.unwrap_or(intents.len()), &mut self.problems);
            match position.and_then(|position| intents.get_mut(position)) {
                Some(known) => known.trigger.extend(&trigger),
                None => intents.push(Intent { name: intent.name.value.clone(), trigger }),
            }
        }
        for (index, intent) in intents.iter().enumerate() {
            self.intents.add_built_in(&intent.name, index);
        }
        for (name, index) in intents::other_names(LANGUAGE) {
            self.intents.add_built_in(name, index);
        }
        intents
    }

    fn fill(
        &mut self,
        trigger: &mut Trigger,
        keywords: &[Located<String>],
        patterns: &[Located<String>],
        samples: &[Located<String>],
    ) {
        type Add = fn(&mut Trigger, &str) -> bool;
        let kinds =
            [(keywords, Trigger::add_keyword as Add), (patterns, Trigger::add_pattern), (samples, Trigger::add_sample)];
        for (wordings, add) in kinds {
            for wording in wordings {
                if !add(trigger, &wording.value) {
                    let message = format!("`{}` has nothing in it that can be heard", wording.value);
                    self.problems.error(wording.at, message);
                }
            }
        }
    }

    fn all_knowledge(
        &mut self,
        entries: &[document::Knowledge],
        results: &[document::ResultRules],
        intents: &[Intent],
    ) -> Option<Vec<Knowledge>> {
        let compiled: Vec<_> = entries.iter().map(|entry| self.one_knowledge(entry, results, intents)).collect();
        compiled.into_iter().collect()
    }

    fn one_knowledge(
        &mut self,
        entry: &document::Knowledge,
        results: &[document::ResultRules],
        intents: &[Intent],
    ) -> Option<Knowledge> {
        // Questions about a thing stay questions when they are denied: 价格不清楚 asks for the price.
        let mut trigger = Trigger::new(false);
        self.fill(&mut trigger, &entry.keywords, &entry.patterns, &entry.samples);
        if let Some(name) = &entry.intent {
            let intent = self.intents.resolve(name, &mut self.problems);
            if let Some(intent) = intent.and_then(|intent| intents.get(intent)) {
                trigger.extend(&intent.trigger);
            }
        }
        if trigger.is_empty() {
            let message = format!("nothing that is said can ask for `{}`", entry.name.value);
            self.problems.error(entry.name.at, message);
        }
        for (name, value) in &entry.reveals {
            self.revealed(name, value, results);
        }
        let then = entry.then.as_ref().map(|then| self.nodes.resolve(then, &mut self.problems));
        let answer = self.prompt(&entry.answer);
        Some(Knowledge {
            name: entry.name.value.clone(),
            trigger,
            answer: answer?,
            interruptible: entry.interruptible.unwrap_or(self.defaults.interruptible),
            reveals: entry.reveals.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            then: match then {
                Some(then) => Some(then?),
                None => None,
            },
        })
    }

    /// Wordings that must be there.
    fn prompt(&mut self, wordings: &Located<Wordings>) -> Option<Vec<Template>> {
        if wordings.value.0.is_empty() {
            self.problems.error(wordings.at, "at least one wording is needed");
            return None;
        }
        self.wordings(&wordings.value)
    }

    fn wordings(&mut self, wordings: &Wordings) -> Option<Vec<Template>> {
        let templates: Vec<_> = wordings.0.iter().map(|wording| self.wording(wording)).collect();
        templates.into_iter().collect()
    }

    fn wording(&mut self, wording: &Located<String>) -> Option<Template> {
        if wording.value.trim().is_empty() {
            self.problems.error(wording.at, "a wording must say something");
            return None;
        }
        match Template::parse(&wording.value) {
            Ok((template, slots)) => {
                for slot in slots {
                    let name = slot.name.as_str();
                    if self.variables.get(name).is_none() && !BUILT_IN_VARIABLES.contains(&name) {
                        let at = wording.position_within(self.source, slot.offset);
                        let known = self.variables.iter().chain(BUILT_IN_VARIABLES.iter().copied());
                        self.problems.unknown(at, "variable", name, known);
                    }
                }
                Some(template)
            }
            Err(malformed) => {
                let at = wording.position_within(self.source, malformed.offset);
                self.problems.error(at, malformed.message);
                None
            }
        }
    }

    fn unused_intents(&mut self, document: &Document) {
        let branches = document.nodes.iter().flat_map(|node| &node.branches);
        let used: Vec<&str> = branches
            .chain(&document.anywhere)
            .filter_map(|branch| branch.intent.as_ref())
            .chain(document.knowledge.iter().filter_map(|entry| entry.intent.as_ref()))
            .map(|intent| intent.value.as_str())
            .collect();
        for intent in &document.intents {
            if !used.contains(&intent.name.value.as_str()) {
                let message = format!("no branch and no knowledge uses the intent `{}`", intent.name.value);
                self.problems.warning(intent.name.at, message);
            }
        }
    }
}

fn values<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|located| located.value).collect()
}

/// The wordings, or a built-in one where there are none.
fn or_built_in(wordings: Vec<Template>, built_in: &str) -> Vec<Template> {
    if wordings.is_empty() { vec![Template::plain(built_in)] } else { wordings }
}
