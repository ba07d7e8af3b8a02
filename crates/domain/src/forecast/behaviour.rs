//! What callees do, as attempts of the past have shown it.

use crate::chance::{draw, position};
use crate::outcome::Disposition;

/// A set of samples is drawn from by itself when it has so many; below that a larger set stands in for it.
pub const SAMPLES_MIN: usize = 30;
/// Hours of a day.
const HOURS: usize = 24;
/// So often a fate is drawn again that does not fit to what a call in progress has lasted already.
const TRIES_MAX: u64 = 64;

/// Without any history, [`SAMPLES_MIN`] attempts are taken to end like this.
const TYPICAL: [(Disposition, usize); 8] = [
    (Disposition::Answered, 9),
    (Disposition::RangOut, 9),
    (Disposition::Busy, 4),
    (Disposition::Declined, 3),
    (Disposition::PoweredOff, 2),
    (Disposition::Unreachable, 1),
    (Disposition::Suspended, 1),
    (Disposition::Vacant, 1),
];
/// Milliseconds of ringing without any history.
const TYPICAL_RING_MS: u32 = 20_000;
/// Milliseconds of talk without any history.
const TYPICAL_TALK_MS: u32 = 40_000;

/// An attempt of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How it ended.
    pub disposition: Disposition,
    /// From its start to the answer, or to its end where nobody answered; milliseconds.
    pub ring_ms: u32,
    /// From the answer to its end, or until now where it goes on; milliseconds.
    pub talk_ms: u32,
    /// Whether the talk goes on: how long it lasts is not known yet. Attempts that ended alone would make people seem
    /// to answer less than they do, since talks end late.
    pub talk_goes_on: bool,
    /// The hour of the day in which it started, from 0 to 23.
    pub hour: u8,
    /// Whether the number had been dialled before.
    pub is_redial: bool,
}

/// What callees do: whatever attempts of the past did, with the same chance for each of them.
///
/// Fewer than [`SAMPLES_MIN`] attempts are filled up to so many with typical ones: 30 % are answered, rings last 20 s,
/// talks 40 s. Attempts are told apart by the hour in which they start, and redials from first attempts: who did not answer once
/// often does not answer again. Where fewer than [`SAMPLES_MIN`] samples are of a kind, all hours stand in for one, and
/// all attempts for redials or first attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// In the order of [`order`].
    samples: Vec<Sample>,
    /// How many of them are typical ones, that nothing in the past has shown.
    typical: usize,
    first: Hourly,
    redial: Hourly,
}

/// Samples in one order, so that a smaller number drawn means much the same in each of the sets.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hourly {
    all: Vec<Sample>,
    by_hour: [Vec<Sample>; HOURS],
}

/// A behaviour in a few figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Attempts of the past that it is drawn from.
    pub samples: usize,
    /// Attempts that it is drawn from besides, with typical values.
    pub typical: usize,
    /// Of those that could be answered, how many were; thousandths.
    pub answered_per_mille: u32,
    /// The mean from start to answer, or to the end; milliseconds.
    pub ring_ms: u64,
    /// The mean talk of those that were answered; milliseconds.
    pub talk_ms: u64,
}

impl Behaviour {
    /// What the samples show.
    ///
    /// Attempts that our side broke off are left out. Answers that found no seat would have talked: they count as
    /// answered. They, and talks that go on, get the length of other talks, which lasted as long at least.
    #[must_use]
    pub fn of(samples: &[Sample]) -> Self {
        let is_whole = |it: &&Sample| it.disposition == Disposition::Answered && !it.talk_goes_on;
        let mut talks: Vec<u32> = samples.iter().filter(is_whole).map(|it| it.talk_ms).collect();
        talks.sort_unstable();
        let mut drawn = (0..).map(|place| draw(0, place));
        let mut talk_of = |at_least: u32| {
            let longer = talks.get(talks.partition_point(|talk| *talk < at_least)..).filter(|it| !it.is_empty());
            let among = longer.unwrap_or(&talks);
            among.get(position(drawn.next().unwrap_or(0), among.len())).copied().unwrap_or(TYPICAL_TALK_MS)
        };
        let seen = |sample: &Sample| {
            let talk_ms = match sample.disposition {
                Disposition::Interrupted => return None,
                Disposition::NoSeat => talk_of(0),
                Disposition::Answered if sample.talk_goes_on => talk_of(sample.talk_ms),
                Disposition::Answered => sample.talk_ms,
                _ => 0,
            };
            let lost = sample.disposition == Disposition::NoSeat;
            let disposition = if lost { Disposition::Answered } else { sample.disposition };
            Some(Sample { disposition, talk_ms, talk_goes_on: false, hour: sample.hour.min(23), ..*sample })
        };
        let mut samples: Vec<Sample> = samples.iter().filter_map(seen).collect();
        let typical = SAMPLES_MIN.saturating_sub(samples.len());
        samples.extend(typical_samples(typical));
        samples.sort_by_key(order);
        Self::of_sorted(samples, typical)
    }

    fn of_sorted(samples: Vec<Sample>, typical: usize) -> Self {
        let hourly = |is_redial: bool| {
            let all: Vec<Sample> = samples.iter().filter(|it| it.is_redial == is_redial).copied().collect();
            let mut by_hour: [Vec<Sample>; HOURS] = Default::default();
            for sample in &all {
                if let Some(hour) = by_hour.get_mut(usize::from(sample.hour)) {
                    hour.push(*sample);
                }
            }
            Hourly { all, by_hour }
        };
        Self { first: hourly(false), redial: hourly(true), samples, typical }
    }

    /// As many samples, drawn from these: what the past might have shown as well. Forecasts from one after another of
    /// them differ by as much as the history leaves open.
    #[must_use]
    pub fn resampled(&self, seed: u64) -> Self {
        let mut times = vec![0u32; self.samples.len()];
        for place in 0..self.samples.len() as u64 {
            if let Some(times) = times.get_mut(position(draw(seed, place), self.samples.len())) {
                *times += 1;
            }
        }
        let drawn = self.samples.iter().zip(times).flat_map(|(it, times)| std::iter::repeat_n(*it, times as usize));
        Self::of_sorted(drawn.collect(), self.typical)
    }

    /// In a few figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let mean = |sum: u64, count: u64| sum.checked_div(count).unwrap_or(0);
        let count = |fits: &dyn Fn(&Sample) -> bool| self.samples.iter().filter(|it| fits(it)).count() as u64;
        let answerable = count(&|it| it.disposition.response().is_some());
        let answered = count(&|it| it.disposition == Disposition::Answered);
        Figures {
            samples: self.samples.len() - self.typical,
            typical: self.typical,
            answered_per_mille: u32::try_from(mean(answered * 1000, answerable)).unwrap_or(1000),
            ring_ms: mean(self.samples.iter().map(|it| u64::from(it.ring_ms)).sum(), self.samples.len() as u64),
            talk_ms: mean(self.samples.iter().map(|it| u64::from(it.talk_ms)).sum(), answered),
        }
    }

    /// What the callee of an attempt does that starts in this hour.
    pub(super) fn fate(&self, hour: u8, is_redial: bool, drawn: u64) -> Sample {
        let set = self.set(hour, is_redial);
        // There are always some: the other is never seen.
        set.get(position(drawn, set.len())).copied().unwrap_or(typical_sample(Disposition::RangOut))
    }

    /// What the callee of an attempt does that has been ringing for so long.
    pub(super) fn fate_after(&self, hour: u8, is_redial: bool, drawn: u64, rung_ms: u32) -> Sample {
        let mut fates = (0..TRIES_MAX).map(|again| self.fate(hour, is_redial, draw(drawn, again)));
        let longer = fates.find(|fate| fate.ring_ms >= rung_ms);
        // Nobody's phone has rung for so long: it does not any more.
        let at_once = Sample { hour, is_redial, ring_ms: rung_ms, ..typical_sample(Disposition::RangOut) };
        longer.unwrap_or(at_once)
    }

    /// How long a talk lasts that has lasted for so long; milliseconds.
    pub(super) fn talk_after(&self, hour: u8, is_redial: bool, drawn: u64, talked_ms: u32) -> u32 {
        let set = self.set(hour, is_redial);
        // Answered is the first in the order of samples.
        let answered = set.partition_point(|it| it.disposition == Disposition::Answered);
        let talk = |again| set.get(position(draw(drawn, again), answered)).map(|it| it.talk_ms);
        (0..TRIES_MAX).filter_map(talk).find(|talk_ms| *talk_ms >= talked_ms).unwrap_or(talked_ms)
    }

    fn set(&self, hour: u8, is_redial: bool) -> &[Sample] {
        let hourly = if is_redial { &self.redial } else { &self.first };
        let of_hour = hourly.by_hour.get(usize::from(hour));
        let sets = of_hour.into_iter().chain([&hourly.all]);
        sets.into_iter().find(|set| set.len() >= SAMPLES_MIN).unwrap_or(&self.samples)
    }
}

/// So many typical attempts, in shares that are as near to [`TYPICAL`] as can be.
fn typical_samples(count: usize) -> impl Iterator<Item = Sample> {
    let all: Vec<Disposition> = TYPICAL.iter().flat_map(|(it, times)| std::iter::repeat_n(*it, *times)).collect();
    (0..count).filter_map(move |n| all.get(n * all.len() / count).copied()).map(typical_sample)
}

fn typical_sample(disposition: Disposition) -> Sample {
    let talk_ms = if disposition == Disposition::Answered { TYPICAL_TALK_MS } else { 0 };
    Sample { disposition, ring_ms: TYPICAL_RING_MS, talk_ms, talk_goes_on: false, hour: 0, is_redial: false }
}

/// Answered ones first, and the shorter first among those that end alike.
fn order(sample: &Sample) -> (i64, u32, u32, u8, bool) {
    (sample.disposition.finish_status().number(), sample.ring_ms, sample.talk_ms, sample.hour, sample.is_redial)
}
