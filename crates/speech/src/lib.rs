//! Hearing and speaking: clients of recognisers, of voices, and of a model that understands what rules do not.

pub mod fuzzing;
pub mod loudness;
pub mod mind;
pub mod recogniser;
pub mod server;
mod tls;
pub mod voice;
