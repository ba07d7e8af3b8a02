//! A line as it must be: how fast calls start on it, and when it is left alone.

use std::time::Duration;

use hutong_domain::breaker::{Allows, Breaker, FAILURES_MAX, OPEN_FIRST, OPEN_MAX};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, LineOutcome};
use hutong_domain::pace::Pace;

use super::{CLOCKS_APART, Checked};
use crate::scenario::LinePlan;

/// A line that took no call for so long begins its ramp anew.
const IDLE_MIN: Duration = Duration::from_secs(10);
/// What a claim by a slow store may be late, and so the next one come early after it: the process reads its clock, the
/// store lags, and then it commits.
const STORE_LAG: Duration = Duration::from_secs(2);
/// Thousandths of a call that roundings may amount to.
const ROUNDING: f64 = 0.01;

/// A line, as it must be by everything that was seen of it.
pub(super) struct LineModel {
    pub(super) channels: usize,
    pace: Option<(Pace, Bucket)>,
    breaker: Breaker,
    outage: Option<(Moment, Moment)>,
    /// Dials in the outage since a call showed that the line worked.
    dials_in_outage: u32,
}

/// Calls that may start: it fills with time.
struct Bucket {
    held: f64,
    at: Moment,
    ramp_from: Moment,
}

impl LineModel {
    pub(super) fn new(plan: &LinePlan, start: Moment) -> Self {
        Self {
            channels: usize::try_from(plan.channels).unwrap_or(0),
            pace: plan.pace.map(|pace| (pace, Bucket { held: 0.0, at: Moment(0), ramp_from: Moment(0) })),
            breaker: Breaker::default(),
            outage: plan.outage.map(|outage| {
                let from = start.after(outage.after);
                (from, from.after(outage.span))
            }),
            dials_in_outage: 0,
        }
    }

    /// When its outage begins.
    pub(super) fn outage_from(&self) -> Option<Moment> {
        self.outage.map(|(from, _)| from)
    }

    /// An attempt was claimed on it. Restless are processes whose clocks differ, or whose store is slow.
    pub(super) fn claimed(&mut self, now: Moment, restless: bool) -> Checked {
        if let Some((pace, bucket)) = &mut self.pace {
            bucket.take(pace, now);
            // A clock that is ahead lets calls start as early as it is, and a store that lags lets claims be committed
            // closer to each other than they were made; then a second's worth may be taken at once. Neither adds up.
            let early = if restless { CLOCKS_APART + STORE_LAG } else { Duration::ZERO };
            let owed = f64::from(pace.per_s) * (early.as_secs_f64() + f64::from(u8::from(restless)));
            if bucket.held < -(owed + ROUNDING) {
                return Err(format!("calls start faster than {} per second: {:.2} too many", pace.per_s, -bucket.held));
            }
        }
        // Who tries it may judge the end of its rest by a clock that is ahead.
        let early = if restless { CLOCKS_APART } else { Duration::ZERO };
        if let Allows::None { until } = self.breaker.allows(now.after(early)) {
            return Err(format!("a call starts while the line is left alone for {:?}", until.since(now)));
        }
        self.breaker = self.breaker.trial_started(now);
        Ok(())
    }

    /// An attempt that was claimed at `started` has shown how the line does.
    pub(super) fn shown(&mut self, disposition: Disposition, (started, now): (Moment, Moment)) {
        let outcome = disposition.line_outcome();
        self.breaker = self.breaker.record(outcome, started, now);
        if outcome == LineOutcome::Worked {
            self.dials_in_outage = 0;
        }
    }

    /// A number is dialled on it: in an outage as often as it takes to notice, and then to try whether it is over.
    /// `troubles` lose what calls have shown, each that of all channels.
    pub(super) fn dialled(&mut self, at: Moment, troubles: usize) -> Checked {
        let Some((from, _)) = self.outage.filter(|(from, until)| (*from..*until).contains(&at)) else { return Ok(()) };
        self.dials_in_outage += 1;
        let lost = self.channels * (1 + troubles);
        let most = FAILURES_MAX + trials(at.since(from)) + u32::try_from(lost).unwrap_or(u32::MAX);
        if self.dials_in_outage > most {
            return Err(format!("{} calls are dialled while the line fails, of {most}", self.dials_in_outage));
        }
        Ok(())
    }
}

/// Trials that a line which fails all of this time gets.
fn trials(span: Duration) -> u32 {
    let (mut trials, mut pause, mut rested) = (1, OPEN_FIRST, Duration::ZERO);
    while rested + pause <= span + CLOCKS_APART {
        rested += pause;
        pause = (pause * 2).min(OPEN_MAX);
        trials += 1;
    }
    trials
}

impl Bucket {
    /// Takes a call; below nothing where there was none.
    fn take(&mut self, pace: &Pace, now: Moment) {
        let per_s = f64::from(pace.per_s);
        let rate = |busy: f64| {
            let ramp = pace.ramp.as_secs_f64();
            if busy < ramp { 1.0 + (per_s - 1.0) * busy / ramp } else { per_s }
        };
        if now.since(self.at) >= pace.ramp.max(IDLE_MIN) {
            self.held = rate(0.0);
            self.ramp_from = now;
        } else {
            let (from, until) = (self.at.since(self.ramp_from).as_secs_f64(), now.since(self.ramp_from).as_secs_f64());
            // The rate is a straight line up to the end of the ramp, and level after it.
            let bend = pace.ramp.as_secs_f64().clamp(from, until);
            let poured = (rate(from) + rate(bend)) / 2.0 * (bend - from) + per_s * (until - bend);
            self.held = (self.held + poured).min(rate(until));
        }
        self.held -= 1.0;
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(per_s: u32, ramp_s: u64) -> LineModel {
        let pace = Some(Pace { per_s, ramp: Duration::from_secs(ramp_s) });
        LineModel::new(&LinePlan { channels: 5, pace, outage: None }, Moment(0))
    }

    #[test]
    fn a_line_takes_as_many_calls_as_its_pace_lets_it() {
        let check = |ramp_s, calls: &[i64], expected: usize| {
            let mut line = paced(2, ramp_s);
            let held = calls.iter().take_while(|ms| line.claimed(Moment(1_000_000 + **ms), false).is_ok()).count();
            assert_eq!(held, expected, "{calls:?}, a ramp of {ramp_s} s");
        };
        check(0, &[0, 0, 0], 2);
        check(0, &[0, 0, 500, 1000, 1400], 4);
        check(10, &[0, 0], 1);
        check(10, &[0, 960, 1900, 2500], 3);
        check(10, &[0, 960, 30_000, 30_000], 3);
    }

    #[test]
    fn a_line_that_fails_is_left_alone_and_then_tried() {
        let mut line = LineModel::new(&LinePlan { channels: 5, pace: None, outage: None }, Moment(0));
        let second = |s: i64| Moment(1_000_000 + s * 1000);
        for _ in 0..FAILURES_MAX {
            assert_eq!(line.claimed(second(0), false), Ok(()));
            line.shown(Disposition::LineFailed, (second(0), second(1)));
        }
        assert!(line.claimed(second(30), false).is_err());
        assert_eq!(line.claimed(second(31), false), Ok(()));
        assert!(line.claimed(second(32), false).is_err());
        line.shown(Disposition::RangOut, (second(31), second(40)));
        assert_eq!(line.claimed(second(40), false), Ok(()));
    }

    #[test]
    fn a_line_in_an_outage_is_tried_ever_more_seldom() {
        let after = |seconds| trials(Duration::from_secs(seconds));
        assert_eq!([0, 30, 90, 3600].map(after), [1, 2, 3, 10]);
    }
}
