//! The console: what operators use all day, at `/` of the same server.
//!
//! Pages are rendered on the server, from the store's own functions, so every number equals the API's. What is changed
//! goes through the operations of the API where it has one. Pages are alive by htmx and server-sent events; nothing comes
//! from elsewhere, and no page runs a script of its own: the policy of every page forbids it (`page.rs`).
//!
//! **Invariant**: a handler gets at a company through `visitor::Visit` only, which hands out those that the user
//! reaches; and a request that changes something carries the session's second token, or is refused (`guard.rs`).

mod assets;
mod charts;
mod equipment;
mod error;
mod form;
mod guard;
mod import;
mod installation;
mod live;
mod page;
mod pages;
mod paging;
mod router;
mod sheet;
mod ui;
mod visitor;
mod words;

use std::sync::Arc;

use hutong_accounts::Accounts;
use hutong_api::{App, Inside};
use hutong_dialer::mind::Mind;
use hutong_scenes::Studio;
use tokio::sync::watch;

pub use equipment::{Equipment, Recogniser, SpeechServers, Tell, TrunkState, Understood};
pub use installation::Installation;
pub use router::router;

/// What the console works with.
#[derive(Clone)]
pub struct Console {
    /// What the API works with.
    pub app: Arc<App>,
    /// The API's operations, for what is changed.
    pub inside: Inside,
    /// Who may sign in.
    pub accounts: Accounts,
    /// What only the binary knows.
    pub installation: Arc<Installation>,
    /// What scenes are published with.
    pub studio: Studio,
    /// Who is asked what the rules of a scene do not understand.
    pub mind: Option<Arc<dyn Mind>>,
    /// Whether browsers come by https: then cookies go nowhere else.
    pub is_https: bool,
    /// Becomes true when the server stops: streams to browsers end then.
    pub stopped: watch::Receiver<bool>,
}
