//! Lines: caller numbers with the trunks behind them.

use std::collections::HashMap;
use std::time::Duration;

use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_domain::pace::Pace;
use hutong_domain::task::TaskStatus;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::line_health::{self, LineHealth};
use crate::values;

/// A line of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its id.
    pub id: LineId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its name.
    pub name: String,
    /// The caller number.
    pub phone: String,
    /// Its type.
    pub kind: LineKind,
    /// What carries its calls.
    pub driver: LineDriver,
    /// Calls that it carries at once; none for no limit.
    pub channels: Option<i64>,
    /// How fast calls may start on it; none for no limit.
    pub pace: Option<Pace>,
    /// The unit in which its calls are charged, in seconds.
    pub bill_period_s: i64,
    /// Whether the operator lets it be used.
    pub enabled: bool,
    /// First moment of its validity.
    pub valid_from: Option<Moment>,
    /// Last moment of its validity.
    pub valid_until: Option<Moment>,
    /// Which way calls go.
    pub line_use: Option<LineUse>,
    /// Settings of its driver, as JSON.
    pub settings: String,
    /// When it was made.
    pub created_at: Moment,
}

impl Line {
    /// Whether calls may be placed on it at this moment.
    #[must_use]
    pub fn is_usable(&self, now: Moment) -> bool {
        self.enabled
            && self.line_use != Some(LineUse::Inbound)
            && self.valid_from.is_none_or(|from| from <= now)
            && self.valid_until.is_none_or(|until| now <= until)
    }
}

const COLUMNS: &str = "l.id, l.company_id, l.name, l.phone, l.kind, l.driver, l.channels, l.bill_period_s, l.enabled,
    l.valid_from, l.valid_until, l.line_use, l.settings, l.created_at, l.calls_per_s, l.ramp_s";

fn line(row: &Row<'_>) -> Result<Line> {
    let driver = row.text(5)?;
    Ok(Line {
        id: LineId(row.int(0)?),
        company: CompanyId(row.int(1)?),
        name: row.text(2)?,
        phone: row.text(3)?,
        kind: row.number(4, "line.kind", LineKind::from_number)?,
        driver: LineDriver::from_name(&driver).ok_or(Error::Corrupt {
            column: "line.driver",
            id: row.int(0)?,
            found: driver,
        })?,
        channels: row.int_or_null(6)?,
        pace: pace(row)?,
        bill_period_s: row.int(7)?,
        enabled: row.flag(8)?,
        valid_from: row.moment_or_null(9)?,
        valid_until: row.moment_or_null(10)?,
        line_use: row.number_or_null(11, "line.line_use", LineUse::from_number)?,
        settings: row.text(12)?,
        created_at: row.moment(13)?,
    })
}

fn pace(row: &Row<'_>) -> Result<Option<Pace>> {
    let Some(per_s) = row.int_or_null(14)? else { return Ok(None) };
    let per_s = u32::try_from(per_s).map_err(|_| Error::Corrupt {
        column: "line.calls_per_s",
        id: row.int(0).unwrap_or(0),
        found: per_s.to_string(),
    })?;
    Ok(Some(Pace { per_s, ramp: Duration::from_secs(row.int(15)?.max(0).unsigned_abs()) }))
}

/// Makes a line; its id is given by the store, whatever `line.id` says.
///
/// # Errors
/// When the store fails.
pub fn insert(db: &mut Db, line: &Line) -> Result<LineId> {
    let id = LineId(db.next_id("line")?);
    db.execute(
        "INSERT INTO line (id, company_id, name, phone, kind, driver, channels, bill_period_s, enabled, valid_from,
             valid_until, line_use, settings, created_at, calls_per_s, ramp_s)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        values![
            id,
            line.company,
            &line.name,
            &line.phone,
            line.kind,
            line.driver.name(),
            line.channels,
            line.bill_period_s,
            line.enabled,
            line.valid_from,
            line.valid_until,
            line.line_use,
            &line.settings,
            line.created_at,
            line.pace.map(|pace| i64::from(pace.per_s)),
            ramp_s(line.pace),
        ],
    )?;
    // From the beginning: so that there is a row to be locked.
    line_health::keep(db, line.company, id, &LineHealth::default())?;
    Ok(id)
}

fn ramp_s(pace: Option<Pace>) -> i64 {
    pace.map_or(0, |pace| i64::try_from(pace.ramp.as_secs()).unwrap_or(i64::MAX))
}

/// Changes what an operator decides about a line: whether it is used, its channels, its pace, and its driver's settings.
///
/// # Errors
/// When the store fails.
pub fn update(db: &mut Db, line: &Line) -> Result<()> {
    db.execute(
        "UPDATE line SET enabled = ?3, channels = ?4, calls_per_s = ?5, ramp_s = ?6, settings = ?7
         WHERE company_id = ?1 AND id = ?2",
        values![
            line.company,
            line.id,
            line.enabled,
            line.channels,
            line.pace.map(|pace| i64::from(pace.per_s)),
            ramp_s(line.pace),
            &line.settings,
        ],
    )?;
    Ok(())
}

/// The line with this id, whosever it is.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, id: LineId) -> Result<Option<Line>> {
    db.query_one(&format!("SELECT {COLUMNS} FROM line l WHERE l.id = ?1"), values![id], line)
}

/// The company's lines, oldest first.
///
/// # Errors
/// When the store fails.
pub fn of_company(db: &mut Db, company: CompanyId) -> Result<Vec<Line>> {
    db.query(&format!("SELECT {COLUMNS} FROM line l WHERE l.company_id = ?1 ORDER BY l.id"), values![company], line)
}

/// All lines of a driver, of every company.
///
/// # Errors
/// When the store fails.
pub fn of_driver(db: &mut Db, driver: LineDriver) -> Result<Vec<Line>> {
    db.query(&format!("SELECT {COLUMNS} FROM line l WHERE l.driver = ?1 ORDER BY l.id"), values![driver.name()], line)
}

/// The lines that a task dials on, in the order in which they were given.
///
/// # Errors
/// When the store fails.
pub fn of_task(db: &mut Db, company: CompanyId, task: TaskId) -> Result<Vec<Line>> {
    db.query(
        &format!(
            "SELECT {COLUMNS} FROM task_line tl JOIN line l ON l.company_id = tl.company_id AND l.id = tl.line_id
             WHERE tl.company_id = ?1 AND tl.task_id = ?2 ORDER BY tl.id"
        ),
        values![company, task],
        line,
    )
}

/// How many tasks of the company that are not over dial on each line; lines without any are left out.
///
/// # Errors
/// When the store fails.
pub fn tasks_of_lines(db: &mut Db, company: CompanyId) -> Result<HashMap<LineId, i64>> {
    let over = [TaskStatus::Done, TaskStatus::Stopped];
    let rows = db.query(
        "SELECT tl.line_id, COUNT(*) FROM task_line tl
         JOIN task t ON t.company_id = tl.company_id AND t.id = tl.task_id
         WHERE tl.company_id = ?1 AND t.deleted_at IS NULL AND t.status <> ?2 AND t.status <> ?3 GROUP BY tl.line_id",
        values![company, over[0].number(), over[1].number()],
        |row| Ok((LineId(row.int(0)?), row.int(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// The newest `limit` tasks of the company that dial on a line, whatever their state: id, name, and state.
///
/// # Errors
/// When the store fails.
pub fn tasks_of_line(
    db: &mut Db,
    company: CompanyId,
    line: LineId,
    limit: i64,
) -> Result<Vec<(TaskId, String, TaskStatus)>> {
    db.query(
        "SELECT t.id, t.name, t.status FROM task_line tl
         JOIN task t ON t.company_id = tl.company_id AND t.id = tl.task_id
         WHERE tl.company_id = ?1 AND tl.line_id = ?2 AND t.deleted_at IS NULL ORDER BY t.id DESC LIMIT ?3",
        values![company, line, limit],
        |row| Ok((TaskId(row.int(0)?), row.text(1)?, row.number(2, "task.status", TaskStatus::from_number)?)),
    )
}

/// How many calls are in progress on each line of the company; lines without any are left out.
///
/// # Errors
/// When the store fails.
pub fn channels_in_use(db: &mut Db, company: CompanyId) -> Result<HashMap<LineId, i64>> {
    let rows = db.query(
        &format!(
            "SELECT line_id, COUNT(*) FROM {} WHERE company_id = ?1 AND ended_at IS NULL GROUP BY line_id",
            db.live_attempts()
        ),
        values![company],
        |row| Ok((LineId(row.int(0)?), row.int(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}
