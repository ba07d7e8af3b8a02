//! How the attempts of a task went lately: what overdialling learns from.

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::outcome::Response;
use hutong_domain::pacing::History;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::values;

/// The columns of a history, for [`history`].
pub(crate) const HISTORY_COLUMNS: &str = "t.recent_dialled, t.recent_answered, t.recent_lost";

/// The history in the three columns from `first` on.
pub(crate) fn history(row: &Row<'_>, first: usize) -> Result<History> {
    let count = |column| {
        let found = row.int(column)?;
        u32::try_from(found).map_err(|_| Error::Corrupt { column: "task.recent", id: 0, found: found.to_string() })
    };
    Ok(History { dialled: count(first)?, answered: count(first + 1)?, lost: count(first + 2)? })
}

/// Adds an attempt to the history of a task that dials beyond its seats; others have no use for one.
pub(crate) fn remember(db: &mut Db, company: CompanyId, id: TaskId, response: Response) -> Result<()> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let known = db.query_one(
        &format!(
            "SELECT {HISTORY_COLUMNS} FROM task t
             WHERE t.company_id = ?1 AND t.id = ?2 AND t.in_progress_max > t.quota{lock}"
        ),
        values![company, id],
        |row| history(row, 0),
    )?;
    known.map_or(Ok(()), |known| keep_history(db, company, id, &known.record(response)))
}

/// Keeps the history of a task.
///
/// # Errors
/// When the store fails.
pub fn keep_history(db: &mut Db, company: CompanyId, id: TaskId, history: &History) -> Result<()> {
    db.execute(
        "UPDATE task SET recent_dialled = ?3, recent_answered = ?4, recent_lost = ?5 WHERE company_id = ?1 AND id = ?2",
        values![company, id, history.dialled, history.answered, history.lost],
    )?;
    Ok(())
}
