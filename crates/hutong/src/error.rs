//! Why a command failed, in words for the person who gave it.

use std::path::Path;

/// A failure of a command. Exit code 1, or 2 where the command was used wrongly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{key}: {problem}")]
    Config { key: String, problem: String },
    #[error("{path}: {cause}")]
    File { path: String, cause: std::io::Error },
    #[error("{0}")]
    Store(#[from] hutong_store::Error),
    #[error("{0}")]
    Vault(#[from] hutong_store::vault::VaultError),
    #[error("{0}")]
    Account(#[from] hutong_accounts::Error),
    #[error("{0}")]
    Recordings(#[from] hutong_recordings::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
}

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn config(key: &str, problem: &str) -> Self {
        Self::Config { key: key.to_owned(), problem: problem.to_owned() }
    }

    pub(crate) fn file(path: &Path, cause: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), cause }
    }

    /// What the process exits with.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. }
            | Self::Usage(_)
            | Self::Account(hutong_accounts::Error::Name(_) | hutong_accounts::Error::Password(_)) => 2,
            Self::File { .. }
            | Self::Account(_)
            | Self::Store(_)
            | Self::Vault(_)
            | Self::Recordings(_)
            | Self::Io(_)
            | Self::Failed(_) => 1,
        }
    }
}
