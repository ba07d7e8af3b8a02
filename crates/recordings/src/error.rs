//! What can go wrong with recordings.

use std::path::{Path, PathBuf};

use crate::name::FileName;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a recording could not be written, moved or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of this machine.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The spool belongs to another process that runs.
    #[error("{}: another process writes its recordings here", .0.display())]
    SpoolInUse(PathBuf),
    /// Where recordings are kept does not answer, or refuses.
    #[error("the store of recordings: {0}")]
    Store(#[from] object_store::Error),
    /// A copy of a recording.
    #[error("a recording could not be copied: {0}")]
    Copy(std::io::Error),
    /// What was tried on the place where recordings are kept.
    #[error("a small object could not be {act}: {cause}")]
    Unusable {
        /// Written, read or deleted.
        act: &'static str,
        /// What the place says.
        cause: object_store::Error,
    },
    /// The place where recordings are kept gives other bytes than it was given.
    #[error("what was read is not what was written")]
    ReadsDifferently,
    /// A bug, in this program or in a library, that showed over this file.
    #[error("{0}: something broke over it, see the log above")]
    Broken(FileName),
    /// A thread could not be started.
    #[error("the recorder's thread could not be started: {0}")]
    Thread(std::io::Error),
    /// An address of a destination that cannot be read.
    #[error("{0}")]
    BadUrl(String),
}

impl Error {
    /// For `map_err`: the system's error with the path that it is about.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| Self::File { path: path.to_owned(), cause }
    }

    /// Whether the file is not there (any more).
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::File { cause, .. } => cause.kind() == std::io::ErrorKind::NotFound,
            Self::Store(object_store::Error::NotFound { .. }) => true,
            _ => false,
        }
    }
}
