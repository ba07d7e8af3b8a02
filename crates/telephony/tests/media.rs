//! Two engines talk to each other over the loopback interface, or over a relay that loses and delays.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is not as it should be")]

mod media {
    pub(crate) mod peers;
    mod voices;
}
