//! Results that a person has judged: the new value counts everywhere at once, and the old one is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use hutong_domain::audit::{Action, Actor};
use hutong_domain::call::{CallResult, CallStatus, INTENT_LEVEL};
use hutong_domain::ids::{CallId, CompanyId, SceneId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::regrading::{self, Refused};
use hutong_domain::report::Counts;
use hutong_domain::scene::Scene;
use serde_json::json;

use crate::audit::{By, Object};
use crate::callback::outbox;
use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::finish::{count_result, json as to_json, pairs, uncount_result};
use crate::scenes::Scenes;
use crate::{IdKind, Store, call_count, values};

/// What a person makes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The call.
    pub call: CallId,
    /// Which result of it.
    pub name: String,
    /// What it is from now on; none takes the result away.
    pub values: Vec<String>,
    /// Who says so, as they are called.
    pub by: String,
    /// Who it is that says so.
    pub actor: Actor,
    /// Why, if they say.
    pub note: String,
    /// When.
    pub at: Moment,
}

/// What came of a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It counts. The results of that name that it took the place of.
    Done {
        /// What stood there before.
        was: Vec<CallResult>,
    },
    /// The company has no such call.
    Unknown,
    /// The call has not finished.
    NotFinished(CallStatus),
    /// The scene that the call was made with does not define this.
    Refused(Refused),
}

/// A judgement that counted, and what it took the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regrade {
    /// Its id; later ones have greater ids.
    pub id: i64,
    /// Which result.
    pub name: String,
    /// The results of that name before.
    pub was: Vec<CallResult>,
    /// The results of that name from then on.
    pub became: Vec<CallResult>,
    /// Who said so.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
    /// When.
    pub at: Moment,
}

/// A finished call, as far as a judgement needs it.
struct Judged {
    task: TaskId,
    call_index: Option<i64>,
    scene: SceneId,
    scene_version: i64,
}

impl Store {
    /// The scene that a finished call was made with: it says what a person may make of the call. None when the company has
    /// no such call, or it has not finished.
    ///
    /// # Errors
    /// When the store fails, or holds a scene that cannot be read.
    pub async fn scene_of_call(&self, scenes: &Scenes, company: CompanyId, call: CallId) -> Result<Option<Arc<Scene>>> {
        match self.read(move |db| find(db, company, call)).await? {
            Ok(judged) => Ok(Some(scenes.get(company, judged.scene, judged.scene_version).await?)),
            Err(_) => Ok(None),
        }
    }

    /// Gives a result of a finished call the values that a person wants, if the scene that the call was made with
    /// defines them. It counts at once in what the call shows, the task's counts and the feed's filters.
    ///
    /// # Errors
    /// When the store fails, or holds a scene that cannot be read.
    pub async fn regrade(&self, scenes: &Scenes, company: CompanyId, judgement: Judgement) -> Result<Outcome> {
        let call = judgement.call;
        let judged = match self.read(move |db| find(db, company, call)).await? {
            Ok(judged) => judged,
            Err(outcome) => return Ok(outcome),
        };
        let scene = scenes.get(company, judged.scene, judged.scene_version).await?;
        if let Err(refused) = regrading::check(&scene, &judgement.name, &judgement.values) {
            return Ok(Outcome::Refused(refused));
        }
        let was = self.write(company, move |db| apply(db, company, &judged, &scene, &judgement)).await?;
        Ok(Outcome::Done { was })
    }
}

fn find(db: &mut Db, company: CompanyId, call: CallId) -> Result<std::result::Result<Judged, Outcome>> {
    let found = db.query_one(
        "SELECT c.id, c.status, c.task_id, c.call_index,
             CASE WHEN cr.scene_id > 0 THEN cr.scene_id ELSE COALESCE(t.scene_id, r.scene_id, 0) END,
             CASE WHEN cr.scene_id > 0 THEN cr.scene_version ELSE COALESCE(t.scene_version, s.latest_version, 0) END
         FROM call c
         LEFT JOIN call_record cr ON cr.company_id = ?1 AND cr.id = c.id
         LEFT JOIN task t ON t.company_id = ?1 AND t.id = c.task_id
         LEFT JOIN robot r ON r.company_id = ?1 AND r.id = c.robot_id
         LEFT JOIN scene s ON s.company_id = ?1 AND s.id = r.scene_id
         WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, call],
        |row| {
            let status = row.number(1, "call.status", CallStatus::from_number)?;
            let judged = Judged {
                task: TaskId(row.int(2)?),
                call_index: row.int_or_null(3)?,
                scene: SceneId(row.int(4)?),
                scene_version: row.int(5)?,
            };
            Ok((status, judged))
        },
    )?;
    Ok(match found {
        None => Err(Outcome::Unknown),
        Some((CallStatus::Done, judged)) => Ok(judged),
        Some((status, _)) => Err(Outcome::NotFinished(status)),
    })
}

/// Everything that a judgement changes. Nothing that it rests on changes any more once a call has finished, but for other
/// judgements: those wait for the task's row, or for the record's.
fn apply(
    db: &mut Db,
    company: CompanyId,
    judged: &Judged,
    scene: &Scene,
    judgement: &Judgement,
) -> Result<Vec<CallResult>> {
    let (call, name, at) = (judgement.call, &judgement.name, judgement.at);
    let before = locked_results(db, company, judged.task, call)?;
    let after = regrading::regrade(scene, &before, name, &judgement.values);
    let of_name = |results: &[CallResult]| -> Vec<CallResult> {
        results.iter().filter(|result| result.name == *name).cloned().collect()
    };
    let (was, became) = (of_name(&before), of_name(&after));
    let id = note(db, company, judged, judgement, (&was, &became))?;
    // Integrators are told of the intent level alone: receivers know no other change.
    if name == INTENT_LEVEL {
        outbox::result_changed(db, company, (call, id), (name, &judgement.values), at)?;
    }
    // Where their number stays the same, so do the ids of the results.
    let first_id = match i64::try_from(after.len()).unwrap_or(i64::MAX) {
        _ if after.len() == before.len() => None,
        count => Some(db.reserve_ids(IdKind::CallResult.name(), count)?),
    };
    db.execute(
        "UPDATE call_record SET results = ?3, first_result_id = COALESCE(?4, first_result_id), modified_at = ?5
         WHERE company_id = ?1 AND id = ?2",
        values![company, call, &to_json(&after)?, first_id, at],
    )?;
    db.execute(
        "UPDATE call SET result_pairs = ?3, modified_at = ?4 WHERE company_id = ?1 AND id = ?2",
        values![company, call, &to_json(&pairs(&after))?, at],
    )?;
    if let Some(counts) = Counts::judged(&before, &after)
        && let Some((place, since)) = call_count::place_of(db, company, call)?
    {
        call_count::add(db, place, since, &counts)?;
    }
    if let Some(call_index) = judged.call_index {
        recount(db, (company, judged.task, call_index), name, (&was, &became))?;
        db.execute(
            "UPDATE task SET last_regrade = ?3 WHERE company_id = ?1 AND id = ?2",
            values![company, judged.task, id],
        )?;
    }
    let side = |results: &[CallResult]| {
        let values: Vec<&str> = results.iter().map(|result| result.value.as_str()).collect();
        json!({ name: values })
    };
    let mut after = side(&became);
    after["by"] = judgement.by.as_str().into();
    let by = By { actor: judgement.actor.clone(), at };
    by.note(db, Action::CallGrade, &Object::Call(company, call), Some(side(&was)), Some(after))?;
    Ok(was)
}

/// The results of a call, with the rows of its task and of its record locked.
fn locked_results(db: &mut Db, company: CompanyId, task: TaskId, call: CallId) -> Result<Vec<CallResult>> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let task_row = format!("SELECT id FROM task WHERE company_id = ?1 AND id = ?2{lock}");
    db.query(&task_row, values![company, task], |_| Ok(()))?;
    let found = db.query_one(
        &format!("SELECT id, results FROM call_record WHERE company_id = ?1 AND id = ?2{lock}"),
        values![company, call],
        |row| row.json(1, "call_record.results"),
    )?;
    found.ok_or_else(|| Error::Corrupt {
        column: "call_record.id",
        id: call.get(),
        found: "no record of a finished call".to_owned(),
    })
}

fn note(
    db: &mut Db,
    company: CompanyId,
    judged: &Judged,
    judgement: &Judgement,
    (was, became): (&[CallResult], &[CallResult]),
) -> Result<i64> {
    let Judgement { call, name, values: _, by, actor: _, note, at } = judgement;
    let id = db.next_id("regrade")?;
    db.execute(
        "INSERT INTO regrade (id, company_id, task_id, call_id, call_index, name, was, became, regraded_by, note,
             regraded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        values![
            id,
            company,
            judged.task,
            *call,
            judged.call_index,
            name,
            &to_json(was)?,
            &to_json(became)?,
            by,
            note,
            *at,
        ],
    )?;
    Ok(id)
}

fn recount(
    db: &mut Db,
    call: (CompanyId, TaskId, i64),
    name: &str,
    (was, became): (&[CallResult], &[CallResult]),
) -> Result<()> {
    let values = |results: &[CallResult]| -> BTreeSet<String> { results.iter().map(|it| it.value.clone()).collect() };
    let (was, became) = (values(was), values(became));
    was.difference(&became).try_for_each(|value| uncount_result(db, call, name, value))?;
    became.difference(&was).try_for_each(|value| count_result(db, call, name, value))
}

const COLUMNS: &str = "SELECT id, name, was, became, regraded_by, note, regraded_at FROM regrade";

fn regrade(row: &Row<'_>) -> Result<Regrade> {
    Ok(Regrade {
        id: row.int(0)?,
        name: row.text(1)?,
        was: row.json(2, "regrade.was")?,
        became: row.json(3, "regrade.became")?,
        by: row.text(4)?,
        note: row.text(5)?,
        at: row.moment(6)?,
    })
}

/// Everything that people made of a call, oldest first.
///
/// # Errors
/// When the store fails.
pub fn of_call(db: &mut Db, company: CompanyId, call: CallId) -> Result<Vec<Regrade>> {
    db.query(&format!("{COLUMNS} WHERE company_id = ?1 AND call_id = ?2 ORDER BY id"), values![company, call], regrade)
}

/// What the rules of the scene concluded about a call, before people judged it.
#[must_use]
pub fn originals(results: &[CallResult], history: &[Regrade]) -> Vec<CallResult> {
    let mut judged = BTreeSet::new();
    let mut originals: Vec<CallResult> = Vec::new();
    for change in history {
        // Of each result, the first change says what the rules had given.
        if judged.insert(change.name.as_str()) {
            originals.extend(change.was.iter().cloned());
        }
    }
    originals.extend(results.iter().filter(|result| !judged.contains(result.name.as_str())).cloned());
    originals
}
