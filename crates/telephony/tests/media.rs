//! Two engines talk to each other over the loopback interface, or over a relay that loses and delays.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod media {
    mod agreements;
    mod bridges;
    mod digits;
    mod network;
    pub(crate) mod peers;
    mod ports;
    pub(crate) mod relay;
    mod voices;
}
