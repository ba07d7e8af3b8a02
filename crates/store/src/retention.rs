//! What is known of people is not kept for longer than it has to be: words of calls are emptied, numbers masked.
//!
//! Nothing that is counted changes, and no row of the feed goes. The calls of a task end in the order of their indexes: so
//! one index says how far each has come, and whoever holds the lock of the task's row does the next few.

use hutong_domain::call::{CallResult, CallStatus};
use hutong_domain::ids::{CallId, CompanyId, CustomerId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::phone;
use hutong_domain::task::TaskStatus;

use crate::callback;
use crate::db::Db;
use crate::error::Result;
use crate::finish::json;
use crate::note;
use crate::values;

/// Tasks that a round looks into.
const TASKS_MAX: i64 = 20;

/// What stands where a customer's number was, before the customer's id: the numbers of a task differ.
pub(crate) const REMOVED: &str = "removed-";
/// All numbers sort before it, and what stands for removed ones after it, in every collation.
const AFTER_NUMBERS: &str = "a";

/// What is to go: all of calls that ended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    /// Words; none where they are kept for ever.
    pub transcripts_before: Option<Moment>,
    /// Numbers, names and variables.
    pub numbers_before: Option<Moment>,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Calls whose words were emptied.
    pub transcripts: i64,
    /// Calls whose number was masked.
    pub numbers: i64,
    /// Texts that robots had not understood.
    pub texts: i64,
    /// Callbacks that were given up.
    pub callbacks: i64,
    /// Whether another round may find more.
    pub more: bool,
}

/// Lets go of what is due in a company, of at most `limit` calls; several processes may do so at once.
///
/// # Errors
/// When the store fails.
pub fn round(db: &mut Db, company: CompanyId, due: Due, limit: i64) -> Result<Round> {
    let mut round = Round::default();
    if let Some(before) = due.transcripts_before {
        round.texts = drop_texts(db, company, before, limit)?;
        round.transcripts = run(db, Kind::Transcripts, company, before, limit)?;
    }
    if let Some(before) = due.numbers_before {
        round.callbacks = drop_callbacks(db, company, before, limit)?;
        round.numbers = run(db, Kind::Numbers, company, before, limit)?;
        let left = limit - round.numbers;
        if left > 0 {
            round.numbers += mask_undialled(db, company, before, left)?;
        }
    }
    round.more = [round.transcripts, round.numbers, round.texts, round.callbacks].iter().any(|done| *done >= limit);
    Ok(round)
}

/// What a pass is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transcripts,
    Numbers,
}

impl Kind {
    /// The task's column that says how far it has come.
    const fn column(self) -> &'static str {
        match self {
            Self::Transcripts => "transcripts_from",
            Self::Numbers => "numbers_from",
        }
    }

    /// The name of its row in `retention_cursor`.
    const fn name(self) -> &'static str {
        match self {
            Self::Transcripts => "transcripts",
            Self::Numbers => "numbers",
        }
    }
}

/// A finished call.
struct Ended {
    call: CallId,
    customer: CustomerId,
    phone: String,
    ended_at: Moment,
}

const ENDED: &str = "SELECT id, customer_id, customer_phone, COALESCE(ended_at, 0) FROM call";

fn ended(row: &crate::db::Row<'_>) -> Result<Ended> {
    Ok(Ended {
        call: CallId(row.int(0)?),
        customer: CustomerId(row.int(1)?),
        phone: row.text(2)?,
        ended_at: row.moment(3)?,
    })
}

/// How many calls were dealt with, of tasks and of those placed by themselves.
fn run(db: &mut Db, kind: Kind, company: CompanyId, before: Moment, limit: i64) -> Result<i64> {
    let mut done = 0;
    for (task, from, next) in due_tasks(db, kind, company, before)? {
        if done >= limit {
            break;
        }
        let until = next.min(from + limit - done);
        let calls = db.query(
            &format!("{ENDED} WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3 AND call_index < ?4 ORDER BY call_index"),
            values![company, task, from, until],
            ended,
        )?;
        let of_task = let_go(db, kind, company, before, &calls)?;
        let sql = format!("UPDATE task SET {} = ?3 WHERE company_id = ?1 AND id = ?2", kind.column());
        db.execute(&sql, values![company, task, from + of_task])?;
        done += of_task;
    }
    if done < limit {
        done += run_singles(db, kind, company, before, limit - done)?;
    }
    Ok(done)
}

/// Tasks whose next call is due, each with its index and the one after the last; locked. One that another process is busy with
/// is left to it, or to the next round.
fn due_tasks(db: &mut Db, kind: Kind, company: CompanyId, before: Moment) -> Result<Vec<(TaskId, i64, i64)>> {
    let lock = if db.is_postgres() { " FOR UPDATE OF t SKIP LOCKED" } else { "" };
    let column = kind.column();
    db.query(
        &format!(
            "SELECT t.id, t.{column}, t.next_call_index FROM task t
             WHERE t.company_id = ?1 AND t.{column} < t.next_call_index AND EXISTS (
                 SELECT 1 FROM call c WHERE c.company_id = ?1 AND c.task_id = t.id AND c.call_index = t.{column}
                   AND c.ended_at < ?2)
             ORDER BY t.id LIMIT ?3{lock}"
        ),
        values![company, before, TASKS_MAX],
        |row| Ok((TaskId(row.int(0)?), row.int(1)?, row.int(2)?)),
    )
}

fn run_singles(db: &mut Db, kind: Kind, company: CompanyId, before: Moment, limit: i64) -> Result<i64> {
    db.execute(
        "INSERT INTO retention_cursor (company_id, kind, ended_at, call_id) VALUES (?1, ?2, 0, 0) ON CONFLICT DO NOTHING",
        values![company, kind.name()],
    )?;
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let cursor = db.query_one(
        &format!("SELECT ended_at, call_id FROM retention_cursor WHERE company_id = ?1 AND kind = ?2{lock}"),
        values![company, kind.name()],
        |row| Ok((row.moment(0)?, row.int(1)?)),
    )?;
    let (at, id) = cursor.unwrap_or_default();
    let calls = db.query(
        &format!(
            "{ENDED} WHERE company_id = ?1 AND task_id = 0 AND status = 2 AND (ended_at, id) > (?2, ?3) AND ended_at < ?4
             ORDER BY ended_at, id LIMIT ?5"
        ),
        values![company, at, id, before, limit],
        ended,
    )?;
    let done = let_go(db, kind, company, before, &calls)?;
    if let Some(last) = calls.last() {
        db.execute(
            "UPDATE retention_cursor SET ended_at = ?3, call_id = ?4 WHERE company_id = ?1 AND kind = ?2",
            values![company, kind.name(), last.ended_at, last.call],
        )?;
    }
    Ok(done)
}

/// How many of these calls, in their order, are due; they are dealt with.
fn let_go(db: &mut Db, kind: Kind, company: CompanyId, before: Moment, calls: &[Ended]) -> Result<i64> {
    let mut done = 0;
    for ended in calls.iter().take_while(|ended| ended.ended_at < before) {
        note::remove(db, company, ended.call)?;
        match kind {
            Kind::Transcripts => empty_transcript(db, company, ended.call).map(|_| ())?,
            Kind::Numbers => mask_call(db, company, ended, before)?,
        }
        done += 1;
    }
    Ok(done)
}

/// Empties what was said in a call; false where nothing was. What was concluded stays, without the places of its evidence.
///
/// # Errors
/// When the store fails.
pub(crate) fn empty_transcript(db: &mut Db, company: CompanyId, call: CallId) -> Result<bool> {
    let found = db.query_one(
        "SELECT id, results, utterances, course FROM call_record WHERE company_id = ?1 AND id = ?2",
        values![company, call],
        |row| {
            let results: Vec<CallResult> = row.json(1, "call_record.results")?;
            Ok((results, row.str(2)? != "[]" || row.str_or_null(3)?.is_some()))
        },
    )?;
    let Some((mut results, true)) = found else { return Ok(false) };
    results.iter_mut().for_each(|result| result.evidence.clear());
    db.execute(
        "UPDATE call_record SET utterances = '[]', course = NULL, results = ?3 WHERE company_id = ?1 AND id = ?2",
        values![company, call, &json(&results)?],
    )?;
    Ok(true)
}

fn mask_call(db: &mut Db, company: CompanyId, ended: &Ended, before: Moment) -> Result<()> {
    db.execute(
        "UPDATE call SET customer_phone = ?3, customer_name = '' WHERE company_id = ?1 AND id = ?2",
        values![company, ended.call, &phone::mask(&ended.phone)],
    )?;
    // A customer may be called again by itself; the number is needed until that is over as well, and kept for as long.
    let others = db.query_int(
        "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND customer_id = ?2 AND id <> ?3
           AND (status <> ?4 OR ended_at >= ?5)",
        values![company, ended.customer, ended.call, CallStatus::Done, before],
    )?;
    if others == 0 { remove_customer(db, company, ended.customer).map(|_| ()) } else { Ok(()) }
}

/// Takes a customer's name, number and variables out of the row; false where they were before.
///
/// # Errors
/// When the store fails.
pub(crate) fn remove_customer(db: &mut Db, company: CompanyId, customer: CustomerId) -> Result<bool> {
    let removed = format!("{REMOVED}{customer}");
    let changed = db.execute(
        "UPDATE customer SET name = '', phone = ?3, properties = '{}' WHERE company_id = ?1 AND id = ?2 AND phone <> ?3",
        values![company, customer, &removed],
    )?;
    Ok(changed > 0)
}

/// Masks numbers of tasks that were stopped, or deleted, before they dialled them: nobody will any more.
fn mask_undialled(db: &mut Db, company: CompanyId, before: Moment, limit: i64) -> Result<i64> {
    let stopped = TaskStatus::Stopped.number();
    let lock = if db.is_postgres() { " FOR UPDATE OF t SKIP LOCKED" } else { "" };
    let tasks = db.query(
        &format!(
            "SELECT t.id FROM task t
             WHERE t.company_id = ?1 AND t.status = {stopped} AND t.ended_at < ?2 AND t.numbers_from >= t.next_call_index
               AND EXISTS (SELECT 1 FROM customer cu
                   WHERE cu.company_id = ?1 AND cu.task_id = t.id AND cu.task_id > 0 AND cu.phone < '{AFTER_NUMBERS}')
             ORDER BY t.id LIMIT ?3{lock}"
        ),
        values![company, before, TASKS_MAX],
        |row| row.int(0).map(TaskId),
    )?;
    let mut done = 0;
    for task in tasks {
        let customers = db.query(
            &format!(
                // The task's own row is joined so that SQLite looks for its id in the index, and not for "more than 0".
                "SELECT cu.id, cu.phone FROM task t CROSS JOIN customer cu
                 WHERE t.company_id = ?1 AND t.id = ?2 AND cu.company_id = ?1 AND cu.task_id = t.id AND cu.task_id > 0
                   AND cu.phone < '{AFTER_NUMBERS}'
                   AND NOT EXISTS (SELECT 1 FROM call c WHERE c.company_id = ?1 AND c.customer_id = cu.id
                       AND (c.status = 1 OR (c.task_id = 0 AND (c.status <> 2 OR c.ended_at >= ?3))))
                 ORDER BY cu.phone LIMIT ?4"
            ),
            values![company, task, before, limit - done],
            |row| Ok((CustomerId(row.int(0)?), row.text(1)?)),
        )?;
        for (customer, number) in customers {
            db.execute(
                "UPDATE call SET customer_phone = ?3, customer_name = '' WHERE company_id = ?1 AND customer_id = ?2",
                values![company, customer, &phone::mask(&number)],
            )?;
            remove_customer(db, company, customer)?;
            done += 1;
        }
        if done >= limit {
            break;
        }
    }
    Ok(done)
}

/// Forgets what robots did not understand, where it was said last before.
fn drop_texts(db: &mut Db, company: CompanyId, before: Moment, limit: i64) -> Result<i64> {
    let dropped = db.execute(
        "DELETE FROM unheard WHERE company_id = ?1 AND (scene_id, node, text) IN (
             SELECT scene_id, node, text FROM unheard WHERE company_id = ?1 AND said_at < ?2 LIMIT ?3)",
        values![company, before, limit],
    )?;
    Ok(count(dropped))
}

/// Forgets callbacks of before that are over.
fn drop_callbacks(db: &mut Db, company: CompanyId, before: Moment, limit: i64) -> Result<i64> {
    callback::forget(db, company, before, limit).map(count)
}

pub(crate) fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
