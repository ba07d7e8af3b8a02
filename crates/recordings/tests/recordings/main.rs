//! Recordings from the first frame to the address: on real files, with crashes, full disks and stores that fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot be prepared fails the test that asked for it"
)]

mod checkup;
mod crash;
mod disk;
mod load;
mod recorder;
mod s3;
mod store;
mod world;
