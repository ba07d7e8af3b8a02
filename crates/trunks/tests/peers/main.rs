//! Calls on trunks on loopback: those that others wrote (sipp, Kamailio, baresip), and the callee farm.
//!
//! Each test starts what it needs on ports of its own, with the data in `tests/peers/sip`, and ends it by its id.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says then what the peers said"
)]

mod baresip;
mod bench;
mod bridges;
mod farm;
mod kamailio;
mod network;
mod process;
mod sessions;
mod sipp;
mod sound;
mod tls;
mod transfers;
