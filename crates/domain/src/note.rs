//! What a person notes about a call: tags, and a few words.

use std::collections::HashSet;

/// Characters of a note, at most.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Tags of a call, at most.
pub const TAGS_MAX: usize = 20;
/// Characters of a tag, at most.
pub const TAG_CHARS_MAX: usize = 20;

/// A note that can be kept; an empty one is as good as none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewNote {
    note: String,
    tags: Vec<String>,
}

/// Why a note cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The note is too long.
    #[error("a note has at most {NOTE_CHARS_MAX} characters, this one has {0}")]
    NoteTooLong(usize),
    /// There are too many tags.
    #[error("a call has at most {TAGS_MAX} tags, these are {0}")]
    TooManyTags(usize),
    /// A tag is too long: the n-th, from 1.
    #[error("a tag has at most {TAG_CHARS_MAX} characters, tag {0} has more")]
    TagTooLong(usize),
}

impl NewNote {
    /// Takes what somebody has written. Spaces around it, empty tags and tags that are there twice are left out.
    ///
    /// # Errors
    /// [`Refused`] when it is more than is kept.
    pub fn parse<'a>(note: &str, tags: impl IntoIterator<Item = &'a str>) -> Result<Self, Refused> {
        let note = note.trim();
        let length = note.chars().count();
        if length > NOTE_CHARS_MAX {
            return Err(Refused::NoteTooLong(length));
        }
        let mut seen = HashSet::new();
        let tags: Vec<&str> =
            tags.into_iter().map(str::trim).filter(|tag| !tag.is_empty() && seen.insert(*tag)).collect();
        if tags.len() > TAGS_MAX {
            return Err(Refused::TooManyTags(tags.len()));
        }
        if let Some(at) = tags.iter().position(|tag| tag.chars().count() > TAG_CHARS_MAX) {
            return Err(Refused::TagTooLong(at + 1));
        }
        Ok(Self { note: note.to_owned(), tags: tags.into_iter().map(str::to_owned).collect() })
    }

    /// The words.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The tags, in the order in which they were given.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether nothing is left to be kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.note.is_empty() && self.tags.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let note = NewNote::parse(" 下周再联系 \n", [" 重点 ", "", "回访", "重点"]).unwrap();
        assert_eq!((note.note(), note.tags()), ("下周再联系", &["重点".to_owned(), "回访".to_owned()][..]));
        assert!(NewNote::parse("  ", [" "]).unwrap().is_empty());
    }

    #[test]
    fn more_than_is_kept_is_refused() {
        assert!(NewNote::parse(&"好".repeat(1_000), []).is_ok());
        assert_eq!(NewNote::parse(&"好".repeat(1_001), []), Err(Refused::NoteTooLong(1_001)));
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert_eq!(NewNote::parse("", many.iter().map(String::as_str)), Err(Refused::TooManyTags(21)));
        let long = "长".repeat(21);
        assert_eq!(NewNote::parse("", ["短", &long]), Err(Refused::TagTooLong(2)));
    }
}
