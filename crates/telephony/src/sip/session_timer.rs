//! Session timers (RFC 4028): a call whose far side vanished is found out.

use std::time::Duration;

use tokio::time::Instant;

use super::header::SessionExpires;

/// The interval that we ask for, in seconds; the RFC's recommendation.
pub(crate) const INTERVAL_S: u32 = 1_800;
/// The shortest interval there is (RFC 4028 §5).
pub(crate) const INTERVAL_S_MIN: u32 = 90;

/// When a session has to be refreshed, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    interval: Duration,
    ours: bool,
    started: Instant,
}

/// What has to be done when the timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// We refresh.
    Refresh,
    /// The far side did not refresh: the call is over.
    Over,
}

impl SessionTimer {
    /// The timer that the far side's 200 to our INVITE agreed to, of at least `min_s` seconds; none where it wants none.
    pub(crate) fn agreed(expires: Option<SessionExpires>, min_s: u32, now: Instant) -> Option<Self> {
        let SessionExpires { seconds, by_client } = expires?;
        let interval = Duration::from_secs(u64::from(seconds.max(min_s)));
        Some(Self { interval, ours: by_client.unwrap_or(true), started: now })
    }

    /// The same interval again, after a refresh by either side.
    pub(crate) fn restarted(self, now: Instant) -> Self {
        Self { started: now, ..self }
    }

    /// Whether refreshing is our part.
    pub(crate) fn is_ours(self) -> bool {
        self.ours
    }

    /// The interval.
    pub(crate) fn interval(self) -> Duration {
        self.interval
    }

    /// When something has to be done, and what: half the interval for a refresh, and for giving up the interval
    /// less the smaller of 32 s and a third of it (RFC 4028 §10).
    pub(crate) fn due(self) -> (Instant, Due) {
        if self.ours {
            (self.started + self.interval / 2, Due::Refresh)
        } else {
            let margin = (self.interval / 3).min(Duration::from_secs(32));
            (self.started + self.interval - margin, Due::Over)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::clock;

    #[test]
    fn we_refresh_at_half_time_and_give_up_shortly_before_the_end() {
        let now = clock::now();
        let check = |seconds, by_client, after_s, due| {
            let expires = Some(SessionExpires { seconds, by_client });
            let timer = SessionTimer::agreed(expires, INTERVAL_S_MIN, now).unwrap();
            assert_eq!(timer.due(), (now + Duration::from_secs(after_s), due), "{seconds} {by_client:?}");
        };
        check(1800, Some(true), 900, Due::Refresh);
        check(1800, None, 900, Due::Refresh);
        check(1800, Some(false), 1768, Due::Over);
        check(90, Some(false), 60, Due::Over);
        // Shorter than allowed.
        check(10, Some(true), 45, Due::Refresh);
        assert_eq!(SessionTimer::agreed(None, INTERVAL_S_MIN, now), None);
    }
}
