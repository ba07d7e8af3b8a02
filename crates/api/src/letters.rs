//! Callbacks as they go over the wire: written and signed when they are sent, from what the store knows then.

use std::sync::Arc;

use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CallId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::callback::delivery::Due;
use hutong_store::key::{AppKey, Edition};
use hutong_store::vault::VaultError;
use hutong_store::{call, regrade, robot, task};
use serde::Serialize;
use thiserror::Error;

use crate::app::{Api, App};
use crate::auth::sign;
use crate::json;
use crate::wire::callback::{About, Callback, ChangedCall, FinishedCall, MovedTask};

/// Room for most callbacks.
const BODY_BYTES: usize = 8192;

/// Why a callback could not be written.
#[derive(Debug, Error)]
pub enum LetterError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hutong_store::Error),
    /// The key's secret cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It has no form in JSON.
    #[error("it has no form in JSON: {0}")]
    Json(String),
}

/// A callback, written and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLetter {
    /// JSON.
    pub body: String,
    /// `appkey`, `datetime` and `sign`; none where the company has no key.
    pub headers: Vec<(&'static str, String)>,
}

/// Writes callbacks.
pub struct CallbackLetters {
    api: Arc<Api>,
}

impl CallbackLetters {
    /// With what the API itself works with.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { api: Arc::new(Api::new(app)) }
    }

    /// The callback as it is sent at `now`, signed with the key; none where what it is about is not kept any more.
    ///
    /// # Errors
    /// [`LetterError`].
    pub async fn write(
        &self,
        due: &Due,
        key: Option<&AppKey>,
        now: Moment,
    ) -> Result<Option<WrittenLetter>, LetterError> {
        let headers = match key {
            Some(key) => sign(&key.app_key, &self.api.vault.open(&key.sealed_secret)?, now).to_vec(),
            None => Vec::new(),
        };
        let body = match due.name.kind {
            CallbackKind::Call => self.finished_call(due, key, &headers).await?,
            CallbackKind::ManualChange => Some(body(due.name.kind, &ChangedCall::new(due))?),
            CallbackKind::Task => self.moved_task(due).await?,
        };
        Ok(body.map(|body| WrittenLetter { body, headers }))
    }

    async fn finished_call(
        &self,
        due: &Due,
        key: Option<&AppKey>,
        headers: &[(&'static str, String)],
    ) -> Result<Option<String>, LetterError> {
        let (company, call, task) = (due.company, CallId(due.name.subject), due.task);
        let read = self.api.store.read(move |db| {
            let Some(view) = call::find(db, company, call)? else { return Ok(None) };
            let judged = regrade::of_call(db, company, call)?;
            let robot = robot::find(db, company, view.robot)?;
            // A call placed by itself is all that there was to do.
            let job_finished =
                task == TaskId(0) || task::find(db, company, task)?.is_none_or(|it| it.status.is_final());
            Ok(Some((view, judged, robot, job_finished)))
        });
        let Some((view, judged, robot, job_finished)) = read.await? else { return Ok(None) };
        let header = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let about = About {
            due,
            industry: robot.map_or_else(String::new, industry),
            judged: &judged,
            job_finished,
            edition: key.map_or(Edition::May2018, |key| key.edition),
            date_time: header("datetime").unwrap_or_default(),
            sign: header("sign").unwrap_or_default(),
        };
        body(due.name.kind, &FinishedCall::new(view, about, &self.api)).map(Some)
    }

    async fn moved_task(&self, due: &Due) -> Result<Option<String>, LetterError> {
        let (company, id) = (due.company, TaskId(due.name.subject));
        let Some(task) = self.api.store.read(move |db| task::find(db, company, id)).await? else { return Ok(None) };
        body(due.name.kind, &MovedTask::new(task, &due.detail, &self.api)).map(Some)
    }
}

/// The industry by its narrower name, where it has one.
fn industry(robot: robot::Robot) -> String {
    if robot.industry_two.is_empty() { robot.industry_one } else { robot.industry_two }
}

fn body(kind: CallbackKind, data: &impl Serialize) -> Result<String, LetterError> {
    let mut body = String::with_capacity(BODY_BYTES);
    json::write(&mut body, &Callback::new(kind, data)).map_err(|error| LetterError::Json(error.to_string()))?;
    Ok(body)
}
