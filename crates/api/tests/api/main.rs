//! The API over a store in memory: every operation, every way in, and every oddity of the wire.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    reason = "what cannot be prepared fails the test that asked for it"
)]

mod audit;
mod auth;
mod blacklist;
mod commands;
mod company;
mod docs;
mod inside;
mod queries;
mod recordings;
mod tenants;
mod wire;
mod world;
