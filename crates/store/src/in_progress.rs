//! The calls of a task that are in progress.

use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::Result;
use crate::{Page, PageRequest, values};

/// A call that is being dialled, or talks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InProgress {
    /// Its id.
    pub id: CallId,
    /// The customer's name.
    pub customer_name: String,
    /// The customer's number.
    pub customer_phone: String,
    /// Which attempt at the number this is, from 1.
    pub attempt_no: i64,
    /// When it was claimed.
    pub claimed_at: Moment,
    /// When somebody answered.
    pub answered_at: Option<Moment>,
    /// Name of its line.
    pub line_name: String,
}

/// A page of them, those that began first before the others. There are never more than the lines have channels.
///
/// # Errors
/// When the store fails.
pub fn page(db: &mut Db, company: CompanyId, task: TaskId, page: PageRequest) -> Result<Page<InProgress>> {
    let total = count(db, company, task)?;
    let sql = format!(
        "SELECT a.call_id, c.customer_name, c.customer_phone, a.attempt_no, a.claimed_at, a.answered_at,
             COALESCE(l.name, '')
         FROM (SELECT company_id, call_id, attempt_no, line_id, claimed_at, answered_at FROM {}
               WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL) a
         JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
         LEFT JOIN line l ON l.company_id = a.company_id AND l.id = a.line_id
         ORDER BY a.claimed_at, a.call_id LIMIT ?3 OFFSET ?4",
        db.live_attempts()
    );
    let rows = db.query(&sql, values![company, task, page.size, page.offset()], |row| {
        Ok(InProgress {
            id: CallId(row.int(0)?),
            customer_name: row.text(1)?,
            customer_phone: row.text(2)?,
            attempt_no: row.int(3)?,
            claimed_at: row.moment(4)?,
            answered_at: row.moment_or_null(5)?,
            line_name: row.text(6)?,
        })
    })?;
    Ok(Page { total, rows })
}

/// How many they are.
///
/// # Errors
/// When the store fails.
pub fn count(db: &mut Db, company: CompanyId, task: TaskId) -> Result<i64> {
    let sql = format!(
        "SELECT COUNT(*) FROM {} WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL",
        db.live_attempts()
    );
    db.query_int(&sql, values![company, task])
}
