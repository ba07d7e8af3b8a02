//! Moments in time, as parameters.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// By how much the clocks of processes that share a store may differ, at most: what one has decided is judged by another.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(5);

/// A moment: milliseconds since 1970-01-01 00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The moment `duration` later; the end of time where that would overflow.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `duration` earlier; the beginning of time where that would overflow.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// What clocks in `zone` show, cut to the range that a calendar can express.
    #[must_use]
    pub fn civil(self, zone: &TimeZone) -> DateTime {
        let timestamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        zone.to_datetime(timestamp)
    }

    /// The moment at which clocks in `zone` show `civil`. In a gap of summer time the later reading,
    /// in a fold the earlier moment, is meant.
    #[must_use]
    pub fn from_civil(civil: DateTime, zone: &TimeZone) -> Self {
        zone.to_ambiguous_timestamp(civil)
            .compatible()
            .map_or(Self(if civil.year() < 1970 { i64::MIN } else { i64::MAX }), |timestamp| {
                Self(timestamp.as_millisecond())
            })
    }
}

/// Where the time comes from. The binary hands in the system's clock; tests hand in their own.
pub trait Clock: Send + Sync {
    /// The moment now.
    fn now(&self) -> Moment;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_time_and_moment_are_each_others_inverse() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let civil = jiff::civil::datetime(2018, 1, 24, 20, 51, 53, 0);
        let moment = Moment::from_civil(civil, &zone);
        assert_eq!(moment, Moment(1_516_798_313_000));
        assert_eq!(moment.civil(&zone), civil);
    }

    #[test]
    fn a_moment_beyond_the_calendar_does_not_panic() {
        let _ = Moment(i64::MAX).civil(&TimeZone::UTC);
        let _ = Moment(i64::MIN).civil(&TimeZone::UTC);
        assert_eq!(Moment(i64::MAX).after(Duration::MAX), Moment(i64::MAX));
    }
}
