//! What is kept: backups that a new installation is made from, data that goes when its days are over or when a person asks,
//! and data that a company takes away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod backup;
mod export;
mod retention;
mod site;
