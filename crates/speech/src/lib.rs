//! Hearing and speaking: whether somebody talks and where an utterance ends, and clients of recognisers, of voices, and of
//! a model that understands what rules do not.

pub mod endpoint;
pub mod fuzzing;
pub mod loudness;
pub mod mind;
pub mod recogniser;
pub mod server;
mod tls;
pub mod vad;
pub mod voice;
