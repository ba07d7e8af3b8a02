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
use crate::pages::{audit, companies, home, me, overview, sign_in, users};
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
    let shared = Arc::new(Shared { console, streams: Arc::new(Semaphore::new(STREAMS_MAX)), scenes });
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
        .merge(installation_pages())
}

/// What belongs to the installation, and to oneself.
fn installation_pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me", get(me::page))
        .route("/me/password", post(me::set_password))
        .route("/me/sessions/{session}/end", post(me::end_session))
        .route("/audit", get(audit::page))
        .route("/audit.csv", get(audit::file))
        .route("/companies", get(companies::page).post(companies::create))
        .route("/companies/{company}", get(companies::one).post(companies::update))
        .route("/installation", get(companies::installation::page))
        .route("/users", get(users::page).post(users::create))
        .route("/users/new", get(users::new))
        .route("/users/{name}", get(users::one::page))
        .route("/users/{name}/role", post(users::one::set_role))
        .route("/users/{name}/companies", post(users::one::set_companies))
        .route("/users/{name}/password", post(users::one::set_password))
        .route("/users/{name}/enabled", post(users::one::set_enabled))
        .route("/users/{name}/sessions/{session}/end", post(users::one::end_session))
}
