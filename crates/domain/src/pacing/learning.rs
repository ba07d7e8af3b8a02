//! Overdialling that learns from how many people answer, and holds the share of lost calls down.

use serde::{Deserialize, Serialize};

use super::{Allowance, Room, allowance};
use crate::outcome::Response;

/// An attempt, in the unit in which they are counted.
const ATTEMPT: u32 = 1000;
/// Each attempt takes one part in so many of the weight of those before it: a task remembers about so many.
const MEMORY: u32 = 256;
/// Attempts, all answered, that a task is given before its first one: while little is known, people are
/// taken to answer, and nothing is dialled beyond the seats.
const CAUTION: u32 = 10;
/// At most so many calls beyond the seats are considered.
const BEYOND_MAX: u32 = 100_000;

/// What became of a task's recent attempts: three counts in thousandths of an attempt, the older the less
/// they weigh. The default is a task without attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// Attempts that could have been answered.
    pub dialled: u32,
    /// Those that were, with a seat or without.
    pub answered: u32,
    /// Those that were answered and found no seat (呼损).
    pub lost: u32,
}

impl History {
    /// The history with one attempt more. To be recorded as soon as it is known, at the answer or when the
    /// call ends without one: recorded at the end, conversations would come late, and people would seem
    /// to answer less than they do.
    #[must_use]
    pub fn record(self, response: Response) -> Self {
        let add = |count: u32, happened: bool| {
            let faded = count - count.div_ceil(MEMORY);
            if happened { faded.saturating_add(ATTEMPT) } else { faded }
        };
        Self {
            dialled: add(self.dialled, true),
            answered: add(self.answered, response != Response::Unanswered),
            lost: add(self.lost, response == Response::Lost),
        }
    }

    /// Whether so many thousandths of the answered calls, or more, were lost.
    #[must_use]
    pub fn has_lost(self, per_mille: u32) -> bool {
        self.lost > 0 && u64::from(self.lost) * 1000 >= u64::from(per_mille) * u64::from(self.answered)
    }

    /// The chance that a call is answered, rather too high while little is known.
    fn answer_rate(self) -> f64 {
        let caution = f64::from(CAUTION * ATTEMPT);
        ((f64::from(self.answered) + caution) / (f64::from(self.dialled) + caution)).clamp(0.0, 1.0)
    }
}

/// How many calls may start, as [`allowance`] says, with no more of them beyond the seats than hold the
/// expected share of lost calls under `lost_per_mille_max` thousandths of the answered ones. Once the share
/// of the recent past has reached it, none.
///
/// `talking` are the calls of the task in progress that have been answered. Seats that come free before
/// somebody answers are not reckoned with.
#[must_use]
pub fn allowance_learning(room: &Room, talking: u32, history: &History, lost_per_mille_max: u32) -> Allowance {
    let most = allowance(room);
    if most.overdialled == 0 || history.has_lost(lost_per_mille_max) {
        return Allowance { overdialled: 0, ..most };
    }
    let seats_open = room.seated.saturating_add(most.seated).saturating_sub(talking);
    let unanswered = room.in_progress.saturating_sub(talking).saturating_add(most.seated);
    let calls_max = unanswered.saturating_add(most.overdialled);
    let lost_share_max = f64::from(lost_per_mille_max) / 1000.0;
    let bearable = bearable_calls(seats_open, history.answer_rate(), lost_share_max, calls_max);
    Allowance { overdialled: most.overdialled.min(bearable.saturating_sub(unanswered)), ..most }
}

/// The most calls waiting for an answer, up to `calls_max`, that leave the expected share of lost ones
/// among the answered at `lost_share_max` or less: each is answered with the chance `rate`, and `seats`
/// of the answers find a seat.
///
/// One call more loses an answer when it is answered and the others have taken all seats: so the expected
/// loss grows by `rate` times the chance of that, which itself grows call by call.
fn bearable_calls(seats: u32, rate: f64, lost_share_max: f64, calls_max: u32) -> u32 {
    if seats == 0 || rate >= 1.0 {
        return seats.min(calls_max);
    }
    let seats_f = f64::from(seats);
    // The chance that all seats are taken; and, as a logarithm since it is tiny where there are many
    // seats, the chance that all but one are.
    let mut all_taken = rate.powf(seats_f);
    let mut one_left_ln = seats_f.ln() + (seats_f - 1.0) * rate.ln() + (1.0 - rate).ln();
    let mut lost = 0.0;
    let mut calls = seats;
    while calls < calls_max.min(seats.saturating_add(BEYOND_MAX)) {
        let more = f64::from(calls) + 1.0;
        lost += rate * all_taken;
        if lost > lost_share_max * more * rate {
            break;
        }
        calls += 1;
        all_taken += rate * one_left_ln.exp();
        one_left_ln += (more / (more - seats_f + 1.0)).ln() + (1.0 - rate).ln();
    }
    calls.min(calls_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOST_PER_MILLE_MAX: u32 = 30;

    fn after(attempts: impl IntoIterator<Item = Response>) -> History {
        attempts.into_iter().fold(History::default(), History::record)
    }

    fn mixed(answered_of_ten: usize, count: usize) -> History {
        let response = |n: usize| if n % 10 < answered_of_ten { Response::Answered } else { Response::Unanswered };
        after((0..count).map(response))
    }

    const ROOM: Room =
        Room { quota: 40, in_progress_max: 80, in_progress: 0, seated: 0, company_seats_free: 40, channels_free: 100 };

    #[test]
    fn the_less_is_known_and_the_more_people_answer_the_less_is_dialled_beyond_the_seats() {
        let beyond = |history: History| allowance_learning(&ROOM, 0, &history, LOST_PER_MILLE_MAX).overdialled;
        assert_eq!(beyond(History::default()), 0);
        assert!(beyond(mixed(3, 10)) < beyond(mixed(3, 100)));
        assert!(beyond(mixed(3, 100)) <= beyond(mixed(3, 1000)));
        assert!(beyond(mixed(8, 1000)) < beyond(mixed(6, 1000)));
        assert_eq!(beyond(mixed(1, 1000)), 40);
        assert_eq!(beyond(mixed(10, 1000)), 0);
    }

    #[test]
    fn it_backs_off_once_the_share_is_reached_and_comes_back() {
        let good = mixed(3, 1000);
        let bad = (0..3).fold(good, |history, _| history.record(Response::Lost));
        assert!(!good.has_lost(LOST_PER_MILLE_MAX) && bad.has_lost(LOST_PER_MILLE_MAX));
        let beyond = |history: &History| allowance_learning(&ROOM, 0, history, LOST_PER_MILLE_MAX);
        assert_eq!(beyond(&bad), Allowance { seated: 40, overdialled: 0 });
        let later = (0..200)
            .fold(bad, |history, n| history.record(if n % 10 < 3 { Response::Answered } else { Response::Unanswered }));
        assert!(beyond(&later).overdialled > 0);
    }

    #[test]
    fn old_attempts_fade_to_nothing() {
        let long = after(vec![Response::Lost; 10_000]);
        assert!(long.dialled <= MEMORY * ATTEMPT && long.lost == long.answered);
        let faded = (0..3000).fold(long, |history, _| history.record(Response::Unanswered));
        assert_eq!((faded.lost, faded.answered), (0, 0));
        let most = History { dialled: u32::MAX, answered: u32::MAX, lost: u32::MAX };
        assert!(most.record(Response::Lost).dialled < u32::MAX);
    }

    /// The expected share of lost calls, term by term.
    fn lost_share(seats: u32, rate: f64, calls: u32) -> f64 {
        let mut chance = (1.0 - rate).powi(i32::try_from(calls).unwrap());
        let mut lost = 0.0;
        for answered in 0..=calls {
            lost += chance * f64::from(answered.saturating_sub(seats));
            chance *= f64::from(calls - answered) / f64::from(answered + 1) * rate / (1.0 - rate);
        }
        lost / (f64::from(calls) * rate)
    }

    proptest! {
        #[test]
        fn the_most_bearable_calls_agree_with_the_sum_over_all_chances(
            seats in 1u32..60, percent in 4u32..95, calls_max in 1u32..200, max_percent in 1u32..20,
        ) {
            let (rate, max) = (f64::from(percent) / 100.0, f64::from(max_percent) / 100.0);
            let calls = bearable_calls(seats, rate, max, calls_max);
            prop_assert!(calls <= calls_max && calls >= seats.min(calls_max));
            prop_assert!(lost_share(seats, rate, calls) <= max + 1e-9);
            prop_assert!(calls == calls_max || lost_share(seats, rate, calls + 1) > max - 1e-9);
        }

        #[test]
        fn learning_never_allows_more_than_the_room(
            quota in 0u32..50, extra in 0u32..50, in_progress in 0u32..120, seated in 0u32..60, talking in 0u32..130,
            company_seats_free in 0u32..60, channels_free in 0u32..60, answered in 0u32..=256, lost in 0u32..10,
        ) {
            let room = Room {
                quota, in_progress_max: quota + extra, in_progress, seated: seated.min(in_progress),
                company_seats_free, channels_free,
            };
            let history = History { dialled: 256_000, answered: answered * 1000, lost: lost * 1000 };
            let (most, learnt) = (allowance(&room), allowance_learning(&room, talking, &history, LOST_PER_MILLE_MAX));
            prop_assert_eq!(learnt.seated, most.seated);
            prop_assert!(learnt.overdialled <= most.overdialled);
        }
    }

    #[test]
    fn very_many_seats_are_no_trouble() {
        let calls = bearable_calls(10_000, 0.3, 0.03, 40_000);
        assert!((30_000..35_000).contains(&calls), "{calls}");
        assert_eq!(bearable_calls(u32::MAX, 0.5, 0.03, u32::MAX), u32::MAX);
    }

    /// Numbers that look like chance and are the same each time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) % bound
        }
    }

    struct Call {
        seated: bool,
        talking: bool,
        /// Seconds until it is answered, rings out or is hung up.
        left: u64,
        is_answered: bool,
    }

    #[derive(Debug, Default)]
    struct Shift {
        answered: u64,
        lost: u64,
        /// Seconds that seats talked.
        busy: u64,
    }

    const HOUR_S: u64 = 3600;

    /// Two hours of a task with `seats` seats; the rate of answers changes after the first.
    fn work(seats: u32, in_progress_max: u32, rates: [u64; 2], seed: u64) -> Shift {
        let (mut dice, mut calls, mut shift) = (Dice(seed), Vec::<Call>::new(), Shift::default());
        let mut history = History::default();
        let count =
            |calls: &[Call], of: fn(&Call) -> bool| u32::try_from(calls.iter().filter(|it| of(it)).count()).unwrap();
        for second in 0..2 * HOUR_S {
            let seated = count(&calls, |it| it.seated);
            let room = Room {
                quota: seats,
                in_progress_max,
                in_progress: count(&calls, |_| true),
                seated,
                company_seats_free: seats - seated,
                channels_free: u32::MAX,
            };
            let talking = count(&calls, |it| it.talking);
            shift.busy += u64::from(talking);
            let allowed = allowance_learning(&room, talking, &history, LOST_PER_MILLE_MAX);
            for n in 0..allowed.total() {
                let is_answered = dice.below(100) < rates[usize::from(second >= HOUR_S)];
                let left = if is_answered { 4 + dice.below(12) } else { 15 + dice.below(20) };
                calls.push(Call { seated: n < allowed.seated, talking: false, left, is_answered });
            }
            for at in (0..calls.len()).rev() {
                calls[at].left -= 1;
                if calls[at].left > 0 {
                    continue;
                }
                if calls[at].talking || !calls[at].is_answered {
                    if !calls.swap_remove(at).talking {
                        history = history.record(Response::Unanswered);
                    }
                    continue;
                }
                shift.answered += 1;
                if !calls[at].seated && count(&calls, |it| it.seated) == seats {
                    let Some(giver) = calls.iter_mut().find(|it| it.seated && !it.talking) else {
                        calls.swap_remove(at);
                        shift.lost += 1;
                        history = history.record(Response::Lost);
                        continue;
                    };
                    giver.seated = false;
                }
                history = history.record(Response::Answered);
                calls[at] = Call { seated: true, talking: true, left: 30 + dice.below(60), is_answered: true };
            }
        }
        shift
    }

    #[test]
    fn few_calls_are_lost_at_any_rate_of_answers_even_when_it_changes() {
        for seats in [5, 20, 60] {
            for rates in [[10, 10], [30, 30], [60, 60], [10, 30], [10, 60], [30, 60], [60, 10], [60, 30]] {
                for seed in 1..4 {
                    let shift = work(seats, 2 * seats, rates, seed * 7919);
                    let most = shift.answered * u64::from(LOST_PER_MILLE_MAX) * 3 / 2000;
                    assert!(shift.lost <= most, "{seats} seats, {rates:?}: {shift:?}");
                }
            }
        }
    }

    #[test]
    fn seats_are_busier_than_without_overdialling() {
        for seed in 1..4 {
            let (with, without) = (work(40, 80, [30, 30], seed * 7919), work(40, 40, [30, 30], seed * 7919));
            assert_eq!(without.lost, 0);
            assert!(with.busy * 4 > without.busy * 5, "{with:?} {without:?}");
        }
    }
}
