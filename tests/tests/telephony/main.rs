//! Calls over SIP and RTP, all of it the real binary: callees on one side, a server with lines to them on the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod calls;
mod company;
mod demo;
mod disk;
mod doctor;
mod killed;
mod network;
mod secrets;
