//! Understanding (理解): what a customer means by what the recogniser wrote.
//!
//! An utterance is [`Normalized`] once and compared with the words of each meaning, a [`Trigger`],
//! by what is written and by how it sounds. [`intents`] are the meanings that every scene knows.

mod fixed;
pub mod intents;
mod sound;
pub mod spoken;
pub mod trigger;
pub mod values;
mod wildcards;
mod words;

pub use trigger::{Kind, Score, Trigger, is_better};
pub use words::Normalized;

/// One meaning that an utterance may have.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<'a> {
    /// The meaning.
    pub name: &'a str,
    /// How near the utterance comes to it.
    pub score: Score,
}

/// Every meaning that an utterance may have, the nearest first; of equal ones the more specific,
/// then the one that comes first.
#[must_use]
pub fn candidates<'a>(
    meanings: impl IntoIterator<Item = (&'a str, &'a Trigger)>,
    said: &Normalized,
) -> Vec<Candidate<'a>> {
    let scores =
        meanings.into_iter().filter_map(|(name, trigger)| Some(Candidate { name, score: trigger.score(said)? }));
    let mut candidates: Vec<Candidate<'a>> = scores.filter(|candidate| candidate.score.value > 0.0).collect();
    candidates.sort_by(|first, second| {
        let by_value = second.score.value.total_cmp(&first.score.value);
        by_value.then(second.score.sample_chars.cmp(&first.score.sample_chars))
    });
    candidates
}
