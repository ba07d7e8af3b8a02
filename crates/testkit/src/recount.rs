//! Counting by looking at every call: what the counters have to say.

use std::collections::BTreeMap;

use hutong_domain::call::{CallResult, CallStatus, FinishStatus, Utterance};
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::report::Counts;
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
use hutong_store::call_count::{self, HOUR_MS};
use hutong_store::feed::ResultPair;
use hutong_store::task::Counters;
use hutong_store::waiting::block::{Changes, Count};
use hutong_store::{Db, Result, Row, Store, task, values};

/// A finished call, as far as it is counted.
struct Counted {
    call_index: i64,
    status: FinishStatus,
    duration_s: i64,
    chat_rounds: i64,
    result_pairs: Vec<ResultPair>,
}

fn counted(row: &Row<'_>) -> Result<Counted> {
    Ok(Counted {
        call_index: row.int(0)?,
        status: row.number(1, "call.finish_status", FinishStatus::from_number)?,
        duration_s: row.int(2)?,
        chat_rounds: row.int(3)?,
        result_pairs: row.json(4, "call.result_pairs")?,
    })
}

/// Asserts that every count of the task is what a look at each of its calls says, and that its call
/// indexes and its import numbers are 0, 1, 2 … without gaps.
///
/// # Panics
/// When they are not.
pub async fn assert_counts_are_facts(store: &Store, company: CompanyId, id: TaskId) {
    let checked = store
        .read_snapshot(move |db| {
            let total = imported(db, company, id)?;
            let calls = finished(db, company, id)?;
            let task = task::find(db, company, id)?.expect("the task is there");
            let results = task::result_counts(db, company, id)?;
            let blocks = (kept_blocks(db, company, id)?, counted_blocks(db, company, id)?);
            let by_hour = (kept_hours(db, company, id)?, counted_hours(db, company, id)?);
            Ok((total, calls, task.counters, results, blocks, by_hour))
        })
        .await;
    let (total, calls, counters, results, (kept, counted), by_hour) = checked.expect("the store can be read");

    assert_eq!(by_hour.0, by_hour.1, "what was done, by line and hour");

    assert_eq!(kept, counted, "waiting calls by level, status and block");

    let indexes: Vec<i64> = calls.iter().map(|call| call.call_index).collect();
    let without_gaps: Vec<i64> = (0..).take(calls.len()).collect();
    assert_eq!(indexes, without_gaps, "call indexes");
    assert_eq!(counters, recount(total, &calls), "counters");

    let kept: BTreeMap<(String, String), i64> =
        results.into_iter().map(|count| ((count.name, count.value), count.calls)).collect();
    assert_eq!(kept, recount_results(&calls), "result counts");
}

fn imported(db: &mut Db, company: CompanyId, id: TaskId) -> Result<i64> {
    let (total, different, last) = db
        .query_one(
            "SELECT COUNT(*), COUNT(DISTINCT import_no), COALESCE(MAX(import_no), -1) FROM call
             WHERE company_id = ?1 AND task_id = ?2 AND import_no >= 0",
            values![company, id],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
        )?
        .expect("a count is a row");
    assert_eq!((different, last), (total, total - 1), "import numbers: how many different, and the last");
    Ok(total)
}

fn kept_blocks(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<Count>> {
    db.query(
        "SELECT level, status, block, waiting FROM waiting_block WHERE company_id = ?1 AND task_id = ?2
         ORDER BY level, status, block",
        values![company, id],
        |row| Ok(Count { level: row.int(0)?, status: row.int(1)?, block: row.int(2)?, calls: row.int(3)? }),
    )
}

fn counted_blocks(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<Count>> {
    let mut changes = Changes::default();
    // Each state by itself: together they would not be looked up in an index.
    for status in ["status = 0", "status = 3"] {
        db.query_each(
            &format!(
                "SELECT id, status, due_at, import_no FROM call WHERE company_id = ?1 AND task_id = ?2 AND {status}"
            ),
            values![company, id],
            |row| {
                let status = row.number(1, "call.status", CallStatus::from_number)?;
                changes.add((status, row.moment(2)?, row.int(3)?), 1);
                Ok(())
            },
        )?;
    }
    Ok(changes.counts())
}

/// What was done, by line and hour, as far as something was.
pub type ByHour = BTreeMap<(LineId, i64), Counts>;

/// What was done for a task, as it is counted.
///
/// # Errors
/// When the store fails.
pub fn kept_hours(db: &mut Db, company: CompanyId, id: TaskId) -> Result<ByHour> {
    let kept = call_count::of_task(db, company, id)?.into_iter();
    Ok(kept.filter(|(_, counts)| *counts != Counts::default()).collect())
}

/// What was done for a task, by looking at each number, attempt and call.
///
/// # Errors
/// When the store fails.
pub fn counted_hours(db: &mut Db, company: CompanyId, id: TaskId) -> Result<ByHour> {
    let mut hours = ByHour::new();
    let mut add = |line, at: Moment, counts| {
        *hours.entry((LineId(line), at.ms().div_euclid(HOUR_MS))).or_default() += counts;
    };
    if id != TaskId(0) {
        let imported = "SELECT created_at FROM customer WHERE company_id = ?1 AND task_id = ?2";
        db.query_each(imported, values![company, id], |row| {
            add(0, row.moment(0)?, Counts::imported(1));
            Ok(())
        })?;
    }
    db.query_each(
        "SELECT a.line_id, a.claimed_at, a.attempt_no, a.disposition FROM attempt a
         JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id WHERE a.company_id = ?1 AND c.task_id = ?2",
        values![company, id],
        |row| {
            let is_first = row.int(2)? == 1;
            let disposition = row.str_or_null(3)?.and_then(Disposition::from_name);
            let ended = disposition.map(|it| Counts::ended(it, is_first)).unwrap_or_default();
            add(row.int(0)?, row.moment(1)?, Counts::begun(is_first) + ended);
            Ok(())
        },
    )?;
    // A recount does not know how fast the robot was where the words are not kept any more: none of the tests look at both.
    db.query_each(
        "SELECT COALESCE(c.line_id, 0), c.started_at, c.finish_status, c.duration_s, cr.results, cr.utterances
         FROM call c JOIN call_record cr ON cr.company_id = c.company_id AND cr.id = c.id
         WHERE c.company_id = ?1 AND c.task_id = ?2 AND c.status = 2",
        values![company, id],
        |row| {
            let status = row.number(2, "call.finish_status", FinishStatus::from_number)?;
            let talk_s = if status == FinishStatus::Answered { Some(row.int(3)?) } else { None };
            let (results, utterances): (Vec<CallResult>, Vec<Utterance>) =
                (row.json(4, "call_record.results")?, row.json(5, "call_record.utterances")?);
            add(row.int(0)?, row.moment(1)?, Counts::finished(talk_s, &results, &utterances));
            Ok(())
        },
    )?;
    hours.retain(|_, counts| *counts != Counts::default());
    Ok(hours)
}

fn finished(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<Counted>> {
    db.query(
        "SELECT call_index, finish_status, duration_s, chat_rounds, result_pairs FROM call
         WHERE company_id = ?1 AND task_id = ?2 AND status = 2 ORDER BY call_index",
        values![company, id],
        counted,
    )
}

fn recount(total: i64, calls: &[Counted]) -> Counters {
    let mut counters = Counters { total, ..Counters::default() };
    for call in calls {
        counters.done += 1;
        let status = FinishStatus::ALL.iter().position(|status| *status == call.status);
        counters.by_finish_status[status.expect("every status is listed")] += 1;
        if call.status == FinishStatus::Answered {
            counters.by_talk_time[talk_time_bucket(call.duration_s)] += 1;
            counters.by_chat_rounds[chat_round_bucket(call.chat_rounds)] += 1;
        }
    }
    counters
}

fn recount_results(calls: &[Counted]) -> BTreeMap<(String, String), i64> {
    let mut counts = BTreeMap::new();
    for call in calls {
        let mut pairs = call.result_pairs.clone();
        pairs.sort();
        pairs.dedup();
        for ResultPair { name, value } in pairs {
            *counts.entry((name, value)).or_default() += 1;
        }
    }
    counts
}
