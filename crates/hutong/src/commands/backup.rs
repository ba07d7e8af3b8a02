//! `hutong backup`

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hutong_recordings::{Destination, FileName, each_in_folder};
use hutong_store::Url;
use hutong_store::backup::{copy, pg_dump_command};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::backup::{self, Manifest, Member, Part, Recordings, Visitor, Writer, folder_of};
use crate::cli::{InstallationArgs, print};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The archive to write: a gzipped tar. It is there when it is whole; while it is written, FILE.part takes room beside
    /// it, and FILE.part.db as much as the store
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// With the installation's key. Without it, application keys and passwords of trunks in the backup cannot be opened;
    /// with it, whoever has the archive can open them
    #[arg(long)]
    with_key: bool,
    /// With the recordings of the folder that they are kept in
    #[arg(long)]
    with_recordings: bool,
    /// Over a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Check a backup from its beginning to its end
    Verify {
        /// The archive
        file: PathBuf,
    },
}

/// What to write, and where.
struct Wanted {
    file: PathBuf,
    store: PathBuf,
    key: Option<String>,
    with_key: bool,
    recordings: Option<PathBuf>,
}

pub(crate) async fn run(args: BackupArgs) -> Result<()> {
    let BackupArgs { command, file, with_key, with_recordings, force, installation } = args;
    if let Some(BackupCommand::Verify { file }) = command {
        return on_a_thread(move || verify(&file)).await;
    }
    let Some(file) = file else { return Err(Error::Usage("FILE is needed".to_owned())) };
    let config = installation.load()?;
    if file.exists() && !force {
        return Err(Error::Failed(format!("{}: there is such a file; --force writes over it", file.display())));
    }
    let wanted = Wanted {
        store: sqlite_store(&config, &file)?,
        key: installation::known_key(&config.data)?,
        with_key,
        recordings: with_recordings.then(|| recordings_folder(&config)).transpose()?,
        file,
    };
    if with_key && wanted.key.is_none() {
        return Err(Error::Failed(format!("there is no key in {}: leave --with-key out", config.data.display())));
    }
    on_a_thread(move || write(&wanted)).await
}

/// Runs what waits for disks.
pub(super) async fn on_a_thread(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Failed(format!("it broke: {error}")))?
}

/// Where the store is, if it is a file.
fn sqlite_store(config: &Config, file: &Path) -> Result<PathBuf> {
    match config.store_options()?.url {
        Url::Sqlite(path) if path.exists() => Ok(path),
        Url::Sqlite(path) => Err(Error::Failed(format!("{}: there is no store to back up", path.display()))),
        Url::Memory => Err(Error::Failed("store.url: what is in memory cannot be backed up".to_owned())),
        Url::Postgres(url) => {
            let command = pg_dump_command(&url, &file.display().to_string())?;
            let data = config.data.display();
            Err(Error::Failed(format!(
                "the store is on PostgreSQL, whose own tools back it up while servers run on it:\n  {command}\nThe \
                 password is asked for, or taken from PGPASSWORD or ~/.pgpass. Keep {data}/{} as well, apart from it: \
                 without it the sealed secrets in the store cannot be opened. pg_restore brings it back into an empty \
                 database.",
                installation::KEY_FILE
            )))
        }
    }
}

fn recordings_folder(config: &Config) -> Result<PathBuf> {
    match config.recording_options()?.destination {
        Destination::Folder(folder) => Ok(folder),
        Destination::S3(bucket) => Err(Error::Failed(format!(
            "recordings are kept in s3://{}: copy the bucket with the tools that go with it, and leave --with-recordings out",
            bucket.bucket
        ))),
        Destination::Objects(_) => Err(Error::Failed("recordings are in no folder".to_owned())),
    }
}

fn write(wanted: &Wanted) -> Result<()> {
    let made_at = installation::now();
    let mut archive = Writer::begin(&wanted.file, made_at)?;
    let database = Part::beside(&wanted.file, ".part.db")?;
    let schema = copy(&wanted.store, &database.path)?;
    // After the copy: what the store names by then is there, unless it was deleted since.
    let recordings = wanted.recordings.as_deref().map(|folder| listed(folder, &wanted.file)).transpose()?;
    let mut content = File::open(&database.path).map_err(|cause| Error::file(&database.path, cause))?;
    let database_file = sum(&mut content)?;
    let made_at = Timestamp::from_millisecond(made_at.ms()).map_err(|error| Error::Failed(error.to_string()))?;
    let mut manifest = Manifest::new(schema, made_at.to_string(), database_file);
    manifest.key = wanted.with_key;
    manifest.key_mark = wanted.key.as_deref().map(installation::key_mark).transpose()?;
    manifest.recordings = recordings.as_ref().map(|(counted, _)| *counted);
    archive.manifest(&manifest)?;
    content.rewind()?;
    archive.database(manifest.database.bytes, content)?;
    drop(database);
    if let Some(key) = wanted.key.as_deref().filter(|_| wanted.with_key) {
        archive.key(key)?;
    }
    if let (Some((_, list)), Some(folder)) = (recordings, &wanted.recordings) {
        add_recordings(&mut archive, list, folder)?;
    }
    let bytes = archive.finish()?;
    print(&format!("{}: {}\n{}", wanted.file.display(), summary(&manifest, bytes), advice(&manifest)))
}

fn sum(content: &mut File) -> Result<backup::File> {
    let mut sum = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = content.read(&mut piece)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        sum.update(piece.get(..read).unwrap_or_default());
    }
    let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(backup::File { bytes, sha256 })
}

/// How many recordings there are, and their names in a file without a name: they may be millions.
fn listed(folder: &Path, target: &Path) -> Result<(Recordings, File)> {
    let mut list = BufWriter::new(tempfile::tempfile_in(folder_of(target))?);
    let mut counted = Recordings::default();
    each_in_folder(folder, |name, bytes| -> Result<()> {
        counted.files += 1;
        counted.bytes += bytes;
        Ok(writeln!(list, "{name}")?)
    })?;
    let mut list = list.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    list.rewind()?;
    Ok((counted, list))
}

fn add_recordings(archive: &mut Writer, list: File, folder: &Path) -> Result<()> {
    for name in BufReader::new(list).lines() {
        let name = name?;
        let Ok(file_name) = name.parse::<FileName>() else { continue };
        match File::open(folder.join(&name)) {
            Ok(content) => archive.recording(file_name, content.metadata()?.len(), content)?,
            // Its days were over.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::file(&folder.join(&name), cause)),
        }
    }
    Ok(())
}

fn verify(file: &Path) -> Result<()> {
    struct Nothing;
    impl Visitor for Nothing {
        fn manifest(&mut self, _: &Manifest) -> Result<()> {
            Ok(())
        }
        fn member(&mut self, _: Member, _: &mut dyn Read) -> Result<()> {
            Ok(())
        }
    }
    let manifest = backup::read(file, &mut Nothing)?;
    let bytes = std::fs::metadata(file).map_err(|cause| Error::file(file, cause))?.len();
    let Manifest { hutong, made_at, .. } = &manifest;
    print(&format!("{}: whole; {}, made by hutong {hutong} at {made_at}\n", file.display(), summary(&manifest, bytes)))
}

pub(super) fn summary(manifest: &Manifest, bytes: u64) -> String {
    let recordings = manifest.recordings.map_or("no recordings".to_owned(), |it| format!("{} recordings", it.files));
    let key = if manifest.key { "the installation's key" } else { "no key" };
    let (megabytes, tenth) = (bytes / 1_000_000, bytes / 100_000 % 10);
    format!("{megabytes}.{tenth} MB, schema {}, {recordings}, {key}", manifest.schema)
}

fn advice(manifest: &Manifest) -> String {
    let key = if manifest.key {
        "The installation's key is in it: whoever has this file can open the application keys and passwords in it.\n"
    } else {
        "The installation's key is not in it: without the key, application keys and passwords of trunks in the backup cannot \
         be opened. Keep a copy of installation.key elsewhere; --with-key puts it in.\n"
    };
    let recordings =
        if manifest.recordings.is_some() { "" } else { "Recordings are not in it; see --with-recordings.\n" };
    format!("{key}{recordings}")
}
