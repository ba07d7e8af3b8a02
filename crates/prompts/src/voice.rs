//! Voices: texts put together from what is recorded of them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{Clip, Entry, Role, entries};

/// The speaker whose prompts ship with hutong.
pub const SHIPPED_SPEAKER: &str = "zf_xiaobei";

/// Marks that need no recording of their own: they are a pause.
const MARKS: &str = "，。？！、；：“”‘’（）《》…—· \n\t,.?!;:'\"()-";

/// The voice of the built-in robots.
pub static ROBOT: LazyLock<Voice> = LazyLock::new(|| Voice::shipped(SHIPPED_SPEAKER));

/// A voice that speaks what is recorded of it.
#[derive(Debug, Default)]
pub struct Voice {
    /// Rows by their first character, the longest first.
    by_first: HashMap<char, Vec<Row>>,
}

#[derive(Debug)]
struct Row {
    text: String,
    sound: Sound,
}

#[derive(Debug)]
enum Sound {
    /// Read when it is first spoken.
    Shipped(Entry),
    Clip(Clip),
}

/// What a voice makes of a text.
#[derive(Debug, Clone, Default)]
pub struct Spoken {
    /// What is played, one after the other.
    pub clips: Vec<Clip>,
    /// What is not recorded, and was left out.
    pub missing: String,
}

impl Voice {
    /// What ships with hutong of this speaker for robots.
    #[must_use]
    pub fn shipped(speaker: &str) -> Self {
        let of_robots = |row: &&Entry| row.voice == speaker && matches!(row.role, Role::Prompt | Role::Value);
        let rows = entries().iter().filter(of_robots);
        Self::of(rows.map(|row| Row { text: row.text.to_owned(), sound: Sound::Shipped(*row) }))
    }

    /// What these clips speak.
    #[must_use]
    pub fn recorded(clips: impl IntoIterator<Item = (String, Clip)>) -> Self {
        Self::of(clips.into_iter().map(|(text, clip)| Row { text, sound: Sound::Clip(clip) }))
    }

    fn of(rows: impl Iterator<Item = Row>) -> Self {
        let mut by_first: HashMap<char, Vec<Row>> = HashMap::new();
        for mut row in rows {
            // Marks at the beginning are a pause of the words before them.
            row.text = row.text.trim_start_matches(is_mark).to_owned();
            if let Some(first) = row.text.chars().next() {
                by_first.entry(first).or_default().push(row);
            }
        }
        for rows in by_first.values_mut() {
            rows.sort_by_key(|row| std::cmp::Reverse(row.text.len()));
        }
        Self { by_first }
    }

    /// Speaks a text with what is recorded.
    #[must_use]
    pub fn speak(&self, text: &str) -> Spoken {
        speak(&[self], text)
    }

    /// The longest row that the text begins with; marks at the end of a row need not stand in the text.
    fn beginning(&self, text: &str) -> Option<(&Row, usize)> {
        let rows = text.chars().next().and_then(|first| self.by_first.get(&first))?;
        rows.iter().find_map(|row| {
            let words = row.text.trim_end_matches(is_mark);
            let length = [row.text.as_str(), words].into_iter().find(|it| text.starts_with(it))?.len();
            (length > 0).then_some((row, length))
        })
    }
}

impl Row {
    fn clip(&self) -> Clip {
        match &self.sound {
            Sound::Shipped(entry) => entry.clip(),
            Sound::Clip(clip) => clip.clone(),
        }
    }
}

/// Speaks a text with what is recorded in these voices: again and again the longest row that the rest begins with, of
/// equally long ones that of the first voice.
#[must_use]
pub fn speak(voices: &[&Voice], text: &str) -> Spoken {
    let mut spoken = Spoken::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let rows = voices.iter().rev().filter_map(|voice| voice.beginning(rest));
        let taken = match rows.max_by_key(|(_, length)| *length) {
            Some((row, length)) => {
                spoken.clips.push(row.clip());
                length
            }
            None => {
                if !is_mark(first) {
                    spoken.missing.push(first);
                }
                first.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    spoken
}

fn is_mark(character: char) -> bool {
    MARKS.contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(sample: i16) -> Clip {
        vec![sample; 10].into()
    }

    fn voice(rows: &[(&str, i16)]) -> Voice {
        Voice::recorded(rows.iter().map(|(text, sample)| ((*text).to_owned(), clip(*sample))))
    }

    #[test]
    fn a_prompt_with_a_value_in_it_is_put_together() {
        let spoken = ROBOT.speak("好的，那今天先不打扰您了，祝您生活愉快，再见。");
        assert_eq!((spoken.clips.len(), spoken.missing.as_str()), (1, ""));
        let spoken = ROBOT.speak("这句话谁也没有录过");
        assert!(!spoken.missing.is_empty());
    }

    #[test]
    fn the_longest_row_of_any_voice_counts_and_marks_are_pauses() {
        let (scene, slots) =
            (voice(&[("您好", 1), ("。您欠", 2), ("元。", 3)]), voice(&[("王女士", 4), ("一百元", 5)]));
        let check = |text: &str, samples: &[i16], missing: &str| {
            let spoken = speak(&[&slots, &scene], text);
            let played: Vec<i16> = spoken.clips.iter().map(|clip| clip[0]).collect();
            assert_eq!((played.as_slice(), spoken.missing.as_str()), (samples, missing), "{text}");
        };
        check("王女士您好。您欠一百元。", &[4, 1, 2, 5], "");
        check("王先生您好", &[1], "王先生");
        // The mark at the end of 元。 is not in the text.
        check("您欠，元，", &[2, 3], "");
        check("", &[], "");
    }
}
