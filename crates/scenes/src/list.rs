//! The list of what somebody has to record.

use std::collections::BTreeSet;

use hutong_domain::scene::Scene;

/// Characters of a place in the name of a file.
const PLACE_CHARS_MAX: usize = 20;

/// A text that somebody records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name of its file.
    pub file: String,
    /// Where it stands in the scene.
    pub place: String,
    /// What is said.
    pub text: String,
}

/// The columns of a list, as [`Listed`] has them; the first and the last are read again.
pub const COLUMNS: [&str; 3] = ["file", "place", "text"];

/// Every text of a scene that somebody has to record, each once, with a name for its file.
#[must_use]
pub fn recording_list(scene: &Scene) -> Vec<Listed> {
    let mut seen = BTreeSet::new();
    let each = scene.fixed_texts().iter().filter(|text| seen.insert(text.text.as_str())).enumerate();
    let listed = each.map(|(index, text)| {
        let place: String = text.place.chars().filter(|it| it.is_alphanumeric()).take(PLACE_CHARS_MAX).collect();
        let file = text.audio.clone().unwrap_or_else(|| format!("{:03}-{place}.wav", index + 1));
        Listed { file, place: text.place.clone(), text: text.text.clone() }
    });
    listed.collect()
}
