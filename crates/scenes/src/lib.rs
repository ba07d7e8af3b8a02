//! Scenes as people work on them, at the command line and in the console: published with their audio ([`Studio`],
//! [`publish`]), heard ([`SceneVoice`]), and held against past calls (`past`).

mod audio;
mod list;
mod past;
mod publish;
mod voice;

pub use audio::{LIST, NoAudio, Recordings, SceneAudio, Studio};
pub use hutong_speech::voice::Speaker;
pub use list::{COLUMNS, Listed, recording_list};
pub use past::{CALLS_DEFAULT, PastCalls, play};
pub use publish::{Published, Publishing, publish};
pub use voice::SceneVoice;
