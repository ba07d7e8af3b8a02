//! The command line: what every command says, does, and exits with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod accounts;
mod commands;
mod configuration;
mod export;
mod help;
mod scenes;
mod secrets;
mod stopping;
