//! `hutong restore`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use hutong_store::{Options, Store, Url, newest_schema};
use tempfile::TempDir;

use super::backup::{on_a_thread, summary};
use crate::backup::{self, DATABASE, KEY, Manifest, Member, RECORDINGS, Visitor, folder_of, sync_folder};
use crate::cli::print;
use crate::error::{Error, Result};
use crate::installation::{self, LOCK_FILE};

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data folder to make: one that is not there yet, or is empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A file with the installation's key, where the backup is without it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(crate) async fn run(args: RestoreArgs) -> Result<()> {
    on_a_thread(move || restore(&args)).await
}

fn restore(args: &RestoreArgs) -> Result<()> {
    let RestoreArgs { file, data, key } = args;
    refuse_in_use(data)?;
    let parent = folder_of(data);
    installation::make_folder(parent)?;
    let mut folder =
        Folder { new: tempfile::Builder::new().prefix(".hutong-restore-").tempdir_in(parent)?, room: parent };
    let manifest = backup::read(file, &mut folder)?;
    let has_key = give_key(&manifest, key.as_deref(), folder.new.path())?;
    migrate(folder.new.path())?;
    sync_folder(folder.new.path())?;
    // A server may have been started meanwhile: an empty folder is replaced, and no other.
    let new = folder.new.keep();
    if let Err(cause) = std::fs::rename(&new, data) {
        let _ = std::fs::remove_dir_all(&new);
        return Err(Error::file(data, cause));
    }
    sync_folder(parent)?;
    let bytes = std::fs::metadata(file).map_err(|cause| Error::file(file, cause))?.len();
    print(&format!("{}: {}, as of {}\n", data.display(), summary(&manifest, bytes), manifest.made_at))?;
    let newest = newest_schema();
    if manifest.schema < newest {
        print(&format!("The store was brought from schema {} to {newest}.\n", manifest.schema))?;
    }
    if has_key {
        return Ok(());
    }
    print(&format!(
        "The backup is without the installation's key. Put it at {} before anything else is done with the folder: otherwise a \
         new one is made, which opens none of the application keys and passwords.\n",
        data.join(KEY).display()
    ))
}

/// Refuses a folder that has something in it.
fn refuse_in_use(data: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::file(data, cause)),
    };
    if data.join(LOCK_FILE).exists() {
        installation::lock(data)?;
    }
    let why = if data.join(DATABASE).exists() { "has a store already" } else { "is not empty" };
    if entries.count() > 0 {
        return Err(Error::Failed(format!("{}: this folder {why}; restore into a new one", data.display())));
    }
    Ok(())
}

/// The folder that is being made.
struct Folder<'a> {
    new: TempDir,
    /// Where there has to be room.
    room: &'a Path,
}

impl Visitor for Folder<'_> {
    fn manifest(&mut self, manifest: &Manifest) -> Result<()> {
        let known = newest_schema();
        if manifest.schema > known {
            return Err(hutong_store::Error::SchemaTooNew { found: manifest.schema, known }.into());
        }
        let needed = manifest.database.bytes.saturating_add(manifest.recordings.map_or(0, |it| it.bytes));
        let system = rustix::fs::statvfs(self.room).map_err(|error| Error::file(self.room, error.into()))?;
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        if needed > free {
            let (needed, free) = (needed / 1_000_000, free / 1_000_000);
            return Err(Error::Failed(format!("it needs {needed} MB, and {} has {free} MB free", self.room.display())));
        }
        Ok(())
    }

    fn member(&mut self, member: Member, content: &mut dyn Read) -> Result<()> {
        let path = match member {
            Member::Database => self.new.path().join(DATABASE),
            Member::Key => self.new.path().join(KEY),
            Member::Recording(name) => self.new.path().join(RECORDINGS).join(name.to_string()),
        };
        let written = installation::make_folder(folder_of(&path)).and_then(|()| {
            let mut file = installation::private_file(&path).map_err(|cause| Error::file(&path, cause))?;
            std::io::copy(content, &mut file)?;
            Ok(file.sync_all()?)
        });
        // A member that stands there twice is no backup's.
        written.map_err(|error| match error {
            Error::File { cause, .. } if cause.kind() == std::io::ErrorKind::AlreadyExists => {
                Error::Failed(format!("{member:?} stands there twice"))
            }
            other => other,
        })
    }
}

/// Whether the folder has the key: from the backup, or from the file.
fn give_key(manifest: &Manifest, file: Option<&Path>, folder: &Path) -> Result<bool> {
    let Some(file) = file else { return Ok(manifest.key) };
    let text = std::fs::read_to_string(file).map_err(|cause| Error::file(file, cause))?;
    if manifest.key_mark.as_deref().is_some_and(|mark| installation::key_mark(&text).ok().as_deref() != Some(mark)) {
        return Err(Error::Failed(format!("{}: this is not the key of the backup's installation", file.display())));
    }
    installation::write_private(&folder.join(KEY), &text).map_err(|cause| Error::file(&folder.join(KEY), cause))?;
    Ok(true)
}

/// Opens the store once, which brings its schema up to date.
fn migrate(folder: &Path) -> Result<()> {
    let path = folder.join(DATABASE);
    let options = Options { inline: true, ..Options::new(Url::Sqlite(path.clone())) };
    drop(Store::open(&options, installation::now())?);
    File::open(&path).and_then(|file| file.sync_all()).map_err(|cause| Error::file(&path, cause))
}
