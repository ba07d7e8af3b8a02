//! Virtual time: a clock that stands still while anything can be done, and then jumps to the next moment
//! that anything waits for. One thread, one order of events: the same start gives the same run.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt as _;
use hutong_domain::moment::{Clock, Moment};

use crate::runtime::{BoxFuture, Runtime};

/// A runtime in virtual time. It goes with a store that runs on the caller's thread: a store with threads
/// of its own would be waited for by nobody.
pub struct VirtualRuntime {
    state: Mutex<State>,
}

struct State {
    now: Moment,
    /// By moment, then in the order in which the waits began.
    waiting: BTreeMap<(Moment, u64), oneshot::Sender<()>>,
    waits: u64,
    spawned: Vec<BoxFuture<'static, ()>>,
}

impl VirtualRuntime {
    /// A clock that begins at `start`.
    #[must_use]
    pub const fn new(start: Moment) -> Self {
        Self { state: Mutex::new(State { now: start, waiting: BTreeMap::new(), waits: 0, spawned: Vec::new() }) }
    }

    /// Runs `main` to its end, and beside it everything that it spawns; what still runs then is dropped.
    /// None when everything waits for something that cannot come.
    pub fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> Option<T> {
        let mut pool = LocalPool::new();
        let spawner = pool.spawner();
        let (ended, mut end) = oneshot::channel();
        let main = async move {
            // The receiver lives as long as this function.
            let _ = ended.send(main.await);
        };
        spawner.spawn_local(main).ok()?;
        loop {
            pool.run_until_stalled();
            if let Ok(Some(value)) = end.try_recv() {
                return Some(value);
            }
            let spawned = std::mem::take(&mut self.lock().spawned);
            if spawned.is_empty() {
                self.jump()?;
            }
            for task in spawned {
                spawner.spawn_local(task).ok()?;
            }
        }
    }

    /// Moves the clock to the next moment that anything waits for; none when nothing waits.
    fn jump(&self) -> Option<()> {
        let mut state = self.lock();
        let ((at, _), waiter) = state.waiting.pop_first()?;
        state.now = state.now.max(at);
        drop(state);
        // Whoever waited may have gone away.
        let _ = waiter.send(());
        Some(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualRuntime {
    fn now(&self) -> Moment {
        self.lock().now
    }
}

impl Runtime for VirtualRuntime {
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        let (waiter, woken) = oneshot::channel();
        let order = state.waits;
        state.waits += 1;
        state.waiting.insert((at, order), waiter);
        Box::pin(async move {
            // An error means that the runtime is gone, and this future with it.
            let _ = woken.await;
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.lock().spawned.push(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_day_passes_in_a_moment_and_in_order() {
        let runtime = Arc::new(VirtualRuntime::new(Moment(0)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        for hours in [3u64, 1, 2] {
            let (clock, seen) = (runtime.clone(), seen.clone());
            let task = async move {
                (clock.clone() as Arc<dyn Runtime>).sleep(Duration::from_secs(hours * 3600)).await;
                seen.lock().unwrap().push((hours, clock.now()));
            };
            runtime.spawn(Box::pin(task));
        }
        let clock = runtime.clone();
        let main = async move { (clock as Arc<dyn Runtime>).sleep(Duration::from_secs(86_400)).await };
        assert_eq!(runtime.run(main), Some(()));
        let expected: Vec<_> = [1u64, 2, 3].into_iter().map(|h| (h, Moment(h as i64 * 3_600_000))).collect();
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn waiting_for_nothing_ends_the_run() {
        assert_eq!(VirtualRuntime::new(Moment(0)).run(std::future::pending::<()>()), None);
    }
}
