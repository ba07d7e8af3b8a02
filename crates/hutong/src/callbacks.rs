//! The configuration of callbacks, and what sends them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hutong_api::{App, CallbackLetters, LetterDraft, LetterError, WrittenLetter};
use hutong_callbacks::{Callbacks, Draft, Letter, Letters, NoLetter, Poster, Settings};
use hutong_domain::callback::ANSWER_TIME_MAX;
use hutong_store::callback::delivery::Due;
use hutong_store::key::AppKey;
use serde::Deserialize;

use crate::error::{Error, Result};

/// How often is looked for what is due: callbacks are written by every process, and by commands.
const LOOK: Duration = Duration::from_millis(200);
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbacksConfig {
    pub(crate) private_addresses: bool,
    in_flight_max: usize,
    tasks_at_once: usize,
    keep_days: u32,
}

impl CallbacksConfig {
    pub(crate) fn check(&self) -> Result<()> {
        for (key, value) in [("in_flight_max", self.in_flight_max), ("tasks_at_once", self.tasks_at_once)] {
            if !(1..=100_000).contains(&value) {
                return Err(Error::config(&format!("callbacks.{key}"), "must be from 1 to 100000"));
            }
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        Settings {
            private_addresses: self.private_addresses,
            in_flight_max: self.in_flight_max,
            tasks_at_once: self.tasks_at_once,
            keep: (self.keep_days > 0).then(|| DAY * self.keep_days),
            look: LOOK,
            answer_time_max: ANSWER_TIME_MAX,
        }
    }

    /// Sends trials as callbacks are sent.
    pub(crate) fn poster(&self) -> Result<Poster> {
        Poster::new(&self.settings()).map_err(|error| Error::Failed(format!("callbacks: {error}")))
    }

    /// Sends callbacks until `stop` is done.
    pub(crate) fn run(
        &self,
        app: &Arc<App>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<impl Future<Output = ()> + Send + 'static> {
        let letters = Arc::new(OfApi(CallbackLetters::new(app.clone())));
        let node = {
            let app = app.clone();
            Arc::new(move || (app.node)())
        };
        let callbacks = Callbacks::new(app.store.clone(), app.clock.clone(), letters, node, self.settings());
        let callbacks = callbacks.map_err(|error| Error::Failed(format!("callbacks: {error}")))?;
        Ok(callbacks.run(stop))
    }
}

/// What the API writes, for what sends it.
struct OfApi(CallbackLetters);

impl Letters for OfApi {
    fn drafts(
        &self,
        due: Vec<(Due, Option<Arc<AppKey>>)>,
    ) -> BoxFuture<'_, std::result::Result<Vec<Option<Draft>>, NoLetter>> {
        Box::pin(async move {
            let failed = |error: LetterError| NoLetter(error.to_string());
            let write = move |draft: LetterDraft| -> Draft {
                Box::new(move |now| {
                    let WrittenLetter { body, headers } = draft.write(now).map_err(failed)?;
                    Ok(Letter { body, headers })
                })
            };
            let drafts = self.0.drafts(due).await.map_err(failed)?;
            Ok(drafts.into_iter().map(|draft| draft.map(write)).collect())
        })
    }
}
