//! The list of a company's tasks: pages of rows that have what lists show, and no more.

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CompanyId, LineId, SceneId, TaskId, TaskLineId};
use hutong_domain::moment::Moment;
use hutong_domain::task::{TaskKind, TaskStatus};

use super::ints;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::{Page, PageRequest, Value, in_list, values};

/// The lines of a page's tasks are read in one go, with those of so many other tasks that lie between: which is much
/// cheaper than to look for each task.
const OTHERS_BETWEEN_MAX: i64 = 10;

/// A task as it stands in lists. Days and times of day are the ISO texts that they are stored as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// Its id.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// How it starts.
    pub kind: TaskKind,
    /// Where it stands.
    pub status: TaskStatus,
    /// The first day of dialling.
    pub start_date: String,
    /// From this time of day on it dials.
    pub working_start: String,
    /// Until this time of day it dials.
    pub working_end: String,
    /// Beginning of its break, where it has one.
    pub break_start: Option<String>,
    /// End of its break, where it has one.
    pub break_end: Option<String>,
    /// The scene that it speaks.
    pub scene: SceneId,
    /// Name of its scene.
    pub scene_name: String,
    /// A remark.
    pub remark: String,
    /// Numbers imported.
    pub total: i64,
    /// Numbers finished.
    pub done: i64,
    /// Finished numbers by finish status, in the order of [`FinishStatus::ALL`].
    pub by_finish_status: [i64; FinishStatus::ALL.len()],
    /// The lines that it dials on, in the order in which they were given.
    pub lines: Vec<TaskLine>,
}

/// The use of a line by a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLine {
    /// Its id.
    pub id: TaskLineId,
    /// The line.
    pub line: LineId,
    /// The task.
    pub task: TaskId,
    /// The caller number.
    pub phone: String,
    /// The line's name.
    pub line_name: String,
    /// Since when the task uses it.
    pub created_at: Moment,
    /// When that was last changed.
    pub modified_at: Moment,
}

/// Which tasks are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Part of the name, case-sensitive; empty for any.
    pub name_contains: String,
    /// Made at or after the first moment and before the second.
    pub created: Option<(Moment, Moment)>,
    /// In this state.
    pub status: Option<TaskStatus>,
    /// Deleted ones too.
    pub deleted_too: bool,
    /// Which come first.
    pub order: Order,
}

/// In which order tasks are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// By name.
    Name,
    /// Those with the smallest share of finished numbers first.
    LeastDone,
    /// Those with the largest share of finished numbers first.
    MostDone,
    /// Those with the most numbers first.
    Largest,
    /// Those with the most answered calls first.
    MostAnswered,
}

impl Order {
    const fn sql(self) -> &'static str {
        match self {
            Self::Newest => "t.number DESC",
            Self::Oldest => "t.number",
            Self::Name => "t.name, t.number DESC",
            Self::LeastDone => "t.next_call_index * 1000 / (t.total_count + 1), t.number DESC",
            Self::MostDone => "t.next_call_index * 1000 / (t.total_count + 1) DESC, t.number DESC",
            Self::Largest => "t.total_count DESC, t.number DESC",
            Self::MostAnswered => "t.finish_0 DESC, t.number DESC",
        }
    }
}

impl Filter {
    fn is_plain(&self) -> bool {
        self.name_contains.is_empty() && self.created.is_none() && self.status.is_none() && self.order == Order::Newest
    }

    const fn not_deleted(&self) -> &'static str {
        if self.deleted_too { "" } else { " AND deleted_at IS NULL" }
    }
}

/// The company's tasks that fit.
///
/// # Errors
/// When the store fails.
pub fn page(db: &mut Db, company: CompanyId, filter: &Filter, page: PageRequest) -> Result<Page<ListedTask>> {
    if filter.is_plain() { plain(db, company, filter, page) } else { filtered(db, company, filter, page) }
}

/// The number of the page's first task is reckoned from the company's counters: no page is found by a walk from the
/// newest task.
fn plain(db: &mut Db, company: CompanyId, filter: &Filter, page: PageRequest) -> Result<Page<ListedTask>> {
    let counts =
        db.query_one("SELECT task_count, deleted_task_count FROM company WHERE id = ?1", values![company], |row| {
            Ok((row.int(0)?, row.int(1)?))
        })?;
    let (count, deleted) = counts.unwrap_or_default();
    let number = count.saturating_sub(page.offset());
    let (total, first) = match (filter.deleted_too, deleted) {
        (true, _) | (false, 0) => (count, Some(number)),
        (false, _) => (count - deleted, below_deleted(db, company, number)?),
    };
    let Some(first) = first.filter(|first| *first > 0) else { return Ok(Page { total, rows: Vec::new() }) };
    let fits = format!("t.company_id = ?1{} AND t.number <= ?2", filter.not_deleted());
    Ok(Page { total, rows: tasks(db, company, (&fits, Order::Newest), "?3", values![company, first, page.size])? })
}

/// The number of the page's first task, where it would be `number` if nothing had been deleted: each deleted task above
/// moves it to the next one below. The walk is as long as there are such tasks.
fn below_deleted(db: &mut Db, company: CompanyId, number: i64) -> Result<Option<i64>> {
    db.query_one(
        "SELECT number FROM task WHERE company_id = ?1 AND deleted_at IS NULL AND number <= ?2
         ORDER BY number DESC LIMIT 1 OFFSET
         (SELECT COUNT(*) FROM task WHERE company_id = ?1 AND deleted_at IS NOT NULL AND number > ?2)",
        values![company, number],
        |row| row.int(0),
    )
}

fn filtered(db: &mut Db, company: CompanyId, filter: &Filter, page: PageRequest) -> Result<Page<ListedTask>> {
    let Filter { name_contains, created, status, order, .. } = filter;
    let (from, until) = created.map_or((i64::MIN, i64::MAX), |(from, until)| (from.ms(), until.ms()));
    let (low, high) = status.map_or((i64::MIN, i64::MAX), |status| (status.number(), status.number()));
    let fits = format!(
        "t.company_id = ?1{} AND t.created_at >= ?2 AND t.created_at < ?3 AND t.status BETWEEN ?4 AND ?5
         AND (?6 = '' OR strpos(t.name, ?6) > 0)",
        filter.not_deleted()
    );
    let filters = [values![company, from, until, low, high], values![name_contains]].concat();
    let total = db.query_int(&format!("SELECT COUNT(*) FROM task t WHERE {fits}"), &filters)?;
    let filters = [&filters, values![page.size, page.offset()]].concat();
    Ok(Page { total, rows: tasks(db, company, (&fits, *order), "?7 OFFSET ?8", &filters)? })
}

/// Those of the company's tasks `t` that fit, in this order, with their lines.
fn tasks(
    db: &mut Db,
    company: CompanyId,
    (fits, order): (&str, Order),
    limit: &str,
    values: &[Value<'_>],
) -> Result<Vec<ListedTask>> {
    let sql = format!(
        "SELECT t.id, number, t.name, kind, status, start_date, working_start, working_end, break_start, break_end,
         scene_id, s.name, remark, total_count, next_call_index, finish_0, finish_1, finish_2, finish_3, finish_4,
         finish_5, finish_6, finish_7, finish_8, finish_9, finish_10, finish_11, finish_22
         FROM task t JOIN scene s ON s.company_id = t.company_id AND s.id = t.scene_id
         WHERE {fits} ORDER BY {} LIMIT {limit}",
        order.sql()
    );
    // Numbers have no gaps, unlike the ids of a company: they tell how many others lie between.
    let mut numbered = db.query(&sql, values, |row| Ok((row.int(1)?, listed(row)?)))?;
    let places: Vec<TaskId> = numbered.iter().map(|(_, task)| task.id).collect();
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let (numbers, mut tasks): (Vec<i64>, Vec<ListedTask>) = numbered.into_iter().unzip();
    if let (Some(newest), Some(oldest)) = (numbers.first(), numbers.last()) {
        let others = newest - oldest + 1 - i64::try_from(tasks.len()).unwrap_or(i64::MAX);
        add_lines(db, company, &mut tasks, others <= OTHERS_BETWEEN_MAX)?;
    }
    if order != Order::Newest {
        tasks.sort_by_key(|task| places.iter().position(|id| *id == task.id));
    }
    Ok(tasks)
}

fn listed(row: &Row<'_>) -> Result<ListedTask> {
    Ok(ListedTask {
        id: TaskId(row.int(0)?),
        name: row.text(2)?,
        kind: row.number(3, "task.kind", TaskKind::from_number)?,
        status: row.number(4, "task.status", TaskStatus::from_number)?,
        start_date: row.text(5)?,
        working_start: row.text(6)?,
        working_end: row.text(7)?,
        break_start: row.text_or_null(8)?,
        break_end: row.text_or_null(9)?,
        scene: SceneId(row.int(10)?),
        scene_name: row.text(11)?,
        remark: row.text(12)?,
        total: row.int(13)?,
        done: row.int(14)?,
        by_finish_status: ints(row, 15)?,
        lines: Vec::new(),
    })
}

/// The lines that a task dials on, in the order in which they were given.
pub(super) fn lines_of(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<TaskLine>> {
    lines(db, "= ?2", values![company, id])
}

/// The lines of the company `?1`, of the tasks with these ids, in the order in which they were given.
fn lines(db: &mut Db, ids: &str, values: &[Value<'_>]) -> Result<Vec<TaskLine>> {
    let sql = format!(
        "SELECT tl.id, line_id, task_id, phone, l.name, tl.created_at, modified_at
         FROM task_line tl JOIN line l ON l.company_id = tl.company_id AND l.id = line_id
         WHERE tl.company_id = ?1 AND task_id {ids}"
    );
    let mut lines = db.query(&sql, values, |row| {
        Ok(TaskLine {
            id: TaskLineId(row.int(0)?),
            line: LineId(row.int(1)?),
            task: TaskId(row.int(2)?),
            phone: row.text(3)?,
            line_name: row.text(4)?,
            created_at: row.moment(5)?,
            modified_at: row.moment(6)?,
        })
    })?;
    // Sorted here: the database would have to, since they lie in the order of tasks and lines.
    lines.sort_unstable_by_key(|line| line.id);
    Ok(lines)
}

/// Gives each of these tasks, newest first, its lines. `dense` is whether few others lie between them.
fn add_lines(db: &mut Db, company: CompanyId, tasks: &mut [ListedTask], dense: bool) -> Result<()> {
    let (Some(newest), Some(oldest)) = (tasks.first(), tasks.last()) else { return Ok(()) };
    let lines = if dense {
        lines(db, "BETWEEN ?2 AND ?3", values![company, oldest.id, newest.id])?
    } else {
        let (names, padded) = in_list(2, tasks.len());
        let ids = tasks.iter().map(|task| task.id).chain(std::iter::repeat(oldest.id)).take(padded);
        let parameters: Vec<_> = std::iter::once(company.into()).chain(ids.map(Value::from)).collect();
        lines(db, &format!("IN ({names})"), &parameters)?
    };
    for line in lines {
        if let Ok(at) = tasks.binary_search_by(|task| line.task.cmp(&task.id)) {
            tasks[at].lines.push(line);
        }
    }
    Ok(())
}
