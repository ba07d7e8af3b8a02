//! What reports are made of: how much was done in each hour, and what came of it.
//!
//! Changed in the transaction of the fact, after the row of the task is locked: so rows of it are locked in one order.

use std::sync::LazyLock;

use hutong_domain::ids::{CallId, CompanyId, LineId, SceneId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::report::{COUNTS, Counts};

use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::values;

/// Milliseconds of a row's hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The columns of [`Counts`], in the order of its fields.
pub(crate) const COLUMNS: [&str; COUNTS] = [
    "imported",
    "dialled",
    "numbers_dialled",
    "answered",
    "lost",
    "finished",
    "talk_s",
    "talk_0",
    "talk_1",
    "talk_2",
    "talk_3",
    "talk_4",
    "grade_a",
    "grade_b",
    "grade_c",
    "grade_d",
    "grade_e",
    "grade_f",
    "grade_other",
    "turns",
    "turns_ms",
    "turn_0",
    "turn_1",
    "turn_2",
    "turn_3",
    "turn_4",
    "turn_5",
    "turn_6",
    "turn_7",
    "turn_8",
];

/// Where something counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) company: CompanyId,
    /// 0 for calls placed by themselves.
    pub(crate) task: TaskId,
    /// 0 where no line has to do with it.
    pub(crate) line: LineId,
    pub(crate) scene: SceneId,
}

/// Counts what was done at a moment: that of the attempt's beginning.
pub(crate) fn add(db: &mut Db, place: Place, at: Moment, counts: &Counts) -> Result<()> {
    if *counts == Counts::default() {
        return Ok(());
    }
    let Place { company, task, line, scene } = place;
    let key = values![company, at.ms().div_euclid(HOUR_MS), task, line, scene];
    let numbers = counts.to_array().map(Value::from);
    db.execute(&ADD, &[key, &numbers].concat())?;
    Ok(())
}

static ADD: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (6..6 + COUNTS).map(|at| format!("?{at}")).collect();
    let sums = COLUMNS.map(|name| format!("{name} = call_count.{name} + excluded.{name}"));
    format!(
        "INSERT INTO call_count (company_id, hour, task_id, line_id, scene_id, {}) VALUES (?1, ?2, ?3, ?4, ?5, {})
         ON CONFLICT (company_id, hour, task_id, line_id, scene_id) DO UPDATE SET {}",
        COLUMNS.join(", "),
        places.join(", "),
        sums.join(", ")
    )
});

/// Where a call counts that has finished, and since when.
pub(crate) fn place_of(db: &mut Db, company: CompanyId, call: CallId) -> Result<Option<(Place, Moment)>> {
    db.query_one(
        "SELECT c.task_id, COALESCE(c.line_id, 0), COALESCE(t.scene_id, r.scene_id, 0),
             COALESCE(c.started_at, c.ended_at, 0)
         FROM call c
         LEFT JOIN task t ON t.company_id = ?1 AND t.id = c.task_id
         LEFT JOIN robot r ON r.company_id = ?1 AND r.id = c.robot_id
         WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, call],
        |row| {
            let (task, line, scene) = (TaskId(row.int(0)?), LineId(row.int(1)?), SceneId(row.int(2)?));
            Ok((Place { company, task, line, scene }, row.moment(3)?))
        },
    )
}

/// Everything that is counted of a task, by line and hour since the epoch; task 0 has the calls placed by themselves.
///
/// # Errors
/// When the store fails.
pub fn of_task(db: &mut Db, company: CompanyId, task: TaskId) -> Result<Vec<((LineId, i64), Counts)>> {
    let columns = COLUMNS.join(", ");
    let sql = format!(
        "SELECT line_id, hour, {columns} FROM call_count WHERE company_id = ?1 AND task_id = ?2 ORDER BY line_id, hour"
    );
    db.query(&sql, values![company, task], |row| Ok(((LineId(row.int(0)?), row.int(1)?), counts(row, 2)?)))
}

/// The sums of all columns, for a SELECT.
pub(crate) fn sums() -> String {
    // PostgreSQL's sums of integers are no integers.
    COLUMNS.map(|name| format!("CAST(SUM({name}) AS BIGINT)")).join(", ")
}

/// The counts in the columns from `first` on.
pub(crate) fn counts(row: &Row<'_>, first: usize) -> Result<Counts> {
    let mut numbers = [0; COUNTS];
    for (column, number) in (first..).zip(&mut numbers) {
        *number = row.int_or_null(column)?.unwrap_or(0);
    }
    Ok(Counts::from_array(numbers))
}
