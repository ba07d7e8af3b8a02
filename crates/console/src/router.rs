//! Every page of the console on one page.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hutong_store::scenes::Scenes;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::import::Lists;
use crate::live::STREAMS_MAX;
use crate::pages::{call, home, overview, sign_in, tasks};
use crate::{Console, assets, guard};

/// Bytes of a request: lists of numbers are uploaded.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What all pages share.
pub(crate) struct Shared {
    console: Console,
    /// One permit for each stream of events.
    pub(crate) streams: Arc<Semaphore>,
    /// Lists of numbers on their way into tasks.
    pub(crate) lists: Lists,
    /// Published scenes that were parsed.
    pub(crate) scenes: Scenes,
}

impl Deref for Shared {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

/// The console, with `/` and everything that nobody else answers.
pub fn router(console: Console) -> Router {
    let scenes = Scenes::new(console.app.store.clone());
    let shared =
        Arc::new(Shared { console, streams: Arc::new(Semaphore::new(STREAMS_MAX)), lists: Lists::default(), scenes });
    pages()
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::NotFound })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(shared.clone(), guard::around))
        .route("/assets/{name}", get(assets::asset))
        .with_state(shared)
}

fn pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(home::home))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/look", post(sign_in::look))
        // What happens now.
        .route("/c/{company}/overview", get(overview::page))
        .route("/c/{company}/overview/live", get(overview::live))
        // What happened.
        .route("/c/{company}/calls/{call}", get(call::page))
        .route("/c/{company}/calls/{call}/results", post(call::judge))
        .route("/c/{company}/calls/{call}/note", post(call::set_note))
        .route("/c/{company}/calls/{call}/read", post(call::mark_read))
        .merge(tasks())
}

/// Tasks: what is dialled, how, and what came of it.
fn tasks() -> Router<Arc<Shared>> {
    Router::new()
        .route("/c/{company}/tasks", get(tasks::list::page))
        .route("/c/{company}/tasks/live", get(tasks::list::live))
        .route("/c/{company}/tasks/bulk", post(tasks::commands::bulk))
        .route("/c/{company}/tasks/new", get(tasks::form::new).post(tasks::form::create))
        .route("/c/{company}/tasks/preview", post(tasks::form::preview))
        .route("/c/{company}/tasks/{task}", get(tasks::detail::page))
        .route("/c/{company}/tasks/{task}/live", get(tasks::detail::live))
        .route("/c/{company}/tasks/{task}/export.csv", get(tasks::export::csv))
        .route("/c/{company}/tasks/{task}/export.xlsx", get(tasks::export::xlsx))
        .route("/c/{company}/tasks/{task}/forecast", get(tasks::forecast::part))
        .route("/c/{company}/tasks/{task}/import", get(tasks::import::page).post(tasks::import::upload))
        .route("/c/{company}/tasks/{task}/import/stage", get(tasks::import::stage))
        .route("/c/{company}/tasks/{task}/import/check", post(tasks::import::look))
        .route("/c/{company}/tasks/{task}/import/start", post(tasks::import::start))
        .route("/c/{company}/tasks/{task}/import/stop", post(tasks::import::stop))
        .route("/c/{company}/tasks/{task}/import/refused.csv", get(tasks::import::refused))
        .route("/c/{company}/tasks/{task}/numbers", get(tasks::numbers::page))
        .route("/c/{company}/tasks/{task}/why/{call}", get(tasks::why::part))
        .route("/c/{company}/tasks/{task}/edit", get(tasks::form::edit).post(tasks::form::update))
        .route("/c/{company}/tasks/{task}/command/{command}", post(tasks::commands::one))
}
