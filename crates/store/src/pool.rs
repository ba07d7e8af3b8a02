//! The threads that run statements: readers, and writers that commit in groups.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::channel::oneshot;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::feed::FilterCache;
use crate::migrate::migrate;

/// Jobs that may wait for a reader or a writer before callers have to wait themselves.
const QUEUE_MAX: usize = 1024;
/// Writes that share a transaction, and so one wait for the disk.
const GROUP_MAX: usize = 256;
/// How often a group of writes is tried again after a deadlock.
const RETRIES_MAX: u32 = 5;
/// After so many groups the size of the write-ahead log is looked at.
const CHECKPOINT_GROUPS: u64 = 64;
/// The write-ahead log is moved into the database file when it has grown by so much.
const CHECKPOINT_BYTES: u64 = 16 << 20;
/// Beyond this size, the checkpoint waits for readers so that the log can start afresh.
const CHECKPOINT_BLOCKING_BYTES: u64 = 256 << 20;

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    /// A file.
    Sqlite(PathBuf),
    /// Nothing on disk: for tests and forecasts. Runs on the caller's thread.
    Memory,
    /// A PostgreSQL server.
    Postgres(String),
}

impl std::str::FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "sqlite::memory:" {
            Ok(Self::Memory)
        } else if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Err(Error::Url("expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()))
        }
    }
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub url: Url,
    /// Threads that read, each with a connection.
    pub readers: usize,
    /// Threads that write, each with a connection; SQLite has one whatever is asked.
    pub writers: usize,
    /// Hash partitions of the big tables; PostgreSQL only, used when the tables are made.
    pub partitions: u32,
    /// Run everything on the caller's thread, over one connection: for virtual time. A store in memory
    /// always does.
    pub inline: bool,
}

impl Options {
    /// What suits the engine, per the measurements in `docs/benchmarks.md`.
    #[must_use]
    pub const fn new(url: Url) -> Self {
        let (readers, writers) = match url {
            Url::Sqlite(_) | Url::Memory => (2, 1),
            Url::Postgres(_) => (16, 4),
        };
        Self { url, readers, writers, partitions: 0, inline: false }
    }
}

/// Rows whose ids are taken from blocks, so that making one needs no round trip of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// `customer.id`
    Customer,
    /// `call.id`
    Call,
    /// Lines of transcripts.
    Utterance,
    /// Conclusions about calls.
    CallResult,
}

impl IdKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Call => "call",
            Self::Utterance => "utterance",
            Self::CallResult => "call_result",
        }
    }

    /// Ids that a process takes at a time; what it does not use before it stops is lost.
    const fn block(self) -> i64 {
        match self {
            Self::Customer | Self::Call => 20,
            Self::Utterance => 1000,
            Self::CallResult => 200,
        }
    }
}

/// The store: cheap to clone, shared by all.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    runner: Runner,
    blocks: Mutex<HashMap<IdKind, std::ops::Range<i64>>>,
    pub(crate) filters: FilterCache,
    url: Url,
}

enum Runner {
    Threads {
        readers: async_channel::Sender<ReadJob>,
        writers: Vec<async_channel::Sender<Box<dyn WriteJob>>>,
        threads: Vec<JoinHandle<()>>,
    },
    Inline(Mutex<Db>),
}

/// A read; true when the connection turned out to be dead.
type ReadJob = Box<dyn FnOnce(&mut Result<Db>) -> bool + Send>;

trait WriteJob: Send {
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

impl Store {
    /// Opens the store and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, or its schema is newer than this program.
    pub fn open(options: &Options, now: Moment) -> Result<Self> {
        // On a thread of its own: PostgreSQL's client must not be used where a caller's asynchronous tasks run.
        let first = std::thread::scope(|scope| scope.spawn(|| connect_and_migrate(options, now)).join());
        let first = first.map_err(|_| Error::Closed)??;
        let runner = if options.inline || options.url == Url::Memory {
            Runner::Inline(Mutex::new(first))
        } else {
            Runner::start(options, first)?
        };
        let inner =
            Inner { runner, blocks: Mutex::default(), filters: FilterCache::default(), url: options.url.clone() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where the store is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// Runs a read on a reader thread. Each statement in it sees what is committed when it begins.
    ///
    /// # Errors
    /// What the read gives, or [`Error::Closed`].
    pub async fn read<T: Send + 'static>(&self, work: impl FnOnce(&mut Db) -> Result<T> + Send + 'static) -> Result<T> {
        let (readers, (reply, answer)) = match &self.inner.runner {
            Runner::Inline(db) => return work(&mut lock(db)),
            Runner::Threads { readers, .. } => (readers, oneshot::channel()),
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

    /// Runs a read whose statements all see the same state of the store.
    ///
    /// # Errors
    /// What the read gives, or [`Error::Closed`].
    pub async fn read_snapshot<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(move |db| {
            db.transaction(if db.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" })?;
            let outcome = work(db);
            db.transaction("COMMIT")?;
            outcome
        })
        .await
    }

    /// Runs a write in a transaction that it may share with others; it is committed, and on disk, when
    /// this returns. `company` keeps the writes of a company in one line. The work may be run more than
    /// once, and must not change anything outside the store.
    ///
    /// # Errors
    /// What the work gives; then, and on [`Error::Commit`], nothing of it has happened.
    pub async fn write<T: Send + 'static>(
        &self,
        company: CompanyId,
        mut work: impl FnMut(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writers = match &self.inner.runner {
            Runner::Inline(db) => return write_alone(&mut lock(db), work),
            Runner::Threads { writers, .. } => writers,
        };
        let (reply, answer) = oneshot::channel();
        let key = usize::try_from(company.get().unsigned_abs()).unwrap_or(0) % writers.len();
        let writer = writers.get(key).ok_or(Error::Closed)?;
        let job = Job { work: move |db: &mut Db| work(db), done: None, reply };
        writer.send(Box::new(job)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Takes `count` ids in a row, from this process's block where it has enough; the first of them.
    ///
    /// # Errors
    /// When a new block is needed and the store fails.
    pub async fn reserve(&self, kind: IdKind, count: usize) -> Result<i64> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if let Some(first) = self.take_from_block(kind, count) {
            return Ok(first);
        }
        let size = count.max(kind.block());
        let start = self.write(CompanyId(0), move |db| db.reserve_ids(kind.name(), size)).await?;
        let mut blocks = lock(&self.inner.blocks);
        let rest = start + count..start + size;
        let kept = blocks.entry(kind).or_insert(0..0);
        // Another caller may have fetched a block meanwhile: keep the larger rest, lose the smaller.
        if rest.end - rest.start > kept.end - kept.start {
            *kept = rest;
        }
        Ok(start)
    }

    fn take_from_block(&self, kind: IdKind, count: i64) -> Option<i64> {
        let mut blocks = lock(&self.inner.blocks);
        let block = blocks.get_mut(&kind).filter(|block| block.end - block.start >= count)?;
        let first = block.start;
        block.start += count;
        Some(first)
    }

    pub(crate) fn filters(&self) -> &FilterCache {
        &self.inner.filters
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Runner::Threads { readers, writers, threads } = &mut self.runner {
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

impl Runner {
    fn start(options: &Options, first: Db) -> Result<Self> {
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
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.clone()).spawn(body).map_err(|cause| Error::Folder { path: name, cause })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_loop(jobs: &async_channel::Receiver<ReadJob>, url: &Url) {
    let mut connection = connect(url, false);
    while let Ok(job) = jobs.recv_blocking() {
        if connection.is_err() {
            connection = connect(url, false);
        }
        if job(&mut connection) {
            connection = Err(Error::Closed);
        }
    }
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
    db.transaction(if db.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" })?;
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

fn write_alone<T>(db: &mut Db, mut work: impl FnMut(&mut Db) -> Result<T>) -> Result<T> {
    db.transaction("BEGIN IMMEDIATE")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(db)));
    match outcome.unwrap_or_else(|_| Err(Error::Commit("a write panicked; it was rolled back".to_owned()))) {
        Ok(done) => db.transaction("COMMIT").map(|()| done),
        Err(error) => {
            db.batch("ROLLBACK")?;
            Err(error)
        }
    }
}

fn connect_and_migrate(options: &Options, now: Moment) -> Result<Db> {
    let mut db = connect(&options.url, true)?;
    migrate(&mut db, now, options.partitions)?;
    Ok(db)
}

fn connect(url: &Url, for_writing: bool) -> Result<Db> {
    match url {
        Url::Sqlite(path) => connect_sqlite(Some(path), for_writing),
        Url::Memory => connect_sqlite(None, for_writing),
        Url::Postgres(url) => Ok(Db::postgres(postgres::Client::connect(url, postgres::NoTls)?)),
    }
}

/// `synchronous=FULL`: what was answered survives a power failure. Checkpoints are made by a thread of
/// their own, so that no write waits for one.
fn connect_sqlite(path: Option<&Path>, for_writing: bool) -> Result<Db> {
    let connection = match path {
        Some(path) => rusqlite::Connection::open(path)?,
        None => rusqlite::Connection::open_in_memory()?,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384; PRAGMA mmap_size = 1073741824",
    )?;
    if !for_writing {
        connection.execute_batch("PRAGMA query_only = ON")?;
    }
    connection.set_prepared_statement_cache_capacity(256);
    // Without it SQLite plans a statement anew whenever its parameters change: a third of a read's time.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // PostgreSQL's name for it, so that one SQL text serves both.
    connection.create_scalar_function(
        "strpos",
        2,
        rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC | rusqlite::functions::FunctionFlags::SQLITE_UTF8,
        |context| {
            let text = context.get_raw(0).as_str().unwrap_or_default();
            let part = context.get_raw(1).as_str().unwrap_or_default();
            Ok(text.find(part).map_or(0, |at| i64::try_from(at).unwrap_or(i64::MAX - 1) + 1))
        },
    )?;
    Ok(Db::sqlite(connection))
}

fn checkpoint_loop(asked: &async_channel::Receiver<()>, path: &Path) {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    let mut connection = None;
    while asked.recv_blocking().is_ok() {
        let bytes = std::fs::metadata(&log).map_or(0, |file| file.len());
        if bytes < CHECKPOINT_BYTES {
            continue;
        }
        let mode = if bytes < CHECKPOINT_BLOCKING_BYTES { "PASSIVE" } else { "TRUNCATE" };
        if let Err(error) = checkpoint(&mut connection, path, mode) {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    }
    // The last one out leaves a database that needs no recovery.
    let _ = checkpoint(&mut connection, path, "TRUNCATE");
}

fn checkpoint(connection: &mut Option<Db>, path: &Path, mode: &str) -> Result<()> {
    if connection.is_none() {
        *connection = Some(connect_sqlite(Some(path), true)?);
    }
    match connection {
        Some(db) => db.query_one(&format!("PRAGMA wal_checkpoint({mode})"), &[], |_| Ok(())).map(|_| ()),
        None => Ok(()),
    }
}
