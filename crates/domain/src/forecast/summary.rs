//! Many plays of a campaign, and how far they lie apart.

use super::{Behaviour, Campaign, Outcome, Tally, play};
use crate::chance::draw;
use crate::moment::Moment;

/// A figure of many plays: a tenth of them are below `low`, half below `median`, a tenth above `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread<T> {
    /// The 10th percentile.
    pub low: T,
    /// The 50th percentile.
    pub median: T,
    /// The 90th percentile.
    pub high: T,
}

impl<T: Copy> Spread<T> {
    /// The spread of these values in the order of `key`; none where there are none.
    fn of<K: Ord>(mut values: Vec<T>, key: impl FnMut(&T) -> K) -> Option<Self> {
        values.sort_by_key(key);
        let last = values.len().checked_sub(1)?;
        let at = |percent: usize| values.get((last * percent + 50) / 100).copied();
        Some(Self { low: at(10)?, median: at(50)?, high: at(90)? })
    }
}

/// The plays of a campaign in a few figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many plays.
    pub runs: usize,
    /// When the last number finishes; none is later than any moment.
    pub finish: Spread<Option<Moment>>,
    /// Calls that start.
    pub attempts: Spread<u64>,
    /// Calls that are answered, and talk.
    pub answered: Spread<u64>,
    /// Calls that are answered, and find no seat (呼损).
    pub lost: Spread<u64>,
    /// The share of the seats' time in which they talk, in thousandths.
    pub seat_use_per_mille: Spread<u32>,
    /// How long the task may dial and has something to do; milliseconds.
    pub open_ms: Spread<u64>,
    /// The play whose finish is the median.
    pub typical: Outcome,
}

impl Summary {
    /// What these plays have in common; none where there are none.
    #[must_use]
    pub fn of(mut outcomes: Vec<Outcome>) -> Option<Self> {
        // Where none finishes, the one with more numbers left is the later one.
        outcomes.sort_by_key(|it| (it.finish.is_none(), it.finish, it.left));
        let totals: Vec<(Tally, u32)> = outcomes.iter().map(|it| (it.total(), it.seats)).collect();
        let count = |of: fn(&Tally) -> u64| Spread::of(totals.iter().map(|(it, _)| of(it)).collect(), |it| *it);
        let finish = Spread::of(outcomes.iter().map(|it| it.finish).collect(), |it| (it.is_none(), *it))?;
        let seat_use = totals.iter().map(|(total, seats)| total.seat_use_per_mille(*seats)).collect();
        Some(Self {
            runs: outcomes.len(),
            finish,
            attempts: count(|it| it.attempts)?,
            answered: count(|it| it.answered)?,
            lost: count(|it| it.lost)?,
            seat_use_per_mille: Spread::of(seat_use, |it| *it)?,
            open_ms: count(|it| it.open_ms)?,
            typical: outcomes.swap_remove((outcomes.len() - 1) / 2),
        })
    }
}

/// The play with this number among those that a seed gives. Each is played with callees drawn anew from the behaviour:
/// so plays lie as far apart as chance, and the little that a short history tells, allow.
#[must_use]
pub fn run(campaign: &Campaign, behaviour: &Behaviour, seed: u64, number: u64) -> Outcome {
    let seed = draw(seed, number);
    play(campaign, &behaviour.resampled(seed), seed)
}
