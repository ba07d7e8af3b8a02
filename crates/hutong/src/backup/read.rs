//! Reading an archive, which may come from anybody: nothing of it is believed, and its size needs no memory.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read, Seek as _};
use std::path::Path;

use flate2::bufread::GzDecoder;
use hutong_recordings::FileName;

use super::summed::{Summed, write_line};
use super::{DATABASE, FORMAT, KEY, MANIFEST, Manifest, RECORDINGS, Recordings, SUMS};
use crate::error::{Error, Result};

const MANIFEST_BYTES_MAX: u64 = 64 << 10;
const KEY_BYTES_MAX: u64 = 1 << 10;
/// What may stand behind the last member: tar ends with blocks of zeros.
const END_BYTES_MAX: u64 = 64 << 10;

/// A member with something that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    Database,
    Key,
    Recording(FileName),
}

/// Gets to see what is in an archive, piece by piece. Nothing is certain before [`read`] has returned.
pub(crate) trait Visitor {
    /// What the archive says of itself.
    fn manifest(&mut self, manifest: &Manifest) -> Result<()>;

    /// A member; what is not read of it is skipped.
    fn member(&mut self, member: Member, content: &mut dyn Read) -> Result<()>;
}

/// Reads an archive from its beginning to its end, and checks the sum of every member.
///
/// # Errors
/// When it is no backup, is not whole, or something else than what was backed up stands in it; or what the visitor says.
pub(crate) fn read(file: &Path, visitor: &mut dyn Visitor) -> Result<Manifest> {
    let opened = File::open(file).map_err(|cause| Error::file(file, cause))?;
    let in_file = |error| match error {
        Error::Io(cause) => {
            Error::Failed(format!("{}: not a whole backup, or there is no room for it: {cause}", file.display()))
        }
        Error::Failed(why) => Error::Failed(format!("{}: {why}", file.display())),
        other => other,
    };
    read_opened(opened, visitor).map_err(in_file)
}

fn read_opened(file: File, visitor: &mut dyn Visitor) -> Result<Manifest> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut reading = Reading::begin()?;
    // Raw: names of other entries, which could be of any length, are not read into memory.
    for entry in archive.entries()?.raw(true) {
        reading.entry(&mut entry?, visitor)?;
    }
    let manifest = reading.end()?;
    let mut decoder = archive.into_inner();
    let rest = std::io::copy(&mut decoder.by_ref().take(END_BYTES_MAX), &mut std::io::sink())?;
    if rest == END_BYTES_MAX || !decoder.into_inner().fill_buf()?.is_empty() {
        return Err(refused("something stands behind its end"));
    }
    Ok(manifest)
}

/// Where the reader is.
struct Reading {
    manifest: Option<Manifest>,
    has_database: bool,
    has_key: bool,
    recordings: Recordings,
    /// What `SHA256SUMS` has to say, in a file without a name.
    sums: BufWriter<File>,
    is_over: bool,
}

type Entry<'a> = tar::Entry<'a, GzDecoder<BufReader<File>>>;

impl Reading {
    fn begin() -> Result<Self> {
        let sums = BufWriter::new(tempfile::tempfile()?);
        let (has_database, has_key, is_over) = (false, false, false);
        Ok(Self { manifest: None, has_database, has_key, recordings: Recordings::default(), sums, is_over })
    }

    fn entry(&mut self, entry: &mut Entry<'_>, visitor: &mut dyn Visitor) -> Result<()> {
        let name = entry.header().path_bytes().into_owned();
        let name = String::from_utf8(name).map_err(|_| refused("a name in it is no text"))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(refused(&format!("{name:?} is no file")));
        }
        if self.is_over {
            return Err(refused(&format!("{name:?} stands behind {SUMS}")));
        }
        let bytes = entry.size();
        match (self.manifest.clone(), name.as_str()) {
            (None, MANIFEST) if bytes <= MANIFEST_BYTES_MAX => self.read_manifest(entry, visitor),
            (None, _) => Err(refused(&format!("it does not begin with {MANIFEST}"))),
            (Some(_), SUMS) => self.compare_sums(entry),
            (Some(manifest), _) => {
                let member = self.admit(&manifest, &name, bytes)?;
                let sum = self.sum(&name, entry, |content| visitor.member(member, content))?;
                if member == Member::Database && sum != manifest.database.sha256 {
                    return Err(refused(&format!("{DATABASE} is not what {MANIFEST} says")));
                }
                Ok(())
            }
        }
    }

    fn read_manifest(&mut self, entry: &mut Entry<'_>, visitor: &mut dyn Visitor) -> Result<()> {
        let mut manifest = None;
        self.sum(MANIFEST, entry, |content| {
            let parsed: Manifest = serde_json::from_reader(content)
                .map_err(|error| refused(&format!("{MANIFEST} cannot be read: {error}")))?;
            manifest = Some(parsed);
            Ok(())
        })?;
        let manifest = manifest.ok_or_else(|| refused("it has no manifest"))?;
        if manifest.format > FORMAT {
            let of = &manifest.hutong;
            return Err(refused(&format!("hutong {of} wrote it in a newer form: use that hutong, or a newer one")));
        }
        visitor.manifest(&manifest)?;
        self.manifest = Some(manifest);
        Ok(())
    }

    /// Which member it is, if it may be there.
    fn admit(&mut self, manifest: &Manifest, name: &str, bytes: u64) -> Result<Member> {
        let unexpected = || refused(&format!("{name:?} does not belong there"));
        match name {
            DATABASE if !self.has_database && bytes == manifest.database.bytes => {
                self.has_database = true;
                Ok(Member::Database)
            }
            KEY if manifest.key && !self.has_key && bytes <= KEY_BYTES_MAX => {
                self.has_key = true;
                Ok(Member::Key)
            }
            _ => {
                let path = name.strip_prefix(RECORDINGS).and_then(|rest| rest.strip_prefix('/'));
                // Only names that recordings have: nothing outside of their folder can be named so.
                let file: FileName = path.and_then(|path| path.parse().ok()).ok_or_else(unexpected)?;
                let most = manifest.recordings.ok_or_else(unexpected)?;
                self.recordings.files += 1;
                self.recordings.bytes = self.recordings.bytes.saturating_add(bytes);
                if self.recordings.files > most.files || self.recordings.bytes > most.bytes {
                    return Err(refused(&format!("it has more recordings than {MANIFEST} says")));
                }
                Ok(Member::Recording(file))
            }
        }
    }

    /// Lets somebody read the entry, and notes its sum.
    fn sum(
        &mut self,
        name: &str,
        entry: &mut Entry<'_>,
        visit: impl FnOnce(&mut dyn Read) -> Result<()>,
    ) -> Result<String> {
        let expected = entry.size();
        let mut content = Summed::new(entry);
        visit(&mut content)?;
        std::io::copy(&mut content, &mut std::io::sink())?;
        let (bytes, sum) = content.finish();
        if bytes != expected {
            return Err(refused(&format!("{name} ends early")));
        }
        write_line(&mut self.sums, &sum, name)?;
        Ok(sum)
    }

    fn compare_sums(&mut self, entry: &mut Entry<'_>) -> Result<()> {
        std::io::Write::flush(&mut self.sums)?;
        let mut found = self.sums.get_ref();
        found.rewind()?;
        let (mut found, mut said) = (BufReader::new(found).bytes(), BufReader::new(entry).bytes());
        let mut member = Vec::new();
        loop {
            match (found.next().transpose()?, said.next().transpose()?) {
                (None, None) => break,
                (Some(ours), Some(theirs)) if ours == theirs => {
                    if ours == b'\n' {
                        member.clear();
                    } else {
                        member.push(ours);
                    }
                }
                (ours, _) => {
                    member.extend(ours);
                    member.extend(found.map_while(std::result::Result::ok).take_while(|byte| *byte != b'\n'));
                    let line = String::from_utf8_lossy(&member);
                    let name = line.split_once("  ").map_or("a member", |(_, name)| name);
                    return Err(refused(&format!("{name} is not what {SUMS} says: the backup is damaged")));
                }
            }
        }
        self.is_over = true;
        Ok(())
    }

    fn end(self) -> Result<Manifest> {
        let manifest =
            self.manifest.filter(|manifest| self.is_over && self.has_database && self.has_key == manifest.key);
        manifest.ok_or_else(|| refused("not a whole backup: its end is missing"))
    }
}

fn refused(why: &str) -> Error {
    Error::Failed(why.to_owned())
}
