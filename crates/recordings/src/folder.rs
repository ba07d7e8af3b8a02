//! The files of a folder in which recordings are kept: for backups.

use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::name::FileName;

/// Folders around a recording: year, month, day and company.
const DEPTH: usize = 4;

/// Shows the name and the length in bytes of each recording in a folder; what is not named like one is left alone. One that is
/// deleted meanwhile may be shown or not.
///
/// # Errors
/// [`Error::File`] when a folder cannot be read, or what `each` gives.
pub fn each_in_folder<E: From<Error>>(
    folder: &Path,
    mut each: impl FnMut(FileName, u64) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    look_into(folder, "", DEPTH, &mut each)
}

fn look_into<E: From<Error>>(
    folder: &Path,
    within: &str,
    depth: usize,
    each: &mut impl FnMut(FileName, u64) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::file(folder)(cause).into()),
    };
    for entry in entries {
        let entry = entry.map_err(Error::file(folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if depth > 0 && is_number(&name) {
            look_into(&entry.path(), &format!("{within}{name}/"), depth - 1, each)?;
        } else if let (0, Ok(name)) = (depth, format!("{within}{name}").parse())
            && let Some(bytes) = length(&entry)?
        {
            each(name, bytes)?;
        }
    }
    Ok(())
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// None where it is no file, or is gone by now.
fn length(entry: &DirEntry) -> Result<Option<u64>> {
    match entry.metadata() {
        Ok(file) => Ok(file.is_file().then_some(file.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::file(&entry.path())(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "four").unwrap();
        };
        let recordings = ["2026/11/27/7/1-1-customer.wav", "2026/11/27/7/1-1.wav", "2027/01/02/8/3-2-stereo.wav"];
        let others =
            ["notes.txt", "2026/11/27/notes.txt", "2026/11/27/7/1-1.part", "2026/11/1-1.wav", "a/b/c/d/1-1.wav"];
        recordings.iter().chain(&others).for_each(|name| put(name));
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("2026/11/27/7/2-1.wav")).unwrap();

        let mut found = Vec::new();
        each_in_folder::<Error>(folder.path(), |name, bytes| {
            found.push((name.to_string(), bytes));
            Ok(())
        })
        .unwrap();

        found.sort();
        assert_eq!(found, recordings.map(|name| (name.to_owned(), 4)));
        each_in_folder::<Error>(&folder.path().join("missing"), |_, _| unreachable!()).unwrap();
    }
}
