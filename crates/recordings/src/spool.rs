//! The spool: a folder on this machine with the recordings that are not where they belong yet. Its folders are the states
//! that a recording goes through: `live` while the call runs, `kept` until its copies are made, `ready` until it is moved.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::name::{FileName, Part, RecordingName};
use crate::wav;

const LIVE: &str = "live";
const KEPT: &str = "kept";
const READY: &str = "ready";
const LOCK_FILE: &str = "lock";
/// Endings of files that are being written and mean nothing yet.
const PART_ENDING: &str = ".part";

/// The folders of the spool.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    live: PathBuf,
    kept: PathBuf,
    ready: PathBuf,
    /// Held for as long as the file is open: one process a spool.
    _lock: File,
}

/// What a crashed process left behind.
#[derive(Debug, Default)]
pub(crate) struct LeftOvers {
    /// Recordings whose calls were running. They stay where they are until somebody decides about them.
    pub(crate) cut_off: Vec<RecordingName>,
    /// Files that wait for their copies or for being moved.
    pub(crate) waiting: Waiting,
}

/// How many files wait in the spool.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) kept: u64,
    pub(crate) ready: u64,
}

impl Spool {
    /// Opens the folder, makes it where it is missing, and takes up what a crashed process left.
    pub(crate) fn open(root: &Path) -> Result<(Self, LeftOvers)> {
        std::fs::create_dir_all(root).map_err(Error::file(root))?;
        let spool = Self {
            root: root.to_owned(),
            live: root.join(LIVE),
            kept: root.join(KEPT),
            ready: root.join(READY),
            _lock: lock(root)?,
        };
        spool.make_folders()?;
        let left_overs = spool.take_up()?;
        Ok((spool, left_overs))
    }

    /// Makes the folders again, where somebody removed them.
    pub(crate) fn make_folders(&self) -> Result<()> {
        for folder in [&self.root, &self.live, &self.kept, &self.ready] {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        Ok(())
    }

    /// The stereo file of a call that runs.
    pub(crate) fn live(&self, name: RecordingName) -> PathBuf {
        self.live.join(name.file(Part::Stereo).flat())
    }

    /// The stereo file of a call that has ended, until its copies are made.
    pub(crate) fn kept(&self, name: RecordingName) -> PathBuf {
        self.kept.join(name.file(Part::Stereo).flat())
    }

    /// A file that is complete.
    pub(crate) fn ready(&self, name: FileName) -> PathBuf {
        self.ready.join(name.flat())
    }

    /// A file that is being written and becomes `name` in the end.
    pub(crate) fn part(&self, name: FileName) -> PathBuf {
        self.kept.join(name.flat() + PART_ENDING)
    }

    /// Deletes what is there of a recording whose call has ended.
    pub(crate) fn remove(&self, name: RecordingName) -> Result<()> {
        let ready = Part::ALL.map(|part| self.ready(name.file(part)));
        for path in std::iter::once(self.kept(name)).chain(ready) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::file(&path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn ready_folder(&self) -> &Path {
        &self.ready
    }

    /// The first recordings that wait for their copies.
    pub(crate) fn kept_names(&self, max: usize) -> Result<Vec<FileName>> {
        names(&self.kept, max)
    }

    /// The first files that wait for being moved.
    pub(crate) fn ready_names(&self, max: usize) -> Result<Vec<FileName>> {
        names(&self.ready, max)
    }

    fn take_up(&self) -> Result<LeftOvers> {
        let mut left_overs = LeftOvers::default();
        for name in names(&self.live, usize::MAX)? {
            let live = self.live(name.recording);
            let mend = || -> std::io::Result<bool> {
                let file = OpenOptions::new().read(true).write(true).open(&live)?;
                wav::mend(&file)?;
                wav::is_silent(&file)
            };
            if mend().map_err(Error::file(&live))? {
                std::fs::remove_file(&live).map_err(Error::file(&live))?;
            } else {
                left_overs.cut_off.push(name.recording);
            }
        }
        for entry in std::fs::read_dir(&self.kept).map_err(Error::file(&self.kept))? {
            let path = entry.map_err(Error::file(&self.kept))?.path();
            if path.to_string_lossy().ends_with(PART_ENDING) {
                std::fs::remove_file(&path).map_err(Error::file(&path))?;
            } else {
                left_overs.waiting.kept += 1;
            }
        }
        left_overs.waiting.ready = std::fs::read_dir(&self.ready).map_err(Error::file(&self.ready))?.count() as u64;
        Ok(left_overs)
    }
}

/// How many files are in each of the folders of a spool, in their order, whoever uses it.
pub(crate) fn counts(root: &Path) -> Result<[u64; 3]> {
    let count = |folder: &str| -> Result<u64> { Ok(names(&root.join(folder), usize::MAX)?.len() as u64) };
    Ok([count(LIVE)?, count(KEPT)?, count(READY)?])
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::file(&path))?;
    file.try_lock().map_err(|_| Error::SpoolInUse(root.to_owned()))?;
    Ok(file)
}

/// Names of recordings in a folder; other files are not ours to touch.
fn names(folder: &Path, max: usize) -> Result<Vec<FileName>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Somebody removed it: then nothing waits there.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(Error::file(folder)(cause)),
    };
    let name = |entry: std::fs::DirEntry| FileName::from_flat(entry.file_name().to_str()?);
    Ok(entries.filter_map(|entry| entry.ok().and_then(name)).take(max).collect())
}
