//! Object stores that fail, and what is kept for how long.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::BoxStream;
use hutong_domain::moment::Moment;
use hutong_recordings::{Bytes, Destination, Looked, Options, Recordings};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::world::{FixedClock, NOW, World, customer, expected, fetch, name, open, options, speak};

/// A store whose first uploads fail.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: InMemory,
    failures_left: AtomicUsize,
    uploads: AtomicUsize,
}

impl Failing {
    pub(crate) fn new(failures: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: InMemory::new(),
            failures_left: AtomicUsize::new(failures),
            uploads: AtomicUsize::new(0),
        })
    }

    fn upload(&self) -> Result<()> {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        let one_less = |left: usize| left.checked_sub(1);
        match self.failures_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => Err(Error::Generic { store: "failing", source: "out of order".into() }),
            Err(_) => Ok(()),
        }
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.upload()?;
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.upload()?;
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn record(recordings: &Recordings, call: i64, frames: u64) -> String {
    let (mut tape, take) = recordings.record(name(call));
    speak(&mut tape, 0..frames);
    drop(tape);
    take.keep().recording
}

/// Until so many files were uploaded.
async fn uploaded(store: &InMemory, files: usize) {
    while futures::StreamExt::count(store.list(None)).await < files {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_tried_until_the_store_takes_them() {
    let world = World::new();
    let store = Failing::new(40);
    let recordings = open(options(&world.spool(), Destination::Objects(store.clone()))).await;
    let mut names = Vec::new();
    for call in 1..=5 {
        names.push(record(&recordings, call, 30).await);
    }
    uploaded(&store.inner, 15).await;
    recordings.close().await;
    assert_eq!(store.uploads.load(Ordering::Relaxed), 40 + 15, "nothing is uploaded twice");
    let metrics = recordings.metrics();
    assert_eq!((metrics.move_failures, metrics.waiting_moves), (40, 0));
    assert_eq!(fetch(&recordings, &names[4]).await.len(), 44 + 30 * 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_uploaded_is_handed_out_from_the_spool_and_uploaded_after_a_restart() {
    let world = World::new();
    let store = Failing::new(usize::MAX);
    let recordings = open(options(&world.spool(), Destination::Objects(store.clone()))).await;
    let recording = record(&recordings, 1, 30).await;
    while recordings.metrics().move_failures == 0 {
        tokio::task::yield_now().await;
    }
    let whole = fetch(&recordings, &recording).await;
    assert_eq!(whole.len(), 44 + 30 * 320);
    recordings.close().await;
    assert_eq!(recordings.metrics().waiting_moves, 3);
    assert_eq!(futures::StreamExt::count(store.inner.list(None)).await, 0);
    drop(recordings);

    store.failures_left.store(0, Ordering::Relaxed);
    let recordings = open(options(&world.spool(), Destination::Objects(store.clone()))).await;
    recordings.close().await;
    assert_eq!(store.inner.get(&Path::from(recording.as_str())).await.unwrap().bytes().await.unwrap(), whole);
    assert_eq!(fetch(&recordings, &recording).await, whole);
    assert_eq!(std::fs::read_dir(world.spool().join("ready")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_call_is_uploaded_in_parts_and_played_from_any_point() {
    let world = World::new();
    let store = Arc::new(InMemory::new());
    let recordings = open(options(&world.spool(), Destination::Objects(store.clone()))).await;
    // Ten minutes: 19 MB of stereo.
    let recording = record(&recordings, 1, 30_000).await;
    recordings.close().await;
    let stereo = recording.replace(".wav", "-stereo.wav");
    assert_eq!(fetch(&recordings, &stereo).await.len(), 80 + 30_000 * 640);
    let Looked::Found(found) = recordings.find(&recording.replace(".wav", "-customer.wav")).await.unwrap() else {
        panic!()
    };
    let second = 44 + 16_000 * 300..44 + 16_000 * 301;
    let pieces: Vec<Bytes> = futures::TryStreamExt::try_collect(found.read(second).await.unwrap()).await.unwrap();
    let samples: Vec<i16> = pieces.concat().chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(samples, expected(customer, 8000 * 300..8000 * 301));
}

#[tokio::test(flavor = "multi_thread")]
async fn outdated_recordings_are_deleted_and_not_promised() {
    let world = World::new();
    let store = Arc::new(InMemory::new());
    let (outdated, first) = ("2026/11/19/7/1-1.wav", "2026/11/20/7/1-1.wav");
    for name in [outdated, first] {
        store.put(&Path::from(name), PutPayload::from_static(b"x")).await.unwrap();
    }
    let destination = Destination::Objects(store.clone());
    let options = Options { keep_days: 2, ..options(&world.spool(), destination) };
    let recordings = open(options.clone()).await;
    while recordings.metrics().deleted == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(recordings.find(outdated).await.unwrap(), Looked::Missing));
    assert!(matches!(recordings.find(first).await.unwrap(), Looked::Found(_)));
    assert_eq!((recordings.is_kept(outdated), recordings.is_kept(first)), (false, true));
    assert!(!recordings.is_kept("no name"));
    recordings.close().await;
    drop(recordings);
    let next_day = Arc::new(FixedClock(Moment(NOW.0 + 24 * 3_600_000)));
    let recordings = Recordings::open(options, next_day).await.unwrap();
    assert!(!recordings.is_kept(first));
    recordings.close().await;
}
