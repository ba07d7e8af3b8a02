//! Tasks: campaigns, with the counters that describe them.

mod change;
mod history;
mod list;
mod log;
mod standing;

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CompanyId, LineId, RobotId, SceneId, SmsTemplateId, TaskId, VoiceId};
use hutong_domain::line::LineKind;
use hutong_domain::moment::Moment;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::{TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::{in_list, values};
pub use change::SCHEDULER;
pub(crate) use change::move_to;
pub use change::{CommandOutcome, Move, command, delete, insert, moves, update};
pub use history::keep_history;
pub(crate) use history::{HISTORY_COLUMNS, history, remember};
pub use list::{Filter, ListedTask, Order, TaskLine, page};
pub use log::{Happening, log};
pub use standing::{Standing, reason, standings};

/// What an operator decides about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// How it starts.
    pub kind: TaskKind,
    /// The first day of dialling.
    pub start_date: Date,
    /// When it may dial.
    pub window: CallingWindow,
    /// The type that its lines were asked to have.
    pub line_kind: Option<LineKind>,
    /// Calls that may talk at once.
    pub quota: u32,
    /// Calls that may be in progress at once.
    pub in_progress_max: u32,
    /// Whether it uses the company's idle seats beyond its quota.
    pub elastic: bool,
    /// Who is called again.
    pub redial_rules: Vec<RedialRule>,
    /// A remark.
    pub remark: String,
    /// What is kept without being acted upon.
    pub extras: Extras,
}

/// Settings that are kept and answered, and that later steps act upon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Whether and how an SMS follows a call.
    pub sms_type: Option<i64>,
    /// Intent levels that are followed by an SMS.
    pub sms_send_level: Vec<String>,
    /// Template of that SMS.
    pub sms_template: Option<SmsTemplateId>,
    /// The scene's own rule for intent levels is used.
    pub default_intention_rule: Option<bool>,
}

/// A task to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Whose it is.
    pub company: CompanyId,
    /// What was decided about it.
    pub settings: Settings,
    /// The robot that talks.
    pub robot: RobotId,
    /// The scene that it speaks.
    pub scene: SceneId,
    /// The scene's version, kept for as long as the task lives.
    pub scene_version: i64,
    /// The voice.
    pub voice: VoiceId,
    /// The lines, in the order in which they were given.
    pub lines: Vec<LineId>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Whose it is.
    pub company: CompanyId,
    /// Where it stands.
    pub status: TaskStatus,
    /// What was decided about it.
    pub settings: Settings,
    /// The robot that talks.
    pub robot: RobotId,
    /// The scene that it speaks.
    pub scene: SceneId,
    /// The version of the scene.
    pub scene_version: i64,
    /// The voice.
    pub voice: VoiceId,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last changed by a person or moved.
    pub modified_at: Moment,
    /// When it finished or was stopped.
    pub ended_at: Option<Moment>,
    /// When it was deleted.
    pub deleted_at: Option<Moment>,
    /// What happened to its numbers.
    pub counters: Counters,
}

/// What happened to the numbers of a task. Each is kept in the transaction of the fact that it counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Numbers imported.
    pub total: i64,
    /// Numbers finished; the next call index.
    pub done: i64,
    /// Finished numbers by finish status, in the order of [`FinishStatus::ALL`].
    pub by_finish_status: [i64; FinishStatus::ALL.len()],
    /// Answered calls by talk time, see [`hutong_domain::statistics::TALK_TIME_BUCKETS`].
    pub by_talk_time: [i64; 4],
    /// Answered calls by chat rounds, see [`hutong_domain::statistics::CHAT_ROUND_BUCKETS`].
    pub by_chat_rounds: [i64; 4],
}

impl Counters {
    /// Numbers finished with this status.
    #[must_use]
    pub fn finished_with(&self, status: FinishStatus) -> i64 {
        FinishStatus::ALL.iter().zip(self.by_finish_status).find(|(known, _)| **known == status).map_or(0, |(_, n)| n)
    }
}

/// A task with the names of what it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub task: Task,
    /// Name of its robot.
    pub robot_name: String,
    /// Name of its scene.
    pub scene_name: String,
    /// Name of its voice.
    pub voice_name: String,
    /// The lines that it dials on.
    pub lines: Vec<TaskLine>,
}

/// How often a value was concluded in a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultCount {
    /// Name of the result.
    pub name: String,
    /// The value.
    pub value: String,
    /// Calls with it.
    pub calls: i64,
}

pub(crate) const TASK_COLUMNS: &str = "t.id, t.company_id, t.name, t.kind, t.status, t.start_date, t.working_start,
    t.working_end, t.break_start, t.break_end, t.robot_id, t.scene_id, t.scene_version, t.voice_id, t.line_kind,
    t.quota, t.in_progress_max, t.elastic, t.redial_rules, t.remark, t.extras, t.created_at, t.modified_at,
    t.ended_at, t.deleted_at, t.total_count, t.next_call_index, t.finish_0, t.finish_1, t.finish_2, t.finish_3,
    t.finish_4, t.finish_5, t.finish_6, t.finish_7, t.finish_8, t.finish_9, t.finish_10, t.finish_11, t.finish_22,
    t.talk_0, t.talk_1, t.talk_2, t.talk_3, t.rounds_0, t.rounds_1, t.rounds_2, t.rounds_3";
/// How many columns [`TASK_COLUMNS`] names: what a query adds comes after them.
pub(crate) const TASK_COLUMN_COUNT: usize = 48;

pub(crate) fn task(row: &Row<'_>) -> Result<Task> {
    Ok(Task {
        id: TaskId(row.int(0)?),
        company: CompanyId(row.int(1)?),
        status: row.number(4, "task.status", TaskStatus::from_number)?,
        settings: settings(row)?,
        robot: RobotId(row.int(10)?),
        scene: SceneId(row.int(11)?),
        scene_version: row.int(12)?,
        voice: VoiceId(row.int(13)?),
        created_at: row.moment(21)?,
        modified_at: row.moment(22)?,
        ended_at: row.moment_or_null(23)?,
        deleted_at: row.moment_or_null(24)?,
        counters: Counters {
            total: row.int(25)?,
            done: row.int(26)?,
            by_finish_status: ints(row, 27)?,
            by_talk_time: ints(row, 40)?,
            by_chat_rounds: ints(row, 44)?,
        },
    })
}

fn settings(row: &Row<'_>) -> Result<Settings> {
    let count = |column, name| {
        let number = row.int(column)?;
        u32::try_from(number).map_err(|_| Error::Corrupt {
            column: name,
            id: row.int(0).unwrap_or(0),
            found: number.to_string(),
        })
    };
    Ok(Settings {
        name: row.text(2)?,
        kind: row.number(3, "task.kind", TaskKind::from_number)?,
        start_date: row.parsed(5, "task.start_date")?,
        window: window(row, 6)?,
        line_kind: row.number_or_null(14, "task.line_kind", LineKind::from_number)?,
        quota: count(15, "task.quota")?,
        in_progress_max: count(16, "task.in_progress_max")?,
        elastic: row.flag(17)?,
        redial_rules: row.json(18, "task.redial_rules")?,
        remark: row.text(19)?,
        extras: row.json(20, "task.extras")?,
    })
}

/// The working hours in the four columns from `first` on.
pub(crate) fn window(row: &Row<'_>, first: usize) -> Result<CallingWindow> {
    Ok(CallingWindow {
        working: span(row, first, first + 1)?,
        rest: if row.text_or_null(first + 2)?.is_some() { Some(span(row, first + 2, first + 3)?) } else { None },
    })
}

fn span(row: &Row<'_>, start: usize, end: usize) -> Result<DaySpan> {
    let start: Time = row.parsed(start, "task, start of a span")?;
    let end: Time = row.parsed(end, "task, end of a span")?;
    DaySpan::new(start, end).ok_or_else(|| Error::Corrupt {
        column: "task, a span of the day",
        id: row.int(0).unwrap_or(0),
        found: format!("{start} to {end}"),
    })
}

fn ints<const N: usize>(row: &Row<'_>, first: usize) -> Result<[i64; N]> {
    let mut ints = [0; N];
    for (column, int) in (first..).zip(&mut ints) {
        *int = row.int(column)?;
    }
    Ok(ints)
}

/// The task, deleted or not.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Option<Task>> {
    db.query_one(
        &format!("SELECT {TASK_COLUMNS} FROM task t WHERE t.company_id = ?1 AND t.id = ?2"),
        values![company, id],
        task,
    )
}

/// The task, locked until the transaction ends.
pub(crate) fn find_locked(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Option<Task>> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    db.query_one(
        &format!("SELECT {TASK_COLUMNS} FROM task t WHERE t.company_id = ?1 AND t.id = ?2{lock}"),
        values![company, id],
        task,
    )
}

/// The company that a task belongs to, whoever asks: to tell an unknown task from another company's.
///
/// # Errors
/// When the store fails.
pub fn owner(db: &mut Db, id: TaskId) -> Result<Option<CompanyId>> {
    db.query_one("SELECT company_id FROM task WHERE id = ?1", values![id], |row| row.int(0).map(CompanyId))
}

/// The company out of `candidates` that a task belongs to.
///
/// # Errors
/// When the store fails.
pub fn owner_among(db: &mut Db, id: TaskId, candidates: &[CompanyId]) -> Result<Option<CompanyId>> {
    one_of(db, "task", id.get(), candidates)
}

/// The company out of `candidates` that a row belongs to: asked in a way that touches their partitions only.
pub(crate) fn one_of(db: &mut Db, table: &str, id: i64, candidates: &[CompanyId]) -> Result<Option<CompanyId>> {
    let Some(last) = candidates.last() else { return Ok(None) };
    let (names, padded) = in_list(2, candidates.len());
    let padded = candidates.iter().chain(std::iter::repeat(last)).take(padded);
    let parameters: Vec<_> = std::iter::once(id.into()).chain(padded.map(|company| (*company).into())).collect();
    db.query_one(
        &format!("SELECT company_id FROM {table} WHERE id = ?1 AND company_id IN ({names})"),
        &parameters,
        |row| row.int(0).map(CompanyId),
    )
}

/// The company's newest task that is not deleted.
///
/// # Errors
/// When the store fails.
pub fn newest(db: &mut Db, company: CompanyId) -> Result<Option<TaskId>> {
    db.query_one(
        "SELECT id FROM task WHERE company_id = ?1 AND deleted_at IS NULL ORDER BY number DESC LIMIT 1",
        values![company],
        |row| row.int(0).map(TaskId),
    )
}

const VIEW_JOINS: &str = "FROM task t
    JOIN robot r ON r.company_id = t.company_id AND r.id = t.robot_id
    JOIN scene s ON s.company_id = t.company_id AND s.id = t.scene_id
    JOIN voice v ON v.company_id = t.company_id AND v.id = t.voice_id";

fn view(row: &Row<'_>) -> Result<TaskView> {
    Ok(TaskView {
        task: task(row)?,
        robot_name: row.text(TASK_COLUMN_COUNT)?,
        scene_name: row.text(TASK_COLUMN_COUNT + 1)?,
        voice_name: row.text(TASK_COLUMN_COUNT + 2)?,
        lines: Vec::new(),
    })
}

/// A task with names and lines, deleted or not.
///
/// # Errors
/// When the store fails.
pub fn find_view(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Option<TaskView>> {
    let found = db.query_one(
        &format!("SELECT {TASK_COLUMNS}, r.name, s.name, v.name {VIEW_JOINS} WHERE t.company_id = ?1 AND t.id = ?2"),
        values![company, id],
        view,
    )?;
    let Some(view) = found else { return Ok(None) };
    Ok(Some(TaskView { lines: list::lines_of(db, company, id)?, ..view }))
}

/// How often each value was concluded in a task: most frequent first, then by name.
///
/// # Errors
/// When the store fails.
pub fn result_counts(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<ResultCount>> {
    let mut counts = db.query(
        "SELECT name, value, calls FROM task_result_count WHERE company_id = ?1 AND task_id = ?2",
        values![company, id],
        |row| Ok(ResultCount { name: row.text(0)?, value: row.text(1)?, calls: row.int(2)? }),
    )?;
    // Sorted here: the engines' collations differ.
    counts.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.value.cmp(&b.value)));
    Ok(counts)
}

/// Companies with tasks that the scheduler looks after: started ones, and timed ones that have not begun.
///
/// # Errors
/// When the store fails.
pub fn awake(db: &mut Db) -> Result<Vec<CompanyId>> {
    db.query(&format!("SELECT DISTINCT t.company_id FROM task t WHERE {AWAKE} ORDER BY t.company_id"), &[], |row| {
        row.int(0).map(CompanyId)
    })
}

/// Which tasks the scheduler looks after: in the words of an index.
pub(crate) const AWAKE: &str = "(t.status IN (1, 3, 5, 7) OR (t.status = 0 AND t.kind = 1))";
