//! What goes on in a company at this moment, and what of it needs somebody.

use std::collections::HashMap;

use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::ledger::{LineFacts, LineState};
use hutong_domain::moment::Moment;
use hutong_domain::report::{Counts, Days};
use hutong_domain::task::{MoveReason, TaskStatus};
use jiff::tz::TimeZone;

use crate::claim::{in_progress, seats_held};
use crate::db::Db;
use crate::error::Result;
use crate::ledger::line_state;
use crate::line::{self, Line};
use crate::line_health::{self, LineHealth};
use crate::report::{self, Question};
use crate::task::{self, SCHEDULER};
use crate::{company, values};

/// Tasks that have not ended and are looked at one by one, the newest.
const TASKS_MAX: i64 = 1_000;
/// Tasks that need somebody and are told of, the newest.
pub const NEEDY_MAX: usize = 50;

/// What goes on in a company.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// Calls that are being dialled, or talk.
    pub in_progress: i64,
    /// Of these, calls that somebody has answered.
    pub talking: i64,
    /// Seats that they hold.
    pub seats_in_use: i64,
    /// Seats that there are.
    pub seats: i64,
    /// The company's lines, oldest first.
    pub lines: Vec<LineNow>,
    /// What was done today, hour by hour from 0.
    pub hours: [Counts; 24],
    /// What was done today.
    pub today: Counts,
    /// Numbers of tasks that have not ended which are still to be dialled, or to be dialled again.
    pub waiting: i64,
    /// Tasks that have not ended, by state.
    pub tasks: Vec<(TaskStatus, i64)>,
    /// Tasks that need somebody, the newest first, at most [`NEEDY_MAX`].
    pub needy: Vec<Needy>,
    /// How many need somebody.
    pub needy_total: usize,
}

/// A line, and how it is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct LineNow {
    /// The line.
    pub line: Line,
    /// Calls that it carries.
    pub in_use: i64,
    /// Its pace and its circuit breaker.
    pub health: LineHealth,
    /// Whether a call may start on it now, or why not.
    pub state: LineState,
}

/// A task that does not go on as it was meant to.
#[derive(Debug, Clone, PartialEq)]
pub struct Needy {
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Since when.
    pub since: Moment,
    /// Why hutong moved it there; none where a person did.
    pub reason: Option<MoveReason>,
    /// Its lines, where none can be used: then that is what it needs. Empty where it has none.
    pub no_line: Option<Vec<LineFacts>>,
}

/// Whether calls may start on a line as soon as others have ended.
const fn is_usable(state: &LineState) -> bool {
    matches!(state, LineState::Usable | LineState::NoChannel | LineState::Paced { .. })
}

/// A task that has not ended.
struct Open {
    task: TaskId,
    name: String,
    status: TaskStatus,
    since: Moment,
}

/// What goes on in a company; none when there is no such company.
///
/// # Errors
/// When the store fails.
pub fn of_company(db: &mut Db, id: CompanyId, (zone, now): (&TimeZone, Moment)) -> Result<Option<Overview>> {
    let Some(company) = company::find(db, id)? else { return Ok(None) };
    let calls = in_progress(db, id)?;
    let lines =
        lines(db, id, now, |line| calls.iter().filter(|it| it.line == line).map(|it| i64::from(it.calls)).sum())?;
    let today = Days::one(now.civil(zone).date());
    let hours = report::by_hour_of_day(db, &Question::of_company(id, today, zone.clone()))?;
    let of_tasks: i64 = calls.iter().filter(|it| it.task != TaskId(0)).map(|it| i64::from(it.calls)).sum();
    let (tasks, unfinished) = open_tasks(db, id)?;
    let (needy, needy_total) = needy(db, id, &lines)?;
    Ok(Some(Overview {
        in_progress: calls.iter().map(|it| i64::from(it.calls)).sum(),
        talking: calls.iter().map(|it| i64::from(it.answered)).sum(),
        seats_in_use: seats_held(&calls, None).into(),
        seats: company.seats,
        lines,
        today: hours.into_iter().sum(),
        hours,
        waiting: (unfinished - of_tasks).max(0),
        tasks,
        needy,
        needy_total,
    }))
}

/// The lines of a company, and how each is doing, where `in_use` says how many calls it carries.
fn lines(db: &mut Db, company: CompanyId, now: Moment, in_use: impl Fn(LineId) -> i64) -> Result<Vec<LineNow>> {
    let health = line_health::of_company(db, company)?;
    let lines = line::of_company(db, company)?.into_iter();
    Ok(lines
        .map(|line| {
            let (health, in_use) = (health.get(&line.id).copied().unwrap_or_default(), in_use(line.id));
            LineNow { state: line_state(&line, (&health, in_use), now), in_use, health, line }
        })
        .collect())
}

/// How many tasks have not ended, by state, and how many of their numbers have not finished.
fn open_tasks(db: &mut Db, company: CompanyId) -> Result<(Vec<(TaskStatus, i64)>, i64)> {
    let rows = db.query(
        "SELECT status, COUNT(*), CAST(SUM(total_count - next_call_index) AS BIGINT) FROM task
         WHERE company_id = ?1 AND deleted_at IS NULL AND status NOT IN (2, 6) GROUP BY status ORDER BY status",
        values![company],
        |row| Ok((row.number(0, "task.status", TaskStatus::from_number)?, row.int(1)?, row.int(2)?)),
    )?;
    let unfinished = rows.iter().map(|(.., numbers)| numbers).sum();
    Ok((rows.into_iter().map(|(status, tasks, _)| (status, tasks)).collect(), unfinished))
}

fn needy(db: &mut Db, company: CompanyId, lines: &[LineNow]) -> Result<(Vec<Needy>, usize)> {
    let open = db.query(
        "SELECT id, name, status, modified_at FROM task
         WHERE company_id = ?1 AND deleted_at IS NULL AND status NOT IN (2, 6) AND status NOT IN (0, 4)
         ORDER BY id DESC LIMIT ?2",
        values![company, TASKS_MAX],
        |row| {
            Ok(Open {
                task: TaskId(row.int(0)?),
                name: row.text(1)?,
                status: row.number(2, "task.status", TaskStatus::from_number)?,
                since: row.moment(3)?,
            })
        },
    )?;
    let of_task = lines_of_tasks(db, company)?;
    let facts: HashMap<LineId, LineFacts> =
        lines.iter().map(|it| (it.line.id, LineFacts { name: it.line.name.clone(), state: it.state })).collect();
    let (mut needy, mut total) = (Vec::new(), 0);
    for Open { task, name, status, since } in open {
        let ids = of_task.get(&task).map_or(&[][..], Vec::as_slice);
        let states: Vec<LineFacts> = ids.iter().filter_map(|id| facts.get(id)).cloned().collect();
        let no_line = (!states.iter().any(|line| is_usable(&line.state))).then_some(states);
        if no_line.is_none() && matches!(status, TaskStatus::Running | TaskStatus::Ready) {
            continue;
        }
        total += 1;
        if needy.len() < NEEDY_MAX {
            let last = task::moves(db, company, task, 1)?.pop().filter(|last| last.actor == SCHEDULER);
            let reason = last.and_then(|last| MoveReason::from_name(&last.reason));
            needy.push(Needy { task, name, status, since, reason, no_line });
        }
    }
    Ok((needy, total))
}

/// The lines of each task that has not ended.
fn lines_of_tasks(db: &mut Db, company: CompanyId) -> Result<HashMap<TaskId, Vec<LineId>>> {
    let mut lines: HashMap<TaskId, Vec<LineId>> = HashMap::new();
    db.query_each(
        "SELECT tl.task_id, tl.line_id FROM (
             SELECT id FROM task WHERE company_id = ?1 AND deleted_at IS NULL AND status NOT IN (2, 6)
               AND status NOT IN (0, 4) ORDER BY id DESC LIMIT ?2) t
         CROSS JOIN task_line tl WHERE tl.company_id = ?1 AND tl.task_id = t.id ORDER BY tl.task_id, tl.id",
        values![company, TASKS_MAX],
        |row| {
            lines.entry(TaskId(row.int(0)?)).or_default().push(LineId(row.int(1)?));
            Ok(())
        },
    )?;
    Ok(lines)
}
