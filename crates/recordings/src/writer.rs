//! The thread that writes tapes to the spool. It alone touches files of calls that run.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::error::{Error, Result};
use crate::name::RecordingName;
use crate::spool::Spool;
use crate::tape::{Take, Tape, TapeState, Verdict};
use crate::wav::{self, PAIR_BYTES, STEREO_HEADER_BYTES};

/// Chunks of half a second that may wait for the disk, of all calls together: 64 MiB.
const CHUNKS_WAITING_MAX: usize = 4096;
/// How many chunks are written before ended tapes are looked for, where the queue never becomes empty.
const CHUNKS_BETWEEN_LOOKS_MAX: usize = 256;

/// What a tape has gathered.
pub(crate) struct Chunk {
    pub(crate) tape: Arc<TapeState>,
    /// Where it begins, in samples of each voice.
    pub(crate) at: u64,
    /// Samples of both voices in turn, little endian.
    pub(crate) bytes: Vec<u8>,
}

enum Message {
    Chunk(Chunk),
    /// A tape has ended, or was decided about: look for what is to be done.
    Look,
    Stop,
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Samples of audio that waited behind the chunk that was written last, in its tape.
    pub(crate) lag_samples: AtomicU64,
    pub(crate) lag_samples_max: AtomicU64,
    /// Samples of each voice that could not be written.
    pub(crate) lost_samples: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Recordings that wait for their copies.
    pub(crate) kept: AtomicU64,
}

/// A handle on the thread.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    open: Mutex<HashMap<RecordingName, Arc<TapeState>>>,
    counts: Arc<Counts>,
}

impl Writer {
    /// Starts the thread. `made` is rung when a recording waits for its copies; the receiver tells when the thread has
    /// ended.
    pub(crate) fn start(
        spool: Arc<Spool>,
        counts: Arc<Counts>,
        kept: Arc<Notify>,
    ) -> Result<(Self, watch::Receiver<bool>)> {
        let (queue, messages) = sync_channel(CHUNKS_WAITING_MAX);
        let shared = Arc::new(Shared { open: Mutex::default(), counts });
        let (done, ended) = watch::channel(false);
        let thread = Thread { spool, shared: Arc::clone(&shared), kept };
        std::thread::Builder::new()
            .name("recordings".to_owned())
            .spawn(move || {
                thread.run(&messages);
                done.send_replace(true);
            })
            .map_err(Error::Thread)?;
        Ok((Self { queue, shared }, ended))
    }

    /// Begins a recording.
    pub(crate) fn begin(&self, name: RecordingName) -> (Tape, Take) {
        let state = Arc::new(TapeState::new(name));
        self.shared.open().insert(name, Arc::clone(&state));
        (Tape::new(Arc::clone(&state), self.clone()), Take::new(state, self.clone()))
    }

    /// Tapes that have not ended, or are not decided about.
    pub(crate) fn tapes(&self) -> usize {
        self.shared.open().len()
    }

    /// Whether the recording is still with the writer.
    pub(crate) fn has(&self, name: RecordingName) -> bool {
        self.shared.open().contains_key(&name)
    }

    /// Queues a chunk; false when the disk is so far behind that it is lost.
    pub(crate) fn give(&self, chunk: Chunk) -> bool {
        let samples = chunk.bytes.len() as u64 / PAIR_BYTES;
        let queued = self.queue.try_send(Message::Chunk(chunk)).is_ok();
        if !queued {
            self.shared.counts.lost_samples.fetch_add(samples, Ordering::Relaxed);
        }
        queued
    }

    /// Has ended tapes looked for. A queue that is full has the thread look by itself once it is empty.
    pub(crate) fn look(&self) {
        let _ = self.queue.try_send(Message::Look);
    }

    /// Has the thread end once all that is queued now is written.
    pub(crate) fn stop(&self) -> bool {
        self.queue.try_send(Message::Stop).is_ok()
    }
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<RecordingName, Arc<TapeState>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Thread {
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    kept: Arc<Notify>,
}

impl Thread {
    fn run(&self, messages: &Receiver<Message>) {
        let mut stopping = false;
        let mut since_look = 0;
        while !stopping {
            // Ends as well when nobody is left who could send.
            let Ok(first) = messages.recv() else { break };
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Chunk(chunk) => self.write(&chunk),
                    Message::Look => {}
                    Message::Stop => stopping = true,
                }
                since_look += 1;
                if since_look >= CHUNKS_BETWEEN_LOOKS_MAX {
                    self.finish_ended();
                    since_look = 0;
                }
                next = messages.try_recv().ok();
            }
            self.finish_ended();
        }
    }

    fn write(&self, chunk: &Chunk) {
        let counts = &self.shared.counts;
        let samples = chunk.bytes.len() as u64 / PAIR_BYTES;
        let end = chunk.at + samples;
        let lag = chunk.tape.given.load(Ordering::Relaxed).saturating_sub(end);
        counts.lag_samples.store(lag, Ordering::Relaxed);
        counts.lag_samples_max.fetch_max(lag, Ordering::Relaxed);
        let path = self.spool.live(chunk.tape.name);
        let answered_at = chunk.tape.answered_at.load(Ordering::Relaxed);
        let mut written = write_chunk(&path, chunk, answered_at);
        if written.as_ref().is_err_and(Error::is_missing) {
            written = self.spool.make_folders().and_then(|()| write_chunk(&path, chunk, answered_at));
        }
        if let Err(error) = written {
            counts.lost_samples.fetch_add(samples, Ordering::Relaxed);
            self.complain(&chunk.tape, &error);
        }
        chunk.tape.in_queue.fetch_sub(1, Ordering::AcqRel);
    }

    fn finish_ended(&self) {
        let due = |state: &Arc<TapeState>| state.due().map(|verdict| (Arc::clone(state), verdict));
        let ended: Vec<_> = self.shared.open().values().filter_map(due).collect();
        for (state, verdict) in ended {
            let finished = match verdict {
                Verdict::Keep => self.keep(&state),
                Verdict::Discard => discard(&self.spool.live(state.name)),
            };
            if let Err(error) = finished {
                self.complain(&state, &error);
            }
            self.shared.open().remove(&state.name);
        }
    }

    fn keep(&self, state: &TapeState) -> Result<()> {
        let (live, kept) = (self.spool.live(state.name), self.spool.kept(state.name));
        complete(&live, state)?;
        // Counted before: its copies are made as soon as it is there.
        self.shared.counts.kept.fetch_add(1, Ordering::Relaxed);
        if let Err(cause) = std::fs::rename(&live, &kept) {
            self.shared.counts.kept.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::file(&live)(cause));
        }
        self.kept.notify_one();
        Ok(())
    }

    fn complain(&self, tape: &TapeState, error: &Error) {
        self.shared.counts.failures.fetch_add(1, Ordering::Relaxed);
        if !tape.complained.swap(true, Ordering::Relaxed) {
            tracing::error!(call = %tape.name.call, %error, "a recording could not be written");
        }
    }
}

/// Writes the samples to their place, and then the header that counts them. What was lost before is a hole in the file,
/// which reads as silence.
fn write_chunk(path: &Path, chunk: &Chunk, answered_at: u64) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(Error::file(path))?;
    let end = chunk.at + chunk.bytes.len() as u64 / PAIR_BYTES;
    file.write_all_at(&chunk.bytes, STEREO_HEADER_BYTES + chunk.at * PAIR_BYTES)
        .and_then(|()| file.write_all_at(&wav::stereo_header(end, answered_at.min(end)), 0))
        .map_err(Error::file(path))
}

/// Makes the file as long as the tape, also where its end was lost, or where all of it is missing.
fn complete(path: &Path, state: &TapeState) -> Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(Error::file(path))?;
    let samples = state.given.load(Ordering::Acquire);
    let header = wav::stereo_header(samples, state.answered_at.load(Ordering::Acquire).min(samples));
    file.set_len(STEREO_HEADER_BYTES + samples * PAIR_BYTES)
        .and_then(|()| file.write_all_at(&header, 0))
        .map_err(Error::file(path))
}

fn discard(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        // Nothing was ever written.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::file(path)),
    }
}
