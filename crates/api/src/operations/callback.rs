//! Callbacks that could not be delivered.

pub(crate) mod undelivered;
