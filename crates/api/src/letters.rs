//! Callbacks as they go over the wire: written and signed when they are sent, from what the store knows then.

use std::collections::HashMap;
use std::sync::Arc;

use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CallId, RobotId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::callback::delivery::Due;
use hutong_store::key::{AppKey, Edition};
use hutong_store::task::Task;
use hutong_store::vault::VaultError;
use hutong_store::{Db, call, regrade, robot, task};
use serde::Serialize;
use thiserror::Error;

use crate::app::{Api, App};
use crate::auth::sign;
use crate::json;
use crate::wire::callback::{Callback, ChangedCall, FinishedCall, FinishedCallFacts, MovedTask, Sent};

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

impl From<json::Error> for LetterError {
    fn from(error: json::Error) -> Self {
        Self::Json(error.to_string())
    }
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

    /// Reads what has to be known for each of these; none where what one is about is not kept any more.
    ///
    /// # Errors
    /// [`LetterError::Store`].
    pub async fn drafts(&self, due: Vec<Due>) -> Result<Vec<Option<LetterDraft>>, LetterError> {
        let read = move |db: &mut Db| {
            let mut known = Known::default();
            due.into_iter().map(|due| Ok(known.subject(db, &due)?.map(|about| (due, about)))).collect()
        };
        let read: Vec<Option<(Due, About)>> = self.api.store.read_snapshot(read).await?;
        let draft = |(due, about)| LetterDraft { api: self.api.clone(), due, about };
        Ok(read.into_iter().map(|read| read.map(draft)).collect())
    }
}

/// A callback about which everything is known but when it is sent, and who signs.
pub struct LetterDraft {
    api: Arc<Api>,
    due: Due,
    about: About,
}

/// What a callback is about.
enum About {
    Call(Box<FinishedCallFacts>),
    Change,
    Task(Box<Task>),
}

impl LetterDraft {
    /// The callback as it is sent at `now`, signed with the key.
    ///
    /// # Errors
    /// [`LetterError`], but not that of the store.
    pub fn write(self, key: Option<&AppKey>, now: Moment) -> Result<WrittenLetter, LetterError> {
        let Self { api, due, about } = self;
        let signature = match key {
            Some(key) => Some(sign(&key.app_key, &api.vault.open(&key.sealed_secret)?, now)),
            None => None,
        };
        let body = match about {
            About::Call(facts) => {
                let header = |name| {
                    let headers = signature.iter().flatten();
                    headers.clone().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
                };
                let sent = Sent {
                    edition: key.map_or(Edition::May2018, |key| key.edition),
                    date_time: header("datetime").unwrap_or_default(),
                    sign: header("sign").unwrap_or_default(),
                };
                body(due.name.kind, &FinishedCall::new(&due, *facts, sent, &api)?)?
            }
            About::Change => body(due.name.kind, &ChangedCall::new(&due))?,
            About::Task(task) => body(due.name.kind, &MovedTask::new(*task, &due.detail, &api))?,
        };
        Ok(WrittenLetter { body, headers: signature.into_iter().flatten().collect() })
    }
}

/// What the callbacks of one read have in common.
#[derive(Default)]
struct Known {
    industries: HashMap<RobotId, String>,
    finished: HashMap<TaskId, bool>,
}

impl Known {
    fn subject(&mut self, db: &mut Db, due: &Due) -> hutong_store::Result<Option<About>> {
        let company = due.company;
        Ok(match due.name.kind {
            CallbackKind::Call => self.call(db, due)?.map(|facts| About::Call(Box::new(facts))),
            CallbackKind::ManualChange => Some(About::Change),
            CallbackKind::Task => {
                task::find(db, company, TaskId(due.name.subject))?.map(|it| About::Task(Box::new(it)))
            }
        })
    }

    fn call(&mut self, db: &mut Db, due: &Due) -> hutong_store::Result<Option<FinishedCallFacts>> {
        let (company, call) = (due.company, CallId(due.name.subject));
        let Some(view) = call::find(db, company, call)? else { return Ok(None) };
        // Nothing else changes the record of a finished call.
        let is_judged = view.record.as_ref().is_some_and(|record| record.modified_at > record.created_at);
        let judged = if is_judged { regrade::of_call(db, company, call)? } else { Vec::new() };
        let industry = match self.industries.get(&view.robot) {
            Some(known) => known.clone(),
            None => {
                let found = robot::find(db, company, view.robot)?.map_or_else(String::new, industry);
                self.industries.entry(view.robot).or_insert(found).clone()
            }
        };
        let job_finished = match self.finished.get(&due.task) {
            Some(known) => *known,
            None => {
                // A call placed by itself is all that there was to do.
                let finished = due.task == TaskId(0)
                    || task::find(db, company, due.task)?.is_none_or(|task| task.status.is_final());
                *self.finished.entry(due.task).or_insert(finished)
            }
        };
        Ok(Some(FinishedCallFacts { view, industry, judged, job_finished }))
    }
}

/// The industry by its narrower name, where it has one.
fn industry(robot: robot::Robot) -> String {
    if robot.industry_two.is_empty() { robot.industry_one } else { robot.industry_two }
}

fn body(kind: CallbackKind, data: &impl Serialize) -> Result<String, LetterError> {
    let mut body = String::with_capacity(BODY_BYTES);
    json::write(&mut body, &Callback::new(kind, data))?;
    Ok(body)
}
