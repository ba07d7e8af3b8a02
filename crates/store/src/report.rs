//! Reports: what was done in some days, by day, hour, task, line or robot.
//!
//! All of it comes from `call_count`, which has a row for each hour, task and line: its size does not depend on how many
//! calls there were. Days and hours are those of a zone that is a whole number of hours away from UTC; in another one, a day
//! begins with the hour of UTC that its midnight is in.

use hutong_domain::ids::{CompanyId, LineId, RobotId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::report::{Counts, Days};
use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::call_count::{COLUMNS, HOUR_MS, counts, sums};
use crate::db::{Db, Row, Value};
use crate::error::Result;

/// Rows that a report has at most, those with the most attempts.
pub const ROWS_MAX: i64 = 1_000;

/// What a report is of.
#[derive(Debug, Clone)]
pub struct Question {
    /// The company.
    pub company: CompanyId,
    /// The days; none for all that there ever were, which is for one task only.
    pub days: Option<Days>,
    /// The zone of these days.
    pub zone: TimeZone,
    /// What was done for one task; 0 for calls placed by themselves.
    pub task: Option<TaskId>,
    /// What was done on one line.
    pub line: Option<LineId>,
    /// What one robot did.
    pub robot: Option<RobotId>,
}

impl Question {
    /// Everything that a company did in these days.
    #[must_use]
    pub const fn of_company(company: CompanyId, days: Days, zone: TimeZone) -> Self {
        Self { company, days: Some(days), zone, task: None, line: None, robot: None }
    }

    /// Everything that was ever done for a task.
    #[must_use]
    pub const fn of_task(company: CompanyId, task: TaskId, zone: TimeZone) -> Self {
        Self { company, days: None, zone, task: Some(task), line: None, robot: None }
    }

    /// The condition that rows fit, and its parameters.
    fn fits(&self) -> (String, Vec<Value<'static>>) {
        let hour =
            |day: Date| Moment::from_civil(day.to_datetime(Time::midnight()), &self.zone).ms().div_euclid(HOUR_MS);
        let (from, until) = match self.days {
            Some(days) => (Some(hour(days.first())), Some(hour(days.last().saturating_add(1.day())))),
            None => (None, None),
        };
        let given: [(&str, Option<Value<'static>>); 5] = [
            ("hour >= ?", from.map(Value::from)),
            ("hour < ?", until.map(Value::from)),
            ("task_id = ?", self.task.map(Value::from)),
            ("line_id = ?", self.line.map(Value::from)),
            (
                "scene_id = (SELECT one.scene_id FROM robot one WHERE one.company_id = ?1 AND one.id = ?)",
                self.robot.map(Value::from),
            ),
        ];
        let (mut sql, mut parameters) = ("company_id = ?1".to_owned(), vec![Value::from(self.company)]);
        for (condition, value) in given {
            if let Some(value) = value {
                parameters.push(value);
                let place = format!("?{}", parameters.len());
                // Only the last mark is without a number.
                let (head, tail) = condition.rsplit_once('?').unwrap_or((condition, ""));
                sql.push_str(&format!(" AND {head}{place}{tail}"));
            }
        }
        (sql, parameters)
    }

    /// The sums of each hour in which something was done, in order.
    fn hours(&self, db: &mut Db) -> Result<Vec<(Moment, Counts)>> {
        let (fits, parameters) = self.fits();
        let sql = format!("SELECT hour, {} FROM call_count WHERE {fits} GROUP BY hour ORDER BY hour", sums());
        db.query(&sql, &parameters, |row| Ok((Moment(row.int(0)?.saturating_mul(HOUR_MS)), counts(row, 1)?)))
    }

    fn named<I>(&self, db: &mut Db, (column, names): (&str, &str), id: impl Fn(i64) -> I) -> Result<Vec<Named<I>>> {
        let (fits, mut parameters) = self.fits();
        parameters.push(ROWS_MAX.into());
        let columns = COLUMNS.map(|name| format!("f.{name}")).join(", ");
        let sums = COLUMNS.map(|name| format!("CAST(SUM({name}) AS BIGINT) AS {name}")).join(", ");
        let sql = format!(
            "SELECT {names}, {columns} FROM (
                 SELECT {column} AS id, {sums} FROM call_count WHERE {fits} GROUP BY {column}
                 ORDER BY SUM(dialled) DESC, SUM(imported) DESC, {column} LIMIT ?{}) f
             LEFT JOIN {} ORDER BY f.dialled DESC, f.imported DESC, f.id",
            parameters.len(),
            match column {
                "task_id" => "task n ON n.company_id = ?1 AND n.id = f.id",
                "line_id" => "line n ON n.company_id = ?1 AND n.id = f.id",
                _ => "robot n ON n.company_id = ?1 AND n.scene_id = f.id",
            }
        );
        db.query(&sql, &parameters, |row: &Row<'_>| {
            let name = row.text_or_null(1)?;
            Ok(Named { id: id(row.int(0)?), name: name.unwrap_or_default(), counts: counts(row, 2)? })
        })
    }
}

/// What was done, and by or for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<I> {
    /// Its id; 0 where there is none: calls by themselves have no task, imported numbers no line.
    pub id: I,
    /// Its name; empty where it has none.
    pub name: String,
    /// What was done.
    pub counts: Counts,
}

/// What was done on each day that is asked for, in order; of a task without days, on each day on which something was.
///
/// # Errors
/// When the store fails.
pub fn by_day(db: &mut Db, question: &Question) -> Result<Vec<(Date, Counts)>> {
    let mut days: Vec<(Date, Counts)> =
        question.days.iter().flat_map(Days::iter).map(|day| (day, Counts::default())).collect();
    for (at, counts) in question.hours(db)? {
        let day = at.civil(&question.zone).date();
        match days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) => days.iter_mut().skip(at).take(1).for_each(|(_, sum)| *sum += counts),
            // In a zone that is not whole hours away, the first hour begins on the day before.
            Err(_) if question.days.is_some() => days.iter_mut().take(1).for_each(|(_, sum)| *sum += counts),
            Err(at) => days.insert(at, (day, counts)),
        }
    }
    Ok(days)
}

/// What was done in each hour of the day, from 0, on all of the days together.
///
/// # Errors
/// When the store fails.
pub fn by_hour_of_day(db: &mut Db, question: &Question) -> Result<[Counts; 24]> {
    let mut hours = [Counts::default(); 24];
    for (at, counts) in question.hours(db)? {
        let hour = usize::from(at.civil(&question.zone).hour().unsigned_abs());
        hours.iter_mut().skip(hour).take(1).for_each(|sum| *sum += counts);
    }
    Ok(hours)
}

/// Everything that was done.
///
/// # Errors
/// When the store fails.
pub fn total(db: &mut Db, question: &Question) -> Result<Counts> {
    let (fits, parameters) = question.fits();
    let sql = format!("SELECT {} FROM call_count WHERE {fits}", sums());
    Ok(db.query_one(&sql, &parameters, |row| counts(row, 0))?.unwrap_or_default())
}

/// What was done for each task, the most attempts first; 0 stands for calls placed by themselves.
///
/// # Errors
/// When the store fails.
pub fn by_task(db: &mut Db, question: &Question) -> Result<Vec<Named<TaskId>>> {
    question.named(db, ("task_id", "f.id, n.name"), TaskId)
}

/// What was done on each line, the most attempts first; 0 stands for what no line had to do with.
///
/// # Errors
/// When the store fails.
pub fn by_line(db: &mut Db, question: &Question) -> Result<Vec<Named<LineId>>> {
    question.named(db, ("line_id", "f.id, n.name"), LineId)
}

/// What each robot did, the most attempts first.
///
/// # Errors
/// When the store fails.
pub fn by_robot(db: &mut Db, question: &Question) -> Result<Vec<Named<RobotId>>> {
    question.named(db, ("scene_id", "COALESCE(n.id, 0), n.name"), RobotId)
}
