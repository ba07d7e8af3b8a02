//! A store that fails or is slow for a while.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use hutong_dialer::Runtime;
use hutong_domain::moment::Moment;
use hutong_store::{Disturbance, Error, Result, Work};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The way of one process to the store.
pub(crate) struct StoreTrouble {
    runtime: Arc<dyn Runtime>,
    fails_until: AtomicI64,
    slow_until: AtomicI64,
    /// Writes that were committed, by any process.
    commits: Arc<AtomicU64>,
    rng: Mutex<StdRng>,
}

impl StoreTrouble {
    pub(crate) fn new(runtime: Arc<dyn Runtime>, commits: Arc<AtomicU64>, seed: u64) -> Self {
        Self {
            runtime,
            fails_until: AtomicI64::new(i64::MIN),
            slow_until: AtomicI64::new(i64::MIN),
            commits,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    pub(crate) fn fail_until(&self, until: Moment) {
        self.fails_until.store(until.ms(), Ordering::Relaxed);
    }

    pub(crate) fn be_slow_until(&self, until: Moment) {
        self.slow_until.store(until.ms(), Ordering::Relaxed);
    }

    fn now(&self) -> i64 {
        self.runtime.now().ms()
    }

    fn chance(&self, of: f64) -> bool {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_bool(of)
    }

    /// Half of the time that the store takes, when it is slow.
    async fn lag(&self) {
        if self.now() < self.slow_until.load(Ordering::Relaxed) {
            let lag = self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..2_000);
            self.runtime.sleep(Duration::from_millis(lag)).await;
        }
    }

    fn fails(&self) -> Result<()> {
        if self.now() < self.fails_until.load(Ordering::Relaxed) && self.chance(0.5) {
            return Err(Error::Commit("the simulated store failed".to_owned()));
        }
        Ok(())
    }
}

impl Disturbance for StoreTrouble {
    fn before(&self, _: Work) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.lag().await;
            self.fails()
        })
    }

    fn after(&self, work: Work) -> BoxFuture<'_, Result<()>> {
        if work == Work::Write {
            self.commits.fetch_add(1, Ordering::Relaxed);
        }
        Box::pin(async move {
            self.lag().await;
            self.fails()
        })
    }
}
