//! The audio that ships with hutong, found by its words: prompts of the built-in scenes, callees, announcements.
//!
//! `assets/LICENSE-voices.md` says where it comes from, and what the columns of its index are.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use hutong_telephony::detect::wav;
use include_dir::{Dir, include_dir};

mod voice;

pub use voice::{ROBOT, SHIPPED_SPEAKER, Spoken, Voice, speak};

static ASSETS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/voices");

/// Linear samples, 8,000 in a second.
pub type Clip = Arc<[i16]>;

/// What a piece of audio is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A robot's words in a built-in scene.
    Prompt,
    /// What a prompt has in place of a variable.
    Value,
    /// A person who takes a call.
    Callee,
    /// A carrier's announcement.
    Announcement,
    /// An answering machine, without its beep.
    Greeting,
}

impl Role {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "prompt" => Self::Prompt,
            "value" => Self::Value,
            "callee" => Self::Callee,
            "announcement" => Self::Announcement,
            "greeting" => Self::Greeting,
            _ => return None,
        })
    }
}

/// One row of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    file: &'static str,
    /// Who speaks.
    pub voice: &'static str,
    /// What it is there for.
    pub role: Role,
    /// Its place among those of its role: of an announcement, its meaning.
    pub group: &'static str,
    /// The words.
    pub text: &'static str,
}

static INDEX: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let text = ASSETS.get_file("index.tsv").and_then(|file| file.contents_utf8()).unwrap_or_default();
    text.lines().skip(1).filter_map(entry).collect()
});

fn entry(row: &'static str) -> Option<Entry> {
    let mut columns = row.split('\t');
    let (file, voice, role) = (columns.next()?, columns.next()?, Role::from_name(columns.next()?)?);
    Some(Entry { file, voice, role, group: columns.next()?, text: columns.next()? })
}

/// Everything there is, in the order of the index.
#[must_use]
pub fn entries() -> &'static [Entry] {
    &INDEX
}

/// Samples of the files that were asked for once: all of them together are some 10 MB.
static CLIPS: LazyLock<Mutex<HashMap<&'static str, Clip>>> = LazyLock::new(Mutex::default);

impl Entry {
    /// Its samples. Empty where the file is broken, which a test of this crate excludes.
    #[must_use]
    pub fn clip(&self) -> Clip {
        let mut clips = CLIPS.lock().unwrap_or_else(PoisonError::into_inner);
        clips.entry(self.file).or_insert_with(|| read(self.file)).clone()
    }
}

fn read(file: &str) -> Clip {
    ASSETS.get_file(file).and_then(|file| wav::read_telephone(file.contents()).ok()).unwrap_or_default().into()
}

/// The first text of a role and group in a voice.
#[must_use]
pub fn find(voice: &str, role: Role, text: &str) -> Option<Entry> {
    INDEX.iter().find(|entry| entry.voice == voice && entry.role == role && entry.text == text).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_index_has_audio_and_no_text_has_two_files() {
        let mut texts = std::collections::HashSet::new();
        assert!(INDEX.len() > 200);
        for entry in entries() {
            assert!(entry.clip().len() > 1_000, "{entry:?}");
            assert!(texts.insert((entry.voice, entry.role, entry.text)), "{entry:?}");
        }
    }
}
