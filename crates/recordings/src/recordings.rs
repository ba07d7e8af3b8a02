//! The recordings of an installation, as calls and the API use them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::{Clock, Moment};
use jiff::tz::TimeZone;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::destination::{Destination, Opened};
use crate::error::{Error, Result};
use crate::mover::{Mover, Step};
use crate::name::{FileName, RecordingName};
use crate::retention::{self, Keeping};
use crate::shelf::{Looked, Shelf};
use crate::spool::Spool;
use crate::tape::{SAMPLE_RATE, Take, Tape};
use crate::timer::pause;
use crate::writer::{Counts, Writer};

/// How often outdated recordings are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);
/// Between two rounds where there is more to delete.
const RETENTION_PAUSE: Duration = Duration::from_secs(1);
/// Between two attempts to tell a writer to stop whose queue is full.
const STOP_RETRY: Duration = Duration::from_millis(20);

/// What an administrator decides about recordings.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder on this machine that recordings are written to first; of one process alone.
    pub spool: PathBuf,
    /// Where they are kept.
    pub destination: Destination,
    /// The zone of the days in their names.
    pub zone: TimeZone,
    /// Whole days for which they are kept; 0: for ever.
    pub keep_days: u32,
    /// Files that are moved or uploaded at once; at least 1.
    pub moves_max: usize,
    /// How long to wait after a failed copy, move or upload, at first.
    pub retry_min: Duration,
    /// How long to wait after many of them.
    pub retry_max: Duration,
    /// How long [`Recordings::close`] may take.
    pub close_time_max: Duration,
}

impl Options {
    /// With what suits most installations: kept for ever, four files moved at once.
    #[must_use]
    pub fn new(spool: PathBuf, destination: Destination, zone: TimeZone) -> Self {
        Self {
            spool,
            destination,
            zone,
            keep_days: 0,
            moves_max: 4,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            close_time_max: Duration::from_secs(10),
        }
    }
}

/// How recording goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Calls that are being recorded.
    pub tapes: usize,
    /// How far the disk is behind, in milliseconds of audio.
    pub lag_ms: u64,
    /// How far it was behind at most since the start.
    pub lag_ms_max: u64,
    /// Milliseconds of audio that were lost, and are silence in their recordings.
    pub lost_ms: u64,
    /// Recordings that wait for their copies.
    pub waiting_copies: u64,
    /// Files that wait for being moved or uploaded.
    pub waiting_moves: u64,
    /// Writes to the spool that failed.
    pub write_failures: u64,
    /// Copies, moves and uploads that failed; each is tried again.
    pub move_failures: u64,
    /// Files that were deleted because they were kept long enough.
    pub deleted: u64,
}

/// The recordings of an installation. Clones are handles on the same.
#[derive(Clone)]
pub struct Recordings {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    writer_ended: watch::Receiver<bool>,
    mover: Arc<Mover>,
    shelf: Shelf,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    keeping: Arc<Keeping>,
    close_time_max: Duration,
    deleted: Arc<AtomicU64>,
    spool: Arc<Spool>,
    left_over: Mutex<HashSet<RecordingName>>,
    tasks: Mutex<Option<Tasks>>,
}

/// What runs beside the calls, each with what tells it to stop.
struct Tasks {
    copying: (watch::Sender<bool>, JoinHandle<()>),
    moving: (watch::Sender<bool>, JoinHandle<()>),
    retention: JoinHandle<()>,
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

impl Recordings {
    /// Opens the spool and the destination, and takes up what a crashed process left in the spool: what was kept goes on
    /// to where it belongs, and what was being recorded is mended and waits, see [`Self::left_over`]. Has to be called in a
    /// tokio runtime. An object store is not asked anything yet: calls can be recorded while it is down.
    ///
    /// # Errors
    /// When a folder cannot be made, the spool is in use by another process, or the destination cannot be understood.
    pub async fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self> {
        let Options { spool, destination, zone, keep_days, moves_max, retry_min, retry_max, close_time_max } = options;
        let open = move || -> Result<_> { Ok((Spool::open(&spool)?, Opened::new(destination)?)) };
        let ((spool, left_overs), destination) = tokio::task::spawn_blocking(open)
            .await
            .map_err(|broken| Error::Thread(std::io::Error::other(broken)))??;
        let (spool, destination) = (Arc::new(spool), Arc::new(destination));
        let counts = Arc::new(Counts::default());
        counts.kept.store(left_overs.waiting.kept, Ordering::Relaxed);
        let kept = Arc::new(Notify::new());
        let (writer, writer_ended) = Writer::start(Arc::clone(&spool), Arc::clone(&counts), Arc::clone(&kept))?;
        let (made, made_watch) = watch::channel(());
        let mover = Arc::new(Mover {
            spool: Arc::clone(&spool),
            destination: Arc::clone(&destination),
            counts,
            waiting: AtomicU64::new(left_overs.waiting.ready),
            failures: AtomicU64::new(0),
            kept,
            ready: Notify::new(),
            made,
            moves_max: moves_max.max(1),
            retry: (retry_min, retry_max),
        });
        let shelf = Shelf::new(Arc::clone(&spool), Arc::clone(&destination), made_watch)?;
        let deleted = Arc::new(AtomicU64::new(0));
        let keeping = Arc::new(Keeping::new(keep_days));
        let retaining = retain(destination, Arc::clone(&clock), zone.clone(), Arc::clone(&keeping), deleted.clone());
        let retention = tokio::spawn(retaining);
        let tasks = Tasks { copying: spawn(&mover, Step::Copy), moving: spawn(&mover, Step::Move), retention };
        if !left_overs.cut_off.is_empty() {
            tracing::warn!(recordings = left_overs.cut_off.len(), "recordings that a crash had cut off were mended");
        }
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                writer_ended,
                mover,
                shelf,
                clock,
                zone,
                keeping,
                close_time_max,
                deleted,
                spool,
                left_over: Mutex::new(left_overs.cut_off.into_iter().collect()),
                tasks: Mutex::new(Some(tasks)),
            }),
        })
    }

    /// Names the recording of an attempt that began at `begun_at`.
    #[must_use]
    pub fn name(&self, company: CompanyId, call: CallId, attempt: i64, begun_at: Moment) -> RecordingName {
        RecordingName::new(company, call, attempt, begun_at, &self.inner.zone)
    }

    /// Begins a recording: the tape is for the media engine's thread, the take for the session. Each name is used once.
    #[must_use]
    pub fn record(&self, name: RecordingName) -> (Tape, Take) {
        self.inner.writer.begin(name)
    }

    /// Recordings of calls that ran when a process was killed. Each waits in the spool until somebody who knows what became
    /// of the call keeps or discards it; what is still undecided at the next start is left over again.
    #[must_use]
    pub fn left_over(&self) -> Vec<RecordingName> {
        self.inner.left_over().iter().copied().collect()
    }

    /// The recording that was left over of this attempt, until it is decided about.
    #[must_use]
    pub fn left_over_of(&self, company: CompanyId, call: CallId, attempt: i64) -> Option<RecordingName> {
        let of_it = |name: &&RecordingName| (name.company, name.call, name.attempt) == (company, call, attempt);
        self.inner.left_over().iter().find(of_it).copied()
    }

    /// Keeps a recording that was left over: its copies are made, as if its call had ended just now.
    ///
    /// # Errors
    /// [`Error::File`] when the spool cannot be written: it is left over as before.
    pub async fn keep_left_over(&self, name: RecordingName) -> Result<()> {
        let counts = Arc::clone(&self.inner.mover.counts);
        self.decide(name, move |spool| {
            // Counted before: its copies are made as soon as it is there.
            counts.kept.fetch_add(1, Ordering::Relaxed);
            let live = spool.live(name);
            std::fs::rename(&live, spool.kept(name)).map_err(|cause| {
                counts.kept.fetch_sub(1, Ordering::Relaxed);
                Error::file(&live)(cause)
            })
        })
        .await?;
        self.inner.mover.kept.notify_one();
        Ok(())
    }

    /// Throws a recording away that was left over.
    ///
    /// # Errors
    /// [`Error::File`] when the spool cannot be written: it is left over as before.
    pub async fn discard_left_over(&self, name: RecordingName) -> Result<()> {
        self.decide(name, move |spool| {
            let live = spool.live(name);
            std::fs::remove_file(&live).map_err(Error::file(&live))
        })
        .await
    }

    /// Does to a recording that was left over what was decided; one that is not left over (any more) stays as it is.
    async fn decide(&self, name: RecordingName, act: impl FnOnce(&Spool) -> Result<()> + Send + 'static) -> Result<()> {
        if !self.inner.left_over().contains(&name) {
            return Ok(());
        }
        let spool = Arc::clone(&self.inner.spool);
        let acted = tokio::task::spawn_blocking(move || act(&spool)).await;
        match acted.map_err(|broken| Error::Thread(std::io::Error::other(broken)))? {
            // Somebody took the file away: then there is nothing to decide.
            Err(error) if !error.is_missing() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.inner.left_over().remove(&name);
        Ok(())
    }

    /// Whether recordings of that day are still kept; text that names no recording is none that is kept.
    #[must_use]
    pub fn is_kept(&self, name: &str) -> bool {
        let is_kept = |name: RecordingName| self.inner.keeping.is_kept(name.company, name.day, self.today());
        name.parse::<FileName>().is_ok_and(|name| is_kept(name.recording))
    }

    /// The days for which companies keep their recordings, where that is shorter than the installation's; 0 where it is not.
    pub fn keep_for(&self, companies: BTreeMap<CompanyId, u32>) {
        self.inner.keeping.set_companies(companies);
    }

    /// Deletes a recording with all its files, in the spool and where recordings are kept. One that is still being copied or
    /// moved may have to be removed again.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Store`] when a file cannot be deleted.
    pub async fn remove(&self, name: RecordingName) -> Result<()> {
        let spool = Arc::clone(&self.inner.spool);
        let removing = tokio::task::spawn_blocking(move || spool.remove(name));
        removing.await.map_err(|broken| Error::Thread(std::io::Error::other(broken)))??;
        retention::remove(&*self.inner.mover.destination.objects, name).await
    }

    /// Looks for a file, in the spool and where recordings are kept. For a call that has just ended it waits a moment for
    /// the copies to be made. One that is left over and not decided about is being made.
    ///
    /// # Errors
    /// [`Error::Store`] when the place where they are kept does not answer.
    pub async fn find(&self, name: &str) -> Result<Looked> {
        match name.parse() {
            Ok(FileName { recording, .. }) if self.inner.left_over().contains(&recording) => Ok(Looked::BeingMade),
            Ok(name) => self.inner.shelf.find(name, || self.inner.writer.has(name.recording)).await,
            Err(_) => Ok(Looked::Missing),
        }
    }

    /// How recording goes.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let Mover { counts, waiting, failures, .. } = &*self.inner.mover;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ms = |samples: &AtomicU64| load(samples) * 1000 / u64::from(SAMPLE_RATE);
        Metrics {
            tapes: self.inner.writer.tapes(),
            lag_ms: ms(&counts.lag_samples),
            lag_ms_max: ms(&counts.lag_samples_max),
            lost_ms: ms(&counts.lost_samples),
            waiting_copies: load(&counts.kept),
            waiting_moves: load(waiting),
            write_failures: load(&counts.failures),
            move_failures: load(failures),
            deleted: load(&self.inner.deleted),
        }
    }

    /// Writes and moves what is there, within the configured time; what is left then is taken up at the next start. Calls
    /// should have ended before; nothing can be recorded after it.
    pub async fn close(&self) {
        let Some(tasks) = self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Tasks { copying, moving, retention } = tasks;
        retention.abort();
        let aborts = [copying.1.abort_handle(), moving.1.abort_handle()];
        let closing = async {
            while !self.inner.writer.stop() {
                if *self.inner.writer_ended.borrow() {
                    break;
                }
                pause(STOP_RETRY).await;
            }
            // An error means that the thread has ended, which is what is waited for.
            let _ = self.inner.writer_ended.clone().wait_for(|ended| *ended).await;
            for (stop, task) in [copying, moving] {
                stop.send_replace(true);
                let _ = task.await;
            }
        };
        if tokio::time::timeout(self.inner.close_time_max, closing).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
            let Metrics { waiting_copies, waiting_moves, .. } = self.metrics();
            tracing::warn!(waiting_copies, waiting_moves, "recordings are left in the spool until the next start");
        }
    }

    fn today(&self) -> jiff::civil::Date {
        self.inner.clock.now().civil(&self.inner.zone).date()
    }
}

impl Inner {
    fn left_over(&self) -> MutexGuard<'_, HashSet<RecordingName>> {
        // Whoever panicked did not leave the set half changed: each change is one call.
        self.left_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(mover: &Arc<Mover>, step: Step) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopping) = watch::channel(false);
    (stop, tokio::spawn(Arc::clone(mover).run(step, stopping)))
}

async fn retain(
    destination: Arc<Opened>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    keeping: Arc<Keeping>,
    deleted: Arc<AtomicU64>,
) {
    loop {
        let today = clock.now().civil(&zone).date();
        let wait = match retention::round(&*destination.objects, &keeping, today).await {
            Ok(round) => {
                deleted.fetch_add(round.deleted as u64, Ordering::Relaxed);
                if round.more { RETENTION_PAUSE } else { RETENTION_EVERY }
            }
            Err(error) => {
                tracing::warn!(%error, "outdated recordings could not be deleted; it is tried again");
                RETENTION_EVERY
            }
        };
        tokio::select! {
            () = pause(wait) => {}
            () = keeping.changed.notified() => {}
        }
    }
}
