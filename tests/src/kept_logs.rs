//! What `cargo xtask test` looks through when all tests are over: the logs of all servers, and the secrets that must be in
//! none of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the folder, where somebody wants to look.
const FOLDER: &str = "E2E_LOGS";
/// Has a secret in each line.
const SECRETS: &str = "secrets.txt";

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Reads a server's log, and keeps a copy where somebody wants one.
pub struct Kept<R> {
    log: R,
    copy: Option<File>,
}

impl<R> Kept<R> {
    /// Keeps what is read of this.
    ///
    /// # Panics
    /// When the copy cannot be made.
    pub fn of(log: R) -> Self {
        static KEPT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}.log", std::process::id(), KEPT.fetch_add(1, Ordering::Relaxed));
        Self { log, copy: folder().map(|folder| File::create(folder.join(name)).expect("a file for a server's log")) }
    }
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.log.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            copy.write_all(&buffer[..bytes])?;
        }
        Ok(bytes)
    }
}

/// Says that this must stand in no log.
///
/// # Panics
/// When it cannot be noted.
pub fn register_secret(secret: &str) {
    let Some(folder) = folder() else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(SECRETS)).expect("a file of secrets");
    // In one write, so that tests that run at the same time do not mix their lines.
    file.write_all(format!("{secret}\n").as_bytes()).expect("a secret is noted");
}
