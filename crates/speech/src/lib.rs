//! Hearing and speaking: whether somebody talks and where an utterance ends.

pub mod endpoint;
pub mod vad;
