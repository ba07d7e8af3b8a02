//! The ledger of a number: what happened to it in a task, and everything that decides whether it is dialled now.

use hutong_domain::breaker::Allows;
use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::caps::Capped;
use hutong_domain::ids::{BlacklistGroupId, CallId, CompanyId, LineId, TaskId};
use hutong_domain::ledger::{CallFacts, Facts, LineFacts, LineState, SeatFacts, TaskFacts};
use hutong_domain::line::LineUse;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Signals};
use hutong_domain::pace;
use hutong_domain::rules::{CompanyRules, Rules};
use hutong_domain::task::{MoveReason, TaskStatus};

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::line::{self, Line};
use crate::line_health::{self, LineHealth};
use crate::task::{self, SCHEDULER, Task};
use crate::{blacklist, claim, company, number, values, waiting};

/// What is known of a number in a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// The call.
    pub call: CallId,
    /// The customer's name.
    pub customer_name: String,
    /// Everything that decides whether it is dialled now.
    pub facts: Facts,
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
}

/// An attempt to reach a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: i64,
    /// The line.
    pub line: LineId,
    /// Its name.
    pub line_name: String,
    /// When it was claimed: the number may have rung from then on.
    pub claimed_at: Moment,
    /// When somebody answered.
    pub answered_at: Option<Moment>,
    /// When it ended; none while it goes on.
    pub ended_at: Option<Moment>,
    /// How it ended.
    pub disposition: Option<Disposition>,
    /// What its line reported, where it is a real one.
    pub signals: Option<Signals>,
}

/// A call, as far as its place in the order of dialling goes.
pub(crate) struct Call {
    pub(crate) id: CallId,
    customer_name: String,
    pub(crate) status: CallStatus,
    pub(crate) due_at: Moment,
    pub(crate) import_no: i64,
    redials: i64,
    started_at: Option<Moment>,
    finish_status: Option<FinishStatus>,
    call_index: Option<i64>,
}

/// The ledger of a number in a task; none when the task has no such number.
///
/// # Errors
/// When the store fails.
pub fn of_number(
    db: &mut Db,
    company: CompanyId,
    id: TaskId,
    phone: &str,
    (rules, now): (&Rules, Moment),
) -> Result<Option<Ledger>> {
    let Some(task) = task::find(db, company, id)? else { return Ok(None) };
    let Some(call) = call_to(db, company, id, phone)? else { return Ok(None) };
    let company_rules = company::find(db, company)?.map(|company| company.rules).unwrap_or_default();
    let busy = number::busy(db, &[phone])?.remove(phone).filter(|busy| busy.call != call.id);
    let facts = Facts {
        now,
        zone: rules.zone.clone(),
        task: task_facts(db, &task, rules, &company_rules)?,
        call: match call.status {
            CallStatus::NotStarted => CallFacts::Fresh { not_before: call.due_at },
            CallStatus::AwaitingRedial => CallFacts::AwaitingRedial { due: call.due_at },
            CallStatus::InProgress => CallFacts::InProgress { since: call.started_at.unwrap_or_default() },
            CallStatus::Done => CallFacts::Finished {
                status: call.finish_status.unwrap_or(FinishStatus::Lost),
                call_index: call.call_index,
            },
        },
        redials: u32::try_from(call.redials).unwrap_or(u32::MAX),
        redials_max: task.settings.redial_rules.iter().map(|rule| rule.times).max().unwrap_or(0),
        blacklisted_in: blacklisted_in(db, company, phone)?,
        capped: capped(db, phone, rules, (company, &company_rules), now)?,
        busy_in: busy.map(|busy| busy.task),
        before: u64::try_from(waiting::before(db, company, id, &call, now)?).unwrap_or(0),
        seats: seats(db, &task)?,
        lines: lines(db, company, id, now)?,
    };
    let attempts = attempts(db, company, call.id)?;
    Ok(Some(Ledger { call: call.id, customer_name: call.customer_name, facts, attempts }))
}

/// The call to a number `?3` of a task. "More than 0" is what the index of customers is limited to: without it, SQLite
/// would look through all calls of the company.
const CALL_TO: &str = "SELECT c.id, c.customer_name, c.status, c.due_at, c.redials, c.started_at, c.finish_status,
        c.call_index, c.import_no
    FROM customer cu JOIN call c ON c.company_id = ?1 AND c.customer_id = cu.id
    WHERE cu.company_id = ?1 AND cu.task_id = ?2 AND cu.task_id > 0 AND cu.phone = ?3 AND c.task_id = ?2";

/// The call to a number of a task.
pub(crate) fn call_to(db: &mut Db, company: CompanyId, task: TaskId, phone: &str) -> Result<Option<Call>> {
    db.query_one(CALL_TO, values![company, task, phone], |row| {
        Ok(Call {
            id: CallId(row.int(0)?),
            customer_name: row.text(1)?,
            status: row.number(2, "call.status", CallStatus::from_number)?,
            due_at: row.moment(3)?,
            redials: row.int(4)?,
            started_at: row.moment_or_null(5)?,
            finish_status: row.number_or_null(6, "call.finish_status", FinishStatus::from_number)?,
            call_index: row.int_or_null(7)?,
            import_no: row.int(8)?,
        })
    })
}

fn task_facts(db: &mut Db, task: &Task, rules: &Rules, company: &CompanyRules) -> Result<TaskFacts> {
    let last = task::moves(db, task.company, task.id, 1)?.pop().filter(|last| last.actor == SCHEDULER);
    Ok(TaskFacts {
        status: task.status,
        moved: last.and_then(|last| MoveReason::from_name(&last.reason)),
        kind: task.settings.kind,
        start_date: task.settings.start_date,
        window: task.settings.window,
        hours: rules.hours_of(company),
    })
}

fn blacklisted_in(db: &mut Db, company: CompanyId, phone: &str) -> Result<Option<String>> {
    let group = db.query_one(
        "SELECT group_id FROM blacklist_entry WHERE company_id = ?1 AND mobile = ?2 ORDER BY group_id LIMIT 1",
        values![company, phone],
        |row| row.int(0).map(BlacklistGroupId),
    )?;
    let Some(id) = group else { return Ok(None) };
    let named = blacklist::groups(db, company)?.into_iter().find(|group| group.id == id);
    Ok(Some(named.map_or_else(|| blacklist::DEFAULT_GROUP_NAME.to_owned(), |group| group.name)))
}

fn capped(
    db: &mut Db,
    phone: &str,
    rules: &Rules,
    (company, own): (CompanyId, &CompanyRules),
    now: Moment,
) -> Result<Option<Capped>> {
    let today = now.civil(&rules.zone).date();
    let dialled = number::dialled(db, &[phone], today)?.remove(phone).unwrap_or_default();
    Ok(number::capped(&dialled, (rules.caps, (company, own.caps)), today))
}

fn seats(db: &mut Db, task: &Task) -> Result<SeatFacts> {
    let usage = claim::seat_usage(db, task.company, task.id)?;
    let own = if task.settings.elastic { u32::MAX } else { task.settings.quota.saturating_sub(usage.held_by_task) };
    let queued = match task.status {
        TaskStatus::Queued => Some(queue_place(db, task)?),
        _ => None,
    };
    Ok(SeatFacts { free: usage.free.min(own), held: usage.held_by_task, queued })
}

/// The place of a queued task in its company's queue for seats, from 1: who has waited longest comes first.
fn queue_place(db: &mut Db, task: &Task) -> Result<usize> {
    let earlier = db.query_int(
        "SELECT COUNT(*) FROM task WHERE company_id = ?1 AND status = 7 AND deleted_at IS NULL
           AND (modified_at < ?2 OR (modified_at = ?2 AND id < ?3))",
        values![task.company, task.modified_at, task.id],
    )?;
    Ok(usize::try_from(earlier).unwrap_or(0) + 1)
}

fn lines(db: &mut Db, company: CompanyId, task: TaskId, now: Moment) -> Result<Vec<LineFacts>> {
    let in_use = line::channels_in_use(db, company)?;
    let health = line_health::of_company(db, company)?;
    let state = |line: &Line| {
        let health = health.get(&line.id).copied().unwrap_or_default();
        line_state(line, (&health, in_use.get(&line.id).copied().unwrap_or(0)), now)
    };
    let lines = line::of_task(db, company, task)?.into_iter();
    Ok(lines.map(|line| LineFacts { state: state(&line), name: line.name }).collect())
}

pub(crate) fn line_state(line: &Line, (health, in_use): (&LineHealth, i64), now: Moment) -> LineState {
    let paced = line.pace.and_then(|pace| match pace::available(&pace, &health.pace, now) {
        (0, until) => until,
        _ => None,
    });
    if !line.enabled {
        LineState::Disabled
    } else if line.line_use == Some(LineUse::Inbound) {
        LineState::Inbound
    } else if line.valid_from.is_some_and(|from| from > now) {
        LineState::NotValid { from: line.valid_from }
    } else if line.valid_until.is_some_and(|until| until < now) {
        LineState::NotValid { from: None }
    } else if let Allows::None { until } | Allows::Unpaid { until } = health.breaker.allows(now) {
        LineState::LeftAlone { until }
    } else if line.channels.is_some_and(|channels| in_use >= channels) {
        LineState::NoChannel
    } else {
        paced.map_or(LineState::Usable, |until| LineState::Paced { until })
    }
}

/// What was tried to reach a call's number, in order.
///
/// # Errors
/// When the store fails.
pub fn attempts(db: &mut Db, company: CompanyId, call: CallId) -> Result<Vec<Attempt>> {
    db.query(
        "SELECT a.attempt_no, COALESCE(l.name, ''), a.claimed_at, a.answered_at, a.ended_at, a.disposition,
             a.ended_by, a.sip_code, a.q850_cause, a.early_media, a.setup_ms, a.ring_ms, a.line_id
         FROM attempt a LEFT JOIN line l ON l.company_id = a.company_id AND l.id = a.line_id
         WHERE a.company_id = ?1 AND a.call_id = ?2 ORDER BY a.attempt_no",
        values![company, call],
        |row| {
            Ok(Attempt {
                number: row.int(0)?,
                line: LineId(row.int(12)?),
                line_name: row.text(1)?,
                claimed_at: row.moment(2)?,
                answered_at: row.moment_or_null(3)?,
                ended_at: row.moment_or_null(4)?,
                disposition: row.str_or_null(5)?.and_then(Disposition::from_name),
                signals: signals(row)?,
            })
        },
    )
}

/// What the line reported, from the columns that begin with `ended_by`.
fn signals(row: &Row<'_>) -> Result<Option<Signals>> {
    let Some(ended) = row.str_or_null(6)?.and_then(Ended::from_name) else { return Ok(None) };
    let milliseconds = |column| Ok::<_, Error>(row.int_or_null(column)?.and_then(|ms| u32::try_from(ms).ok()));
    Ok(Some(Signals {
        ended,
        sip_code: row.int_or_null(7)?.and_then(|code| u16::try_from(code).ok()),
        q850_cause: row.int_or_null(8)?.and_then(|cause| u8::try_from(cause).ok()),
        early_media: row.str_or_null(9)?.and_then(EarlyMedia::from_name).unwrap_or_default(),
        setup_ms: milliseconds(10)?,
        ring_ms: milliseconds(11)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, Url};

    #[test]
    fn a_number_of_a_task_is_looked_up() {
        let store = Store::open(&Options::new(Url::Memory), Moment(0)).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {CALL_TO}");
        let plan = store.read(move |db| db.query(&sql, values![1i64, 1i64, "13800138000"], |row| row.text(3)));
        let plan = futures::executor::block_on(plan).unwrap();
        let expected = [
            "SEARCH cu USING COVERING INDEX customer_once (company_id=? AND task_id=? AND phone=?)",
            "SEARCH c USING INDEX call_customer (company_id=? AND customer_id=?)",
        ];
        assert_eq!(plan, expected);
    }
}
