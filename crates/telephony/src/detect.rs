//! What is heard on a line that no words are needed for: tones, announcements, answering machines.

pub mod activity;
pub mod announcement;
pub mod early_media;
pub mod fingerprint;
pub mod machine;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
mod samples;
pub mod tones;
pub mod wav;
