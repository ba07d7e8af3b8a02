//! Which way the customer's words lead.

use crate::call::Match;
use crate::scene::Scene;
use crate::scene::model::{Knowledge, Listening, NodeIndex};
use crate::scene::trigger::{Normalized, Score, is_better};

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

/// The best of the node's branches and the scene's knowledge. Of equal ones a branch comes before a
/// question, and what is written first before what is written later.
pub(super) fn understand<'a>(scene: &'a Scene, listening: &Listening, said: &Normalized) -> Meaning<'a> {
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
    match (best, listening.otherwise) {
        (Some((Candidate::Branch { name, next }, score)), _) => Meaning::Branch { next, hit: hit(name, &score, None) },
        (Some((Candidate::Question { position, entry }, score)), _) => {
            Meaning::Question { entry, hit: hit(&entry.name, &score, u32::try_from(position + 1).ok()) }
        }
        (None, Some(next)) => Meaning::Anything { next },
        (None, None) => Meaning::Unknown,
    }
}

fn hit(name: &str, score: &Score, knowledge: Option<u32>) -> Match {
    // What people read later is what a customer might say: without the wildcards of a pattern.
    let sample = score.sample.replace('*', "");
    Match { name: name.to_owned(), sample, score: score.value, knowledge }
}
