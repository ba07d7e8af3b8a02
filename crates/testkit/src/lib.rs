//! What tests share: a store of their own on every engine ([`TestStore`]), a clock that stands still
//! ([`ManualClock`]), and a company with a campaign to begin with ([`Fixture`]).
//!
//! Nothing here is shared between two tests but the template that PostgreSQL's data folders are copied
//! from: each test has its own folder, its own server and its own socket, so that all run at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use this crate: what cannot be prepared fails the test that asked for it"
)]

pub mod clock;
mod conformance;
pub mod fixture;
pub mod postgres;
pub mod receiver;
pub mod recount;
pub mod store;

pub use clock::ManualClock;
pub use conformance::conform;
pub use fixture::Fixture;
pub use store::{Engine, Place, TestStore};
