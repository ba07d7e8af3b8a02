//! The engine's clock: the only place of the media that asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Moments since the engine's start, and what they were by the wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
    wall_at_start: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "packets leave by the machine's clock, whatever else is virtual")]
    pub(super) fn start() -> Self {
        let wall_at_start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), wall_at_start }
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The time since 1970 of a moment; it runs on evenly whatever becomes of the system's clock.
    pub(super) fn wall(&self, now: Duration) -> Duration {
        self.wall_at_start + now
    }
}
