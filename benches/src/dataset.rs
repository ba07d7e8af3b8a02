//! A generated data folder: where its parts are, and what is in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hutong_domain::ids::{CompanyId, TaskId};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

/// Raised when the generator makes something else: older folders are then refused.
pub(crate) const FORMAT: u32 = 6;

/// What a generated store has in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) format: u32,
    pub(crate) calls: i64,
    pub(crate) tasks: i64,
    pub(crate) company: CompanyId,
    pub(crate) app_key: String,
    pub(crate) secret: String,
    pub(crate) million_finished: TaskId,
    pub(crate) million_paused: TaskId,
    pub(crate) million_waiting: TaskId,
    pub(crate) thousand_finished: TaskId,
    pub(crate) thousand_waiting: TaskId,
    /// How long it took to generate.
    pub(crate) generated_s: u64,
}

/// A data folder, as `hutong serve --data` takes it.
#[derive(Debug, Clone)]
pub(crate) struct Dataset {
    folder: PathBuf,
}

impl Dataset {
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// A folder that was generated to its end.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Facts)> {
        let dataset = Self::at(folder);
        let text = fs::read_to_string(dataset.facts_file())
            .with_context(|| format!("{} is no generated data folder: see `generate`", folder.display()))?;
        let facts: Facts = serde_json::from_str(&text)?;
        ensure!(facts.format == FORMAT, "{} is of another generator: remove it and generate again", folder.display());
        Ok((dataset, facts))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("hutong.db")
    }

    pub(crate) fn facts_file(&self) -> PathBuf {
        self.folder.join("benchmark.json")
    }

    /// The file with the installation's key, in base64.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.join("installation.key")
    }

    /// A connection of our own, to find out what there is to ask for and what the answer should be.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Ok(Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }
}
