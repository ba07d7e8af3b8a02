//! The one place where signalling reads the time and waits for it to pass.

use std::time::Duration;

use tokio::time::Instant;

/// The moment on the clock that only goes forward.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "protocol timers run in real time: the far side's clock is no parameter")]
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `at`, or for ever where there is no such moment.
pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
