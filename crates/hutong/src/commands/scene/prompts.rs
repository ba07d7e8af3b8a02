//! `hutong scene prompts`

use std::collections::BTreeSet;

use hutong_domain::scene::Scene;

use crate::error::{Error, Result};

/// Characters of a place in the name of a file.
const PLACE_CHARS_MAX: usize = 20;

/// Every text that somebody has to record, each once, with a name for its file.
pub(super) fn list(scene: &Scene) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["file", "place", "text"]).map_err(|error| failed(&error))?;
    let mut seen = BTreeSet::new();
    for (index, text) in scene.fixed_texts().iter().filter(|text| seen.insert(text.text.as_str())).enumerate() {
        let place: String = text.place.chars().filter(|it| it.is_alphanumeric()).take(PLACE_CHARS_MAX).collect();
        let file = text.audio.clone().unwrap_or_else(|| format!("{:03}-{place}.wav", index + 1));
        writer.write_record([file.as_str(), &text.place, &text.text]).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}
