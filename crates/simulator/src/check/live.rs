//! What is new in the store: attempts that began or ended, and calls that finished.

use std::collections::BTreeMap;

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, CompanyId, LineId, TaskId};
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
use hutong_store::feed::ResultPair;
use hutong_store::task::Counters;
use hutong_store::{Db, Result, Row, values};

use super::{Checked, Checker, TaskModel};

/// An attempt that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) attempt_no: i64,
    pub(super) task: TaskId,
    pub(super) line: LineId,
    pub(super) seated: bool,
    /// Whether its call is in progress, as it must be.
    in_progress: bool,
}

/// A task, as the store says.
struct Found {
    id: TaskId,
    counters: Counters,
}

/// A call that has finished.
struct FinishedCall {
    call_index: i64,
    status: FinishStatus,
    duration_s: i64,
    chat_rounds: i64,
    result_pairs: Vec<ResultPair>,
}

impl Checker {
    /// Takes what is new into the model, and sees whether the store agrees with it.
    pub(super) fn look(&mut self) -> Checked {
        let company = self.company;
        let (live, tasks) = self.read(move |db| Ok((attempts(db, company)?, tasks(db, company)?)))?;
        self.take_live(live)?;
        for found in tasks {
            self.take_finished(&found)?;
        }
        Ok(())
    }

    fn take_live(&mut self, found: Vec<(CallId, Live)>) -> Checked {
        let seated = found.iter().filter(|(_, live)| live.seated).count();
        if i64::try_from(seated).unwrap_or(i64::MAX) > self.seats {
            return Err(format!("{seated} calls hold a seat, of {}", self.seats));
        }
        let mut live = BTreeMap::new();
        for (call, attempt) in found {
            if !attempt.in_progress {
                return Err(format!("call {call} has attempt {} and is not in progress", attempt.attempt_no));
            }
            if live.insert(call, attempt).is_some() {
                return Err(format!("call {call} has two attempts at once"));
            }
        }
        for (id, task) in &self.tasks {
            let calls = live.values().filter(|live| live.task == *id).count();
            let most = task.settings.in_progress_max as usize;
            if calls > most && !task.settings.elastic {
                return Err(format!("task {id} has {calls} calls in progress, of {most}"));
            }
        }
        self.live = live;
        Ok(())
    }

    /// Calls that finished must have the next indexes, and counters say what was seen of each.
    fn take_finished(&mut self, found: &Found) -> Checked {
        let (company, id) = (self.company, found.id);
        let Some(known) = self.tasks.get(&id).map(|task| task.counters.done) else { return Ok(()) };
        let new = if found.counters.done == known {
            Vec::new()
        } else {
            self.read(move |db| finished_from(db, company, id, known))?
        };
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(()) };
        for call in new {
            if call.call_index != task.counters.done {
                return Err(format!(
                    "the feed of task {id} has gaps or repetitions: {} follows {} others",
                    call.call_index, task.counters.done
                ));
            }
            task.count(&call);
        }
        if task.counters.done != found.counters.done {
            let (seen, said) = (task.counters.done, found.counters.done);
            return Err(format!("the feed of task {id} has gaps or repetitions: {seen} calls, of {said}"));
        }
        if task.counters != found.counters {
            return Err(format!("task {id} counts {:?}, but there are {:?}", found.counters, task.counters));
        }
        Ok(())
    }
}

impl TaskModel {
    fn count(&mut self, call: &FinishedCall) {
        let Counters { done, by_finish_status, by_talk_time, by_chat_rounds, .. } = &mut self.counters;
        *done += 1;
        let status = FinishStatus::ALL.iter().position(|status| *status == call.status);
        add_one(by_finish_status, status.unwrap_or(usize::MAX));
        if call.status == FinishStatus::Answered {
            add_one(by_talk_time, talk_time_bucket(call.duration_s));
            add_one(by_chat_rounds, chat_round_bucket(call.chat_rounds));
        }
        let mut pairs: Vec<_> = call.result_pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
        pairs.sort();
        pairs.dedup();
        for pair in pairs {
            *self.results.entry(pair).or_default() += 1;
        }
    }
}

fn add_one(counts: &mut [i64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

/// Attempts that have not ended.
fn attempts(db: &mut Db, company: CompanyId) -> Result<Vec<(CallId, Live)>> {
    // Without statistics SQLite would walk over every attempt that there ever was.
    let live = if db.is_postgres() { "attempt" } else { "attempt a INDEXED BY attempt_live" };
    let alias = if db.is_postgres() { " a" } else { "" };
    db.query(
        &format!(
            "SELECT a.call_id, a.attempt_no, a.task_id, a.line_id, a.seated, c.status
             FROM {live}{alias} JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
             WHERE a.company_id = ?1 AND a.ended_at IS NULL"
        ),
        values![company],
        |row| {
            let live = Live {
                attempt_no: row.int(1)?,
                task: TaskId(row.int(2)?),
                line: LineId(row.int(3)?),
                seated: row.flag(4)?,
                in_progress: row.int(5)? == 1,
            };
            Ok((CallId(row.int(0)?), live))
        },
    )
}

fn tasks(db: &mut Db, company: CompanyId) -> Result<Vec<Found>> {
    let finish: Vec<String> = FinishStatus::ALL.iter().map(|status| format!("finish_{}", status.number())).collect();
    db.query(
        &format!(
            "SELECT id, total_count, next_call_index, talk_0, talk_1, talk_2, talk_3, rounds_0, rounds_1, rounds_2,
                 rounds_3, {} FROM task WHERE company_id = ?1 ORDER BY id",
            finish.join(", ")
        ),
        values![company],
        |row| {
            let counters = Counters {
                total: row.int(1)?,
                done: row.int(2)?,
                by_talk_time: ints(row, 3)?,
                by_chat_rounds: ints(row, 7)?,
                by_finish_status: ints(row, 11)?,
            };
            Ok(Found { id: TaskId(row.int(0)?), counters })
        },
    )
}

fn ints<const N: usize>(row: &Row<'_>, first: usize) -> Result<[i64; N]> {
    let mut ints = [0; N];
    for (column, int) in (first..).zip(&mut ints) {
        *int = row.int(column)?;
    }
    Ok(ints)
}

fn finished_from(db: &mut Db, company: CompanyId, task: TaskId, index: i64) -> Result<Vec<FinishedCall>> {
    db.query(
        "SELECT call_index, finish_status, duration_s, chat_rounds, result_pairs FROM call
         WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3 ORDER BY call_index",
        values![company, task, index],
        |row| {
            Ok(FinishedCall {
                call_index: row.int(0)?,
                status: row.number(1, "call.finish_status", FinishStatus::from_number)?,
                duration_s: row.int(2)?,
                chat_rounds: row.int(3)?,
                result_pairs: row.json(4, "call.result_pairs")?,
            })
        },
    )
}
