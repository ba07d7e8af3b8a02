//! A clock that moves only when a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hutong_domain::moment::{Clock, Moment};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// When every test begins: Wednesday, 2026-05-06 10:00 in [`zone`].
pub const START: Moment = Moment(1_778_032_800_000);

/// The zone of the installation in tests: Shanghai's time, without a zone database.
#[must_use]
pub fn zone() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// A clock that moves only when a test moves it. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows this moment.
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        Self { now_ms: Arc::new(AtomicI64::new(moment.ms())) }
    }

    /// Puts the clock to this moment.
    pub fn set(&self, moment: Moment) {
        self.now_ms.store(moment.ms(), Ordering::SeqCst);
    }

    /// Puts the clock forward; the moment that it shows then.
    pub fn advance(&self, by: Duration) -> Moment {
        let moment = self.now().after(by);
        self.set(moment);
        moment
    }

    /// What the clock shows in [`zone`].
    #[must_use]
    pub fn civil(&self) -> DateTime {
        self.now().civil(&zone())
    }
}

impl Default for ManualClock {
    /// A clock that shows [`START`].
    fn default() -> Self {
        Self::at(START)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        Moment(self.now_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_stands_still_until_it_is_moved_and_its_clones_with_it() {
        let clock = ManualClock::default();
        let clone = clock.clone();
        assert_eq!(clock.civil(), jiff::civil::datetime(2026, 5, 6, 10, 0, 0, 0));
        clock.advance(Duration::from_secs(90));
        assert_eq!(clone.civil(), jiff::civil::datetime(2026, 5, 6, 10, 1, 30, 0));
    }
}
