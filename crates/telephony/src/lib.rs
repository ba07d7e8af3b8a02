//! Telephone calls: `sip` signals, `media` carries the voices, `detect` tells what is heard.

pub mod detect;
pub mod media;
pub mod sip;
pub mod words;
