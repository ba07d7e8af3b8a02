//! Past calls against another version of their scene: what would be understood, said and concluded otherwise.

mod play;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Scene;
use crate::call::{CallResult, Speaker, Understanding, Utterance};
use crate::dialogue::{Event, Opening};
use crate::grading;
pub use summary::Summary;

/// Everything that happened in a conversation, so that it can be played again: keys and silences are in no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// What it began with.
    pub opening: Opening,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A past call, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptCall {
    /// What was known of the customer.
    pub variables: BTreeMap<String, String>,
    /// What happened.
    pub course: Course,
    /// What was said.
    pub transcript: Vec<Utterance>,
    /// What the rules concluded then.
    pub results: Vec<CallResult>,
    /// What a person made of it: result name and values.
    pub by_hand: BTreeMap<String, Vec<String>>,
    /// Talk time in milliseconds.
    pub talk_ms: i64,
    /// How often the robot spoke.
    pub chat_rounds: i64,
}

/// How a past call goes with another version of its scene.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The turn after which the robot says something else than it did; 0 is its opening. What the customer says from
    /// then on answers another question: everything later is uncertain.
    pub diverged_at: Option<usize>,
    /// The turn from which on nothing was played any more, since the customer's words made no sense there, or the robot
    /// had hung up already.
    pub stopped_at: Option<usize>,
    /// What was understood otherwise, and where the talk took another way.
    pub flips: Vec<Flip>,
    /// What is concluded otherwise.
    pub results: Vec<ResultFlip>,
    /// What a person had judged.
    pub judged: Vec<Judged>,
    /// How often the robot did not understand: then, and now.
    pub unknowns: (u32, u32),
    /// Whether the call ends at another node, or does not come to its end.
    pub ends_otherwise: bool,
}

/// Something that the customer did and that is taken otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// Which turn of the customer, from 1; 0 is the robot's opening.
    pub turn: usize,
    /// What the customer did.
    pub said: String,
    /// What it was taken for, or where it led.
    pub from: String,
    /// The same now.
    pub to: String,
    /// Whether the robot had said up to there what it said in the call.
    pub certain: bool,
}

/// A result that has other values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFlip {
    /// Its name.
    pub name: String,
    /// What the rules concluded then, sorted.
    pub from: Vec<String>,
    /// What they conclude now, sorted.
    pub to: Vec<String>,
    /// What a person had made of it.
    pub by_hand: Option<Vec<String>>,
    /// Whether the conversation went as it did in the call.
    pub certain: bool,
}

/// A result that a person had judged: theirs is the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Whether the rules had concluded the same.
    pub agreed_before: bool,
    /// Whether they conclude the same now.
    pub agrees_now: bool,
}

impl Replay {
    /// Whether anything comes out otherwise.
    #[must_use]
    pub fn has_flips(&self) -> bool {
        self.diverged_at.is_some() || !self.flips.is_empty() || !self.results.is_empty()
    }
}

/// Plays a past call against a version of its scene.
#[must_use]
pub fn replay(scene: &Scene, call: &KeptCall) -> Replay {
    play::play(scene, call)
}

/// What came of a customer's words, in the words of the scene.
fn meaning(understanding: Option<&Understanding>) -> &str {
    match understanding {
        Some(Understanding::Matched(hit)) => &hit.name,
        Some(Understanding::Unknown) => super::script::UNKNOWN,
        Some(Understanding::NotNeeded) | None => "~",
    }
}

fn is_unknown(said: &Utterance) -> bool {
    said.speaker == Speaker::Customer && said.understanding == Some(Understanding::Unknown)
}

/// What the results say, by name: in the order of the names, the values sorted.
fn compare(call: &KeptCall, now: &[CallResult], certain: bool) -> (Vec<ResultFlip>, Vec<Judged>) {
    let values = |results: &[CallResult], name: &str| -> BTreeSet<String> {
        results.iter().filter(|result| result.name == name).map(|result| result.value.clone()).collect()
    };
    let names: BTreeSet<&str> = call.results.iter().chain(now).map(|result| result.name.as_str()).collect();
    let flips = names.into_iter().filter_map(|name| {
        let (from, to) = (values(&call.results, name), values(now, name));
        (from != to).then(|| ResultFlip {
            name: name.to_owned(),
            from: from.into_iter().collect(),
            to: to.into_iter().collect(),
            by_hand: call.by_hand.get(name).cloned(),
            certain,
        })
    });
    let judged = call.by_hand.iter().map(|(name, truth)| {
        let truth: BTreeSet<String> = truth.iter().cloned().collect();
        Judged {
            name: name.clone(),
            agreed_before: values(&call.results, name) == truth,
            agrees_now: values(now, name) == truth,
        }
    });
    (flips.collect(), judged.collect())
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turn, said, from, to, certain } = self;
        write!(f, "turn {turn} {said}: {from} → {to}{}", uncertain(*certain))
    }
}

impl fmt::Display for ResultFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, from, to, by_hand, certain } = self;
        write!(f, "{name} {} → {}{}", list(from), list(to), uncertain(*certain))?;
        by_hand.as_ref().map_or(Ok(()), |by_hand| write!(f, " (by hand: {})", list(by_hand)))
    }
}

const fn uncertain(certain: bool) -> &'static str {
    if certain { "" } else { " (uncertain)" }
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join("、") }
}
