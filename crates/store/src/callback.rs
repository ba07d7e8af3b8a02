//! Callbacks that could not be delivered.

use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::Result;
use crate::{Page, PageRequest, values};

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

/// Callbacks given up, of calls made from `since` up to but not including `until`; `inbound` tells which
/// way the call went.
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
    let (low, high) = task.map_or((0, i64::MAX), |task| (task.get(), task.get()));
    let total = db.query_int(
        "SELECT COUNT(*) FROM callback WHERE company_id = ?1 AND direction = ?2 AND called_at >= ?3 AND called_at < ?4
           AND task_id BETWEEN ?5 AND ?6 AND given_up_at IS NOT NULL",
        values![company, inbound, since, until, low, high],
    )?;
    let rows = db.query(
        "SELECT call_id, task_id, customer_phone, called_at FROM callback
         WHERE company_id = ?1 AND direction = ?2 AND called_at >= ?3 AND called_at < ?4
           AND task_id BETWEEN ?5 AND ?6 AND given_up_at IS NOT NULL
         ORDER BY called_at, id LIMIT ?7 OFFSET ?8",
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
