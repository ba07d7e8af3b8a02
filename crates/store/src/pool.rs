//! The store as a whole: where it is, how it is opened, and how work gets to it.

mod connection;
mod threads;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::feed::FilterCache;
use crate::migrate::{migrate, newest_schema};
use connection::connect;
use threads::Runner;

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
    /// always does; PostgreSQL cannot where a tokio runtime runs on that thread.
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
    pub(crate) const fn name(self) -> &'static str {
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

/// What goes wrong with a store: for simulations.
pub trait Disturbance: Send + Sync {
    /// Waited for before a piece of work; an error means that it is not done.
    fn before(&self, work: Work) -> BoxFuture<'_, Result<()>>;

    /// Waited for when it is done, and committed; an error means that whoever asked does not learn of it.
    fn after(&self, work: Work) -> BoxFuture<'_, Result<()>>;
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It changes nothing.
    Read,
    /// It is committed.
    Write,
}

/// The store: cheap to clone, shared by all.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    disturbance: Option<Arc<dyn Disturbance>>,
}

struct Inner {
    runner: Runner,
    blocks: Mutex<HashMap<IdKind, std::ops::Range<i64>>>,
    pub(crate) filters: FilterCache,
    url: Url,
}

impl Store {
    /// Opens the store and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, or its schema is newer than this program.
    pub fn open(options: &Options, now: Moment) -> Result<Self> {
        Self::open_at(options, now, newest_schema())
    }

    /// Opens the store and brings its schema to this version and no further: for tests of what comes after it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_at(options: &Options, now: Moment, schema: i64) -> Result<Self> {
        // On a thread of its own: PostgreSQL's client must not be used where a caller's asynchronous tasks run.
        let first = std::thread::scope(|scope| scope.spawn(|| connect_and_migrate(options, now, schema)).join());
        let first = first.map_err(|_| Error::Closed)??;
        let runner = if options.inline || options.url == Url::Memory {
            Runner::inline(first)
        } else {
            Runner::start(options, first)?
        };
        let inner =
            Inner { runner, blocks: Mutex::default(), filters: FilterCache::default(), url: options.url.clone() };
        Ok(Self { inner: Arc::new(inner), disturbance: None })
    }

    /// The same store, seen through something that goes wrong with it.
    #[must_use]
    pub fn disturbed(&self, by: Arc<dyn Disturbance>) -> Self {
        Self { inner: self.inner.clone(), disturbance: Some(by) }
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
        self.disturbed_by(Work::Read, self.inner.runner.read(work)).await
    }

    async fn disturbed_by<T>(&self, kind: Work, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(disturbance) = &self.disturbance else { return work.await };
        disturbance.before(kind).await?;
        let outcome = work.await;
        disturbance.after(kind).await?;
        outcome
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
        work: impl FnMut(&mut Db) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.disturbed_by(Work::Write, self.inner.runner.write(company, work)).await
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect_and_migrate(options: &Options, now: Moment, schema: i64) -> Result<Db> {
    let mut db = connect(&options.url, true)?;
    migrate(&mut db, now, options.partitions, schema)?;
    Ok(db)
}
