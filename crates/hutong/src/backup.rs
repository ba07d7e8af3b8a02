//! Backups: one archive with everything that an installation keeps, whole or not there at all.
//!
//! It is a gzipped tar with, in this order: `manifest.json`, `hutong.db`, `installation.key` where it was asked for,
//! `recordings/…` where they were, and `SHA256SUMS` with a line for each member before it. So standard tools can look into
//! it, and check it: `tar xzf FILE && sha256sum -c SHA256SUMS`.

#[cfg(test)]
mod hostile;
mod read;
mod summed;
mod write;

use hutong_recordings::FileName;
use serde::{Deserialize, Serialize};

pub(crate) use read::{Member, Visitor, read};
pub(crate) use write::{Part, Writer, folder_of, sync_folder};

/// The version of the archive's form.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
pub(crate) const DATABASE: &str = "hutong.db";
pub(crate) const KEY: &str = "installation.key";
pub(crate) const RECORDINGS: &str = "recordings";
const SUMS: &str = "SHA256SUMS";

/// What an archive says of itself, before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the archive's form.
    pub(crate) format: u32,
    /// The version of hutong that wrote it.
    pub(crate) hutong: String,
    /// The version of the schema.
    pub(crate) schema: i64,
    /// When the copy of the store was made, in RFC 3339.
    pub(crate) made_at: String,
    pub(crate) database: File,
    /// Whether the installation's key is in it.
    pub(crate) key: bool,
    /// By which the key is known that opens the sealed secrets: of no use to learn it. None where there was no key.
    pub(crate) key_mark: Option<String>,
    /// None where recordings were left out.
    pub(crate) recordings: Option<Recordings>,
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// How many recordings an archive has at most: some may have been deleted while it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recordings {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Manifest {
    /// Of this program, about a store of this schema.
    pub(crate) fn new(schema: i64, made_at: String, database: File) -> Self {
        let hutong = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, hutong, schema, made_at, database, key: false, key_mark: None, recordings: None }
    }
}

fn recording_member(name: FileName) -> String {
    format!("{RECORDINGS}/{name}")
}
