//! Telephone calls: `sip` signals, `media` carries the voices, `detect` tells what is heard.

pub mod detect;
#[doc(hidden)]
pub mod fuzzing;
pub mod media;
pub mod sip;
pub mod words;
