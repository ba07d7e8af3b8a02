//! Which way the customer's words lead.

use std::cell::LazyCell;
use std::cmp::Ordering;

use jiff::civil::DateTime;

use super::border::Candidate as Offered;
use super::state::State;
use crate::call::Match;
use crate::scene::Scene;
use crate::scene::intents::BuiltInIntent;
use crate::scene::kind::{Found, ValueKind};
use crate::scene::model::{Branch, Knowledge, Listening, Way};
use crate::scene::trigger::{Kind, Normalized, Score, is_better};

/// What a value is worth when nearly nothing else of the utterance is about it; as a keyword, it is worth more the more
/// of the utterance it covers.
const VALUE_SCORE_MIN: f64 = 0.6;

/// How much of what a value covers counts in a question.
const ASKED_VALUE_FACTOR: f64 = 0.5;

/// Signs that somebody is listening, not that they want to speak.
const BACKCHANNELS: &[&str] = &[
    "嗯",
    "嗯嗯",
    "嗯嗯嗯",
    "恩",
    "恩恩",
    "哦",
    "哦哦",
    "噢",
    "啊",
    "呃",
    "额",
    "唉",
    "哎",
    "嗯哼",
    "好好",
    "好好好",
    "对对",
    "对对对",
    "是是",
    "是是是",
    "哦好",
    "嗯好",
    "嗯对",
    "uhhuh",
    "mhm",
    "mm",
    "mmhm",
    "mmhmm",
    "hmm",
    "hm",
    "uh",
    "um",
    "ah",
    "oh",
    "isee",
    "okok",
];

/// Whether words are no more than a sign of listening.
#[must_use]
pub fn is_backchannel(text: &str) -> bool {
    let letters: String = text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    BACKCHANNELS.contains(&letters.as_str())
}

/// What a customer said.
pub(super) struct Words<'a> {
    /// As it was recognised.
    pub(super) text: &'a str,
    /// In the form that is compared.
    pub(super) said: &'a Normalized,
    /// What clocks showed.
    pub(super) now: DateTime,
    /// What a language model took it for.
    pub(super) choice: Option<&'a str>,
}

/// What was understood.
pub(super) struct Understood<'a> {
    pub(super) meaning: Meaning<'a>,
    /// Whether the customer asks never to be called again, whatever else is understood.
    pub(super) do_not_call: bool,
}

/// What the customer's words mean at a node.
pub(super) enum Meaning<'a> {
    /// They lead along a branch.
    Branch { branch: &'a Branch, hit: Match, found: Option<Found> },
    /// They ask something that the scene knows.
    Question { entry: &'a Knowledge, hit: Match },
    /// They ask never to be called again, and the scene has no branch for it.
    DoNotCall { hit: Match },
    /// They mean nothing in particular, and need not.
    Anything { next: &'a Way },
    /// The robot does not know what they mean.
    Unknown,
}

/// Where a score comes from.
enum Source<'a> {
    Branch { branch: &'a Branch, name: &'a str, found: Option<Found> },
    Question { position: usize, entry: &'a Knowledge },
    DoNotCall { name: &'a str },
}

impl Source<'_> {
    /// Whether words that mean this ask never to be called again as well, as some complaints do.
    fn forbids_calls(&self, scene: &Scene, said: &Normalized) -> bool {
        match self {
            Self::DoNotCall { .. } => true,
            Self::Branch { branch, .. } => {
                let intent = branch.intent.and_then(|intent| scene.intents.get(intent));
                intent.is_some_and(|intent| {
                    let complains = BuiltInIntent::resolve(&intent.name);
                    intent.do_not_call || complains.is_some_and(|complaint| complaint.forbids_calls(said))
                })
            }
            Self::Question { .. } => false,
        }
    }

    /// Whether it leads along a branch for complaints.
    fn complains(&self) -> bool {
        matches!(self, Self::Branch { name, .. } if BuiltInIntent::resolve(name) == Some(BuiltInIntent::Complaint))
    }
}

/// The questions that are answered now, with their places among all.
pub(super) fn questions<'a>(scene: &'a Scene, state: &State) -> Vec<(usize, &'a Knowledge)> {
    // Most scenes ask for no condition.
    let context = LazyCell::new(|| state.circumstances().context());
    let questions = scene.knowledge.iter().enumerate();
    questions.filter(|(_, entry)| entry.when.as_ref().is_none_or(|when| when.holds(&context))).collect()
}

/// What the customer's words may be taken for by somebody who has to guess. A value cannot be guessed.
pub(super) fn candidates(scene: &Scene, state: &State, listening: &Listening) -> Vec<Offered> {
    let branches = listening.branches.iter().filter(|branch| branch.value.is_none()).filter_map(|branch| {
        let intent = scene.intents.get(branch.intent?)?;
        Some(Offered { name: intent.name.clone(), examples: intent.trigger.examples() })
    });
    let questions = questions(scene, state);
    let questions =
        questions.iter().map(|(_, entry)| Offered { name: entry.name.clone(), examples: entry.trigger.examples() });
    branches.chain(questions).collect()
}

/// The best of the node's branches and the scene's knowledge; where the rules understand nothing, the one that a
/// language model chose. Of equal ones a branch comes before a question, and what is written first before what is
/// written later.
pub(super) fn understand<'a>(
    scene: &'a Scene,
    listening: &'a Listening,
    questions: &[(usize, &'a Knowledge)],
    words: &Words<'_>,
) -> Understood<'a> {
    let branches = listening.branches.iter().filter_map(|branch| score_branch(scene, branch, words));
    let asked = questions.iter().filter_map(|&(position, entry)| {
        Some((Source::Question { position, entry }, entry.trigger.score(words.said)?))
    });
    let understood = |scored: &(Source<'a>, Score)| scored.1.value >= scene.threshold;
    let better = |holder: (Source<'a>, Score), next: (Source<'a>, Score)| {
        if is_better(&next.1, &holder.1) { next } else { holder }
    };
    let (heard, asked): (Vec<_>, Vec<_>) = (branches.filter(understood).collect(), asked.filter(understood).collect());
    let refusals = scene
        .intents
        .iter()
        .filter(|intent| intent.do_not_call)
        .filter_map(|intent| Some((Source::DoNotCall { name: &intent.name }, intent.trigger.score(words.said)?)));
    let refusal =
        refusals.filter(understood).reduce(better).filter(|refusal| !only_complains(scene, words, &refusal.1));
    // Who asks never to be called again is not talked on to, whatever else they say: 不知道，你别打了吧.
    let (forbidding, others): (Vec<_>, Vec<_>) = heard.into_iter().partition(|(source, score)| {
        source.forbids_calls(scene, words.said) && (source.complains() || !only_complains(scene, words, score))
    });
    let forbidding = forbidding.into_iter().chain(refusal).reduce(better);
    let best = forbidding
        .or_else(|| others.into_iter().chain(asked).reduce(better))
        .or_else(|| chosen(scene, listening, questions, words.choice?));
    let do_not_call = best.as_ref().is_some_and(|(source, _)| source.forbids_calls(scene, words.said));
    let meaning = match (best, &listening.otherwise) {
        (Some((Source::Branch { branch, name, found }, score)), _) => {
            Meaning::Branch { branch, hit: hit(name, &score, None), found }
        }
        (Some((Source::Question { position, entry }, score)), _) => {
            Meaning::Question { entry, hit: hit(&entry.name, &score, u32::try_from(position + 1).ok()) }
        }
        (Some((Source::DoNotCall { name }, score)), _) => Meaning::DoNotCall { hit: hit(name, &score, None) },
        (None, Some(next)) => Meaning::Anything { next },
        (None, None) => Meaning::Unknown,
    };
    Understood { meaning, do_not_call }
}

/// How near words come to each branch, each question and each wish not to be called again, the nearest first.
pub(super) fn weigh(
    scene: &Scene,
    listening: &Listening,
    questions: &[(usize, &Knowledge)],
    words: &Words<'_>,
) -> Vec<Match> {
    let branches = listening.branches.iter().filter_map(|branch| {
        let (source, score) = score_branch(scene, branch, words)?;
        let Source::Branch { name, .. } = source else { return None };
        Some((name, None, score))
    });
    let asked = questions.iter().filter_map(|&(position, entry)| {
        Some((entry.name.as_str(), u32::try_from(position + 1).ok(), entry.trigger.score(words.said)?))
    });
    let refusals = scene.intents.iter().filter(|intent| intent.do_not_call);
    let refusals = refusals.filter_map(|intent| Some((intent.name.as_str(), None, intent.trigger.score(words.said)?)));
    let mut weighed: Vec<(&str, Option<u32>, Score)> = Vec::new();
    for next in branches.chain(asked).chain(refusals) {
        match weighed.iter_mut().find(|known| (known.0, known.1) == (next.0, next.1)) {
            Some(known) if is_better(&next.2, &known.2) => *known = next,
            Some(_) => {}
            None => weighed.push(next),
        }
    }
    // Of equal ones, what stands first stays first.
    weighed.sort_by(|a, b| match (is_better(&a.2, &b.2), is_better(&b.2, &a.2)) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Greater,
        _ => Ordering::Equal,
    });
    weighed.iter().map(|(name, knowledge, score)| hit(name, score, *knowledge)).collect()
}

/// Whether words are rather a complaint, which alone does not forbid calls: 投诉 is a word for both.
fn only_complains(scene: &Scene, words: &Words<'_>, refusal: &Score) -> bool {
    let complaint = BuiltInIntent::Complaint;
    let name = complaint.name(scene.language().of_customers());
    let score = scene.intents.iter().find(|intent| intent.name == name).and_then(|it| it.trigger.score(words.said));
    score.is_some_and(|score| is_better(&score, refusal)) && !complaint.forbids_calls(words.said)
}

/// How near an utterance comes to a branch. Of a branch with intent and value, both must be heard.
fn score_branch<'a>(scene: &'a Scene, branch: &'a Branch, words: &Words<'_>) -> Option<(Source<'a>, Score)> {
    let intent = match branch.intent {
        Some(intent) => {
            let intent = scene.intents.get(intent)?;
            Some((intent.name.as_str(), intent.trigger.score(words.said)?))
        }
        None => None,
    };
    let found = match branch.value {
        Some(kind) => Some(kind.find(words.text, scene.language(), words.now)?),
        None => None,
    };
    match (intent, found) {
        (Some((name, mut score)), found) => {
            // Of two branches for the same intent, the one that hears more comes first.
            score.sample_chars += found.as_ref().map_or(0, |found| found.extent.units);
            Some((Source::Branch { branch, name, found }, score))
        }
        (None, Some(found)) => {
            let mut score = score_value(scene, &found, words);
            score.sample_chars += branch.value.map_or(0, ValueKind::specificity);
            Some((Source::Branch { branch, name: branch.keep.as_deref()?, found: Some(found) }, score))
        }
        (None, None) => None,
    }
}

fn score_value(scene: &Scene, found: &Found, words: &Words<'_>) -> Score {
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    let said = words.said.weighty();
    let coverage = if said == 0 { 1.0 } else { (number(found.extent.weighty) / number(said)).min(1.0) };
    // A question that names a day asks about something else first: are you open on Sunday?
    let coverage = if words.said.asks() { coverage * ASKED_VALUE_FACTOR } else { coverage };
    let covered = VALUE_SCORE_MIN + (1.0 - VALUE_SCORE_MIN) * coverage;
    // 明天没空 names a day and refuses it: whatever else is understood counts first.
    let value = if words.said.denies_something() { scene.threshold } else { covered.max(scene.threshold) };
    made_up(value, found.spoken.clone(), found.extent.units)
}

/// A score that no trigger gave.
const fn made_up(value: f64, sample: String, sample_chars: usize) -> Score {
    Score { value, sample, sample_chars, kind: Kind::Sample, by_sound: false }
}

/// The candidate of this name, as sure as the scene wants it: a language model chose it.
fn chosen<'a>(
    scene: &'a Scene,
    listening: &'a Listening,
    questions: &[(usize, &'a Knowledge)],
    choice: &str,
) -> Option<(Source<'a>, Score)> {
    let score = || made_up(scene.threshold, String::new(), 0);
    let named = |branch: &&Branch| {
        branch.value.is_none()
            && branch.intent.and_then(|intent| scene.intents.get(intent)).is_some_and(|intent| intent.name == choice)
    };
    if let Some(branch) = listening.branches.iter().find(named) {
        let name = &scene.intents.get(branch.intent?)?.name;
        return Some((Source::Branch { branch, name, found: None }, score()));
    }
    let &(position, entry) = questions.iter().find(|(_, entry)| entry.name == choice)?;
    Some((Source::Question { position, entry }, score()))
}

fn hit(name: &str, score: &Score, knowledge: Option<u32>) -> Match {
    // What people read later is what a customer might say: without the wildcards of a pattern.
    let sample = score.sample.replace('*', "");
    Match { name: name.to_owned(), sample, score: score.value, knowledge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_listening_is_no_answer() {
        for said in ["嗯。", "嗯嗯", "对对对", "好，好", "Uh-huh.", "mm-hmm"] {
            assert!(is_backchannel(said), "{said}");
        }
        for said in ["好的", "不要", "嗯你说", "yes", "对", ""] {
            assert!(!is_backchannel(said), "{said}");
        }
    }
}
