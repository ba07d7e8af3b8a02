//! Looking at the places of recordings from outside: for whoever checks an installation, also while a server runs on it.

use std::path::Path;

use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::destination::{Destination, Opened};
use crate::error::{Error, Result};
use crate::spool;

/// What is written to see whether anything can be.
const PROBE: &[u8] = b"hutong was here";

/// What a spool looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolState {
    /// Bytes that may still be written to its file system.
    pub free_bytes: u64,
    /// Recordings of calls that go on; where no server runs, of calls that went on when one was killed.
    pub live: u64,
    /// Files that wait for their copies, or for being moved to where they are kept.
    pub waiting: u64,
}

/// Looks at a spool, whoever uses it. The folder is made where it is missing; a file is written to it and removed again.
///
/// # Errors
/// [`Error::File`] when one of that cannot be done.
pub fn look_at_spool(folder: &Path) -> Result<SpoolState> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let probe = folder.join(probe_name());
    let written = std::fs::write(&probe, PROBE);
    // Also where it was written by half.
    let removed = std::fs::remove_file(&probe);
    written.and(removed).map_err(Error::file(&probe))?;
    let system = rustix::fs::statvfs(folder).map_err(|error| Error::file(folder)(error.into()))?;
    let [live, kept, ready] = spool::counts(folder)?;
    Ok(SpoolState { free_bytes: system.f_bavail.saturating_mul(system.f_frsize), live, waiting: kept + ready })
}

/// Puts a small object to where recordings are kept, gets it, and deletes it. How long that may take is the caller's to say.
///
/// # Errors
/// [`Error::Unusable`] with what could not be done, or what opening the destination fails with.
pub async fn try_destination(destination: Destination) -> Result<()> {
    let objects = Opened::new(destination)?.objects;
    let name = probe_name().into();
    let unusable = |act: &'static str| move |cause| Error::Unusable { act, cause };
    objects.put(&name, PROBE.to_vec().into()).await.map_err(unusable("written"))?;
    let read = read(&*objects, &name).await.map_err(unusable("read"));
    // Whatever was read: nothing of it stays.
    objects.delete(&name).await.map_err(unusable("deleted"))?;
    if read? == PROBE { Ok(()) } else { Err(Error::ReadsDifferently) }
}

async fn read(objects: &dyn ObjectStore, name: &object_store::path::Path) -> object_store::Result<Vec<u8>> {
    Ok(objects.get(name).await?.bytes().await?.to_vec())
}

/// A name that no recording has, and no other process uses.
fn probe_name() -> String {
    format!("hutong-doctor-{}", std::process::id())
}
