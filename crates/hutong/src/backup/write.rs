//! Writing an archive: under another name until it is whole and on the disk. Backups are such, and so are exports.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use hutong_domain::moment::Moment;
use rustix::fs::OFlags;

use super::summed::{Summed, write_line};
use super::{DATABASE, KEY, MANIFEST, Manifest, SUMS, recording_member};
use crate::error::{Error, Result};

/// Voices hardly shrink, and a store shrinks to a quarter at any level: the fastest one.
const LEVEL: u32 = 1;

/// Writes an archive. Where it is dropped before [`Writer::finish`], nothing is left.
pub(crate) struct Writer {
    target: PathBuf,
    part: Part,
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    sums: BufWriter<File>,
    made_at_s: u64,
}

/// A file of this process alone that goes when this is dropped. One that a killed process left is taken over.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    /// Whether it has another name by now.
    is_renamed: bool,
}

impl Part {
    /// `target` with something appended.
    pub(crate) fn beside(target: &Path, ending: &str) -> Result<Self> {
        let mut path = OsString::from(target);
        path.push(ending);
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        // In a folder of several people, the name may lead elsewhere.
        let no_links = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_links);
        let file = options.open(&path).map_err(|cause| Error::file(&path, cause))?;
        file.try_lock().map_err(|_| Error::Failed(format!("{}: another process writes this file", path.display())))?;
        file.set_len(0)
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o600)))
            .map_err(|cause| Error::file(&path, cause))?;
        Ok(Self { path, file, is_renamed: false })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_renamed {
            // Of no use; and if it cannot be removed, the next one writes over it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Writer {
    /// Begins an archive that becomes `target`.
    pub(crate) fn begin(target: &Path, made_at: Moment) -> Result<Self> {
        let part = Part::beside(target, ".part")?;
        let file = part.file.try_clone()?;
        let encoder = GzEncoder::new(BufWriter::new(file), Compression::new(LEVEL));
        let sums = BufWriter::new(tempfile::tempfile_in(folder_of(target))?);
        let made_at_s = made_at.ms().unsigned_abs() / 1000;
        Ok(Self { target: target.to_owned(), part, tar: tar::Builder::new(encoder), sums, made_at_s })
    }

    /// What stands first.
    pub(crate) fn manifest(&mut self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| Error::Failed(error.to_string()))?;
        self.add(MANIFEST, text.len() as u64, text.as_slice())
    }

    /// The copy of the store.
    pub(crate) fn database(&mut self, bytes: u64, content: impl Read) -> Result<()> {
        self.add(DATABASE, bytes, content)
    }

    /// The installation's key, as it stands in its file.
    pub(crate) fn key(&mut self, text: &str) -> Result<()> {
        self.add(KEY, text.len() as u64, text.as_bytes())
    }

    /// A recording.
    pub(crate) fn recording(
        &mut self,
        name: hutong_recordings::FileName,
        bytes: u64,
        content: impl Read,
    ) -> Result<()> {
        self.add(&recording_member(name), bytes, content)
    }

    /// A member of this name.
    pub(crate) fn add(&mut self, name: &str, bytes: u64, content: impl Read) -> Result<()> {
        let (read, sum) = self.append(name, bytes, content)?;
        if read != bytes {
            return Err(Error::Failed(format!("{name} changed while it was read: {read} bytes instead of {bytes}")));
        }
        Ok(write_line(&mut self.sums, &sum, name)?)
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> Result<(u64, String)> {
        let header = header(name, bytes, self.made_at_s)?;
        let mut summed = Summed::new(content.take(bytes));
        self.tar.append(&header, &mut summed)?;
        Ok(summed.finish())
    }

    /// Ends the archive, brings it to the disk, and gives it its name.
    pub(crate) fn finish(self) -> Result<u64> {
        let Self { mut tar, sums, target, mut part, made_at_s } = self;
        let mut sums = sums.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let bytes = sums.stream_position()?;
        sums.rewind()?;
        tar.append(&header(SUMS, bytes, made_at_s)?, sums)?;
        let mut buffer = tar.into_inner()?.finish()?;
        buffer.flush()?;
        let file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&part.path, &target).map_err(|cause| Error::file(&target, cause))?;
        part.is_renamed = true;
        sync_folder(folder_of(&target))?;
        Ok(file.metadata()?.len())
    }
}

fn header(name: &str, bytes: u64, made_at_s: u64) -> Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(made_at_s);
    header.set_cksum();
    Ok(header)
}

/// The folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings the names of a folder to the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| Error::file(folder, cause))
}
