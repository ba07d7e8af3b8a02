//! How well voices are told from other sounds, and where utterances begin and end: a labelled set, made from the audio
//! that hutong ships, and what a line does to it. The figures are printed: `--no-capture` shows them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and its figures are printed")]

mod figures;
mod levels;
mod set;
mod sounds;
mod voices;
