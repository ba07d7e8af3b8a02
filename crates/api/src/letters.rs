//! Callbacks as they go over the wire: written and signed when they are sent, from what the store knows then.

use std::collections::HashMap;
use std::sync::Arc;

use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CallId, RobotId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::callback::delivery::Due;
use hutong_store::key::{AppKey, Edition, Secret};
use hutong_store::vault::VaultError;
use hutong_store::{Db, call, regrade, robot, task};
use serde::Serialize;
use thiserror::Error;

use crate::app::{Api, App};
use crate::auth::sign;
use crate::json;
use crate::wire::callback::{Callback, ChangedCall, FinishedCall, FinishedCallFacts, MovedTask};

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

    /// Drafts callbacks, each to be signed with a key where its company has one; none where what one is about is not kept
    /// any more.
    ///
    /// # Errors
    /// [`LetterError`].
    pub async fn drafts(&self, due: Vec<(Due, Option<Arc<AppKey>>)>) -> Result<Vec<Option<LetterDraft>>, LetterError> {
        let api = self.api.clone();
        // Drafted where it is read, one after the other: what was read for one stands in no cache any more when all are.
        let draft = move |db: &mut Db| {
            let mut known = Known::default();
            due.iter().map(|(due, key)| known.draft(db, &api, due, key.as_deref())).collect::<Vec<_>>()
        };
        let drafts = self.api.store.read_snapshot(move |db| Ok(draft(db))).await?;
        drafts.into_iter().collect()
    }
}

/// A callback of which everything is written but when it is sent.
pub struct LetterDraft {
    kind: CallbackKind,
    signer: Option<Arc<Signer>>,
    about: About,
}

/// Who signs.
struct Signer {
    app_key: String,
    secret: Secret,
}

/// What a callback says.
enum About {
    Call(Box<FinishedCall>),
    Change(ChangedCall),
    Task(Box<MovedTask>),
}

impl LetterDraft {
    /// The callback as it is sent at `now`.
    ///
    /// # Errors
    /// [`LetterError::Json`].
    pub fn write(self, now: Moment) -> Result<WrittenLetter, LetterError> {
        let Self { kind, signer, about } = self;
        let signature = signer.map(|signer| sign(&signer.app_key, &signer.secret, now));
        let body = match about {
            About::Call(call) => {
                let header = |name| {
                    let headers = signature.iter().flatten();
                    headers.clone().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
                };
                let (date_time, sign) = (header("datetime").unwrap_or_default(), header("sign").unwrap_or_default());
                body(kind, &call.sent(date_time, sign))?
            }
            About::Change(change) => body(kind, &change)?,
            About::Task(task) => body(kind, &task)?,
        };
        Ok(WrittenLetter { body, headers: signature.into_iter().flatten().collect() })
    }
}

/// What the callbacks of one read have in common.
#[derive(Default)]
struct Known {
    industries: HashMap<RobotId, String>,
    finished: HashMap<TaskId, bool>,
    signers: HashMap<String, Arc<Signer>>,
}

impl Known {
    fn draft(
        &mut self,
        db: &mut Db,
        api: &Api,
        due: &Due,
        key: Option<&AppKey>,
    ) -> Result<Option<LetterDraft>, LetterError> {
        let (company, kind) = (due.company, due.name.kind);
        let about = match kind {
            CallbackKind::Call => {
                let edition = key.map_or(Edition::May2018, |key| key.edition);
                match self.call(db, due)? {
                    Some(facts) => Some(About::Call(Box::new(FinishedCall::new(due, facts, edition, api)?))),
                    None => None,
                }
            }
            CallbackKind::ManualChange => Some(About::Change(ChangedCall::new(due))),
            CallbackKind::Task => task::find(db, company, TaskId(due.name.subject))?
                .map(|task| About::Task(Box::new(MovedTask::new(task, &due.detail, api)))),
        };
        let signer = key.map(|key| self.signer(api, key)).transpose()?;
        Ok(about.map(|about| LetterDraft { kind, signer, about }))
    }

    fn signer(&mut self, api: &Api, key: &AppKey) -> Result<Arc<Signer>, LetterError> {
        if let Some(known) = self.signers.get(&key.app_key) {
            return Ok(known.clone());
        }
        let signer = Signer { app_key: key.app_key.clone(), secret: api.vault.open(&key.sealed_secret)? };
        Ok(self.signers.entry(key.app_key.clone()).or_insert(Arc::new(signer)).clone())
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
