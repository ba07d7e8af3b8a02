//! What a list of tasks shows of each beside what [`super::page`] has.

use std::collections::HashMap;

use hutong_domain::call::INTENT_LEVEL;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::task::{MoveReason, TaskStatus};

use super::{SCHEDULER, moves};
use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::{in_list, values};

/// How a task stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Calls that may talk at once.
    pub quota: i64,
    /// Calls that may be in progress at once.
    pub in_progress_max: i64,
    /// Whether it uses the company's idle seats beyond its quota.
    pub elastic: bool,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last changed by a person or moved.
    pub modified_at: Moment,
    /// Calls in progress.
    pub in_progress: i64,
    /// Of these, those that hold a seat.
    pub seated: i64,
    /// Finished calls of each intent level.
    pub levels: Vec<(String, i64)>,
    /// Why the scheduler has moved it where it is; none where a person has.
    pub reason: Option<MoveReason>,
}

/// How these tasks of a company stand now; those that it does not have are left out. Meant for the tasks of a page.
///
/// # Errors
/// When the store fails.
pub fn standings(db: &mut Db, company: CompanyId, ids: &[TaskId]) -> Result<HashMap<TaskId, Standing>> {
    let Some(&last) = ids.last() else { return Ok(HashMap::new()) };
    let (names, padded) = in_list(2, ids.len());
    let padded = ids.iter().copied().chain(std::iter::repeat(last)).take(padded);
    let of: Vec<Value<'_>> = std::iter::once(company.into()).chain(padded.map(Value::from)).collect();
    let rows = db.query(
        &format!(
            "SELECT id, status, quota, in_progress_max, elastic, created_at, modified_at FROM task
             WHERE company_id = ?1 AND id IN ({names})"
        ),
        &of,
        |row| Ok((TaskId(row.int(0)?), row.number(1, "task.status", TaskStatus::from_number)?, standing(row)?)),
    )?;
    let mut standings = HashMap::with_capacity(rows.len());
    for (id, status, mut standing) in rows {
        if matches!(status, TaskStatus::SystemPaused | TaskStatus::Queued | TaskStatus::LineInArrears) {
            standing.reason = reason(db, company, id)?;
        }
        standings.insert(id, standing);
    }
    add_in_progress(db, company, &mut standings)?;
    add_levels(db, (&names, of), &mut standings)?;
    Ok(standings)
}

/// What the row of a task itself says.
fn standing(row: &Row<'_>) -> Result<Standing> {
    Ok(Standing {
        quota: row.int(2)?,
        in_progress_max: row.int(3)?,
        elastic: row.flag(4)?,
        created_at: row.moment(5)?,
        modified_at: row.moment(6)?,
        in_progress: 0,
        seated: 0,
        levels: Vec::new(),
        reason: None,
    })
}

fn add_in_progress(db: &mut Db, company: CompanyId, standings: &mut HashMap<TaskId, Standing>) -> Result<()> {
    let sql = format!(
        "SELECT task_id, COUNT(*), CAST(SUM(seated) AS BIGINT) FROM {}
         WHERE company_id = ?1 AND ended_at IS NULL GROUP BY task_id",
        db.live_attempts()
    );
    db.query_each(&sql, values![company], |row| {
        if let Some(standing) = standings.get_mut(&TaskId(row.int(0)?)) {
            (standing.in_progress, standing.seated) = (row.int(1)?, row.int(2)?);
        }
        Ok(())
    })
}

/// The values of `of` are the company and the tasks, which `names` names.
fn add_levels(
    db: &mut Db,
    (names, mut of): (&str, Vec<Value<'_>>),
    standings: &mut HashMap<TaskId, Standing>,
) -> Result<()> {
    of.push(INTENT_LEVEL.into());
    let sql = format!(
        "SELECT task_id, value, calls FROM task_result_count
         WHERE company_id = ?1 AND task_id IN ({names}) AND name = ?{} ORDER BY value",
        of.len()
    );
    db.query_each(&sql, &of, |row| {
        if let Some(standing) = standings.get_mut(&TaskId(row.int(0)?)) {
            standing.levels.push((row.text(1)?, row.int(2)?));
        }
        Ok(())
    })
}

/// Why the scheduler has made the last move of a task; none where a person has made it.
///
/// # Errors
/// When the store fails.
pub fn reason(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Option<MoveReason>> {
    let last = moves(db, company, id, 1)?.pop().filter(|last| last.actor == SCHEDULER);
    Ok(last.and_then(|last| MoveReason::from_name(&last.reason)))
}
