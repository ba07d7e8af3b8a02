//! Which way the customer's words lead.

use super::border::Candidate as Offered;
use crate::call::Match;
use crate::scene::Scene;
use crate::scene::model::{Knowledge, Listening, NodeIndex};
use crate::scene::trigger::{Kind, Normalized, Score, is_better};

/// What the customer's words mean at a node.
pub(super) enum Meaning<'a> {
    /// They lead along a branch.
    Branch { next: NodeIndex, hit: Match },
    /// They ask something that the scene knows.
    Question { entry: &'a Knowledge, hit: Match },
    /// They mean nothing in particular, and need not.
    Anything { next: NodeIndex },
    /// The robot does not know what they mean.
    Unknown,
}

/// Where a score comes from.
#[derive(Clone, Copy)]
enum Candidate<'a> {
    Branch { name: &'a str, next: NodeIndex },
    Question { position: usize, entry: &'a Knowledge },
}

/// What the customer's words may be taken for.
pub(super) fn candidates(scene: &Scene, listening: &Listening) -> Vec<Offered> {
    let branches = listening.branches.iter().filter_map(|branch| {
        let intent = scene.intents.get(branch.intent)?;
        Some(Offered { name: intent.name.clone(), examples: intent.trigger.examples() })
    });
    let questions =
        scene.knowledge.iter().map(|entry| Offered { name: entry.name.clone(), examples: entry.trigger.examples() });
    branches.chain(questions).collect()
}

/// The best of the node's branches and the scene's knowledge; where the rules understand nothing, the one that is
/// called `choice`. Of equal ones a branch comes before a
/// question, and what is written first before what is written later.
pub(super) fn understand<'a>(
    scene: &'a Scene,
    listening: &Listening,
    said: &Normalized,
    choice: Option<&str>,
) -> Meaning<'a> {
    let branches = listening.branches.iter().filter_map(|branch| {
        let intent = scene.intents.get(branch.intent)?;
        let candidate = Candidate::Branch { name: &intent.name, next: branch.next };
        Some((candidate, intent.trigger.score(said)?))
    });
    let questions =
        scene.knowledge.iter().enumerate().filter_map(|(position, entry)| {
            Some((Candidate::Question { position, entry }, entry.trigger.score(said)?))
        });
    let best = branches
        .chain(questions)
        .filter(|(_, score)| score.value >= scene.threshold)
        .reduce(|holder, next| if is_better(&next.1, &holder.1) { next } else { holder });
    let best = best.or_else(|| chosen(scene, listening, choice?));
    match (best, listening.otherwise) {
        (Some((Candidate::Branch { name, next }, score)), _) => Meaning::Branch { next, hit: hit(name, &score, None) },
        (Some((Candidate::Question { position, entry }, score)), _) => {
            Meaning::Question { entry, hit: hit(&entry.name, &score, u32::try_from(position + 1).ok()) }
        }
        (None, Some(next)) => Meaning::Anything { next },
        (None, None) => Meaning::Unknown,
    }
}

/// The candidate of this name, as sure as the scene wants it: a language model chose it.
fn chosen<'a>(scene: &'a Scene, listening: &Listening, choice: &str) -> Option<(Candidate<'a>, Score)> {
    let score = || Score {
        value: scene.threshold,
        sample: String::new(),
        sample_chars: 0,
        kind: Kind::Sample,
        by_sound: false,
    };
    let mut branches = listening.branches.iter().filter_map(|branch| Some((branch, scene.intents.get(branch.intent)?)));
    if let Some((branch, intent)) = branches.find(|(_, intent)| intent.name == choice) {
        return Some((Candidate::Branch { name: &intent.name, next: branch.next }, score()));
    }
    let mut questions = scene.knowledge.iter().enumerate();
    let (position, entry) = questions.find(|(_, entry)| entry.name == choice)?;
    Some((Candidate::Question { position, entry }, score()))
}

fn hit(name: &str, score: &Score, knowledge: Option<u32>) -> Match {
    // What people read later is what a customer might say: without the wildcards of a pattern.
    let sample = score.sample.replace('*', "");
    Match { name: name.to_owned(), sample, score: score.value, knowledge }
}
