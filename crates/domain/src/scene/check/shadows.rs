//! Meanings that are never understood, because everything that says them is nearer to another.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Scene;
use super::super::model::{Listening, NodeIndex, Then};
use super::super::problem::Problems;
use super::super::source::Position;
use super::Places;
use crate::message::Message;
use crate::say;
use crate::understanding::{Normalized, Trigger, is_better};

/// What words may be taken for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    Intent(usize),
    Knowledge(usize),
}

/// How one candidate stands to another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shadow {
    /// Some words mean the other alone.
    None,
    /// Nothing is nearer to the other, and something is as near to both: whichever comes first counts.
    Ties,
    /// Everything is nearer to this one.
    Full,
}

pub(super) fn check(scene: &Scene, places: &Places, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
    let mut shadows = Shadows { scene, known: BTreeMap::new(), wordings: BTreeMap::new() };
    let mut reported = BTreeSet::new();
    let mut hidden: BTreeMap<usize, (usize, Candidate)> = BTreeMap::new();
    let mut nodes = 0;
    for &index in reachable {
        let Some(Then::Listen(listening)) = scene.nodes.get(index).map(|node| &node.then) else {
            continue;
        };
        nodes += 1;
        let candidates = candidates(scene, listening);
        for (position, &(candidate, inherited)) in candidates.iter().enumerate() {
            let Some(by) = shadows.hides(&candidates, position) else {
                continue;
            };
            match candidate {
                Candidate::Knowledge(entry) => hidden.entry(entry).or_insert((0, by)).0 += 1,
                Candidate::Intent(_) if inherited || !reported.insert((candidate, by)) => {}
                Candidate::Intent(intent) => {
                    let name = scene.intents.get(intent).map_or("", |intent| &intent.name);
                    let at = places.intents.get(intent).copied().flatten();
                    let at = at.or_else(|| places.nodes.get(index).copied()).unwrap_or(Position::START);
                    let node = scene.nodes.get(index).map_or("", |node| &node.name);
                    let Message { en, zh } = called(scene, places, by);
                    let message = say!(
                        "at `{node}` nothing is understood as `{name}`: whatever says it says {en} as well",
                        "在节点“{node}”永远听不出“{name}”：能听成它的话也都能听成{zh}"
                    );
                    problems.warning(at, message);
                }
            }
        }
    }
    for (entry, (times, by)) in hidden {
        if times == nodes {
            let name = scene.knowledge.get(entry).map_or("", |entry| &entry.name);
            let at = places.knowledge.get(entry).copied().unwrap_or(Position::START);
            let Message { en, zh } = called(scene, places, by);
            let message = say!(
                "nothing is understood as `{name}`: whatever asks it says {en} as well",
                "永远听不出“{name}”：能问到它的话也都能听成{zh}"
            );
            problems.warning(at, message);
        }
    }
}

/// What a message calls a candidate.
fn called(scene: &Scene, places: &Places, candidate: Candidate) -> Message {
    let (name, at) = match candidate {
        Candidate::Intent(intent) => {
            (scene.intents.get(intent).map(|it| &it.name), places.intents.get(intent).copied().flatten())
        }
        Candidate::Knowledge(entry) => {
            (scene.knowledge.get(entry).map(|it| &it.name), places.knowledge.get(entry).copied())
        }
    };
    let name = name.map_or("", String::as_str);
    match at {
        Some(at) => say!("`{name}` (line {line})", "“{name}”（第 {line} 行）", line = at.line),
        None => say!("`{name}`", "“{name}”"),
    }
}

/// The candidates of a node in their order, and which of them hold anywhere.
fn candidates(scene: &Scene, listening: &Listening) -> Vec<(Candidate, bool)> {
    let branches = listening.branches.iter().filter(|branch| branch.value.is_none());
    let intents = branches.filter_map(|branch| Some((Candidate::Intent(branch.intent?), branch.anywhere)));
    intents.chain((0..scene.knowledge.len()).map(|entry| (Candidate::Knowledge(entry), true))).collect()
}

struct Shadows<'a> {
    scene: &'a Scene,
    known: BTreeMap<(Candidate, Candidate), Shadow>,
    wordings: BTreeMap<Candidate, Vec<Normalized>>,
}

impl Shadows<'_> {
    /// The candidate that hides the one at this position.
    fn hides(&mut self, candidates: &[(Candidate, bool)], position: usize) -> Option<Candidate> {
        let &(hidden, _) = candidates.get(position)?;
        let others = candidates.iter().enumerate().filter(|&(other, _)| other != position);
        for (other, &(by, _)) in others {
            if !self.always_understood(by) {
                continue;
            }
            match self.shadow(by, hidden) {
                Shadow::Full => return Some(by),
                Shadow::Ties if other < position => return Some(by),
                Shadow::Ties | Shadow::None => {}
            }
        }
        None
    }

    /// A question that is understood only where a condition holds hides nothing for good.
    fn always_understood(&self, candidate: Candidate) -> bool {
        match candidate {
            Candidate::Intent(_) => true,
            Candidate::Knowledge(entry) => self.scene.knowledge.get(entry).is_some_and(|entry| entry.when.is_none()),
        }
    }

    fn shadow(&mut self, by: Candidate, hidden: Candidate) -> Shadow {
        if let Some(&known) = self.known.get(&(by, hidden)) {
            return known;
        }
        let shadow = self.compare(by, hidden);
        self.known.insert((by, hidden), shadow);
        shadow
    }

    fn compare(&mut self, by: Candidate, hidden: Candidate) -> Shadow {
        let scene = self.scene;
        let (Some(theirs), Some(own)) = (trigger(scene, by), trigger(scene, hidden)) else {
            return Shadow::None;
        };
        let wordings = self
            .wordings
            .entry(hidden)
            .or_insert_with(|| own.wordings().map(|wording| Normalized::new(&wording)).collect());
        let mut shadow = Shadow::Full;
        for said in &*wordings {
            let Some(own) = own.score(said) else { continue };
            match theirs.score(said) {
                Some(theirs) if is_better(&theirs, &own) => {}
                Some(theirs) if !is_better(&own, &theirs) => shadow = Shadow::Ties,
                // The first words that mean it alone settle the question; mostly these are the first at all.
                _ => return Shadow::None,
            }
        }
        if wordings.is_empty() { Shadow::None } else { shadow }
    }
}

fn trigger(scene: &Scene, candidate: Candidate) -> Option<&Trigger> {
    match candidate {
        Candidate::Intent(intent) => Some(&scene.intents.get(intent)?.trigger),
        Candidate::Knowledge(entry) => Some(&scene.knowledge.get(entry)?.trigger),
    }
}
