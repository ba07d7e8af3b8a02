//! What nobody should send, sent to a running user agent: RFC 4475, floods, and trunks that misbehave. After each of it
//! the agent has to place and take calls as before, and to know nothing of it any more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "torture/agent.rs"]
mod agent;
#[path = "torture/datagrams.rs"]
mod datagrams;
#[path = "torture/messages.rs"]
mod messages;
#[path = "torture/streams.rs"]
mod streams;
#[path = "torture/tls.rs"]
mod tls;
#[path = "torture/trunk.rs"]
mod trunk;
#[path = "torture/trunks.rs"]
mod trunks;
