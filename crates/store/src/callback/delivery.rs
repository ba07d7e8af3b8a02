//! Sending callbacks: what is due, who sends it, and what came of it.

use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CompanyId, NodeId, TaskId};
use hutong_domain::moment::Moment;

use super::address::{self, Address};
pub use super::outbox::Detail;
use super::{CallbackName, name};
use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::key::{self, AppKey};
use crate::{in_list, values};

/// A callback that is to be sent now.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// Which.
    pub name: CallbackName,
    /// Whose it is.
    pub company: CompanyId,
    /// Its task; 0 for a call placed by itself.
    pub task: TaskId,
    /// Its place among those of the task.
    pub place: i64,
    /// What cannot be read any more.
    pub detail: Detail,
    /// How often it was tried.
    pub attempts: u32,
    /// When what it reports happened.
    pub created_at: Moment,
    /// Whether the receiver has taken it before, and an operator sends it once more.
    pub was_delivered: bool,
}

/// What a company is to be told now.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The callbacks, in the order in which they are sent.
    pub due: Vec<Due>,
    /// Where to.
    pub addresses: Vec<Address>,
    /// The company's valid keys, oldest first.
    pub keys: Vec<AppKey>,
}

/// Companies for which something is due.
///
/// # Errors
/// When the store fails.
pub fn companies(db: &mut Db, now: Moment) -> Result<Vec<CompanyId>> {
    db.query(
        "SELECT id FROM company
         WHERE EXISTS (SELECT 1 FROM callback WHERE callback.company_id = company.id AND callback.due_at <= ?1)",
        values![now],
        |row| row.int(0).map(CompanyId),
    )
}

/// Makes a process the one that sends a company's callbacks; false while another one is, and lives.
///
/// # Errors
/// When the store fails.
pub fn take_lane(db: &mut Db, company: CompanyId, node: NodeId, now: Moment) -> Result<bool> {
    let taken = db.execute(
        "INSERT INTO callback_lane (company_id, node_id) VALUES (?1, ?2)
         ON CONFLICT (company_id) DO UPDATE SET node_id = excluded.node_id
         WHERE callback_lane.node_id = excluded.node_id OR NOT EXISTS
             (SELECT 1 FROM node WHERE node.id = callback_lane.node_id AND node.lease_until > ?3)",
        values![company, node, now],
    )?;
    Ok(taken == 1)
}

/// Leaves a company's callbacks to whoever comes next.
///
/// # Errors
/// When the store fails.
pub fn leave_lane(db: &mut Db, company: CompanyId, node: NodeId) -> Result<()> {
    db.execute("DELETE FROM callback_lane WHERE company_id = ?1 AND node_id = ?2", values![company, node]).map(|_| ())
}

const COLUMNS: &str =
    "SELECT kind, subject_id, seq, company_id, task_id, place, detail, attempts, created_at, delivered_at
    FROM callback WHERE company_id = ?1";

fn due(row: &Row<'_>) -> Result<Due> {
    Ok(Due {
        name: name(row)?,
        company: CompanyId(row.int(3)?),
        task: TaskId(row.int(4)?),
        place: row.int(5)?,
        detail: row.json(6, "callback.detail")?,
        attempts: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        created_at: row.moment(8)?,
        was_delivered: row.moment_or_null(9)?.is_some(),
    })
}

/// What is due: at most `limit` that were never tried, and as many that were. Sorted by their places, so that the
/// callbacks of a task follow the order of its calls.
///
/// # Errors
/// When the store fails.
pub fn batch(db: &mut Db, company: CompanyId, now: Moment, limit: i64) -> Result<Batch> {
    // Fresh ones have no moment, so their index is in the order of their places.
    let mut all =
        db.query(&format!("{COLUMNS} AND due_at = 0 ORDER BY place LIMIT ?2"), values![company, limit], due)?;
    all.extend(db.query(
        &format!("{COLUMNS} AND due_at > 0 AND due_at <= ?2 ORDER BY due_at, place LIMIT ?3"),
        values![company, now, limit],
        due,
    )?);
    all.sort_by_key(|it| (it.place, it.created_at, it.name));
    let addresses = if all.is_empty() { Vec::new() } else { address::of_company(db, company)? };
    let keys = if all.is_empty() { Vec::new() } else { key::valid_of(db, company)? };
    Ok(Batch { due: all, addresses, keys })
}

/// One callback of the company, due or not, with what it takes to write it; nothing is due where there is no such one.
///
/// # Errors
/// When the store fails.
pub fn one(db: &mut Db, company: CompanyId, name: CallbackName) -> Result<Batch> {
    let found = db.query(
        &format!("{COLUMNS} AND kind = ?2 AND subject_id = ?3 AND seq = ?4"),
        values![company, name.kind.number(), name.subject, name.seq],
        due,
    )?;
    Ok(Batch { due: found, addresses: address::of_company(db, company)?, keys: key::valid_of(db, company)? })
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Of which callback.
    pub name: CallbackName,
    /// Which attempt it was, from 1.
    pub number: u32,
    /// When.
    pub at: Moment,
    /// What is to be done now.
    pub verdict: Verdict,
    /// The status of HTTP that the receiver answered.
    pub http_status: Option<u16>,
    /// What it answered, its beginning; or what went wrong.
    pub answer: String,
}

/// What is to be done after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is delivered.
    Delivered,
    /// It is tried again at this moment.
    Again(Moment),
    /// It was the last one.
    GivenUp,
}

/// Keeps what came of attempts. Ends of calls that were delivered alike are written together, as of the last one's moment:
/// they are nearly all that there is to write.
///
/// # Errors
/// When the store fails.
pub fn record(db: &mut Db, company: CompanyId, attempts: &[Attempt]) -> Result<()> {
    let is_usual = |attempt: &&Attempt| {
        attempt.verdict == Verdict::Delivered && attempt.name.kind == CallbackKind::Call && attempt.name.seq == 0
    };
    let usual: Vec<&Attempt> = attempts.iter().filter(is_usual).collect();
    let alike = |one: &&Attempt, other: &&Attempt| {
        (one.number, one.http_status, &one.answer) == (other.number, other.http_status, &other.answer)
    };
    usual.chunk_by(alike).try_for_each(|calls| record_delivered(db, company, calls))?;
    attempts.iter().filter(|attempt| !is_usual(attempt)).try_for_each(|attempt| record_one(db, company, attempt))
}

/// Keeps that ends of calls were delivered, all alike.
fn record_delivered(db: &mut Db, company: CompanyId, calls: &[&Attempt]) -> Result<()> {
    let Some(last) = calls.last() else { return Ok(()) };
    let (names, padded) = in_list(6, calls.len());
    let mut parameters: Vec<Value<'_>> = Vec::with_capacity(5 + padded);
    let status = last.http_status.map(i64::from);
    parameters.extend_from_slice(values![company, i64::from(last.number), last.at, status, &last.answer]);
    let calls = calls.iter().copied().chain(std::iter::repeat(*last)).take(padded);
    parameters.extend(calls.map(|call| Value::from(call.name.subject)));
    db.execute(
        &format!(
            "UPDATE callback SET attempts = ?2, tried_at = ?3, due_at = NULL, delivered_at = ?3, given_up_at = NULL,
                 http_status = ?4, answer = ?5
             WHERE company_id = ?1 AND kind = 0 AND subject_id IN ({names}) AND seq = 0 AND due_at IS NOT NULL"
        ),
        &parameters,
    )
    .map(|_| ())
}

fn record_one(db: &mut Db, company: CompanyId, attempt: &Attempt) -> Result<()> {
    let Attempt { name: CallbackName { kind, subject, seq }, number, at, verdict, http_status, answer } = attempt;
    let (due, delivered, given_up) = match verdict {
        Verdict::Delivered => (None, Some(*at), None),
        Verdict::Again(next) => (Some(*next), None, None),
        Verdict::GivenUp => (None, None, Some(*at)),
    };
    // Where an operator took the address away meanwhile, or another process delivered it, that stands.
    db.execute(
        "UPDATE callback SET attempts = ?5, tried_at = ?6, due_at = ?7, delivered_at = COALESCE(?8, delivered_at),
             given_up_at = ?9, http_status = ?10, answer = ?11
         WHERE company_id = ?1 AND kind = ?2 AND subject_id = ?3 AND seq = ?4 AND due_at IS NOT NULL",
        values![
            company,
            kind.number(),
            *subject,
            *seq,
            i64::from(*number),
            *at,
            due,
            delivered,
            given_up,
            http_status.map(i64::from),
            answer
        ],
    )
    .map(|_| ())
}

/// How many callbacks wait, and since when the oldest of them, over all companies.
///
/// # Errors
/// When the store fails.
pub fn waiting(db: &mut Db) -> Result<(i64, Option<Moment>)> {
    let found =
        db.query_one("SELECT COUNT(*), MIN(created_at) FROM callback WHERE due_at IS NOT NULL", &[], |row| {
            Ok((row.int(0)?, row.moment_or_null(1)?))
        })?;
    Ok(found.unwrap_or((0, None)))
}
