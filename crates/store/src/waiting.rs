//! The calls of a task that are still to be dialled, page by page.
//!
//! A page is found by the counts of [`block`]: however deep it is, no more entries of an index are walked over than
//! a block has. Numbers that stand apart from the order of their import are few, and are counted and walked over.

pub mod block;
mod search;

use hutong_domain::audit::Action;
use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::phone;

use crate::audit::{By, Object};
use crate::db::{Db, Row};
use crate::error::Result;
use crate::ledger::{self, Call};
use crate::{Page, PageRequest, task, values};
use block::{Blocks, Changes, Run};
pub use search::search;

/// A call that is still to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: CallId,
    /// The customer's name.
    pub customer_name: String,
    /// The customer's number.
    pub customer_phone: String,
    /// Not started, or waiting for a redial.
    pub status: CallStatus,
    /// When the last attempt began.
    pub started_at: Option<Moment>,
    /// The number that it was called from.
    pub caller_phone: Option<String>,
    /// How often it was dialled.
    pub dialled: i64,
}

/// Calls that are dialled in one order, by `due_at` or by `import_no`.
struct Section {
    blocks: Blocks,
    /// Which they are, those from ?3 to ?4 of them, and their order.
    calls: &'static str,
    runs: Vec<Run>,
    /// No call is after this.
    last: i64,
}

const REDIALS: &str = "status = 3 AND due_at >= ?3 AND due_at <= ?4 ORDER BY due_at, id";
const IMPORTED: &str = "status = 0 AND due_at = 0 AND import_no >= ?3 AND import_no <= ?4 ORDER BY import_no";
const MOVED: &str = "status = 0 AND due_at >= ?3 AND due_at <= ?4 ORDER BY due_at, import_no";

impl Section {
    fn waiting(&self) -> i64 {
        self.runs.iter().map(|run| run.waiting).sum()
    }

    /// From where to read so as to leave so many calls out, and how many of them come after that.
    fn start(&self, db: &mut Db, skip: i64) -> Result<(i64, i64)> {
        let Some((run, skip)) = run_after(&self.runs, skip) else { return Ok((self.last, skip)) };
        let parts = self.blocks.parts(db, &run)?.unwrap_or_default();
        let (run, skip) = run_after(&parts, skip).unwrap_or((run, skip));
        Ok((run.from, skip))
    }
}

/// The run that a call is in which so many others stand before, and how many of these are in the same run.
fn run_after(runs: &[Run], mut skip: i64) -> Option<(Run, i64)> {
    for run in runs {
        if skip < run.waiting {
            return Some((*run, skip));
        }
        skip -= run.waiting;
    }
    None
}

/// A page of the calls of a task that are still to be dialled, in the order in which they will be: numbers that were
/// moved to the head, redials that are due, then numbers never dialled, then redials as they fall due.
///
/// # Errors
/// When the store fails.
pub fn page(db: &mut Db, company: CompanyId, id: TaskId, now: Moment, page: PageRequest) -> Result<Page<Waiting>> {
    let total = waiting(db, company, id)?;
    let sections = sections(db, company, id, now, total)?;
    let mut rows = Vec::new();
    let mut skip = page.offset();
    for section in sections {
        let left = page.size - i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        let waiting = section.waiting();
        if skip < waiting {
            let (from, skip) = section.start(db, skip)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM call c WHERE company_id = ?1 AND task_id = ?2 AND {} LIMIT ?5 OFFSET ?6",
                section.calls
            );
            rows.extend(db.query(&sql, values![company, id, from, section.last, left, skip], row)?);
        }
        skip = (skip - waiting).max(0);
    }
    Ok(Page { total, rows })
}

/// Whether a number was moved to the head of its task, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveOutcome {
    /// It is the next one to be dialled.
    Moved,
    /// The company has no such task, or the task no such number.
    Unknown,
    /// It does not wait to be dialled for the first time; nothing was changed.
    NotFresh(CallStatus),
}

/// Moves a number that was never dialled to the head of its task: before redials that are due, and before those that
/// were moved there earlier.
///
/// # Errors
/// When the store fails.
pub fn move_to_head(db: &mut Db, company: CompanyId, id: TaskId, phone: &str, now: Moment) -> Result<MoveOutcome> {
    if task::find_locked(db, company, id)?.is_none() {
        return Ok(MoveOutcome::Unknown);
    }
    let Some(call) = ledger::call_to(db, company, id, phone)? else { return Ok(MoveOutcome::Unknown) };
    if call.status != CallStatus::NotStarted {
        return Ok(MoveOutcome::NotFresh(call.status));
    }
    // The later it is moved, the smaller.
    let head = Moment(-now.ms());
    db.execute(
        "UPDATE call SET due_at = ?3, modified_at = ?4 WHERE company_id = ?1 AND id = ?2",
        values![company, call.id, head, now],
    )?;
    let mut changes = Changes::default();
    changes.add((call.status, call.due_at, call.import_no), -1);
    changes.add((call.status, head, call.import_no), 1);
    changes.write(db, company, id)?;
    Ok(MoveOutcome::Moved)
}

/// The same for a person: a number that was moved stands in the audit log, masked.
///
/// # Errors
/// When the store fails.
pub fn move_first(db: &mut Db, company: CompanyId, id: TaskId, phone: &str, by: &By) -> Result<MoveOutcome> {
    let moved = move_to_head(db, company, id, phone, by.at)?;
    if moved == MoveOutcome::Moved {
        let after = serde_json::json!({ "number": phone::mask(phone) });
        by.note(db, Action::NumberFirst, &Object::Task(company, id), None, Some(after))?;
    }
    Ok(moved)
}

/// How many calls of its task are dialled before one that waits, once that is due: numbers that were moved to the head
/// come first, then redials that are due.
///
/// # Errors
/// When the store fails.
pub(crate) fn before(db: &mut Db, company: CompanyId, id: TaskId, call: &Call, now: Moment) -> Result<i64> {
    let fresh = Blocks { company, task: id, status: CallStatus::NotStarted };
    let redials = Blocks { status: CallStatus::AwaitingRedial, ..fresh };
    let due_at = call.due_at.ms();
    match call.status {
        CallStatus::NotStarted => {
            let due = if due_at < 0 { Vec::new() } else { due_and_later(db, redials, now)?.0 };
            let imported = match due_at {
                ..0 => 0,
                0 => {
                    let (counted, from) = fresh.before(db, call.import_no)?;
                    let sql = "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 0
                               AND due_at = 0 AND import_no >= ?3 AND import_no < ?4";
                    counted + db.query_int(sql, values![company, id, from, call.import_no])?
                }
                1.. => fresh.large(db)?.iter().map(|run| run.waiting).sum(),
            };
            let apart = apart_before(db, company, id, (due_at, call.import_no))?;
            Ok(due.iter().map(|run| run.waiting).sum::<i64>() + imported + apart)
        }
        CallStatus::AwaitingRedial => {
            let (counted, from) = redials.before(db, due_at)?;
            let sql = "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3 AND due_at >= ?3
                       AND due_at <= ?4 AND (due_at < ?4 OR id < ?5)";
            let others = db.query_int(sql, values![company, id, from, call.due_at, call.id])?;
            Ok(counted + others + apart_before(db, company, id, (0, 0))?)
        }
        CallStatus::InProgress | CallStatus::Done => Ok(0),
    }
}

/// How many numbers that were never dialled and were moved to the head, or put off, stand before this place. Each part is
/// looked up by itself: together they would not be looked up in an index.
fn apart_before(db: &mut Db, company: CompanyId, id: TaskId, (due_at, import_no): (i64, i64)) -> Result<i64> {
    let count = "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 0 AND";
    let moved = db.query_int(&format!("{count} due_at < ?3"), values![company, id, due_at.min(0)])?;
    if due_at == 0 {
        return Ok(moved);
    }
    let put_off = db.query_int(&format!("{count} due_at > 0 AND due_at < ?3"), values![company, id, due_at])?;
    let beside = format!("{count} due_at = ?3 AND import_no < ?4");
    Ok(moved + put_off + db.query_int(&beside, values![company, id, due_at, import_no])?)
}

/// How many calls wait. A task of a million numbers is not counted through: what is neither finished nor in progress
/// is still to be dialled.
fn waiting(db: &mut Db, company: CompanyId, id: TaskId) -> Result<i64> {
    let unfinished = db.query_one(
        "SELECT total_count - next_call_index FROM task WHERE company_id = ?1 AND id = ?2",
        values![company, id],
        |row| row.int(0),
    )?;
    let Some(unfinished) = unfinished else { return Ok(0) };
    let live = db.live_attempts();
    let in_progress = db.query_int(
        &format!("SELECT COUNT(*) FROM {live} WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL"),
        values![company, id],
    )?;
    Ok(unfinished - in_progress)
}

/// All that waits, in the order in which it is dialled.
fn sections(db: &mut Db, company: CompanyId, id: TaskId, now: Moment, total: i64) -> Result<[Section; 5]> {
    let blocks = Blocks { company, task: id, status: CallStatus::NotStarted };
    let section = |calls, runs, last| Section { blocks, calls, runs, last };
    let redials = Blocks { status: CallStatus::AwaitingRedial, ..blocks };
    let (due, later) = due_and_later(db, redials, now)?;
    let due = Section { blocks: redials, ..section(REDIALS, due, now.ms()) };
    let later = Section { blocks: redials, ..section(REDIALS, later, i64::MAX) };
    let preferred = db.query_int(
        "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 0 AND due_at < 0",
        values![company, id],
    )?;
    let preferred = section(MOVED, vec![Run::without_block(i64::MIN, 0, preferred)], -1);
    let imported = section(IMPORTED, blocks.large(db)?, i64::MAX);
    // Whoever is none of these was put off.
    let others: i64 = [&due, &preferred, &imported, &later].map(Section::waiting).iter().sum();
    let postponed = Run::without_block(1, i64::MAX, (total - others).max(0));
    Ok([preferred, due, imported, section(MOVED, vec![postponed], i64::MAX), later])
}

/// Parts the redials at `now`: the block of that moment into its parts, and the part of that moment by counting.
fn due_and_later(db: &mut Db, blocks: Blocks, now: Moment) -> Result<(Vec<Run>, Vec<Run>)> {
    let next = now.ms() + 1;
    let (mut due, mut later) = (Vec::new(), Vec::new());
    let mut runs = Some(blocks.large(db)?);
    while let Some(parted) = runs.take() {
        let (before, after): (Vec<_>, Vec<_>) = parted.into_iter().partition(|run| run.from < next);
        later.splice(0..0, after);
        due.extend(before);
        let Some(current) = due.pop_if(|run| run.until > next) else { break };
        runs = blocks.parts(db, &current)?;
        if runs.is_none() {
            let waiting = db.query_int(
                "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3 AND due_at >= ?3
                   AND due_at <= ?4",
                values![blocks.company, blocks.task, current.from, now],
            )?;
            due.push(Run::without_block(current.from, next, waiting));
            later.insert(0, Run::without_block(next, current.until, current.waiting - waiting));
        }
    }
    Ok((due, later))
}

const COLUMNS: &str = "c.id, c.customer_name, c.customer_phone, c.status, c.started_at, c.caller_phone,
    CASE WHEN c.started_at IS NULL THEN 0 ELSE c.redials + 1 END";

fn row(row: &Row<'_>) -> Result<Waiting> {
    Ok(Waiting {
        id: CallId(row.int(0)?),
        customer_name: row.text(1)?,
        customer_phone: row.text(2)?,
        status: row.number(3, "call.status", CallStatus::from_number)?,
        started_at: row.moment_or_null(4)?,
        caller_phone: row.text_or_null(5)?,
        dialled: row.int(6)?,
    })
}
