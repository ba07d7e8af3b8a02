//! What runs the work of a store: reader threads and writer threads that commit in groups, or the caller's
//! own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::JoinHandle;

use futures::channel::oneshot;
use hutong_domain::ids::CompanyId;

use super::connection::{checkpoint_loop, connect};
use super::{Options, Url, lock};
use crate::db::Db;
use crate::error::{Error, Result};

/// Jobs that may wait for a reader or a writer before callers have to wait themselves.
const QUEUE_MAX: usize = 1024;

/// Writes that share a transaction, and so one wait for the disk.
const GROUP_MAX: usize = 256;

/// How often a reader without work lets other threads run before it sleeps.
const YIELDS_MAX: u32 = 16;

/// How often a group of writes is tried again after a deadlock.
const RETRIES_MAX: u32 = 5;

/// After so many groups the size of the write-ahead log is looked at.
const CHECKPOINT_GROUPS: u64 = 64;

/// A read; true when the connection turned out to be dead.
pub(super) type ReadJob = Box<dyn FnOnce(&mut Result<Db>) -> bool + Send>;

pub(super) trait WriteJob: Send {
    fn run(&mut self, db: &mut Db) -> Result<()>;
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Job<T, F> {
    work: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&mut Db) -> Result<T> + Send> WriteJob for Job<T, F> {
    fn run(&mut self, db: &mut Db) -> Result<()> {
        self.done = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(db)));
        self.done =
            Some(outcome.unwrap_or_else(|_| Err(Error::Commit("a write panicked; it was rolled back".to_owned())))?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let Self { done, reply, .. } = *self;
        // Whoever asked may have gone away; the write stands all the same.
        let _ = reply.send(committed.and_then(|()| done.ok_or(Error::Closed)));
    }
}

/// What runs the work.
pub(super) enum Runner {
    Threads {
        readers: async_channel::Sender<ReadJob>,
        writers: Vec<async_channel::Sender<Box<dyn WriteJob>>>,
        threads: Vec<JoinHandle<()>>,
    },
    Inline(Mutex<Db>),
}

impl Runner {
    /// Everything on the caller's thread, over one connection.
    pub(super) const fn inline(db: Db) -> Self {
        Self::Inline(Mutex::new(db))
    }

    /// Threads; the first writer takes over `first`.
    pub(super) fn start(options: &Options, first: Db) -> Result<Self> {
        let mut threads = Vec::new();
        let (readers, jobs) = async_channel::bounded(QUEUE_MAX);
        for n in 0..options.readers.max(1) {
            let (jobs, url) = (jobs.clone(), options.url.clone());
            threads.push(spawn(format!("store-read-{n}"), move || read_loop(&jobs, &url))?);
        }
        let checkpoints = match &options.url {
            Url::Sqlite(path) => {
                let (wake, asked) = async_channel::bounded(1);
                let path = path.clone();
                threads.push(spawn("store-checkpoint".to_owned(), move || checkpoint_loop(&asked, &path))?);
                Some(wake)
            }
            _ => None,
        };
        let count = if checkpoints.is_some() { 1 } else { options.writers.max(1) };
        let mut first = Some(first);
        let mut writers = Vec::new();
        for n in 0..count {
            let (writer, jobs) = async_channel::bounded(QUEUE_MAX);
            let (url, checkpoints, connection) = (options.url.clone(), checkpoints.clone(), first.take());
            threads.push(spawn(format!("store-write-{n}"), move || {
                write_loop(&jobs, &url, connection, checkpoints.as_ref());
            })?);
            writers.push(writer);
        }
        Ok(Self::Threads { readers, writers, threads })
    }

    /// See [`super::Store::read`].
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (readers, (reply, answer)) = match self {
            Self::Inline(db) => return work(&mut lock(db)),
            Self::Threads { readers, .. } => (readers, oneshot::channel()),
        };
        let job: ReadJob = Box::new(move |connection| {
            let outcome = match connection {
                Ok(db) => catch_unwind(AssertUnwindSafe(|| work(db))),
                Err(_) => Ok(Err(std::mem::replace(connection, Err(Error::Closed)).err().unwrap_or(Error::Closed))),
            };
            // A read that panicked may have left its transaction open, and with it an old state of the store.
            let dead = outcome.as_ref().map_or(true, |outcome| outcome.as_ref().is_err_and(Error::is_disconnected));
            let _ = reply.send(outcome.unwrap_or_else(|_| Err(Error::Commit("a read panicked".to_owned()))));
            dead
        });
        readers.send(job).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// See [`super::Store::write`].
    pub(super) async fn write<T: Send + 'static>(
        &self,
        company: CompanyId,
        mut work: impl FnMut(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writers = match self {
            Self::Inline(db) => return write_alone(&mut lock(db), work),
            Self::Threads { writers, .. } => writers,
        };
        let (reply, answer) = oneshot::channel();
        let key = usize::try_from(company.get().unsigned_abs()).unwrap_or(0) % writers.len();
        let writer = writers.get(key).ok_or(Error::Closed)?;
        let job = Job { work: move |db: &mut Db| work(db), done: None, reply };
        writer.send(Box::new(job)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Self::Threads { readers, writers, threads } = self {
            readers.close();
            for writer in writers.iter() {
                writer.close();
            }
            let this_thread = std::thread::current().id();
            for thread in threads.drain(..).filter(|thread| thread.thread().id() != this_thread) {
                let _ = thread.join();
            }
        }
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.clone()).spawn(body).map_err(|cause| Error::Folder { path: name, cause })
}

fn read_loop(jobs: &async_channel::Receiver<ReadJob>, url: &Url) {
    let mut connection = connect(url, false);
    while let Some(job) = next(jobs) {
        if connection.is_err() {
            connection = connect(url, false);
        }
        if job(&mut connection) {
            connection = Err(Error::Closed);
        }
    }
}

/// The next job; none when there will be no more. A thread that has just worked lets others run a few times before it
/// goes to sleep: under load the next job is there by then, and waking a thread costs as much as a short read.
fn next(jobs: &async_channel::Receiver<ReadJob>) -> Option<ReadJob> {
    for _ in 0..YIELDS_MAX {
        if let Ok(job) = jobs.try_recv() {
            return Some(job);
        }
        std::thread::yield_now();
    }
    jobs.recv_blocking().ok()
}

fn write_loop(
    jobs: &async_channel::Receiver<Box<dyn WriteJob>>,
    url: &Url,
    mut connection: Option<Db>,
    checkpoints: Option<&async_channel::Sender<()>>,
) {
    let mut groups: u64 = 0;
    while let Ok(first) = jobs.recv_blocking() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = jobs.try_recv()
        {
            group.push(next);
        }
        let mut db = match connection.take().map_or_else(|| connect(url, true), Ok) {
            Ok(db) => db,
            Err(error) => {
                let text = error.to_string();
                group.into_iter().for_each(|job| job.answer(Err(Error::Commit(text.clone()))));
                continue;
            }
        };
        if commit_group(&mut db, group) {
            connection = Some(db);
        }
        groups += 1;
        if let Some(checkpoints) = checkpoints.filter(|_| groups.is_multiple_of(CHECKPOINT_GROUPS)) {
            // Full means that a look is due already.
            let _ = checkpoints.try_send(());
        }
    }
}

/// Runs the jobs in one transaction and answers them; false when the connection is dead.
fn commit_group(db: &mut Db, mut group: Vec<Box<dyn WriteJob>>) -> bool {
    for attempt in 0..=RETRIES_MAX {
        match run_group(db, &mut group) {
            Ok(outcomes) => {
                group.into_iter().zip(outcomes).for_each(|(job, outcome)| job.answer(outcome));
                return true;
            }
            Err(error) if error.is_transient() && attempt < RETRIES_MAX => {
                tracing::debug!(%error, attempt, "a group of writes is run again");
            }
            Err(error) => {
                let text = error.to_string();
                tracing::error!(error = text, jobs = group.len(), "a group of writes failed");
                group.into_iter().for_each(|job| job.answer(Err(Error::Commit(text.clone()))));
                return !error.is_disconnected();
            }
        }
    }
    true
}

/// What each job gave, all committed; an error when the transaction as a whole is lost.
fn run_group(db: &mut Db, group: &mut [Box<dyn WriteJob>]) -> Result<Vec<Result<()>>> {
    begin(db)?;
    let outcome = run_jobs(db, group);
    match outcome {
        Ok(outcomes) => match db.transaction("COMMIT") {
            Ok(()) => Ok(outcomes),
            Err(error) => {
                let _ = db.batch("ROLLBACK");
                Err(error)
            }
        },
        Err(error) => {
            let _ = db.batch("ROLLBACK");
            Err(error)
        }
    }
}

fn run_jobs(db: &mut Db, group: &mut [Box<dyn WriteJob>]) -> Result<Vec<Result<()>>> {
    let mut outcomes = Vec::with_capacity(group.len());
    for job in group {
        db.transaction("SAVEPOINT job")?;
        let outcome = job.run(db);
        match &outcome {
            Ok(()) => db.transaction("RELEASE SAVEPOINT job")?,
            Err(error) if error.is_transient() || error.is_disconnected() => {
                outcome?;
                continue;
            }
            Err(_) => db.batch("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job")?,
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn begin(db: &mut Db) -> Result<()> {
    db.transaction(if db.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" })
}

fn write_alone<T>(db: &mut Db, mut work: impl FnMut(&mut Db) -> Result<T>) -> Result<T> {
    begin(db)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(db)));
    match outcome.unwrap_or_else(|_| Err(Error::Commit("a write panicked; it was rolled back".to_owned()))) {
        Ok(done) => db.transaction("COMMIT").map(|()| done),
        Err(error) => {
            db.batch("ROLLBACK")?;
            Err(error)
        }
    }
}
