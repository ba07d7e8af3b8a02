//! The only place where this crate waits for time to pass.

use std::time::Duration;

/// Waits.
pub(crate) async fn pause(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "waits for disks and servers, in no campaign's time")]
    tokio::time::sleep(duration).await;
}

/// How long to wait after failures in a row: twice as long after each, up to a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    next: Duration,
    min: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { next: min, min, max }
    }

    pub(crate) fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.max);
        wait
    }

    pub(crate) fn after_success(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let mut waits = || backoff.after_failure().as_secs();
        assert_eq!([waits(), waits(), waits(), waits()], [1, 2, 4, 5]);
        backoff.after_success();
        assert_eq!(backoff.after_failure().as_secs(), 1);
    }
}
