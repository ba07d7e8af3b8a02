//! Signalling: a user agent that places and takes calls over UDP, TCP and TLS (RFC 3261).
//!
//! [`UserAgent`] owns the sockets. [`UserAgent::place`] gives an [`OutgoingCall`], whoever calls us is an
//! [`IncomingCall`]; both tell what happens as [`Signal`]s, and the last one is always one [`Ended`]. The library
//! that speaks the protocol is named in this module alone.

mod agent;
mod authorities;
mod call;
mod clock;
mod connections;
mod datagrams;
pub(crate) mod fuzzing;
mod header;
mod in_call;
mod incoming;
mod listener;
mod outgoing;
mod ping;
mod registration;
mod session_timer;
mod transfer;
mod trunk;

pub use agent::{AgentStats, Listen, UserAgent};
pub use authorities::Authorities;
pub use call::{Ended, EndedBy, Reply, Request, SessionChange, Signal, SipError};
pub use incoming::{IncomingCall, Refusal};
pub use outgoing::OutgoingCall;
pub use registration::RegistrationState;
pub use transfer::{ReferRequest, Referred};
pub use trunk::{CallerId, Number, Rewrite, Secret, Srtp, Transport, Trunk, TrunkError};
