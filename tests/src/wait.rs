//! Waiting for what sends no event.

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for: far more than it ever does.
pub const BOUND: Duration = Duration::from_secs(120);
/// The same for what somebody waits for who looks at a page.
pub const BOUND_OF_PAGES: Duration = Duration::from_secs(30);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to return.
///
/// # Panics
/// When there is nothing within [`BOUND`]; `what` says what was waited for.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(BOUND, what, look)
}

/// The same for what takes its time.
///
/// # Panics
/// When there is nothing within `bound`.
pub fn until_within<T>(bound: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(bound, look).unwrap_or_else(|| panic!("waited {bound:?} in vain: {what}"))
}

/// The same for those who say themselves what was in vain: nothing, when there is nothing within `bound`.
pub fn within<T>(bound: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = now() + bound;
    loop {
        let found = look();
        if found.is_some() || now() >= deadline {
            return found;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, in no campaign's time")]
fn now() -> Instant {
    Instant::now()
}

/// The pause between two looks, for those who look in a loop of their own.
#[expect(clippy::disallowed_methods, reason = "what another process writes to its store sends no event")]
pub fn pause() {
    std::thread::sleep(PAUSE);
}
