//! What the replays of many calls come to.

use std::collections::BTreeMap;
use std::fmt;

use super::{Replay, list};

/// Counts over the replays of many calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many calls were played.
    pub calls: u64,
    /// How many of them come out otherwise in anything.
    pub changed: u64,
    /// In how many the robot says something else.
    pub diverged: u64,
    /// How many end otherwise.
    pub end_otherwise: u64,
    /// How often the robot did not understand: then, and now.
    pub unknowns: (u64, u64),
    /// Name, old and new value of each result that flips, and in how many calls.
    pub results: BTreeMap<(String, String, String), u64>,
    /// Old and new meaning of the customer's words, or way of the talk, and how often.
    pub flips: BTreeMap<(String, String), u64>,
    /// Results that a person had judged: how many, with how many the rules agreed then, and with how many now.
    pub judged: (u64, u64, u64),
}

impl Summary {
    /// Adds a call.
    pub fn add(&mut self, replay: &Replay) {
        self.calls += 1;
        self.changed += u64::from(replay.has_flips());
        self.diverged += u64::from(replay.diverged_at.is_some());
        self.end_otherwise += u64::from(replay.ends_otherwise);
        self.unknowns.0 += u64::from(replay.unknowns.0);
        self.unknowns.1 += u64::from(replay.unknowns.1);
        for flip in &replay.results {
            *self.results.entry((flip.name.clone(), list(&flip.from), list(&flip.to))).or_default() += 1;
        }
        for flip in &replay.flips {
            *self.flips.entry((flip.from.clone(), flip.to.clone())).or_default() += 1;
        }
        for judged in &replay.judged {
            self.judged.0 += 1;
            self.judged.1 += u64::from(judged.agreed_before);
            self.judged.2 += u64::from(judged.agrees_now);
        }
    }

    fn share(&self, calls: u64) -> String {
        let thousandths = (calls * 1_000).checked_div(self.calls).unwrap_or(0);
        format!("{calls} of {} ({}.{} %)", self.calls, thousandths / 10, thousandths % 10)
    }
}

/// Most frequent first, then by name.
fn most_frequent<K: Ord + Clone>(counts: &BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut sorted: Vec<(K, u64)> = counts.iter().map(|(key, &count)| (key.clone(), count)).collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "calls that come out otherwise\t{}", self.share(self.changed))?;
        writeln!(f, "calls in which the robot says something else\t{}", self.share(self.diverged))?;
        writeln!(f, "calls that end otherwise\t{}", self.share(self.end_otherwise))?;
        writeln!(f, "not understood\t{} before, {} now", self.unknowns.0, self.unknowns.1)?;
        let (judged, before, now) = self.judged;
        if judged > 0 {
            writeln!(f, "results judged by hand\t{judged}: the rules agreed with {before} before, with {now} now")?;
        }
        for ((name, from, to), calls) in most_frequent(&self.results) {
            writeln!(f, "{calls}\t{name}\t{from} → {to}")?;
        }
        for ((from, to), times) in most_frequent(&self.flips) {
            writeln!(f, "{times}\tbranch\t{from} → {to}")?;
        }
        Ok(())
    }
}
