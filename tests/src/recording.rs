//! Recordings as a client gets them: fetched from an address that the API gave, and listened to.

use std::path::{Path, PathBuf};

use crate::http::{Answer, Request};

/// A sample of speech is louder than this now and then; silence and noise never are.
const LOUD: u16 = 1_000;
/// Bytes before the first sample of a file of one channel.
const HEADER_BYTES: usize = 44;

/// Asks for an address that the API gave.
///
/// # Panics
/// When it is none, or nobody answers there.
#[must_use]
pub fn fetch(url: &str, headers: &[(&str, &str)]) -> Answer {
    let (address, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("an address");
    let request = Request::get(&format!("/{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.send(address).expect("an answer")
}

/// The samples of a recording of one channel.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn samples(wav: &[u8]) -> Vec<i16> {
    assert_eq!((&wav[..4], &wav[36..40]), (&b"RIFF"[..], &b"data"[..]));
    wav[HEADER_BYTES..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// All files in a folder and in the folders in it; none where it is missing.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether somebody is heard in it.
#[must_use]
pub fn is_heard(samples: &[i16]) -> bool {
    samples.iter().any(|sample| sample.unsigned_abs() > LOUD)
}
