//! The census: everything in the store, counted anew.

use std::collections::BTreeMap;

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::caps::WEEK_DAYS;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::report::Counts;
use hutong_store::waiting::block::{Changes, Count};
use hutong_store::{Db, Result, call_count, task, values};
use jiff::civil::Date;

use super::{Checked, Checker, TaskModel, Violation};

impl Checker {
    /// Reads all of the store, and sees whether it agrees with itself and with what was seen of it.
    pub(super) fn census(&self, now: Moment) -> Checked {
        let ids: Vec<(CompanyId, TaskId)> = self.tasks.iter().map(|(id, task)| (task.company, *id)).collect();
        let (astray, busy, dialled, tasks) = self.read(move |db| {
            let tasks = ids.iter().map(|(company, id)| census_of(db, *company, *id)).collect::<Result<Vec<_>>>()?;
            Ok((astray(db)?, busy(db)?, dialled(db)?, tasks))
        })?;
        if astray > 0 {
            return Err(format!("{astray} calls are in progress without an attempt, or the other way round"));
        }
        if let Some(violation) = busy.into_iter().next() {
            return Err(violation);
        }
        self.has_dialled(&dialled, now)?;
        for (census, (id, task)) in tasks.iter().zip(&self.tasks) {
            census.agrees(*id, task)?;
        }
        Ok(())
    }

    /// Attempts by number, company and day are those that were seen, on all days that no process may forget yet.
    fn has_dialled(&self, kept: &[(String, CompanyId, i64, u32)], now: Moment) -> Checked {
        let on = |date: Date| i64::from(EPOCH.until(date).map_or(0, |span| span.get_days()));
        // The clock of a process may be ahead, at midnight by a day.
        let first = on(now.civil(&self.rules.zone).date()) - (WEEK_DAYS - 2);
        for (phone, company, day, attempts) in kept {
            let claims = self.claims.get(phone).map_or(&[][..], Vec::as_slice);
            let seen = claims.iter().find(|(by, date, _)| by == company && on(*date) == *day);
            let seen = seen.map_or(0, |(.., count)| *count);
            if seen != *attempts {
                return Err(format!("{phone} counts {attempts} attempts of company {company}, but there were {seen}"));
            }
        }
        let seen = self.claims.values().flatten().filter(|(_, date, _)| on(*date) >= first).count();
        let kept = kept.iter().filter(|(_, _, day, _)| *day >= first).count();
        if seen != kept {
            return Err(format!("attempts are counted on {kept} days of numbers, of {seen}"));
        }
        Ok(())
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// How often each number was dialled, by company and day.
fn dialled(db: &mut Db) -> Result<Vec<(String, CompanyId, i64, u32)>> {
    db.query("SELECT phone, company_id, day, attempts FROM dialled_number", &[], |row| {
        Ok((row.text(0)?, CompanyId(row.int(1)?), row.int(2)?, u32::try_from(row.int(3)?).unwrap_or(u32::MAX)))
    })
}

/// Calls in progress without an attempt, and attempts of calls that are not.
fn astray(db: &mut Db) -> Result<i64> {
    db.query_int(
        "SELECT COUNT(*) FROM call c WHERE (c.status = 1) <> EXISTS (
             SELECT 1 FROM attempt a WHERE a.company_id = c.company_id AND a.call_id = c.id AND a.ended_at IS NULL)",
        &[],
    )
}

/// A number is taken exactly while a call to it is in progress. A call that is refused because its number is blacklisted
/// takes none.
fn busy(db: &mut Db) -> Result<Vec<Violation>> {
    let mut found = db.query(
        "SELECT b.phone, b.call_id FROM busy_number b WHERE NOT EXISTS (
             SELECT 1 FROM attempt a JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
             WHERE a.company_id = b.company_id AND a.call_id = b.call_id AND a.ended_at IS NULL
               AND c.customer_phone = b.phone)",
        &[],
        |row| Ok(format!("{} is taken by call {}, which is not in progress", row.str(0)?, row.int(1)?)),
    )?;
    found.extend(db.query(
        "SELECT c.customer_phone, c.id FROM call c WHERE c.status = 1
           AND NOT EXISTS (SELECT 1 FROM busy_number b
               WHERE b.phone = c.customer_phone AND b.company_id = c.company_id AND b.call_id = c.id)
           AND NOT EXISTS (SELECT 1 FROM blacklist_entry e
               WHERE e.company_id = c.company_id AND e.mobile = c.customer_phone)",
        &[],
        |row| Ok(format!("{} is in call {}, and not taken by it", row.str(0)?, row.int(1)?)),
    )?);
    Ok(found)
}

/// What is counted anew in a task.
struct Census {
    total: i64,
    /// Finished calls: how many, how many indexes, the first and the last.
    places: (i64, i64, i64, i64),
    by_finish_status: BTreeMap<i64, i64>,
    results: BTreeMap<(String, String), i64>,
    /// Waiting calls by block: as they are kept, and as they are counted.
    blocks: (Vec<Count>, Vec<Count>),
    /// How much was done, and what came of it: as it is counted for reports, and by a look at attempts and calls.
    done: (Done, Done),
}

/// Attempts, answered ones, lost ones, finished calls, seconds of talk.
type Done = [i64; 5];

impl Census {
    fn agrees(&self, id: TaskId, task: &TaskModel) -> Checked {
        let counters = &task.counters;
        if self.total != counters.total {
            return Err(format!("task {id} has {} numbers, of {}", self.total, counters.total));
        }
        let done = counters.done;
        if self.places != (done, done, 0, done - 1) {
            return Err(format!("the feed of task {id} has gaps or repetitions: {:?} of {done}", self.places));
        }
        for status in FinishStatus::ALL {
            let seen = self.by_finish_status.get(&status.number()).copied().unwrap_or(0);
            if seen != counters.finished_with(*status) {
                let counted = counters.finished_with(*status);
                return Err(format!("task {id} counts {counted} calls as {status:?}, but there are {seen}"));
            }
        }
        if self.results != task.results {
            return Err(format!("task {id} counts the results {:?}, but there are {:?}", self.results, task.results));
        }
        let (kept, counted) = &self.done;
        if kept != counted {
            return Err(format!("reports of task {id} have {kept:?} attempts and calls, but there are {counted:?}"));
        }
        let (kept, counted) = &self.blocks;
        if kept != counted {
            return Err(format!("task {id} counts {kept:?} as waiting, but there are {counted:?}"));
        }
        Ok(())
    }
}

fn census_of(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Census> {
    let key = values![company, id];
    let total = db.query_int("SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2", key)?;
    let places = db.query_one(
        "SELECT COUNT(*), COUNT(DISTINCT call_index), COALESCE(MIN(call_index), 0), COALESCE(MAX(call_index), -1)
         FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 2",
        key,
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?)),
    )?;
    let by_finish_status = db.query(
        "SELECT finish_status, COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 2
         GROUP BY finish_status",
        key,
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let results = task::result_counts(db, company, id)?;
    let kept = db.query(
        "SELECT level, status, block, waiting FROM waiting_block WHERE company_id = ?1 AND task_id = ?2
         ORDER BY level, status, block",
        key,
        |row| Ok(Count { level: row.int(0)?, status: row.int(1)?, block: row.int(2)?, calls: row.int(3)? }),
    )?;
    let mut changes = Changes::default();
    // Each state by itself: together they would not be looked up in an index.
    for status in ["status = 0", "status = 3"] {
        db.query_each(
            &format!("SELECT status, due_at, import_no FROM call WHERE company_id = ?1 AND task_id = ?2 AND {status}"),
            key,
            |row| {
                let status = row.number(0, "call.status", CallStatus::from_number)?;
                changes.add((status, row.moment(1)?, row.int(2)?), 1);
                Ok(())
            },
        )?;
    }
    Ok(Census {
        total,
        places: places.unwrap_or_default(),
        by_finish_status: by_finish_status.into_iter().collect(),
        results: results.into_iter().map(|count| ((count.name, count.value), count.calls)).collect(),
        blocks: (kept, changes.counts()),
        done: done(db, company, id)?,
    })
}

fn done(db: &mut Db, company: CompanyId, id: TaskId) -> Result<(Done, Done)> {
    let key = values![company, id];
    let kept: Counts = call_count::of_task(db, company, id)?.into_iter().map(|(_, counts)| counts).sum();
    let attempts = db.query_one(
        "SELECT COUNT(*), COUNT(CASE WHEN a.disposition = 'answered' THEN 1 END),
             COUNT(CASE WHEN a.disposition IN ('no_seat', 'interrupted') THEN 1 END)
         FROM call c JOIN attempt a ON a.company_id = c.company_id AND a.call_id = c.id
         WHERE c.company_id = ?1 AND c.task_id = ?2 AND COALESCE(a.disposition, '') <> 'blacklisted'",
        key,
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
    )?;
    let finished = db.query_one(
        "SELECT COUNT(*), CAST(COALESCE(SUM(duration_s), 0) AS BIGINT) FROM call
         WHERE company_id = ?1 AND task_id = ?2 AND status = 2",
        key,
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let ((dialled, answered, lost), (calls, talk_s)) = (attempts.unwrap_or_default(), finished.unwrap_or_default());
    let kept = [kept.dialled, kept.answered, kept.lost, kept.finished, kept.talk_s];
    Ok((kept, [dialled, answered, lost, calls, talk_s]))
}
