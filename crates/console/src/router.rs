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
use crate::pages::{call, home, overview, scenes, sign_in};
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
    /// Voices of scenes that somebody listens to.
    pub(crate) voices: scenes::audio::OpenVoices,
    /// Work on scenes.
    pub(crate) jobs: scenes::Jobs,
    /// Conversations with scenes.
    pub(crate) talks: scenes::Talks,
}

impl Deref for Shared {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

/// The console, with `/` and everything that nobody else answers.
pub fn router(console: Console) -> Router {
    let shared = Arc::new(Shared {
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        scenes: Scenes::new(console.app.store.clone()),
        voices: scenes::audio::open_voices(),
        jobs: scenes::Jobs::default(),
        talks: scenes::Talks::default(),
        console,
    });
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
        .merge(scenes())
}

/// What robots say.
fn scenes() -> Router<Arc<Shared>> {
    use scenes::{audio, edit, jobs, list, publish, talk, unheard, versions, view};
    Router::new()
        .route("/c/{company}/scenes", get(list::page))
        .route("/c/{company}/scenes/new", get(edit::new))
        .route("/c/{company}/scenes/draft/check", post(edit::check))
        .route("/c/{company}/scenes/draft/preview", post(publish::preview))
        .route("/c/{company}/scenes/draft/publish", post(publish::publish))
        .route("/c/{company}/scenes/draft/jobs/{job}", get(jobs::part))
        .route("/c/{company}/scenes/draft/talk", post(talk::begin_draft))
        .route("/c/{company}/scenes/talks/{talk}", post(talk::next))
        .route("/c/{company}/scenes/{scene}", get(view::flow))
        .route("/c/{company}/scenes/{scene}/prompts", get(audio::page))
        .route("/c/{company}/scenes/{scene}/sound", get(audio::sound))
        .route("/c/{company}/scenes/{scene}/rules", get(view::rules))
        .route("/c/{company}/scenes/{scene}/text", get(view::text))
        .route("/c/{company}/scenes/{scene}/talk", get(talk::page).post(talk::begin))
        .route("/c/{company}/scenes/{scene}/unheard", get(unheard::page).post(unheard::handled))
        .route("/c/{company}/scenes/{scene}/versions", get(versions::page))
        .route("/c/{company}/scenes/{scene}/edit", get(edit::page))
}
