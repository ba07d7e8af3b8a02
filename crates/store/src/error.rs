//! What can go wrong between the product and its database.

/// A failure of the store. Nothing of a failed write has happened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the store cannot be read.
    #[error("store.url: {0}")]
    Url(String),
    /// SQLite refused or failed.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused or failed.
    #[error("PostgreSQL: {}", postgres_text(.0))]
    Postgres(#[from] postgres::Error),
    /// The group of writes that this one was part of could not be committed.
    #[error("the transaction could not be committed: {0}")]
    Commit(String),
    /// A row holds what no version of hutong writes.
    #[error("{column} holds {found}, which cannot be; row {id}")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// The row's id, or the nearest thing that it has to one.
        id: i64,
        /// What was found.
        found: String,
    },
    /// The schema is newer than this program.
    #[error("the store has schema version {found}, this program knows versions up to {known}: use a newer hutong")]
    SchemaTooNew {
        /// Version in the store.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// SQLite's file is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The data folder cannot be used.
    #[error("{path}: {cause}")]
    Folder {
        /// The file or folder.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// The store is shutting down, or its thread has died.
    #[error("the store is closed")]
    Closed,
}

/// The server's own words instead of the library's “db error”.
fn postgres_text(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}

impl Error {
    /// Whether running the same transaction again may succeed: a deadlock or a serialization failure.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use postgres::error::SqlState;
        matches!(self, Self::Postgres(error) if error.code().is_some_and(|code| {
            *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        }))
    }

    /// Whether the connection is gone and has to be made anew.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        use postgres::error::SqlState;
        use std::error::Error as _;
        // A value that cannot be converted is no database error either, and leaves the connection as it was.
        const SHUTDOWN: [SqlState; 2] = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
        matches!(self, Self::Postgres(error) if error.is_closed()
            || error.code().is_some_and(|code| SHUTDOWN.contains(code))
            || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>))
    }
}

/// The result of everything that asks the store.
pub type Result<T> = std::result::Result<T, Error>;
