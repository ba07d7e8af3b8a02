//! The open API of hutong: who may call it, what it understands, and what it answers.
//!
//! All routes stand in `router.rs`. An operation is a file under `operations/`; what goes over the wire is
//! described in `wire/` and never leaves this crate; what old clients do differently is in `compat/`.
//!
//! **Invariant**: a request reads and changes nothing of a company that its key is not bound to, or its person does not
//! reach. Operations get a [`hutong_domain::ids::CompanyId`] from the caller only, which hands out those of its key or
//! person. A person does nothing that their role does not include.

mod answer;
mod app;
mod auth;
mod compat;
mod docs;
mod inside;
mod json;
mod letters;
mod operations;
mod recording;
mod request;
mod router;
mod server;
mod wire;

pub use app::{App, ConnectionLimits, Limits};
pub use auth::{Peer, sign};
pub use inside::{Answered, Inside, Person, Refused};
pub use letters::{CallbackLetters, LetterDraft, LetterError, WrittenLetter};
pub use operations::health::{Condition, look};
pub use recording::{LookedUp, NoRecordings, ReadError, RecordingFile, RecordingFiles, Recordings};
pub use router::router;
pub use server::{Listener, Tls, client, serve};
