//! `hutong export company`: everything that is kept of a company. `docs/backup.md` says what is in it.

use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use hutong_domain::ids::CompanyId;
use hutong_recordings::{FileName, Part, Reader};
use hutong_store::Store;
use hutong_store::export::{TABLES, Table};
use serde_json::json;

use crate::backup::{RECORDINGS, Writer, folder_of};
use crate::cli::{InstallationArgs, print};
use crate::commands::company;
use crate::error::{Error, Result};
use crate::installation;

/// The version of the export's form.
const FORMAT: u32 = 1;
/// What ends the name of an archive; another name is that of a folder.
const ARCHIVE: &str = ".tar.gz";

#[derive(Debug, Args)]
pub(crate) struct CompanyArgs {
    /// The company
    #[arg(long, value_name = "ID")]
    company: i64,
    /// The archive to write, a name that ends in .tar.gz; or the folder to make
    #[arg(long, value_name = "FILE|DIR")]
    to: PathBuf,
    /// Without the recordings
    #[arg(long)]
    without_recordings: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(super) async fn run(args: CompanyArgs) -> Result<()> {
    let CompanyArgs { company, to, without_recordings, installation } = args;
    if to.exists() {
        return Err(Error::Failed(format!("{}: there is such a file or folder; choose another name", to.display())));
    }
    let config = installation.load()?;
    let store = installation::open(&config)?.store;
    let company = company::require(&store, company).await?;
    let recordings =
        if without_recordings { None } else { Some(Reader::open(config.recording_options()?.destination)?) };
    let mut target = Target::begin(&to)?;
    let about = json!({
        "format": FORMAT,
        "hutong": env!("CARGO_PKG_VERSION"),
        "company": company.id.get(),
        "zone": config.zone()?.iana_name(),
        "recordings": recordings.is_some(),
    });
    target.add_text("export.json", &format!("{about:#}\n"))?;
    let mut rows = 0;
    for table in TABLES {
        rows += export_table(&store, company.id, table, &mut target).await?;
    }
    let files = match recordings {
        Some(recordings) => export_recordings(&store, company.id, &recordings, &mut target).await?,
        None => 0,
    };
    target.finish()?;
    print(&format!("{}: {rows} rows of {} tables, {files} files of recordings\n", to.display(), TABLES.len()))
}

/// Writes the rows of a table to a file of JSON lines; how many.
async fn export_table(store: &Store, company: CompanyId, table: &'static Table, target: &mut Target) -> Result<u64> {
    let mut lines = BufWriter::new(target.scratch()?);
    let (mut rows, mut after) = (0, None);
    loop {
        let page = store.read(move |db| table.page(db, company, after.as_deref())).await?;
        let Some(last) = page.last() else { break };
        after = Some(table.key_of(last));
        for row in &page {
            serde_json::to_writer(&mut lines, row).map_err(|error| Error::Failed(error.to_string()))?;
            lines.write_all(b"\n")?;
            rows += 1;
        }
    }
    target.add(&format!("{}.jsonl", table.name), into_file(lines)?)?;
    Ok(rows)
}

/// Writes every file that a call of the company names; how many there were.
async fn export_recordings(store: &Store, company: CompanyId, from: &Reader, target: &mut Target) -> Result<u64> {
    let Some(calls) = TABLES.iter().find(|table| table.name == "call") else { return Ok(0) };
    let (mut files, mut after) = (0, None);
    loop {
        let page = store.read(move |db| calls.page(db, company, after.as_deref())).await?;
        let Some(last) = page.last() else { return Ok(files) };
        after = Some(calls.key_of(last));
        let named = page.iter().filter_map(|row| row.get("recording")?.as_str()?.parse().ok());
        for FileName { recording, .. } in named {
            for part in Part::ALL {
                let name = recording.file(part);
                let mut content = BufWriter::new(target.scratch()?);
                if from.copy(name, &mut content).await? {
                    target.add(&format!("{RECORDINGS}/{name}"), into_file(content)?)?;
                    files += 1;
                }
            }
        }
    }
}

/// The file from its beginning.
fn into_file(buffer: BufWriter<File>) -> Result<File> {
    let mut file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// Where an export goes: it has its name when it is whole.
enum Target {
    Archive { writer: Box<Writer>, folder: PathBuf },
    Folder { new: tempfile::TempDir, name: PathBuf },
}

impl Target {
    fn begin(to: &Path) -> Result<Self> {
        let folder = folder_of(to).to_owned();
        installation::make_folder(&folder)?;
        if to.to_string_lossy().ends_with(ARCHIVE) {
            let writer = Box::new(Writer::begin(to, installation::now())?);
            return Ok(Self::Archive { writer, folder });
        }
        let new = tempfile::Builder::new().prefix(".hutong-export-").tempdir_in(&folder)?;
        Ok(Self::Folder { new, name: to.to_owned() })
    }

    /// A file without a name, on the disk that the export goes to: nothing of it is held in memory.
    fn scratch(&self) -> Result<File> {
        let folder = match self {
            Self::Archive { folder, .. } => folder.as_path(),
            Self::Folder { new, .. } => new.path(),
        };
        Ok(tempfile::tempfile_in(folder)?)
    }

    fn add_text(&mut self, name: &str, text: &str) -> Result<()> {
        let mut file = self.scratch()?;
        file.write_all(text.as_bytes())?;
        file.rewind()?;
        self.add(name, file)
    }

    fn add(&mut self, name: &str, mut content: File) -> Result<()> {
        match self {
            Self::Archive { writer, .. } => writer.add(name, content.metadata()?.len(), content),
            Self::Folder { new, .. } => {
                let path = new.path().join(name);
                installation::make_folder(folder_of(&path))?;
                let mut file = installation::private_file(&path).map_err(|cause| Error::file(&path, cause))?;
                std::io::copy(&mut content, &mut file).map_err(|cause| Error::file(&path, cause))?;
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Archive { writer, .. } => writer.finish().map(|_| ()),
            Self::Folder { new, name } => {
                let made = new.keep();
                std::fs::rename(&made, &name).map_err(|cause| {
                    let _ = std::fs::remove_dir_all(&made);
                    Error::file(&name, cause)
                })
            }
        }
    }
}
