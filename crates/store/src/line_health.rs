//! How lines are doing: the pace at which calls start on them, and their circuit breakers.
//!
//! Kept in the store, since several processes dial on the same line.

use std::collections::HashMap;

use hutong_domain::breaker::{Breaker, BreakerState};
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::LineOutcome;
use hutong_domain::pace::PaceState;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::values;

/// How a line is doing. The default is a line that has not been used yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineHealth {
    /// How fast calls started on it lately.
    pub pace: PaceState,
    /// Whether it is left alone.
    pub breaker: Breaker,
}

const COLUMNS: &str = "line_id, pace_thousandths, pace_at, ramp_from, failures, opened, open_until, trial_since,
    arrears_since";

/// How the company's lines are doing.
///
/// # Errors
/// When the store fails.
pub fn of_company(db: &mut Db, company: CompanyId) -> Result<HashMap<LineId, LineHealth>> {
    let rows =
        db.query(&format!("SELECT {COLUMNS} FROM line_health WHERE company_id = ?1"), values![company], |row| {
            Ok((LineId(row.int(0)?), health(row)?))
        })?;
    Ok(rows.into_iter().collect())
}

fn health(row: &Row<'_>) -> Result<LineHealth> {
    let count = |column| {
        let found = row.int(column)?;
        u32::try_from(found).map_err(|_| Error::Corrupt {
            column: "line_health, a count",
            id: row.int(0).unwrap_or(0),
            found: found.to_string(),
        })
    };
    let state = match (row.moment_or_null(6)?, row.moment_or_null(7)?, row.moment_or_null(8)?) {
        (.., Some(since)) => BreakerState::InArrears { since },
        (_, Some(since), None) => BreakerState::Trial { since },
        (Some(until), None, None) => BreakerState::Open { until },
        (None, None, None) => BreakerState::Closed,
    };
    Ok(LineHealth {
        pace: PaceState { thousandths: row.int(1)?, at: row.moment(2)?, ramp_from: row.moment(3)? },
        breaker: Breaker { failures: count(4)?, opened: count(5)?, state },
    })
}

/// Tells a line's circuit breaker what a call that was claimed at `started` has shown. Written only where that changes
/// something: a line that works stays as it is.
///
/// # Errors
/// When the store fails.
pub fn record(
    db: &mut Db,
    company: CompanyId,
    line: LineId,
    outcome: LineOutcome,
    (started, now): (Moment, Moment),
) -> Result<()> {
    let Some(known) = find(db, company, line, "")? else { return Ok(()) };
    if known.breaker.record(outcome, started, now) == known.breaker {
        return Ok(());
    }
    // Others may record at the same time: once more, locked.
    let Some(known) = find(db, company, line, if db.is_postgres() { " FOR UPDATE" } else { "" })? else {
        return Ok(());
    };
    keep(db, company, line, &LineHealth { breaker: known.breaker.record(outcome, started, now), ..known })
}

/// Notes that a person takes the accounts of a task's lines for paid.
pub(crate) fn paid(db: &mut Db, company: CompanyId, task: TaskId) -> Result<()> {
    let lines = db.query(
        "SELECT line_id FROM task_line WHERE company_id = ?1 AND task_id = ?2 ORDER BY line_id",
        values![company, task],
        |row| row.int(0).map(LineId),
    )?;
    for line in lines {
        let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
        let Some(known) = find(db, company, line, lock)? else { continue };
        keep(db, company, line, &LineHealth { breaker: known.breaker.paid(), ..known })?;
    }
    Ok(())
}

fn find(db: &mut Db, company: CompanyId, line: LineId, lock: &str) -> Result<Option<LineHealth>> {
    let sql = format!("SELECT {COLUMNS} FROM line_health WHERE company_id = ?1 AND line_id = ?2{lock}");
    db.query_one(&sql, values![company, line], health)
}

/// Keeps how a line is doing.
///
/// # Errors
/// When the store fails.
pub fn keep(db: &mut Db, company: CompanyId, line: LineId, health: &LineHealth) -> Result<()> {
    let LineHealth { pace, breaker } = health;
    let (open_until, trial_since, arrears_since): (Option<Moment>, Option<Moment>, Option<Moment>) = match breaker.state
    {
        BreakerState::Closed => (None, None, None),
        BreakerState::Open { until } => (Some(until), None, None),
        BreakerState::Trial { since } => (None, Some(since), None),
        BreakerState::InArrears { since } => (None, None, Some(since)),
    };
    db.execute(
        "INSERT INTO line_health (company_id, line_id, pace_thousandths, pace_at, ramp_from, failures, opened,
             open_until, trial_since, arrears_since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (company_id, line_id) DO UPDATE SET pace_thousandths = ?3, pace_at = ?4, ramp_from = ?5,
             failures = ?6, opened = ?7, open_until = ?8, trial_since = ?9, arrears_since = ?10",
        values![
            company,
            line,
            pace.thousandths,
            pace.at,
            pace.ramp_from,
            breaker.failures,
            breaker.opened,
            open_until,
            trial_since,
            arrears_since,
        ],
    )?;
    Ok(())
}
