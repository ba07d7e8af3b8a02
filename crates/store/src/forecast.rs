//! What a forecast of a task is made from: what is left of it, and what its callees did before.

use hutong_domain::forecast::{CallInProgress, Campaign, Line, PlannedRedials, SAMPLES_MIN, Sample};
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::LineUse;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::pacing::History;
use hutong_domain::redial::{RedialRule, Used};
use hutong_domain::rules::{CompanyRules, Rules};
use jiff::tz::TimeZone;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::task::{self, Settings, Task};
use crate::values;
use crate::{company, line};

/// Enough attempts of the past for any forecast, see [`Question::samples_max`].
pub const SAMPLES_MAX: usize = 20_000;
/// At most so many redials are read one by one; the others are taken to be due when the last of these is.
const REDIALS_MAX: i64 = 200_000;
/// Redials that are due within so many milliseconds are due together.
const REDIAL_STEP_MS: i64 = 1000;

/// What a forecast depends on besides the task.
#[derive(Debug, Clone)]
pub struct Question {
    /// The moment from which it is made.
    pub now: Moment,
    /// What the installation decides about dialling.
    pub rules: Rules,
    /// At most so many attempts of the past are looked at, the latest; at least [`SAMPLES_MIN`].
    pub samples_max: usize,
}

/// What a forecast of a task is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// The task.
    pub task: Task,
    /// What is left of it. Every seat of the company is taken to be there for it.
    pub campaign: Campaign,
    /// Seats that calls of others hold now.
    pub seats_of_others: u32,
    /// What callees did, the latest last.
    pub samples: Vec<Sample>,
    /// Whose attempts the samples are.
    pub source: Source,
}

/// Whose attempts show what callees do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The task's own.
    Task,
    /// Those of the whole company, since the task has too few.
    Company,
}

/// What a forecast of this task is made from; none when the company has no such task.
///
/// # Errors
/// When the store fails.
pub fn of_task(db: &mut Db, company: CompanyId, id: TaskId, question: &Question) -> Result<Option<Basis>> {
    let Some(task) = task::find(db, company, id)? else { return Ok(None) };
    let Some(owner) = company::find(db, company)? else { return Ok(None) };
    let left = left(db, &task, &owner.rules, question)?;
    let mut attempts = attempts_of_task(db, &task, question.samples_max)?;
    attempts.extend(left.in_progress.iter().filter_map(|call| Attempt::talking(call, question.now)));
    let mut source = Source::Task;
    if attempts.iter().filter(|it| it.tells()).count() < SAMPLES_MIN {
        attempts = attempts_of_company(db, company, question.samples_max)?;
        source = Source::Company;
    }
    let responses = attempts.iter().filter_map(|it| it.disposition.response()).filter(|_| source == Source::Task);
    let history = responses.fold(History::default(), History::record);
    let samples = attempts.iter().map(|it| it.sample(&question.rules.zone)).collect();
    let campaign = Campaign { history, seats: count(owner.seats), ..left };
    let seats_of_others = seats_of_others(db, company, id)?;
    Ok(Some(Basis { task, campaign, seats_of_others, samples, source }))
}

/// What is left of the task.
fn left(db: &mut Db, task: &Task, company: &CompanyRules, question: &Question) -> Result<Campaign> {
    let (lines, ids) = lines(db, task)?;
    let in_progress = in_progress(db, task, &ids)?;
    let awaiting_redial = awaiting_redial(db, task)?;
    let redials = redials(db, task, awaiting_redial)?;
    let unfinished = task.counters.total - task.counters.done;
    let fresh = unfinished - i64::try_from(in_progress.len()).unwrap_or(0) - awaiting_redial;
    let Settings { kind, start_date, window, quota, in_progress_max, elastic, redial_rules, .. } = &task.settings;
    Ok(Campaign {
        now: question.now,
        zone: question.rules.zone.clone(),
        hours: question.rules.hours_of(company),
        start_date: *start_date,
        window: *window,
        kind: *kind,
        status: task.status,
        quota: *quota,
        in_progress_max: *in_progress_max,
        elastic: *elastic,
        redial_rules: redial_rules.clone(),
        seats: 0,
        lost_per_mille_max: question.rules.lost_per_mille_max,
        lines,
        fresh: u64::try_from(fresh).unwrap_or(0),
        redials,
        in_progress,
        history: History::default(),
    })
}

/// The lines of the task that calls may go out on, now or once they are valid; and their ids.
fn lines(db: &mut Db, task: &Task) -> Result<(Vec<Line>, Vec<LineId>)> {
    let lines = line::of_task(db, task.company, task.id)?.into_iter();
    Ok(lines
        .filter(|line| line.enabled && line.line_use != Some(LineUse::Inbound))
        .map(|line| {
            let limits = Line {
                channels: line.channels.map(count),
                pace: line.pace,
                valid_from: line.valid_from,
                valid_until: line.valid_until,
            };
            (limits, line.id)
        })
        .unzip())
}

fn in_progress(db: &mut Db, task: &Task, lines: &[LineId]) -> Result<Vec<CallInProgress>> {
    let live = db.live_attempts();
    db.query(
        &format!(
            "SELECT a.claimed_at, a.answered_at, a.seated, a.attempt_no, a.line_id, c.caller_redials
             FROM (SELECT * FROM {live} WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL) a
             JOIN call c ON c.company_id = ?1 AND c.id = a.call_id ORDER BY a.call_id"
        ),
        values![task.company, task.id],
        |row| {
            let line = LineId(row.int(4)?);
            Ok(CallInProgress {
                since: row.moment(0)?,
                answered_at: row.moment_or_null(1)?,
                seated: row.flag(2)?,
                used: used(row.int(3)? - 1, row.int(5)?),
                line: lines.iter().position(|id| *id == line),
            })
        },
    )
}

/// What is used of the budgets after so many redials, of which so many were for our own side's sake.
fn used(redials: i64, of_caller: i64) -> Used {
    Used { callee: count(redials - of_caller), caller: count(of_caller) }
}

/// How many numbers wait for a redial: counted by blocks, however many they are.
fn awaiting_redial(db: &mut Db, task: &Task) -> Result<i64> {
    let blocks = db.query(
        "SELECT waiting FROM waiting_block WHERE company_id = ?1 AND task_id = ?2 AND level = 1 AND status = 3",
        values![task.company, task.id],
        |row| row.int(0),
    )?;
    Ok(blocks.into_iter().sum())
}

/// The redials that are planned, by when they are due.
fn redials(db: &mut Db, task: &Task, planned: i64) -> Result<Vec<PlannedRedials>> {
    let mut redials = db.query(
        &format!(
            "SELECT MIN(due_at), COUNT(*), redials, caller_redials FROM (
                 SELECT due_at, redials, caller_redials FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3
                 ORDER BY due_at, id LIMIT ?3) AS earliest
             GROUP BY due_at / {REDIAL_STEP_MS}, redials, caller_redials ORDER BY 1, 3, 4"
        ),
        values![task.company, task.id, REDIALS_MAX],
        |row| {
            let calls = u64::try_from(row.int(1)?).unwrap_or(0);
            // Dialled, it is a redial more; whose sake it is for was counted when it was planned.
            Ok(PlannedRedials { due: row.moment(0)?, calls, used: used(row.int(2)?.saturating_add(1), row.int(3)?) })
        },
    )?;
    if let Some(last) = redials.last_mut() {
        last.calls += u64::try_from(planned - REDIALS_MAX).unwrap_or(0);
    }
    Ok(redials)
}

fn seats_of_others(db: &mut Db, company: CompanyId, task: TaskId) -> Result<u32> {
    let live = db.live_attempts();
    let held = db.query_int(
        &format!(
            "SELECT COUNT(*) FROM {live} WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1 AND task_id <> ?2"
        ),
        values![company, task],
    )?;
    Ok(count(held))
}

/// An attempt that has ended, or talks.
struct Attempt {
    number: i64,
    claimed_at: Moment,
    answered_at: Option<Moment>,
    /// Now, where it talks.
    ended_at: Moment,
    disposition: Disposition,
    talk_goes_on: bool,
}

const ATTEMPT: &str = "a.attempt_no, a.claimed_at, a.answered_at, a.ended_at, a.disposition";

impl Attempt {
    /// None where it ended in a way that this program does not know.
    fn read(row: &Row<'_>) -> Result<Option<Self>> {
        let Some(disposition) = row.str_or_null(4)?.and_then(Disposition::from_name) else { return Ok(None) };
        Ok(Some(Self {
            number: row.int(0)?,
            claimed_at: row.moment(1)?,
            answered_at: row.moment_or_null(2)?,
            ended_at: row.moment(3)?,
            disposition,
            talk_goes_on: false,
        }))
    }

    /// None where nobody has answered yet.
    fn talking(call: &CallInProgress, now: Moment) -> Option<Self> {
        call.answered_at.map(|answered_at| Self {
            number: i64::from(call.used.total()) + 1,
            claimed_at: call.since,
            answered_at: Some(answered_at),
            ended_at: now,
            disposition: Disposition::Answered,
            talk_goes_on: true,
        })
    }

    /// Whether it says anything about callees.
    fn tells(&self) -> bool {
        self.disposition != Disposition::Interrupted
    }

    fn sample(&self, zone: &TimeZone) -> Sample {
        let ms = |from: Moment, until: Moment| u32::try_from(until.since(from).as_millis()).unwrap_or(u32::MAX);
        let rang_until = self.answered_at.unwrap_or(self.ended_at);
        Sample {
            disposition: self.disposition,
            ring_ms: ms(self.claimed_at, rang_until),
            talk_ms: ms(rang_until, self.ended_at),
            talk_goes_on: self.talk_goes_on,
            hour: self.claimed_at.civil(zone).hour().unsigned_abs(),
            is_redial: self.number > 1,
        }
    }
}

/// The latest attempts of the task, in the order in which they ended.
///
/// Those of numbers that have finished, and of numbers that wait for a redial: looked at alone, either would be a
/// choice by outcome. Where there are more than are read, all are left out that ended before what was read is complete.
fn attempts_of_task(db: &mut Db, task: &Task, most: usize) -> Result<Vec<Attempt>> {
    let (finished, complete_from) = attempts_of_calls(db, task, FINISHED, most)?;
    let (waiting, due_from) = attempts_of_calls(db, task, AWAITING_REDIAL, most)?;
    // A redial is due no sooner after the end of its attempt than the shortest interval.
    let interval = |rule: &RedialRule| i64::from(rule.interval_minutes) * 60_000;
    let interval_ms = task.settings.redial_rules.iter().map(interval).min().unwrap_or(0);
    let complete_from = complete_from.max(due_from.map(|due| Moment(due.ms() - interval_ms)));
    let mut attempts: Vec<Attempt> = finished.into_iter().chain(waiting).collect();
    attempts.retain(|it| complete_from.is_none_or(|from| it.ended_at >= from));
    attempts.sort_by_key(|it| (it.ended_at, it.claimed_at));
    attempts.drain(..attempts.len().saturating_sub(most));
    Ok(attempts)
}

/// Numbers that have finished, and when, the latest first.
const FINISHED: &str = "SELECT id, ended_at AS at FROM call
    WHERE company_id = ?1 AND task_id = ?2 AND call_index IS NOT NULL ORDER BY call_index DESC LIMIT ?3";
/// Numbers that wait for a redial, and when it is due, the latest first.
const AWAITING_REDIAL: &str = "SELECT id, due_at AS at FROM call
    WHERE company_id = ?1 AND task_id = ?2 AND status = 3 ORDER BY due_at DESC, id DESC LIMIT ?3";

/// The attempts of the calls that a statement chooses, each with the call's moment.
///
/// `CROSS JOIN` is how SQLite is told to begin with the calls: it would look for each of the company's attempts among
/// them.
fn attempts_sql(calls: &str) -> String {
    format!(
        "SELECT {ATTEMPT}, c.at FROM ({calls}) AS c CROSS JOIN attempt a
         WHERE a.company_id = ?1 AND a.call_id = c.id AND a.ended_at IS NOT NULL"
    )
}

/// The attempts of so many calls at most; and the earliest of the calls' moments where there are more of them.
fn attempts_of_calls(db: &mut Db, task: &Task, calls: &str, most: usize) -> Result<(Vec<Attempt>, Option<Moment>)> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let (mut attempts, mut read, mut earliest) = (Vec::new(), 0, None);
    db.query_each(&attempts_sql(calls), values![task.company, task.id, limit], |row| {
        read += i64::from(row.int(0)? == 1);
        let at = row.moment_or_null(5)?;
        earliest = at.into_iter().chain(earliest).min();
        attempts.extend(Attempt::read(row)?);
        Ok(())
    })?;
    Ok((attempts, earliest.filter(|_| read >= limit)))
}

/// The attempts at the company's latest calls, in the order in which they ended.
fn attempts_of_company(db: &mut Db, company: CompanyId, most: usize) -> Result<Vec<Attempt>> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let read = db.query(
        &format!(
            "SELECT {ATTEMPT} FROM attempt a WHERE a.company_id = ?1 AND a.ended_at IS NOT NULL
             ORDER BY a.call_id DESC, a.attempt_no DESC LIMIT ?2"
        ),
        values![company, limit],
        Attempt::read,
    )?;
    let mut attempts: Vec<Attempt> = read.into_iter().flatten().collect();
    attempts.sort_by_key(|it| (it.ended_at, it.claimed_at));
    Ok(attempts)
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, Url};

    #[test]
    fn attempts_are_looked_for_by_their_calls() {
        let store = Store::open(&Options::new(Url::Memory), Moment(0)).unwrap();
        let plan_of = |calls: &str| {
            let sql = format!("EXPLAIN QUERY PLAN {}", attempts_sql(calls));
            let plan = store.read(move |db| db.query(&sql, values![1i64, 1i64, 1i64], |row| row.text(3)));
            futures::executor::block_on(plan).unwrap()
        };
        for (calls, index) in [(FINISHED, "call_page"), (AWAITING_REDIAL, "call_redial")] {
            let plan = plan_of(calls);
            assert!(plan[1].contains(index), "{plan:?}");
            let last = "SEARCH a USING PRIMARY KEY (company_id=? AND call_id=?)";
            assert_eq!(plan.last().map(String::as_str), Some(last), "{plan:?}");
        }
    }
}
