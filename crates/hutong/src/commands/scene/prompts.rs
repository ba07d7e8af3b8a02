//! `hutong scene prompts`

use hutong_domain::scene::Scene;
use hutong_scenes::{COLUMNS, recording_list};

use crate::error::{Error, Result};

/// Every text that somebody has to record, each once, with a name for its file.
pub(super) fn list(scene: &Scene) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| failed(&error))?;
    for listed in recording_list(scene) {
        writer.write_record([listed.file, listed.place, listed.text]).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}
