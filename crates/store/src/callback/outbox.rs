//! Writing callbacks, in the transaction of what they report. A company without an address for it gets none.

use hutong_domain::callback::{CallbackKind, reports};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::task::TaskStatus;
use serde::{Deserialize, Serialize};

use super::CallbackName;
use super::address::Subject;
use crate::claim::Claimed;
use crate::db::Db;
use crate::error::Result;
use crate::finish::json;
use crate::values;

/// What cannot be read any more when a callback is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// The state that a task came into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// When it came into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<i64>,
    /// Which result of a call somebody changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// What it is now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What is told about something.
struct Told<'a> {
    subject: Subject,
    name: CallbackName,
    task: TaskId,
    place: i64,
    detail: &'a str,
    customer_phone: &'a str,
    called_at: Moment,
    now: Moment,
}

/// Says that a call has finished, as the one with this index of its task.
pub(crate) fn call_finished(
    db: &mut Db,
    claimed: &Claimed,
    call_index: Option<i64>,
    called_at: Moment,
    now: Moment,
) -> Result<()> {
    let told = Told {
        subject: Subject::Calls,
        name: CallbackName { kind: CallbackKind::Call, subject: claimed.call.get(), seq: 0 },
        task: claimed.task,
        place: call_index.map_or(0, |index| 2 * index + 1),
        detail: "{}",
        customer_phone: &claimed.customer_phone,
        called_at,
        now,
    };
    write(db, claimed.company, &told, "")
}

/// Says that somebody has judged a result of a call otherwise, where the company wants to know.
pub(crate) fn result_changed(
    db: &mut Db,
    company: CompanyId,
    (call, seq): (CallId, i64),
    (name, values): (&str, &[String]),
    now: Moment,
) -> Result<()> {
    let found = db.query_one(
        "SELECT c.task_id, c.customer_phone, COALESCE(c.started_at, 0), COALESCE(t.next_call_index, 0)
         FROM call c LEFT JOIN task t ON t.company_id = ?1 AND t.id = c.task_id WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, call],
        |row| Ok((TaskId(row.int(0)?), row.text(1)?, row.moment(2)?, row.int(3)?)),
    )?;
    let Some((task, phone, called_at, next_call_index)) = found else { return Ok(()) };
    let detail = json(&Detail { result: name.to_owned(), values: values.to_vec(), ..Detail::default() })?;
    let told = Told {
        subject: Subject::Calls,
        name: CallbackName { kind: CallbackKind::ManualChange, subject: call.get(), seq },
        task,
        place: 2 * next_call_index,
        detail: &detail,
        customer_phone: &phone,
        called_at,
        now,
    };
    write(db, company, &told, " AND manual_changes = 1")
}

/// Says that a task has made the move with this number, where such moves are told.
pub(crate) fn task_moved(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    (status, seq): (TaskStatus, i64),
    next_call_index: i64,
    now: Moment,
) -> Result<()> {
    if !reports(status) {
        return Ok(());
    }
    let detail = json(&Detail { status: Some(status), moved_at: Some(now.ms()), ..Detail::default() })?;
    let told = Told {
        subject: Subject::Tasks,
        name: CallbackName { kind: CallbackKind::Task, subject: task.get(), seq },
        task,
        place: 2 * next_call_index,
        detail: &detail,
        customer_phone: "",
        called_at: now,
        now,
    };
    write(db, company, &told, "")
}

fn write(db: &mut Db, company: CompanyId, told: &Told<'_>, only: &str) -> Result<()> {
    let Told { subject, name, task, place, detail, customer_phone, called_at, now } = told;
    db.execute(
        &format!(
            "INSERT INTO callback (company_id, kind, subject_id, seq, task_id, place, detail, direction, customer_phone,
                 called_at, created_at, due_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, 0 FROM callback_address
             WHERE company_id = ?1 AND subject = ?11{only}
             ON CONFLICT DO NOTHING"
        ),
        values![
            company,
            name.kind.number(),
            name.subject,
            name.seq,
            *task,
            *place,
            *detail,
            *customer_phone,
            *called_at,
            *now,
            subject.number()
        ],
    )
    .map(|_| ())
}
