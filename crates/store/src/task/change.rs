//! Making tasks, changing them, and moving them from state to state.

use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::task::{Command, Refused, TaskStatus};
use hutong_domain::window::CallingWindow;
use serde::Serialize;

use super::{NewTask, Settings, find_locked};
use crate::callback::outbox;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::{line_health, values};

/// Makes a task. Its lines are not checked here.
///
/// # Errors
/// When the store fails.
pub fn insert(db: &mut Db, new: &NewTask, now: Moment) -> Result<TaskId> {
    let id = TaskId(db.next_id("task")?);
    // From the id on, nobody else makes a task until this transaction ends: numbers and ids have the same order.
    let number = db.query_int(
        "UPDATE company SET task_count = task_count + 1 WHERE id = ?1 RETURNING task_count",
        values![new.company],
    )?;
    let Settings { name, kind, .. } = &new.settings;
    db.execute(
        "INSERT INTO task (id, company_id, number, name, kind, status, start_date, working_start, working_end,
             robot_id, scene_id, scene_version, voice_id, quota, in_progress_max, elastic, redial_rules, remark,
             extras, created_at, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, '', '', '', ?6, ?7, ?8, ?9, 0, 0, 0, '', '', '', ?10, ?10)",
        values![id, new.company, number, name, *kind, new.robot, new.scene, new.scene_version, new.voice, now],
    )?;
    write_settings(db, new.company, id, &new.settings, now)?;
    put_lines(db, new.company, id, &new.lines, now)?;
    Ok(id)
}

fn write_settings(db: &mut Db, company: CompanyId, id: TaskId, settings: &Settings, now: Moment) -> Result<()> {
    let Settings {
        name,
        kind,
        start_date,
        window: CallingWindow { working, rest },
        line_kind,
        quota,
        in_progress_max,
        elastic,
        redial_rules,
        remark,
        extras,
    } = settings;
    let break_start = rest.map(|rest| rest.start.to_string());
    let break_end = rest.map(|rest| rest.end.to_string());
    db.execute(
        "UPDATE task SET name = ?3, kind = ?4, start_date = ?5, working_start = ?6, working_end = ?7, break_start = ?8,
             break_end = ?9, line_kind = ?10, quota = ?11, in_progress_max = ?12, elastic = ?13, redial_rules = ?14,
             remark = ?15, extras = ?16, modified_at = ?17
         WHERE company_id = ?1 AND id = ?2",
        values![
            company,
            id,
            name,
            *kind,
            &start_date.to_string(),
            &working.start.to_string(),
            &working.end.to_string(),
            break_start.as_deref(),
            break_end.as_deref(),
            *line_kind,
            *quota,
            *in_progress_max,
            *elastic,
            &json(redial_rules)?,
            remark,
            &json(extras)?,
            now,
        ],
    )?;
    Ok(())
}

/// Makes these the task's lines; those that it used already keep their ids.
fn put_lines(db: &mut Db, company: CompanyId, id: TaskId, lines: &[LineId], now: Moment) -> Result<()> {
    let used = db.query(
        "SELECT line_id FROM task_line WHERE company_id = ?1 AND task_id = ?2",
        values![company, id],
        |row| row.int(0).map(LineId),
    )?;
    for gone in used.iter().filter(|line| !lines.contains(line)) {
        db.execute(
            "DELETE FROM task_line WHERE company_id = ?1 AND task_id = ?2 AND line_id = ?3",
            values![company, id, *gone],
        )?;
    }
    for &line in lines.iter().filter(|line| !used.contains(line)) {
        let line_id = db.next_id("task_line")?;
        db.execute(
            "INSERT INTO task_line (id, company_id, task_id, line_id, created_at, modified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO NOTHING",
            values![line_id, company, id, line, now],
        )?;
    }
    Ok(())
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Corrupt { column: "task", id: 0, found: error.to_string() })
}

/// Whether something was done to a task, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Done.
    Done,
    /// The company has no such task, or it is deleted.
    Unknown,
    /// It does not fit the task's state; nothing was changed.
    Refused(Refused),
}

/// Starts, pauses or stops a task. `actor` is kept with the move.
///
/// # Errors
/// When the store fails.
pub fn command(
    db: &mut Db,
    company: CompanyId,
    id: TaskId,
    command: Command,
    actor: &str,
    now: Moment,
) -> Result<CommandOutcome> {
    let Some(task) = find_locked(db, company, id)?.filter(|task| task.deleted_at.is_none()) else {
        return Ok(CommandOutcome::Unknown);
    };
    match command.apply(task.status) {
        Ok(next) => {
            let reason = format!("{command:?}").to_lowercase();
            if task.status == TaskStatus::LineInArrears && command == Command::Start {
                line_health::paid(db, company, id)?;
            }
            move_to(db, (company, id), (task.status, next), (actor, &reason), now)?;
            Ok(CommandOutcome::Done)
        }
        Err(refused) => Ok(CommandOutcome::Refused(refused)),
    }
}

/// Marks a task as deleted and stops it where it has not ended.
///
/// # Errors
/// When the store fails.
pub fn delete(db: &mut Db, company: CompanyId, id: TaskId, actor: &str, now: Moment) -> Result<CommandOutcome> {
    let Some(task) = find_locked(db, company, id)?.filter(|task| task.deleted_at.is_none()) else {
        return Ok(CommandOutcome::Unknown);
    };
    if !task.status.is_final() {
        move_to(db, (company, id), (task.status, TaskStatus::Stopped), (actor, "delete"), now)?;
    }
    db.execute(
        "UPDATE task SET deleted_at = ?3, modified_at = ?3 WHERE company_id = ?1 AND id = ?2",
        values![company, id, now],
    )?;
    db.execute("UPDATE company SET deleted_task_count = deleted_task_count + 1 WHERE id = ?1", values![company])?;
    Ok(CommandOutcome::Done)
}

/// Changes what was decided about a task that is not dialling, and its lines where some are given.
///
/// # Errors
/// When the store fails.
pub fn update(
    db: &mut Db,
    company: CompanyId,
    id: TaskId,
    settings: &Settings,
    lines: Option<&[LineId]>,
    now: Moment,
) -> Result<CommandOutcome> {
    let Some(task) = find_locked(db, company, id)?.filter(|task| task.deleted_at.is_none()) else {
        return Ok(CommandOutcome::Unknown);
    };
    if let Err(refused) = Command::Update.apply(task.status) {
        return Ok(CommandOutcome::Refused(refused));
    }
    write_settings(db, company, id, settings, now)?;
    if let Some(lines) = lines {
        put_lines(db, company, id, lines, now)?;
    }
    Ok(CommandOutcome::Done)
}

/// Moves a task from one state to another and keeps who did it and why.
pub(crate) fn move_to(
    db: &mut Db,
    (company, id): (CompanyId, TaskId),
    (from, next): (TaskStatus, TaskStatus),
    (actor, reason): (&str, &str),
    now: Moment,
) -> Result<()> {
    if next == from {
        return Ok(());
    }
    let ended_at = next.is_final().then_some(now);
    let next_call_index = db.query_one(
        "UPDATE task SET status = ?3, modified_at = ?4, ended_at = ?5 WHERE company_id = ?1 AND id = ?2
         RETURNING next_call_index",
        values![company, id, next, now, ended_at],
        |row| row.int(0),
    )?;
    let seq = db.query_int(
        "INSERT INTO task_move (company_id, task_id, seq, at, from_status, to_status, actor, reason)
         SELECT ?1, ?2, COALESCE(MAX(seq), 0) + 1, ?3, ?4, ?5, ?6, ?7 FROM task_move WHERE company_id = ?1 AND task_id = ?2
         RETURNING seq",
        values![company, id, now, from, next, actor, reason],
    )?;
    outbox::task_moved(db, (company, id), (next, seq), next_call_index.unwrap_or(0), now)
}

/// A move of a task's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// When.
    pub at: Moment,
    /// From which state.
    pub from: TaskStatus,
    /// To which state.
    pub to: TaskStatus,
    /// Who or what moved it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Who moves tasks that move by themselves.
pub const SCHEDULER: &str = "scheduler";

/// The last `limit` moves of a task's state, newest first.
///
/// # Errors
/// When the store fails.
pub fn moves(db: &mut Db, company: CompanyId, id: TaskId, limit: i64) -> Result<Vec<Move>> {
    db.query(
        "SELECT seq, at, from_status, to_status, actor, reason FROM task_move WHERE company_id = ?1 AND task_id = ?2
         ORDER BY seq DESC LIMIT ?3",
        values![company, id, limit],
        |row| {
            Ok(Move {
                at: row.moment(1)?,
                from: row.number(2, "task_move.from_status", TaskStatus::from_number)?,
                to: row.number(3, "task_move.to_status", TaskStatus::from_number)?,
                actor: row.text(4)?,
                reason: row.text(5)?,
            })
        },
    )
}
