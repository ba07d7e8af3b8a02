//! A number is forgotten in every table, some calls at a time.

use hutong_domain::audit::Action;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::phone::{PhoneNumber, mask_all, spellings};
use serde_json::json;

use super::{Blacklisted, CALLS_MAX, Forgotten, Traces, forget_calls, forget_rest, in_progress, traces};
use crate::audit::{By, Object};
use crate::error::Result;
use crate::pool::{IdKind, Store};

/// Calls may be added while a number is forgotten: it is looked for again, so often at most.
const ROUNDS_MAX: usize = 3;

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    spellings: Vec<String>,
    company: Option<CompanyId>,
    blacklisted: Blacklisted,
}

/// What came of forgetting a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is kept of it any more.
    Done(Forgotten),
    /// A call to it is in progress; what was forgotten before that was seen stays so.
    InProgress {
        /// Whose call it is.
        company: CompanyId,
        /// The call, where it was there from the beginning.
        call: Option<CallId>,
    },
}

impl Wanted {
    /// Everything that is kept of a number in whatever spelling: of this company alone, or of all.
    #[must_use]
    pub fn new(phone: &PhoneNumber, company: Option<CompanyId>, blacklisted: Blacklisted) -> Self {
        Self { spellings: spellings(phone), company, blacklisted }
    }

    /// Forgets it, and writes that into the audit log of each company, without the number.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, store: &Store, by: &By) -> Result<Outcome> {
        let mut forgotten = Forgotten::default();
        for round in 0..ROUNDS_MAX {
            let (spellings, company) = (self.spellings.clone(), self.company);
            let found =
                store.read(move |db| Ok((in_progress(db, &spellings, company)?, traces(db, &spellings, company)?)));
            let (busy, traces) = found.await?;
            if let Some(busy) = busy {
                return Ok(Outcome::InProgress { company: busy.company, call: Some(busy.call) });
            }
            let is_last = traces.iter().all(|it| it.calls.is_empty() && it.customers.is_empty());
            // What has neither is looked at once: the blacklist would be emptied, and written about, again.
            if is_last && round > 0 {
                break;
            }
            for of_company in traces {
                let company = of_company.company;
                match self.forget_in(store, of_company, by).await? {
                    Some(more) => forgotten.add(more),
                    None => return Ok(Outcome::InProgress { company, call: None }),
                }
            }
            if is_last {
                break;
            }
        }
        Ok(Outcome::Done(forgotten))
    }

    /// None where a call has begun meanwhile.
    async fn forget_in(&self, store: &Store, traces: Traces, by: &By) -> Result<Option<Forgotten>> {
        let Traces { company, calls, customers } = traces;
        let (mut forgotten, now) = (Forgotten::default(), by.at);
        for chunk in calls.chunks(CALLS_MAX) {
            // Calls that wait finish, with one result each.
            let first_id = store.reserve(IdKind::CallResult, chunk.len()).await?;
            let chunk = chunk.to_vec();
            match store.write(company, move |db| forget_calls(db, company, &chunk, first_id, now)).await? {
                Some(done) => forgotten.add(done),
                None => return Ok(None),
            }
        }
        let (spellings, blacklisted) = (self.spellings.clone(), self.blacklisted);
        let (by, calls) = (by.clone(), forgotten.clone());
        let rest = store.write(company, move |db| {
            let rest = forget_rest(db, company, &spellings, &customers, blacklisted)?;
            let mut all = calls.clone();
            all.add(rest.clone());
            if all != Forgotten::default() {
                by.note(db, Action::NumberForget, &Object::Company(company), None, Some(counts(&spellings, &all)))?;
            }
            Ok(rest)
        });
        forgotten.add(rest.await?);
        Ok(Some(forgotten))
    }
}

/// What was deleted, without the number.
fn counts(spellings: &[String], forgotten: &Forgotten) -> serde_json::Value {
    let Forgotten { customers, calls, waiting, transcripts, recordings, blacklisted, dialled_days, callbacks, texts } =
        forgotten;
    json!({
        "number": spellings.first().map(|number| mask_all(number)), "customers": customers, "calls": calls,
        "waiting": waiting, "transcripts": transcripts, "recordings": recordings.len(), "blacklisted": blacklisted,
        "dialled_days": dialled_days, "callbacks": callbacks, "texts": texts,
    })
}
