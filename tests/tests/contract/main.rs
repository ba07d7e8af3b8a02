//! The contract as files: requests and what they have to be answered with, in `tests/contract/`, replayed
//! against the real program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod coverage;
mod fixture;
mod replay;
mod seed;
mod shown;
mod stage;
