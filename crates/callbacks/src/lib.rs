//! Delivers callbacks: what companies' integrators are told when a call has finished or a task has moved.
//! Per `callbacks.md`.
//!
//! What is to be told stands in the store's outbox, written with the fact itself; here it is sent until the receiver has
//! taken it, or the last attempt has failed. A company's callbacks are sent by one process at a time, on a *lane* of their
//! own, so that a receiver which is slow holds up nobody else. A process that dies in mid-way loses nothing: what it had
//! not recorded is sent once more.

mod client;
mod lane;
mod receiver;
mod sender;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use hutong_domain::moment::Moment;
use hutong_store::callback::delivery::Due;
use hutong_store::key::AppKey;

pub use client::{Poster, Reply, SetupError};
pub use receiver::{BadAddress, check_url, is_public};
pub use sender::{Callbacks, Settings};

/// Writes what callbacks say.
pub trait Letters: Send + Sync {
    /// What is known of each of these, read at once, to be signed with a key where the company has one; none where what
    /// one is about is not kept any more.
    ///
    /// # Errors
    /// When the store fails, or the key's secret cannot be opened.
    fn drafts(&self, due: Vec<(Due, Option<Arc<AppKey>>)>) -> BoxFuture<'_, Result<Vec<Option<Draft>>, NoLetter>>;
}

/// Writes a letter when it is sent.
pub type Draft = Box<dyn FnOnce(Moment) -> Result<Letter, NoLetter> + Send>;

/// A callback that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it says.
    pub body: String,
    /// Headers that say who sends it; none where the company has no key.
    pub headers: Vec<(&'static str, String)>,
}

/// Why a letter could not be written now.
#[derive(Debug, Clone)]
pub struct NoLetter(pub String);

impl fmt::Display for NoLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
