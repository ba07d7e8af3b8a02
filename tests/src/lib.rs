//! What the end-to-end tests share: the built program and its servers ([`program`], [`server`]), a client
//! that speaks plain HTTP ([`http`], [`client`]) and one that follows the feed ([`follower`]), an installation
//! with tenants in it ([`installation`]), a browser ([`browser`]), recordings as clients hear them ([`recording`]), a server that recognises and speaks ([`speech_peer`]), hosts on networks of their
//! own ([`namespaces`]), servers on small disks of their own ([`small_disk`]), what is looked for in all logs at the end
//! ([`kept_logs`]), and patterns for answers ([`matching`]).
//!
//! Nothing here links the product: what is tested is the program that users run. Every process that a test
//! starts is ended by its id when its handle is dropped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "only tests use this crate: what cannot be prepared fails the test that asked for it"
)]

pub mod browser;
pub mod callees;
pub mod client;
pub mod follower;
pub mod http;
pub mod installation;
pub mod kept_logs;
pub mod matching;
pub mod namespaces;
pub mod output;
pub mod program;
pub mod recording;
pub mod server;
pub mod small_disk;
pub mod speech_peer;
pub mod wait;

pub use browser::Browser;
pub use client::{Client, Credentials};
pub use installation::{Installation, Tenant};
pub use server::{Demo, Server};
pub use speech_peer::SpeechPeer;
