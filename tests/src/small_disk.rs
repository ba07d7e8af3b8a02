//! A server with a disk of its own, which is small: a file system in memory, in a mount namespace that only the server and
//! whoever looks through it see. It takes root, and util-linux.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program;
use crate::server::{ALL_DAY, Server};

/// Mounts a file system of $2 on $1, brings what is in $3 there, and becomes the server.
const SCRIPT: &str = r#"mount -t tmpfs -o "size=$2" small "$1" && cp -a "$3/." "$1/" && shift 3 && exec "$@""#;
const BALLAST: &str = "ballast";
/// What is written at a time.
const PIECE_BYTES: usize = 4096;

/// A server whose small disk is mounted on a folder.
pub struct SmallDisk {
    /// The server.
    pub server: Server,
    /// The folder, as whoever is outside reaches it.
    folder: PathBuf,
}

/// Whether this machine lets such disks be made; why not, where it does not.
///
/// # Errors
/// What it says.
pub fn is_possible() -> Result<(), String> {
    let script = "mount -t tmpfs -o size=1m small /mnt";
    let done = Command::new("unshare").args(["--mount", "sh", "-c", script]).output();
    let done = done.map_err(|error| format!("unshare: {error}"))?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}

impl SmallDisk {
    /// `hutong serve` on a data folder, with a disk of so many MiB mounted on `folder`, which begins with what is in
    /// `contents`.
    ///
    /// # Panics
    /// When the server does not come up.
    #[must_use]
    pub fn serve(data: &Path, folder: &Path, mib: usize, contents: &Path, environment: &[(&str, &str)]) -> Self {
        let program = program::command();
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(folder).arg(format!("{mib}m")).arg(contents);
        command.arg(program.get_program()).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        program::clean(&mut command);
        command.envs(ALL_DAY).envs(environment.iter().copied());
        let server = Server::start(&mut command);
        let root = format!("/proc/{}/root", server.process());
        let folder = Path::new(&root).join(folder.strip_prefix("/").expect("the folder's path is absolute"));
        Self { server, folder }
    }

    /// The folder of the disk.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes to the disk until nothing more fits.
    ///
    /// # Panics
    /// When it fails for another reason.
    pub fn fill(&self) {
        let mut ballast = File::create(self.folder.join(BALLAST)).expect("a file on the disk");
        loop {
            match ballast.write(&[1; PIECE_BYTES]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When the disk was not filled.
    pub fn make_room(&self) {
        std::fs::remove_file(self.folder.join(BALLAST)).expect("the disk was filled");
    }
}
