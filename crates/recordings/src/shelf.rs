//! Reading recordings, wherever they are on their way: in the spool, or where they are kept.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use hutong_domain::moment::Moment;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tokio::sync::watch;

use crate::destination::{Destination, Opened};
use crate::error::{Error, Result};
use crate::name::FileName;
use crate::spool::Spool;

/// How long to wait for the copies of a call that has just ended: longer than they take, shorter than clients wait.
const COPIES_TIME_MAX: Duration = Duration::from_secs(5);

/// Where recordings are read from.
#[derive(Debug)]
pub(crate) struct Shelf {
    spool: Arc<Spool>,
    ready: Arc<dyn ObjectStore>,
    destination: Arc<Opened>,
    made: watch::Receiver<()>,
}

/// What was found under a name.
#[derive(Debug)]
pub enum Looked {
    /// The file.
    Found(Found),
    /// The call still runs, or its copies are not made yet.
    BeingMade,
    /// There is no such recording, or it is not kept any more.
    Missing,
}

/// A recording that can be read. It never changes.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its length in bytes.
    pub size: u64,
    /// When it was written, or uploaded.
    pub modified: Moment,
    /// Where it was found, and where it may have been moved to since.
    places: [(Arc<dyn ObjectStore>, Path); 2],
}

impl Shelf {
    pub(crate) fn new(spool: Arc<Spool>, destination: Arc<Opened>, made: watch::Receiver<()>) -> Result<Self> {
        let ready = Arc::new(LocalFileSystem::new_with_prefix(spool.ready_folder())?);
        Ok(Self { spool, ready, destination, made })
    }

    /// Looks for a file; `is_open` says whether its recording is still written, or waits for a decision.
    pub(crate) async fn find(&self, name: FileName, is_open: impl Fn() -> bool) -> Result<Looked> {
        let mut made = self.made.clone();
        made.mark_unchanged();
        let look = async {
            loop {
                if let Some(found) = self.look(name).await? {
                    return Ok(Looked::Found(found));
                }
                if is_open() {
                    return Ok(Looked::BeingMade);
                }
                if !self.spool.kept(name.recording).exists() {
                    // It may have become ready, or even been moved, since the first look.
                    return Ok(self.look(name).await?.map_or(Looked::Missing, Looked::Found));
                }
                if made.changed().await.is_err() {
                    return Ok(Looked::BeingMade);
                }
            }
        };
        tokio::time::timeout(COPIES_TIME_MAX, look).await.unwrap_or(Ok(Looked::BeingMade))
    }

    async fn look(&self, name: FileName) -> Result<Option<Found>> {
        let places = [
            (Arc::clone(&self.ready), Path::from(name.flat())),
            (Arc::clone(&self.destination.objects), Path::from(name.to_string())),
        ];
        for (objects, path) in &places {
            match objects.head(path).await {
                Ok(ObjectMeta { size, last_modified, .. }) => {
                    let modified = Moment(last_modified.timestamp_millis());
                    return Ok(Some(Found { size, modified, places }));
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

impl Found {
    /// The bytes of a range, which has to lie within the file; they are read as they are asked for.
    ///
    /// # Errors
    /// [`Error::Store`] where it cannot be read, or is gone by now.
    pub async fn read(&self, range: Range<u64>) -> Result<BoxStream<'static, std::io::Result<Bytes>>> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let [spool, destination] = &self.places;
        let options = || GetOptions::new().with_range(Some(range.clone()));
        let opened = match spool.0.get_opts(&spool.1, options()).await {
            Err(object_store::Error::NotFound { .. }) => destination.0.get_opts(&destination.1, options()).await,
            opened => opened,
        };
        let bytes = opened.map_err(Error::Store)?.into_stream();
        Ok(bytes.map(|piece| piece.map_err(std::io::Error::from)).boxed())
    }
}

/// Recordings where they are kept, for a process that is not the one that records: what waits in a spool it does not see.
#[derive(Debug)]
pub struct Reader {
    objects: Arc<dyn ObjectStore>,
}

impl Reader {
    /// Opens the place where they are kept; a bucket is not asked anything yet.
    ///
    /// # Errors
    /// What opening the destination fails with.
    pub fn open(destination: Destination) -> Result<Self> {
        Ok(Self { objects: Opened::new(destination)?.objects })
    }

    /// Writes a file to `target`, piece by piece; false where it is not there.
    ///
    /// # Errors
    /// [`Error::Store`] where it cannot be read, and [`Error::Copy`] where it cannot be written.
    pub async fn copy(&self, name: FileName, target: &mut impl std::io::Write) -> Result<bool> {
        let mut pieces = match self.objects.get(&Path::from(name.to_string())).await {
            Ok(found) => found.into_stream(),
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        while let Some(piece) = pieces.next().await {
            target.write_all(&piece?).map_err(Error::Copy)?;
        }
        Ok(true)
    }
}
