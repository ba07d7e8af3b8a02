//! Carries campaigns out: claims the calls that may be dialled, dials them, lets the scene talk, and
//! records how they ended.
//!
//! A call is one chain of states: *claimed* (a committed attempt) → *dialling* → *talking* → *ended* →
//! *finished* (in the store). [`scheduler`] makes claims, [`session`] lives one call, [`mod@line`] is what
//! carries it. Time and tasks come from a [`runtime::Runtime`], so that the same code runs a campaign in
//! real time and a whole day of it in a moment.

pub mod lease;
pub mod line;
pub mod mind;
pub mod runtime;
pub mod scheduler;
pub mod session;
pub mod simulated;
pub mod virtual_time;

pub use runtime::{Runtime, SystemRuntime};
pub use scheduler::{Dialer, Parts, Phase, Settings};
