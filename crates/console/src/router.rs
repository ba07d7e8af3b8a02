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
use crate::live::STREAMS_MAX;
use crate::pages::numbers::staged::Imports;
use crate::pages::{call, home, numbers, overview, reports, sign_in};
use crate::{Console, assets, guard};

/// Bytes of a request: lists of numbers are uploaded.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What all pages share.
pub(crate) struct Shared {
    console: Console,
    /// One permit for each stream of events.
    pub(crate) streams: Arc<Semaphore>,
    /// Published scenes that were parsed.
    pub(crate) scenes: Scenes,
    /// Lists of numbers that were looked at and are to go onto the blacklist.
    pub(crate) imports: Imports,
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
    let streams = Arc::new(Semaphore::new(STREAMS_MAX));
    let shared = Arc::new(Shared { console, streams, scenes, imports: Imports::default() });
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
        .route("/c/{company}/reports", get(reports::page))
        .route("/c/{company}/reports/{extension}", get(reports::export))
        .merge(numbers())
}

/// Numbers, whatever task they are in.
fn numbers() -> Router<Arc<Shared>> {
    use crate::pages::numbers::{group, import};
    Router::new()
        .route("/c/{company}/numbers", get(numbers::page))
        .route("/c/{company}/numbers/block", post(numbers::block))
        .route("/c/{company}/numbers/unblock", post(numbers::unblock))
        .route("/c/{company}/numbers/first", post(numbers::first))
        .route("/c/{company}/numbers/forget", get(numbers::forget_what).post(numbers::forget))
        .route("/c/{company}/numbers/groups", post(numbers::make_group))
        .route("/c/{company}/numbers/groups/{group}", get(group::page))
        .route("/c/{company}/numbers/groups/{group}/add", post(group::add))
        .route("/c/{company}/numbers/groups/{group}/remove", post(group::remove))
        .route("/c/{company}/numbers/groups/{group}/rename", post(group::rename))
        .route("/c/{company}/numbers/groups/{group}/delete", post(group::delete))
        .route("/c/{company}/numbers/groups/{group}/export", get(group::export))
        .route("/c/{company}/numbers/groups/{group}/import", get(import::page).post(import::preview))
        .route("/c/{company}/numbers/groups/{group}/import/{token}", post(import::go_on))
}
