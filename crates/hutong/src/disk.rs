//! The disks that a server writes to, and the room that there is on them.

use std::path::{Path, PathBuf};

use hutong_api::Condition;
use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_recordings::Destination;
use serde::Deserialize;

use crate::config::Config;
use crate::error::Result;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiskConfig {
    free_mib_min: u64,
}

/// Folders that grow, by what they are for, and how much should be free on each.
#[derive(Debug, Clone)]
pub(crate) struct Disks {
    folders: Vec<(&'static str, PathBuf)>,
    free_mib_min: u64,
}

impl Disks {
    pub(crate) fn of(config: &Config) -> Result<Self> {
        let recordings = config.recording_options()?;
        let mut folders = vec![("data", config.data.clone()), ("spool", recordings.spool)];
        if let Destination::Folder(folder) = recordings.destination {
            folders.push(("recordings", folder));
        }
        Ok(Self { folders, free_mib_min: config.disk.free_mib_min })
    }

    /// What is free in each folder, in bytes; none where that cannot be told.
    pub(crate) fn free(&self) -> impl Iterator<Item = (&'static str, &Path, Option<u64>)> {
        self.folders.iter().map(|(name, folder)| (*name, folder.as_path(), free_bytes(folder)))
    }

    /// Whether each has the room that it should have.
    pub(crate) fn condition(&self) -> Condition {
        let short = self.free().filter_map(|(name, _, free)| Some((name, self.shortage(free)?)));
        let short =
            short.map(|(name, shortage)| (format!("{name} {}", shortage.en), format!("{name} {}", shortage.zh)));
        let (en, zh): (Vec<String>, Vec<String>) = short.unzip();
        let problem = (!en.is_empty()).then(|| Message { en: en.join(", "), zh: zh.join("；") });
        Condition { name: say!("disk", "磁盘"), problem }
    }

    /// What is wrong with so many free bytes.
    pub(crate) fn shortage(&self, free: Option<u64>) -> Option<Message> {
        match free {
            None => Some(say!("cannot be looked at", "无法查看")),
            Some(free) if free >> 20 < self.free_mib_min => Some(say!(
                "has {free} MiB free of the {least} that it should have",
                "剩余 {free} MiB，应有 {least} MiB",
                free = free >> 20,
                least = self.free_mib_min
            )),
            Some(_) => None,
        }
    }
}

/// Bytes that may still be written where the folder is, or will be.
fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let system = rustix::fs::statvfs(there).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}
