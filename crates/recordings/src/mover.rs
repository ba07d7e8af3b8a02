//! What brings recordings from the end of the call to where they are kept: copies are made, files are moved. The spool's
//! folders are the queues, so what waits costs no memory and is still there after a crash.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{Notify, watch};

use crate::copies;
use crate::destination::Opened;
use crate::error::{Error, Result};
use crate::name::{FileName, Part};
use crate::spool::Spool;
use crate::timer::{Backoff, pause};
use crate::writer::Counts;

/// Files that are looked at before the folder is read again.
const BATCH_MAX: usize = 256;
/// After so many failures in a row a whole batch is left for later.
const FAILURES_IN_A_ROW_MAX: u32 = 8;
/// Recordings whose copies are made at once: disks and other threads want their share.
const COPYING_MAX: usize = 2;
/// After a failure with nothing in the log for so many more.
const FAILURES_LOGGED_EVERY: u64 = 100;

/// Makes copies and moves files.
pub(crate) struct Mover {
    pub(crate) spool: Arc<Spool>,
    pub(crate) destination: Arc<Opened>,
    pub(crate) counts: Arc<Counts>,
    /// Files that wait for being moved.
    pub(crate) waiting: AtomicU64,
    /// Copies or moves that failed and are tried again.
    pub(crate) failures: AtomicU64,
    /// Rung when a recording waits for its copies.
    pub(crate) kept: Arc<Notify>,
    /// Rung when files wait for being moved.
    pub(crate) ready: Notify,
    /// Changes whenever copies were made.
    pub(crate) made: watch::Sender<()>,
    pub(crate) moves_max: usize,
    pub(crate) retry: (Duration, Duration),
}

/// One of the two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Copy,
    Move,
}

impl Mover {
    /// Does a step for whatever waits for it, until it is told to stop; then once more for what waits by then.
    pub(crate) async fn run(self: Arc<Self>, step: Step, mut stopping: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.retry.0, self.retry.1);
        loop {
            // Nobody is left who could stop it: stop as well.
            let last = *stopping.borrow() || stopping.has_changed().is_err();
            let all_well = self.sweep(step).await;
            if last {
                return;
            }
            let rung = match step {
                Step::Copy => self.kept.notified(),
                Step::Move => self.ready.notified(),
            };
            let wait = async {
                if all_well {
                    backoff.after_success();
                    rung.await;
                } else {
                    pause(backoff.after_failure()).await;
                }
            };
            tokio::select! {
                () = wait => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
    }

    /// Takes whatever waits, batch by batch; false when some of it failed.
    async fn sweep(&self, step: Step) -> bool {
        loop {
            let spool = Arc::clone(&self.spool);
            let listed = tokio::task::spawn_blocking(move || match step {
                Step::Copy => spool.kept_names(BATCH_MAX),
                Step::Move => spool.ready_names(BATCH_MAX),
            });
            let names = match listed.await {
                Ok(Ok(names)) => names,
                Ok(Err(error)) => {
                    self.complain(step, &error);
                    return false;
                }
                // The runtime stops.
                Err(_) => return false,
            };
            let full = names.len() == BATCH_MAX;
            if !self.batch(step, names).await {
                return false;
            }
            if !full {
                return true;
            }
        }
    }

    async fn batch(&self, step: Step, names: Vec<FileName>) -> bool {
        let failed = AtomicU64::new(0);
        let in_a_row = AtomicU32::new(0);
        let at_once = if step == Step::Copy { COPYING_MAX } else { self.moves_max };
        let (failed_so_far, failures_in_a_row) = (&failed, &in_a_row);
        let one = |name| async move {
            if failures_in_a_row.load(Ordering::Relaxed) >= FAILURES_IN_A_ROW_MAX {
                return;
            }
            // Whatever breaks over one file must not end the work on all others.
            let done = AssertUnwindSafe(self.step(step, name)).catch_unwind().await;
            match done.unwrap_or(Err(Error::Broken(name))) {
                Ok(()) => failures_in_a_row.store(0, Ordering::Relaxed),
                Err(error) => {
                    failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                    failed_so_far.fetch_add(1, Ordering::Relaxed);
                    self.complain(step, &error);
                }
            }
        };
        futures::stream::iter(names).for_each_concurrent(at_once, one).await;
        failed.into_inner() == 0
    }

    async fn step(&self, step: Step, name: FileName) -> Result<()> {
        match step {
            Step::Copy => self.copy(name).await,
            Step::Move => self.bring(name).await,
        }
    }

    async fn copy(&self, name: FileName) -> Result<()> {
        let spool = Arc::clone(&self.spool);
        let making = tokio::task::spawn_blocking(move || {
            let made = copies::make(&spool, name.recording);
            if made.as_ref().is_err_and(Error::is_missing) {
                spool.make_folders()?;
            }
            made
        });
        // Counted before: they are moved as soon as they are there.
        let files = Part::ALL.len() as u64;
        self.waiting.fetch_add(files, Ordering::Relaxed);
        let made = making.await.unwrap_or(Err(Error::Broken(name)));
        if let Err(error) = made {
            count_down(&self.waiting, files);
            if !error.is_missing() || self.spool.kept(name.recording).exists() {
                return Err(error);
            }
            // Somebody took the file away: then there is nothing to copy.
            self.complain(Step::Copy, &error);
        }
        self.ready.notify_one();
        count_down(&self.counts.kept, 1);
        self.made.send_replace(());
        Ok(())
    }

    async fn bring(&self, name: FileName) -> Result<()> {
        let source = self.spool.ready(name);
        match self.destination.take(&source, name).await {
            Err(error) if !error.is_missing() || source.exists() => return Err(error),
            Err(error) => self.complain(Step::Move, &error),
            Ok(()) => {}
        }
        count_down(&self.waiting, 1);
        Ok(())
    }

    fn complain(&self, step: Step, error: &Error) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        let what = if step == Step::Copy { "copied" } else { "moved to where it is kept" };
        if before.is_multiple_of(FAILURES_LOGGED_EVERY) {
            tracing::error!(failures = before + 1, %error, "a recording could not be {what}; it is tried again");
        } else {
            tracing::debug!(%error, "a recording could not be {what}; it is tried again");
        }
    }
}

/// What a file counted as that somebody else put into the spool, or took out of it, is not known: never below nothing.
fn count_down(counter: &AtomicU64, by: u64) {
    let less = |count: u64| Some(count.saturating_sub(by));
    let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}
