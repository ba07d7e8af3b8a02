//! Lists of numbers on their way into tasks: uploaded, looked through, imported.
//!
//! What was uploaded is kept in a file without a name, which is gone with its last handle, whatever happens to the process;
//! and for a bounded time. There is one such list for a task, and a bounded number of them.

pub(crate) mod check;
pub(crate) mod job;
pub(crate) mod mapping;
mod sheet;
mod source;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::message::Message;
use hutong_domain::moment::{Clock, Moment};
use tokio::sync::Semaphore;

use check::Report;
pub(crate) use sheet::{Row, Sheet};
pub(crate) use source::{decoded, read};

/// Lists that are kept at once.
const LISTS_MAX: usize = 16;
/// How long a list is kept that nobody looks at.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// How often lists are looked at for that.
const SWEPT_EVERY: Duration = Duration::from_secs(60);
/// Uploads that are received and read at once.
const UPLOADS_MAX: usize = 2;

/// Where a list stands.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// It was read; somebody says which column is what.
    Mapping,
    /// It is looked through.
    Checking,
    /// What will go in, and what will not.
    Checked(Arc<Report>),
    /// It goes in.
    Importing(Arc<Report>),
    /// It went in; how much of it, and why no more where something stopped it.
    Done { report: Arc<Report>, problem: Option<Message> },
    /// It could not be looked through.
    Failed,
}

/// A list of a task.
pub(crate) struct List {
    pub(crate) sheet: Sheet,
    stage: Mutex<Stage>,
    /// Rows that the present stage has done.
    pub(crate) done: AtomicI64,
    /// Numbers that went in, and numbers that the task had already by then.
    pub(crate) inserted: AtomicI64,
    pub(crate) repeated: AtomicI64,
    /// Somebody wants it to stop.
    pub(crate) stop: AtomicBool,
    looked_at: AtomicI64,
}

impl List {
    pub(crate) fn stage(&self) -> Stage {
        lock(&self.stage).clone()
    }

    pub(crate) fn move_to(&self, stage: Stage) {
        *lock(&self.stage) = stage;
    }

    /// Moves to a stage that a job begins, unless a job goes on: then nothing is changed.
    pub(crate) fn begin(&self, stage: Stage) -> bool {
        let mut current = lock(&self.stage);
        if matches!(*current, Stage::Checking | Stage::Importing(_)) {
            return false;
        }
        for count in [&self.done, &self.inserted, &self.repeated] {
            count.store(0, Ordering::Relaxed);
        }
        self.stop.store(false, Ordering::Relaxed);
        *current = stage;
        true
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.stage(), Stage::Checking | Stage::Importing(_))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

type Key = (CompanyId, TaskId);

/// The lists of this process.
#[derive(Clone)]
pub(crate) struct Lists {
    kept: Arc<Mutex<HashMap<Key, Arc<List>>>>,
    pub(crate) uploads: Arc<Semaphore>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { kept: Arc::default(), uploads: Arc::new(Semaphore::new(UPLOADS_MAX)) }
    }
}

impl Lists {
    /// The list of a task; looking at it keeps it.
    pub(crate) fn find(&self, key: Key, now: Moment) -> Option<Arc<List>> {
        let found = lock(&self.kept).get(&key).cloned()?;
        found.looked_at.store(now.ms(), Ordering::Relaxed);
        Some(found)
    }

    /// Keeps a list instead of the task's last one. False where that one is busy, or too many others are kept.
    pub(crate) fn put(&self, key: Key, sheet: Sheet, clock: &Arc<dyn Clock>) -> bool {
        let now = clock.now();
        let list = Arc::new(List {
            sheet,
            stage: Mutex::new(Stage::Mapping),
            done: AtomicI64::new(0),
            inserted: AtomicI64::new(0),
            repeated: AtomicI64::new(0),
            stop: AtomicBool::new(false),
            looked_at: AtomicI64::new(now.ms()),
        });
        let mut kept = lock(&self.kept);
        let known = kept.get(&key).map(|known| known.is_busy());
        if known == Some(true) || (known.is_none() && kept.len() >= LISTS_MAX) {
            return false;
        }
        kept.insert(key, list.clone());
        drop(kept);
        tokio::spawn(self.clone().forget_in_time(key, Arc::downgrade(&list), clock.clone()));
        true
    }

    /// Forgets the list of a task, unless it is busy.
    pub(crate) fn forget(&self, key: Key) {
        let mut kept = lock(&self.kept);
        if kept.get(&key).is_some_and(|list| !list.is_busy()) {
            kept.remove(&key);
        }
    }

    async fn forget_in_time(self, key: Key, list: std::sync::Weak<List>, clock: Arc<dyn Clock>) {
        let mut ticks = tokio::time::interval(SWEPT_EVERY);
        loop {
            ticks.tick().await;
            let Some(list) = list.upgrade() else { return };
            let idle = clock.now().since(Moment(list.looked_at.load(Ordering::Relaxed)));
            if idle >= KEPT && !list.is_busy() {
                let mut kept = lock(&self.kept);
                if kept.get(&key).is_some_and(|known| Arc::ptr_eq(known, &list)) {
                    kept.remove(&key);
                }
                return;
            }
        }
    }
}

/// Nothing panics while it holds such a lock; what is in it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
