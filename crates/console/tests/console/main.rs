//! The console over a store in memory: every page as users of each role see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot be prepared fails the test that asked for it"
)]

mod audit;
mod call;
mod companies;
mod integration;
mod languages;
mod lines;
mod numbers;
mod overview;
mod reports;
mod scenes;
mod signing_in;
mod tasks;
mod users;
mod walk;
mod world;
