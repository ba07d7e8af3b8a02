//! Calls per second of a line: a bucket that fills with time, and of which each call takes one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::{CLOCK_MARGIN, Moment};

/// A call, in the unit of the bucket.
const CALL: i64 = 1000;
/// A line without calls for at least so long is idle, however short its ramp.
const IDLE_MIN: Duration = Duration::from_secs(10);

/// How fast calls may start on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Calls that may start in a second; 0 for none at all.
    pub per_s: u32,
    /// How long after idleness the rate grows, evenly, from one call per second to `per_s`. A line is idle
    /// when it took no call for as long as its ramp, and for ten seconds at least.
    pub ramp: Duration,
}

/// What is to be kept of a line between calls: three integers for a row. The default is an idle line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PaceState {
    /// What the bucket held after the last call, in thousandths of a call; below nothing where more calls
    /// were started than were available.
    pub thousandths: i64,
    /// When the last call started.
    pub at: Moment,
    /// When the first call after idleness started.
    pub ramp_from: Moment,
}

/// Calls that may start now, and where none may: when the next may (never with a pace of 0).
#[must_use]
pub fn available(pace: &Pace, state: &PaceState, now: Moment) -> (u32, Option<Moment>) {
    if pace.per_s == 0 {
        return (0, None);
    }
    let held = level(pace, state, now);
    if held >= CALL {
        return (u32::try_from(held / CALL).unwrap_or(u32::MAX), None);
    }
    // The rate is never below one call per second, a thousandth per millisecond: so it takes at most as
    // many milliseconds as thousandths are missing.
    let from = state.at.max(now);
    let (mut short, mut enough) = (0, CALL.saturating_sub(held));
    while enough - short > 1 {
        let middle = short.midpoint(enough);
        if level(pace, state, Moment(from.ms().saturating_add(middle))) >= CALL {
            enough = middle;
        } else {
            short = middle;
        }
    }
    (0, Some(Moment(from.ms().saturating_add(enough))))
}

/// The state after `calls` calls have started at `now`.
#[must_use]
pub fn take(pace: &Pace, state: PaceState, calls: u32, now: Moment) -> PaceState {
    if calls == 0 {
        return state;
    }
    let anew = is_idle(pace, &state, now) || is_from_another_time(&state, now);
    PaceState {
        thousandths: level(pace, &state, now).saturating_sub(i64::from(calls).saturating_mul(CALL)),
        at: if anew { now } else { state.at.max(now) },
        ramp_from: if anew { now } else { state.ramp_from },
    }
}

/// What the bucket holds, in thousandths of a call: at most a second's worth at the rate of the moment.
fn level(pace: &Pace, state: &PaceState, now: Moment) -> i64 {
    if is_from_another_time(state, now) {
        // The clock was set back. How long ago the last call was is not known; one call and a new ramp do
        // no harm, and waiting for the old time to come again could take for ever.
        return state.thousandths.min(0).saturating_add(CALL);
    }
    let filled = poured(pace, now.max(state.at).since(state.ramp_from))
        .saturating_sub(poured(pace, state.at.since(state.ramp_from)));
    let most =
        if is_idle(pace, state, now) { rate(pace, Duration::ZERO) } else { rate(pace, now.since(state.ramp_from)) };
    state.thousandths.saturating_add(filled).min(most)
}

fn is_idle(pace: &Pace, state: &PaceState, now: Moment) -> bool {
    now.since(state.at) >= pace.ramp.max(IDLE_MIN)
}

fn is_from_another_time(state: &PaceState, now: Moment) -> bool {
    state.at.since(now) > CLOCK_MARGIN
}

/// The rate so long after idleness, in thousandths of a call per second.
fn rate(pace: &Pace, busy: Duration) -> i64 {
    let (busy, ramp) = (busy.as_millis(), pace.ramp.as_millis());
    let grown = u128::from(pace.per_s.saturating_sub(1)) * 1000;
    let grown = if busy < ramp { grown * busy / ramp } else { grown };
    i64::try_from(grown).unwrap_or(i64::MAX).saturating_add(CALL)
}

/// All that flows into the bucket from the first call after idleness on, in thousandths of a call: the
/// integral of the rate. Taken as a difference, so that roundings do not add up.
fn poured(pace: &Pace, busy: Duration) -> i64 {
    let (busy, ramp) = (busy.as_millis(), pace.ramp.as_millis());
    let grown = u128::from(pace.per_s.saturating_sub(1));
    let on_ramp = busy.min(ramp);
    let slope = if ramp == 0 { 0 } else { (grown * on_ramp).saturating_mul(on_ramp) / ramp.saturating_mul(2) };
    let flat = grown.saturating_mul(busy - on_ramp);
    i64::try_from(slope.saturating_add(flat).saturating_add(busy)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Moment = Moment(1_777_600_000_000);

    fn at(ms: i64) -> Moment {
        Moment(START.ms() + ms)
    }

    fn pace(per_s: u32, ramp_s: u64) -> Pace {
        Pace { per_s, ramp: Duration::from_secs(ramp_s) }
    }

    #[test]
    fn without_a_ramp_a_second_is_available_at_once_and_the_rest_with_time() {
        let pace = pace(5, 0);
        assert_eq!(available(&pace, &PaceState::default(), START), (5, None));
        let taken = take(&pace, PaceState::default(), 5, START);
        assert_eq!(available(&pace, &taken, START), (0, Some(at(200))));
        assert_eq!(available(&pace, &taken, at(199)), (0, Some(at(200))));
        assert_eq!(available(&pace, &taken, at(200)), (1, None));
        assert_eq!(available(&pace, &taken, at(700)), (3, None));
        assert_eq!(available(&pace, &taken, at(60_000)), (5, None));
    }

    #[test]
    fn after_idleness_the_rate_grows() {
        let pace = pace(11, 10);
        let mut state = PaceState::default();
        let mut started = Vec::new();
        for ms in (0..20_000).step_by(100) {
            let calls = available(&pace, &state, at(ms)).0;
            state = take(&pace, state, calls, at(ms));
            if calls > 0 {
                started.push((ms / 1000, calls));
            }
        }
        let in_second = |second| started.iter().filter(|(at, _)| *at == second).map(|(_, calls)| calls).sum::<u32>();
        // One at once; then 1 + s calls per second.
        assert_eq!((0..20).map(in_second).collect::<Vec<_>>()[..3], [2, 2, 4]);
        assert_eq!((in_second(12), in_second(19)), (11, 11));
        let rested = at(19_900).after(Duration::from_secs(10));
        assert_eq!(available(&pace, &state, rested), (1, None));
        assert_eq!(take(&pace, state, 1, rested).ramp_from, rested);
    }

    #[test]
    fn a_pace_of_nothing_lets_nothing_start() {
        assert_eq!(available(&pace(0, 0), &PaceState::default(), START), (0, None));
    }

    #[test]
    fn a_clock_that_was_set_back_neither_stalls_nor_gives_a_burst() {
        let pace = pace(5, 0);
        let taken = take(&pace, PaceState::default(), 5, START);
        // A little, or by another process whose clock is behind: the old time is waited for.
        assert_eq!(available(&pace, &taken, at(-1000)), (0, Some(at(200))));
        // By an hour: one call at once, then the usual pace.
        let hour_ago = at(-3_600_000);
        assert_eq!(available(&pace, &taken, hour_ago), (1, None));
        let again = take(&pace, taken, 1, hour_ago);
        assert_eq!(available(&pace, &again, hour_ago), (0, Some(hour_ago.after(Duration::from_millis(200)))));
    }

    #[test]
    fn more_calls_than_were_available_are_paid_back() {
        let pace = pace(10, 0);
        let owing = take(&pace, PaceState::default(), 30, START);
        assert_eq!(available(&pace, &owing, START), (0, Some(at(2100))));
        let hopeless = take(&pace, owing, u32::MAX, START);
        assert_eq!(available(&pace, &hopeless, at(100_000)).0, 0);
    }

    proptest! {
        #[test]
        fn no_span_of_time_has_more_calls_than_its_pace(
            per_s in 1u32..20, ramp_s in 0u64..15,
            steps in proptest::collection::vec((0i64..3000, 0u32..40), 1..80),
            pauses in proptest::collection::vec((0usize..80, 0i64..60_000), 0..3),
        ) {
            let pace = pace(per_s, ramp_s);
            let (mut state, mut now) = (PaceState::default(), START);
            let mut started: Vec<(Moment, u32)> = Vec::new();
            for (n, (gap, wanted)) in steps.iter().enumerate() {
                let pause: i64 = pauses.iter().filter(|(at, _)| *at == n).map(|(_, ms)| *ms).sum();
                now = Moment(now.ms() + gap + pause);
                let calls = available(&pace, &state, now).0.min(*wanted);
                state = take(&pace, state, calls, now);
                started.push((now, calls));
            }
            for (n, (first, _)) in started.iter().enumerate() {
                let mut calls = 0u64;
                for (last, more) in &started[n..] {
                    calls += u64::from(*more);
                    let ms = u64::try_from(last.ms() - first.ms()).unwrap();
                    prop_assert!(calls * 1000 <= u64::from(per_s) * (ms + 1000));
                }
            }
        }

        #[test]
        fn the_next_moment_is_the_first(
            per_s in 1u32..50, ramp_s in 0u64..15, taken in 0u32..60, later in 0i64..2000, wait in 0i64..20_000,
        ) {
            let pace = pace(per_s, ramp_s);
            let state = take(&pace, take(&pace, PaceState::default(), 1, START), taken, at(later));
            let now = at(later + wait);
            if let (0, next) = available(&pace, &state, now) {
                let next = next.unwrap();
                prop_assert!(next > now);
                prop_assert!(available(&pace, &state, next).0 >= 1);
                prop_assert_eq!(available(&pace, &state, Moment(next.ms() - 1)).0, 0);
            }
        }

        #[test]
        fn whatever_the_clock_does_a_call_starts_again_soon(
            per_s in 1u32..20, ramp_s in 0u64..15, jumps in proptest::collection::vec(-100_000i64..100_000, 1..30),
        ) {
            let pace = pace(per_s, ramp_s);
            let (mut state, mut now) = (PaceState::default(), START);
            for jump in jumps {
                now = Moment(now.ms() + jump);
                let (calls, next) = available(&pace, &state, now);
                prop_assert!(calls <= per_s);
                prop_assert!(next.is_none_or(|next| next.since(now) <= CLOCK_MARGIN + Duration::from_secs(2)));
                state = take(&pace, state, calls, now);
            }
        }

        #[test]
        fn extreme_numbers_do_not_overflow(
            per_s in any::<u32>(), ramp_ms in any::<u64>(), thousandths in any::<i64>(), at in any::<i64>(),
            ramp_from in any::<i64>(), now in any::<i64>(), calls in any::<u32>(),
        ) {
            let pace = Pace { per_s, ramp: Duration::from_millis(ramp_ms) };
            let state = PaceState { thousandths, at: Moment(at), ramp_from: Moment(ramp_from) };
            let _ = available(&pace, &take(&pace, state, calls, Moment(now)), Moment(now));
            let _ = available(&pace, &state, Moment(now));
        }
    }
}
