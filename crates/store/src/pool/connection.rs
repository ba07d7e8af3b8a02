//! Connections, and how SQLite is set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Url;
use crate::db::Db;
use crate::error::Result;

/// The write-ahead log is moved into the database file when it has grown by so much.
const CHECKPOINT_BYTES: u64 = 16 << 20;

/// Beyond this size, the checkpoint waits for readers so that the log can start afresh.
const CHECKPOINT_BLOCKING_BYTES: u64 = 256 << 20;

pub(super) fn connect(url: &Url, for_writing: bool) -> Result<Db> {
    match url {
        Url::Sqlite(path) => connect_sqlite(Some(path), for_writing),
        Url::Memory => connect_sqlite(None, for_writing),
        Url::Postgres(url) => Ok(Db::postgres(postgres::Client::connect(url, postgres::NoTls)?)),
    }
}

/// `synchronous=FULL`: what was answered survives a power failure. Checkpoints are made by a thread of
/// their own, so that no write waits for one.
fn connect_sqlite(path: Option<&Path>, for_writing: bool) -> Result<Db> {
    let connection = match path {
        Some(path) => rusqlite::Connection::open(path)?,
        None => rusqlite::Connection::open_in_memory()?,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384; PRAGMA mmap_size = 1073741824",
    )?;
    // What is deleted is overwritten with zeros: nobody's words are left in free pages and in backups.
    connection.execute_batch(if for_writing { "PRAGMA secure_delete = ON" } else { "PRAGMA query_only = ON" })?;
    connection.set_prepared_statement_cache_capacity(256);
    // Without it SQLite plans a statement anew whenever its parameters change: a third of a read's time.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // PostgreSQL's name for it, so that one SQL text serves both.
    connection.create_scalar_function(
        "strpos",
        2,
        rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC | rusqlite::functions::FunctionFlags::SQLITE_UTF8,
        |context| {
            let text = context.get_raw(0).as_str().unwrap_or_default();
            let part = context.get_raw(1).as_str().unwrap_or_default();
            Ok(text.find(part).map_or(0, |at| i64::try_from(at).unwrap_or(i64::MAX - 1) + 1))
        },
    )?;
    Ok(Db::sqlite(connection))
}

pub(super) fn checkpoint_loop(asked: &async_channel::Receiver<()>, path: &Path) {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    let mut connection = None;
    while asked.recv_blocking().is_ok() {
        let bytes = std::fs::metadata(&log).map_or(0, |file| file.len());
        if bytes < CHECKPOINT_BYTES {
            continue;
        }
        let mode = if bytes < CHECKPOINT_BLOCKING_BYTES { "PASSIVE" } else { "TRUNCATE" };
        if let Err(error) = checkpoint(&mut connection, path, mode) {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    }
    // The last one out leaves a database that needs no recovery.
    let _ = checkpoint(&mut connection, path, "TRUNCATE");
}

fn checkpoint(connection: &mut Option<Db>, path: &Path, mode: &str) -> Result<()> {
    if connection.is_none() {
        *connection = Some(connect_sqlite(Some(path), true)?);
    }
    match connection {
        Some(db) => db.query_one(&format!("PRAGMA wal_checkpoint({mode})"), &[], |_| Ok(())).map(|_| ()),
        None => Ok(()),
    }
}
