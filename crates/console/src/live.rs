//! Pages that stay true by themselves: server-sent events with parts of pages, sent when they differ from before.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::error::Result;
use crate::router::Shared;

/// Streams that are open at once; more browsers get none, and their pages stay as they are until they are loaded again.
pub(crate) const STREAMS_MAX: usize = 256;
/// How often a page is looked at again.
const EVERY: Duration = Duration::from_secs(2);
/// Well below the time for which a connection may be silent.
const KEPT_ALIVE: Duration = Duration::from_secs(15);
/// What tells a browser to stop, and not to come back: the session has ended.
const ENDED: &str = "ended";

/// What is to be sent now: parts of the page, each under the name of its place.
pub(crate) type Parts = Vec<(&'static str, String)>;

struct State<Render> {
    shared: Arc<Shared>,
    token: Arc<str>,
    render: Render,
    ticks: Interval,
    sent: Parts,
    waiting: Vec<Event>,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
}

/// A stream of what `render` gives, for as long as the session lasts and the server runs.
pub(crate) fn stream<Render, Rendered>(shared: &Arc<Shared>, token: &Arc<str>, render: Render) -> Response
where
    Render: Fn() -> Rendered + Send + 'static,
    Rendered: Future<Output = Result<Parts>> + Send,
{
    let Ok(permit) = shared.streams.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State {
        shared: shared.clone(),
        token: token.clone(),
        render,
        ticks,
        sent: Vec::new(),
        waiting: Vec::new(),
        is_over: false,
        _permit: permit,
    };
    let events = stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((Ok::<_, Infallible>(event), state))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEPT_ALIVE)).into_response()
}

impl<Render, Rendered> State<Render>
where
    Render: Fn() -> Rendered + Send,
    Rendered: Future<Output = Result<Parts>> + Send,
{
    async fn next(&mut self) -> Option<Event> {
        let mut stopped = self.shared.stopped.clone();
        while self.waiting.is_empty() {
            if self.is_over {
                return None;
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return None,
                _ = self.ticks.tick() => {}
            }
            self.look().await;
        }
        self.waiting.pop()
    }

    /// Looking at a page by itself does not keep a session alive.
    async fn look(&mut self) {
        let lasts = match self.shared.accounts.lasts(&self.token).await {
            Ok(lasts) => lasts,
            Err(error) => return tracing::warn!(%error, "a page of the console could not be kept true"),
        };
        if !lasts {
            self.is_over = true;
            self.waiting.push(Event::default().event(ENDED).data(""));
            return;
        }
        match (self.render)().await {
            Ok(parts) => {
                let changed = parts.iter().filter(|part| !self.sent.contains(part));
                self.waiting = changed.map(|(place, html)| Event::default().event(*place).data(html)).collect();
                self.sent = parts;
            }
            Err(error) => tracing::warn!(%error, "a page of the console could not be kept true"),
        }
    }
}
