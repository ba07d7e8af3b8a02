//! What people make of a call: tags, a note, and that they have seen it.

use std::collections::HashMap;

use hutong_domain::audit::Action;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::note::NewNote;

use crate::audit::{By, Object};
use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::finish::json;
use crate::{in_list, values};

/// What somebody noted about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The words; may be empty.
    pub note: String,
    /// The tags.
    pub tags: Vec<String>,
    /// Who wrote it: what an [`hutong_domain::audit::Actor`] is written as.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// Whether something was noted, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stands there.
    Done,
    /// The company has no such call.
    Unknown,
    /// What was said in the call, or its number, is not kept any more: so nothing new is kept of it. Nothing was changed.
    LetGo,
}

/// Notes something about a call, in the place of what was noted before; an empty note takes that away.
///
/// # Errors
/// When the store fails.
pub fn set(db: &mut Db, company: CompanyId, call: CallId, new: &NewNote, by: &By) -> Result<Outcome> {
    match is_let_go(db, company, call)? {
        None => return Ok(Outcome::Unknown),
        Some(true) => return Ok(Outcome::LetGo),
        Some(false) => {}
    }
    let known = find(db, company, call)?;
    if known.map(|known| (known.note, known.tags)).unwrap_or_default() == (new.note().to_owned(), new.tags().to_vec()) {
        return Ok(Outcome::Done);
    }
    by.change(db, Action::CallNote, &Object::Call(company, call), |db| {
        if new.is_empty() {
            return remove(db, company, call);
        }
        db.execute(
            "INSERT INTO call_note (company_id, call_id, note, tags, noted_by, noted_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (company_id, call_id) DO UPDATE SET note = ?3, tags = ?4, noted_by = ?5, noted_at = ?6",
            values![company, call, new.note(), &json(new.tags())?, &by.actor.to_string(), by.at],
        )?;
        Ok(())
    })?;
    Ok(Outcome::Done)
}

/// Whether retention has come past a call already; none where there is no such call. Until the transaction ends, it does not.
fn is_let_go(db: &mut Db, company: CompanyId, call: CallId) -> Result<Option<bool>> {
    let found = db.query_one(
        "SELECT task_id, COALESCE(call_index, -1), COALESCE(ended_at, 0), status FROM call WHERE company_id = ?1 AND id = ?2",
        values![company, call],
        |row| Ok((TaskId(row.int(0)?), row.int(1)?, row.moment(2)?, row.int(3)?)),
    )?;
    let Some((task, call_index, ended_at, status)) = found else { return Ok(None) };
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let passed = if task == TaskId(0) {
        db.query_one(
            &format!(
                "SELECT kind FROM retention_cursor WHERE company_id = ?1 AND ?4 = 2 AND (ended_at, call_id) >= (?2, ?3){lock}"
            ),
            values![company, ended_at, call, status],
            |_| Ok(()),
        )?
        .is_some()
    } else {
        let from = db.query_one(
            &format!("SELECT transcripts_from, numbers_from FROM task WHERE company_id = ?1 AND id = ?2{lock}"),
            values![company, task],
            |row| Ok(row.int(0)?.max(row.int(1)?)),
        )?;
        (0..from.unwrap_or(0)).contains(&call_index)
    };
    Ok(Some(passed))
}

fn note(row: &Row<'_>) -> Result<(CallId, Note)> {
    let note = Note { note: row.text(1)?, tags: row.json(2, "call_note.tags")?, by: row.text(3)?, at: row.moment(4)? };
    Ok((CallId(row.int(0)?), note))
}

const COLUMNS: &str = "SELECT call_id, note, tags, noted_by, noted_at FROM call_note WHERE company_id = ?1";

/// What was noted about a call.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, company: CompanyId, call: CallId) -> Result<Option<Note>> {
    let found = db.query_one(&format!("{COLUMNS} AND call_id = ?2"), values![company, call], note)?;
    Ok(found.map(|(_, note)| note))
}

/// What was noted about these calls.
///
/// # Errors
/// When the store fails.
pub fn of_calls(db: &mut Db, company: CompanyId, calls: &[CallId]) -> Result<HashMap<CallId, Note>> {
    let Some(&last) = calls.last() else { return Ok(HashMap::new()) };
    let (names, padded) = in_list(2, calls.len());
    let ids = calls.iter().copied().chain(std::iter::repeat(last)).take(padded);
    let parameters: Vec<Value<'_>> = std::iter::once(company.into()).chain(ids.map(Value::from)).collect();
    Ok(db.query(&format!("{COLUMNS} AND call_id IN ({names})"), &parameters, note)?.into_iter().collect())
}

/// Lets go of what was noted about a call.
pub(crate) fn remove(db: &mut Db, company: CompanyId, call: CallId) -> Result<()> {
    db.execute("DELETE FROM call_note WHERE company_id = ?1 AND call_id = ?2", values![company, call])?;
    Ok(())
}

/// Notes that a person has opened a call; false where somebody had before, or the company has no such call.
///
/// # Errors
/// When the store fails.
pub fn mark_read(db: &mut Db, company: CompanyId, call: CallId, by: &By) -> Result<bool> {
    let unread = "SELECT id FROM call WHERE company_id = ?1 AND id = ?2 AND read_at IS NULL";
    if db.query_one(unread, values![company, call], |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    by.change(db, Action::CallRead, &Object::Call(company, call), |db| {
        let read = "UPDATE call SET read_at = ?3 WHERE company_id = ?1 AND id = ?2 AND read_at IS NULL";
        Ok(db.execute(read, values![company, call, by.at])? == 1)
    })
}
