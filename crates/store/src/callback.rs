//! Callbacks: the outbox of what is to be told to integrators. Per `callbacks.md`.
//!
//! A callback is written in the transaction of the fact that it reports (`outbox`), so that a crash loses none, and is
//! named by that fact: so it needs no id of its own, and has the same name at every attempt.

pub mod address;
pub mod delivery;
pub(crate) mod outbox;

use std::fmt;

use hutong_domain::audit::Action;
use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use serde_json::json;

use crate::audit::{By, Object};
use crate::db::{Db, Row};
use crate::error::Result;
use crate::{Page, PageRequest, values};

/// Which callback of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallbackName {
    /// What it reports.
    pub kind: CallbackKind,
    /// The call, or the task.
    pub subject: i64,
    /// Which change of it: 0 for the end of a call.
    pub seq: i64,
}

impl fmt::Display for CallbackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, subject, seq } = self;
        write!(f, "{}-{subject}-{seq}", kind.name())
    }
}

fn name(row: &Row<'_>) -> Result<CallbackName> {
    Ok(CallbackName {
        kind: row.number(0, "callback.kind", CallbackKind::from_number)?,
        subject: row.int(1)?,
        seq: row.int(2)?,
    })
}

/// A callback that was given up after its last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The call that it reports.
    pub call: CallId,
    /// The call's task; 0 for a call placed by itself.
    pub task: TaskId,
    /// The customer's number.
    pub customer_phone: String,
    /// When the customer was called.
    pub called_at: Moment,
}

/// Callbacks about calls that were given up, of calls made from `since` up to but not including `until`; `inbound` tells
/// which way the call went.
///
/// # Errors
/// When the store fails.
pub fn given_up(
    db: &mut Db,
    company: CompanyId,
    task: Option<TaskId>,
    inbound: bool,
    (since, until): (Moment, Moment),
    page: PageRequest,
) -> Result<Page<GivenUp>> {
    const OF: &str = "FROM callback WHERE company_id = ?1 AND direction = ?2 AND called_at >= ?3 AND called_at < ?4
        AND task_id BETWEEN ?5 AND ?6 AND given_up_at IS NOT NULL AND kind < 2";
    let (low, high) = task.map_or((0, i64::MAX), |task| (task.get(), task.get()));
    let total = db.query_int(&format!("SELECT COUNT(*) {OF}"), values![company, inbound, since, until, low, high])?;
    let rows = db.query(
        &format!(
            "SELECT subject_id, task_id, customer_phone, called_at {OF}
            ORDER BY called_at, subject_id, kind, seq LIMIT ?7 OFFSET ?8"
        ),
        values![company, inbound, since, until, low, high, page.size, page.offset()],
        |row| {
            Ok(GivenUp {
                call: CallId(row.int(0)?),
                task: TaskId(row.int(1)?),
                customer_phone: row.text(2)?,
                called_at: row.moment(3)?,
            })
        },
    )?;
    Ok(Page { total, rows })
}

/// How far a callback has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is tried, at this moment next; 0 for at once.
    Waiting(Moment),
    /// The receiver has taken it.
    Delivered(Moment),
    /// The last attempt failed.
    GivenUp(Moment),
}

/// A callback, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub name: CallbackName,
    /// Its task; 0 for a call placed by itself.
    pub task: TaskId,
    /// When what it reports happened.
    pub created_at: Moment,
    /// How often it was tried.
    pub attempts: i64,
    /// How far it has come.
    pub state: State,
    /// When it was tried last.
    pub tried_at: Option<Moment>,
    /// The status of HTTP that the receiver answered then.
    pub http_status: Option<i64>,
    /// What the receiver answered then, its beginning; or what went wrong.
    pub answer: Option<String>,
}

/// Which callbacks are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// All that are kept.
    #[default]
    All,
    /// Those that are tried.
    Waiting,
    /// Those that were given up.
    GivenUp,
    /// Those that were delivered, and are not to be sent once more.
    Delivered,
}

impl Which {
    const fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Waiting => " AND due_at IS NOT NULL",
            Self::GivenUp => " AND given_up_at IS NOT NULL",
            Self::Delivered => " AND delivered_at IS NOT NULL AND due_at IS NULL AND given_up_at IS NULL",
        }
    }
}

const LISTED: &str = "SELECT kind, subject_id, seq, task_id, created_at, attempts, due_at, delivered_at, given_up_at,
    tried_at, http_status, answer";

fn listed(row: &Row<'_>) -> Result<Listed> {
    let (due, delivered, given_up) = (row.moment_or_null(6)?, row.moment_or_null(7)?, row.moment_or_null(8)?);
    let over = given_up.map(State::GivenUp).or(delivered.map(State::Delivered));
    Ok(Listed {
        name: name(row)?,
        task: TaskId(row.int(3)?),
        created_at: row.moment(4)?,
        attempts: row.int(5)?,
        // What is sent once more is waiting again, whatever came of it before.
        state: due.map(State::Waiting).or(over).unwrap_or(State::Waiting(Moment(0))),
        tried_at: row.moment_or_null(9)?,
        http_status: row.int_or_null(10)?,
        answer: row.text_or_null(11)?,
    })
}

/// One callback of the company.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, company: CompanyId, name: CallbackName) -> Result<Option<Listed>> {
    db.query_one(
        &format!("{LISTED} FROM callback WHERE company_id = ?1 AND kind = ?2 AND subject_id = ?3 AND seq = ?4"),
        values![company, name.kind.number(), name.subject, name.seq],
        listed,
    )
}

/// The company's callbacks, newest first.
///
/// # Errors
/// When the store fails.
pub fn list(db: &mut Db, company: CompanyId, which: Which, page: PageRequest) -> Result<Page<Listed>> {
    let of = format!("FROM callback WHERE company_id = ?1{}", which.condition());
    let total = db.query_int(&format!("SELECT COUNT(*) {of}"), values![company])?;
    let rows = db.query(
        &format!("{LISTED} {of} ORDER BY created_at DESC, kind, subject_id, seq LIMIT ?2 OFFSET ?3"),
        values![company, page.size, page.offset()],
        listed,
    )?;
    Ok(Page { total, rows })
}

/// What an operator wants to be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// Every callback that was given up.
    GivenUp,
    /// Every callback of a task that was given up.
    GivenUpOf(TaskId),
    /// What is kept of a call, whatever came of it.
    Call(CallId),
    /// This one, delivered or not.
    One(CallbackName),
}

/// Has callbacks tried anew, from their first attempt on; how many.
///
/// # Errors
/// When the store fails.
pub fn resend(db: &mut Db, company: CompanyId, what: Resend) -> Result<u64> {
    const ANEW: &str = "UPDATE callback SET due_at = 0, attempts = 0, given_up_at = NULL WHERE company_id = ?1";
    match what {
        Resend::GivenUp => db.execute(&format!("{ANEW} AND given_up_at IS NOT NULL"), values![company]),
        Resend::GivenUpOf(task) => {
            db.execute(&format!("{ANEW} AND given_up_at IS NOT NULL AND task_id = ?2"), values![company, task])
        }
        Resend::One(CallbackName { kind, subject, seq }) => db.execute(
            &format!("{ANEW} AND kind = ?2 AND subject_id = ?3 AND seq = ?4"),
            values![company, kind.number(), subject, seq],
        ),
        Resend::Call(call) => db.execute(&format!("{ANEW} AND kind < 2 AND subject_id = ?2"), values![company, call]),
    }
}

/// Does the same for a person, and keeps in the audit log which they were.
///
/// # Errors
/// When the store fails.
pub fn resend_by(db: &mut Db, company: CompanyId, what: Resend, by: &By) -> Result<u64> {
    let again = resend(db, company, what)?;
    if again > 0 {
        let of = match what {
            Resend::GivenUp => json!("all that were given up"),
            Resend::GivenUpOf(task) => json!({ "task": task.get() }),
            Resend::Call(call) => json!({ "call": call.get() }),
            Resend::One(name) => json!({ "callback": name.to_string() }),
        };
        let note = json!({ "of": of, "callbacks": again });
        by.note(db, Action::CallbackResend, &Object::Company(company), None, Some(note))?;
    }
    Ok(again)
}

/// Forgets callbacks that were delivered, or given up, and are older than `before`; at most `limit`. How many.
///
/// # Errors
/// When the store fails.
pub fn forget(db: &mut Db, company: CompanyId, before: Moment, limit: i64) -> Result<u64> {
    db.execute(
        "DELETE FROM callback WHERE company_id = ?1 AND (kind, subject_id, seq) IN (
             SELECT kind, subject_id, seq FROM callback
             WHERE company_id = ?1 AND created_at < ?2 AND due_at IS NULL ORDER BY created_at LIMIT ?3)",
        values![company, before, limit],
    )
}
