//! Counting by looking at every call: what the counters have to say.

use std::collections::BTreeMap;

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
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
            Ok((total, calls, task.counters, results, blocks))
        })
        .await;
    let (total, calls, counters, results, (kept, counted)) = checked.expect("the store can be read");

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
