//! Time and tasks, as a parameter.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use hutong_domain::moment::{Clock, Moment};

/// A future that can be kept in a box and moved between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the dialer lives in: a clock, a way to wait, and a way to do several things at once.
pub trait Runtime: Clock {
    /// Waits until the clock shows `at`.
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()>;

    /// Runs `task` to its end beside everything else.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

impl dyn Runtime {
    /// Waits for so long.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now().after(duration)).await;
    }
}

/// The system's clock and tokio's tasks. Has to be used inside a tokio runtime.
#[derive(Debug, Default)]
pub struct SystemRuntime;

impl Clock for SystemRuntime {
    #[expect(clippy::disallowed_methods, reason = "this is where the system's clock is handed in")]
    fn now(&self) -> Moment {
        Moment(jiff::Timestamp::now().as_millisecond())
    }
}

impl Runtime for SystemRuntime {
    #[expect(clippy::disallowed_methods, reason = "this is where the system's timer is handed in")]
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}
