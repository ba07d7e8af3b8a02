//! Whole utterances with `*` for any words.

use super::words::{STAR, Unit, mean_likeness};

/// How near an utterance is to a pattern: 1 where all that is spelt out was said, less where some of
/// it only sounds alike; none where it does not fit.
///
/// `may_begin` says whether a part of the pattern that is spelt out may begin at a place, `may_end` whether it may end
/// before one.
///
/// Greedy matching that goes back to the last `*` only, so that it takes at most as many steps as
/// pattern and utterance have pairs of units.
pub(super) fn likeness(
    pattern: &[Unit],
    said: &[Unit],
    may_begin: impl Fn(usize) -> bool,
    may_end: impl Fn(usize) -> bool,
) -> Option<f64> {
    let mut now = Progress::default();
    let mut at_star: Option<Progress> = None;
    while now.heard < said.len() {
        let wanted = pattern.get(now.position);
        if wanted.is_some_and(|unit| unit.is(STAR)) {
            at_star = Some(now);
            now.position += 1;
            continue;
        }
        let begins =
            now.position.checked_sub(1).and_then(|before| pattern.get(before)).is_none_or(|unit| unit.is(STAR));
        let ends = pattern.get(now.position + 1).is_none_or(|unit| unit.is(STAR));
        let likeness = wanted
            .zip(said.get(now.heard))
            .and_then(|(wanted, heard)| wanted.likeness(heard))
            .filter(|_| (!begins || may_begin(now.heard)) && (!ends || may_end(now.heard + 1)));
        if let Some(likeness) = likeness {
            now = now.with(likeness);
            continue;
        }
        let star = at_star.as_mut()?;
        star.heard += 1;
        now = Progress { position: star.position + 1, ..*star };
    }
    let fits = pattern.iter().skip(now.position).all(|unit| unit.is(STAR));
    let literals = pattern.iter().filter(|unit| !unit.is(STAR)).count();
    if fits { mean_likeness(now.sum, now.surest, literals) } else { None }
}

/// How far a pattern and an utterance have been compared.
#[derive(Clone, Copy, Default)]
struct Progress {
    position: usize,
    heard: usize,
    sum: f64,
    surest: f64,
}

impl Progress {
    fn with(self, likeness: f64) -> Self {
        Self {
            position: self.position + 1,
            heard: self.heard + 1,
            sum: self.sum + likeness,
            surest: self.surest.max(likeness),
        }
    }
}
