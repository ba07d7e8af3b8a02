//! The line driver over SIP: trunks, and the calls that the dialer places on them.
//!
//! [`trunks`] knows the trunks of the store and whether they are there, [`call`] is one call with its voices, and
//! [`settings`] is what a line's row says about its trunk.

pub mod announcements;
mod bridges;
pub mod call;
mod hearing;
mod machine;
mod quiet;
pub mod settings;
mod speech;
pub mod trial;
pub mod trunks;
mod voices;
mod way;

pub use announcements::KnownAnnouncements;
pub use call::{Carrier, TrunkLine};
pub use speech::Speech;
pub use trunks::{TrunkState, Trunks};
pub use voices::SceneVoices;
