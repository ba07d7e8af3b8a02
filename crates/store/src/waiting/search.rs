//! A name or a number among the calls of a task that are still to be dialled.

use hutong_domain::ids::{CompanyId, TaskId};

use super::{COLUMNS, Waiting, row};
use crate::db::Db;
use crate::error::Result;
use crate::feed::search::{NUMBERS, NUMBERS_MAX, Text};
use crate::values;

/// Numbers of each state among which a name is looked for, at most: the next ones to be dialled.
const NAMES_MAX: i64 = 20_000;

/// The calls of a task that are still to be dialled with this name or number, at most `limit`: by number, or in the order of
/// their import. And whether everything was looked at: a name is looked for among the next 20,000 numbers that were
/// never dialled, and as many that wait for a redial; of numbers that begin alike, the first [`NUMBERS_MAX`] are looked at.
///
/// # Errors
/// When the store fails.
pub fn search(db: &mut Db, company: CompanyId, id: TaskId, text: &Text, limit: i64) -> Result<(Vec<Waiting>, bool)> {
    match text {
        Text::NumberBegins(digits) => with_number(db, company, id, digits, limit),
        Text::NameHas(name) => with_name(db, company, id, name, limit),
    }
}

fn with_number(db: &mut Db, company: CompanyId, id: TaskId, digits: &str, limit: i64) -> Result<(Vec<Waiting>, bool)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ({NUMBERS}) n
         CROSS JOIN call c WHERE c.company_id = ?1 AND c.customer_id = n.id AND c.task_id = ?2"
    );
    let (mut rows, mut read) = (Vec::new(), 0);
    db.query_each(&sql, values![company, id, digits, NUMBERS_MAX + 1], |found| {
        read += 1;
        if matches!(found.int(3)?, 0 | 3) && i64::try_from(rows.len()).is_ok_and(|rows| rows < limit) {
            rows.push(row(found)?);
        }
        Ok(())
    })?;
    Ok((rows, read <= NUMBERS_MAX))
}

fn with_name(db: &mut Db, company: CompanyId, id: TaskId, name: &str, limit: i64) -> Result<(Vec<Waiting>, bool)> {
    let (mut rows, mut is_whole) = (Vec::new(), true);
    // Each state by itself: together they would not be looked up in an index.
    for (waits, order) in [("status = 3", "due_at, id"), ("status = 0", "due_at, import_no")] {
        let mut read = 0;
        let sql = format!(
            "SELECT {COLUMNS} FROM call c WHERE c.company_id = ?1 AND c.task_id = ?2 AND c.{waits} ORDER BY {order} LIMIT ?3"
        );
        db.query_each(&sql, values![company, id, NAMES_MAX + 1], |found| {
            read += 1;
            let fits = found.str(1)?.contains(name) && i64::try_from(rows.len()).is_ok_and(|rows| rows < limit);
            if fits {
                rows.push(row(found)?);
            }
            Ok(())
        })?;
        is_whole &= read <= NAMES_MAX;
    }
    Ok((rows, is_whole))
}
