//! A text letter by letter, with places in bytes.

use std::ops::Range;

/// Letters of a text that are looked at: an utterance is shorter.
const LETTERS_MAX: usize = 400;

/// A text in half width and lower case.
pub(super) struct Letters {
    letters: Vec<char>,
    /// Where each letter begins, and where the last one ends.
    offsets: Vec<usize>,
}

impl Letters {
    pub(super) fn new(text: &str) -> Self {
        let mut letters = Vec::new();
        let mut offsets = Vec::new();
        let mut end = 0;
        for (offset, letter) in text.char_indices().take(LETTERS_MAX) {
            offsets.push(offset);
            letters.push(half_width(letter).to_ascii_lowercase());
            end = offset + letter.len_utf8();
        }
        offsets.push(end);
        Self { letters, offsets }
    }

    pub(super) const fn len(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn at(&self, index: usize) -> Option<char> {
        self.letters.get(index).copied()
    }

    /// The index after `word` where it stands at `index`.
    pub(super) fn after(&self, index: usize, word: &str) -> Option<usize> {
        let mut next = index;
        for letter in word.chars() {
            if self.at(next) != Some(letter) {
                return None;
            }
            next += 1;
        }
        Some(next)
    }

    /// The index after the first of `words` that stands at `index`.
    pub(super) fn after_any(&self, index: usize, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| self.after(index, word))
    }

    /// The value of the first of `words` that stands at `index`, and the index after it.
    pub(super) fn one_of<T: Copy>(&self, index: usize, words: &[(&str, T)]) -> Option<(T, usize)> {
        words.iter().find_map(|&(word, value)| Some((value, self.after(index, word)?)))
    }

    /// Whether the letters right before `index` are `word`.
    pub(super) fn is_before(&self, index: usize, word: &str) -> bool {
        index.checked_sub(word.chars().count()).is_some_and(|start| self.after(start, word).is_some())
    }

    /// The letters of a range of indexes.
    pub(super) fn text(&self, range: Range<usize>) -> String {
        self.letters.get(range).unwrap_or_default().iter().collect()
    }

    /// A range of indexes in bytes of the text.
    pub(super) fn place(&self, range: Range<usize>) -> Range<usize> {
        let offset = |index: usize| self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or(0);
        offset(range.start)..offset(range.end)
    }
}

fn half_width(letter: char) -> char {
    const OFFSET: u32 = '！' as u32 - '!' as u32;
    match letter {
        '！'..='～' => char::from_u32(letter as u32 - OFFSET).unwrap_or(letter),
        _ => letter,
    }
}

/// A word of an English text.
pub(super) struct Word {
    /// In lower case.
    pub(super) text: String,
    pub(super) place: Range<usize>,
}

/// The words of an English text. Digits are words of their own with their commas, points and colons
/// inside; hyphens part words.
pub(super) fn words(text: &str) -> Vec<Word> {
    let letters = Letters::new(text);
    let mut words: Vec<Word> = Vec::new();
    let mut index = 0;
    while let Some(first) = letters.at(index) {
        let start = index;
        index += 1;
        if first.is_ascii_digit() {
            let inside = |index: usize| {
                letters.at(index).is_some_and(|letter| matches!(letter, ',' | '.' | ':'))
                    && letters.at(index + 1).is_some_and(|letter| letter.is_ascii_digit())
            };
            while letters.at(index).is_some_and(|letter| letter.is_ascii_digit()) || inside(index) {
                index += 1;
            }
        } else if first.is_alphabetic() {
            while letters.at(index).is_some_and(|letter| letter.is_alphabetic() || matches!(letter, '\'' | '’')) {
                index += 1;
            }
        } else if !matches!(first, '$' | '£' | '€' | '¥' | '%') {
            continue;
        }
        words.push(Word { text: letters.text(start..index), place: letters.place(start..index) });
    }
    words
}
