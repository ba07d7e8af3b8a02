//! Finishing: everything that the end of an attempt changes, in one transaction.

use std::time::Duration;

use hutong_domain::audit::{Action, Actor};
use hutong_domain::call::{CallResult, CallStatus, FinishStatus, HungUpBy, Utterance};
use hutong_domain::ids::{BlacklistGroupId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, EarlyMedia, Signals};
use hutong_domain::redial::{Redial, RedialRule, Used, next_redial};
use hutong_domain::report::Counts;
use hutong_domain::scene::replay::Course;
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
use hutong_domain::task::TaskStatus;

use crate::audit::{By, Object};
use crate::blacklist::NewEntry;
use crate::callback::outbox;
use crate::claim::{Claimed, learn};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::feed::ResultPair;
use crate::waiting::block::Changes;
use crate::{blacklist, call_count, number, unheard, values};

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// In the words of telephony.
    pub disposition: Disposition,
    /// What the line reported; none where it is simulated, or was never asked.
    pub signals: Option<Signals>,
    /// When somebody answered.
    pub answered_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Moment,
    /// Who hung up an answered call.
    pub hung_up_by: Option<HungUpBy>,
    /// How often the robot spoke.
    pub chat_rounds: i64,
    /// What was said. What the robot did not understand of it is kept for learning.
    pub utterances: Vec<Utterance>,
    /// Everything that happened in the conversation; none where nobody talked.
    pub course: Option<Course>,
    /// Whether the customer asked never to be called again: the number is blacklisted.
    pub do_not_call: bool,
    /// What is concluded if the call is finished with this; never empty.
    pub results: Vec<CallResult>,
    /// Under which name both voices are recorded, if they are.
    pub recording: Option<String>,
    /// Under which name the customer alone is recorded.
    pub customer_recording: Option<String>,
    /// Ids for the utterances, see [`crate::Store::reserve`].
    pub first_utterance_id: i64,
    /// Ids for the results.
    pub first_result_id: i64,
}

impl Ending {
    /// Seconds of talk, rounded down.
    #[must_use]
    pub fn talk_s(&self) -> i64 {
        let talk = self.answered_at.map_or(Duration::ZERO, |answered| self.ended_at.since(answered));
        if self.disposition == Disposition::Answered { i64::try_from(talk.as_secs()).unwrap_or(i64::MAX) } else { 0 }
    }
}

/// What became of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Finished for good, with its place in the feed; none for a call placed by itself.
    Done {
        /// The call index.
        call_index: Option<i64>,
    },
    /// It will be dialled again.
    Redial {
        /// Not before this moment.
        at: Moment,
    },
    /// The attempt had ended already, or belongs to another process: nothing was changed.
    Stale,
}

/// Ends an attempt: a redial is planned, or the call is finished with the next index of its task.
///
/// # Errors
/// When the store fails.
pub fn finish(db: &mut Db, claimed: &Claimed, ending: &Ending) -> Result<Finished> {
    let signals = ending.signals;
    let claimed_at = db.query_one(
        "UPDATE attempt SET ended_at = ?5, disposition = ?6, answered_at = COALESCE(?7, answered_at), ended_by = ?8,
             sip_code = ?9, q850_cause = ?10, early_media = ?11, setup_ms = ?12, ring_ms = ?13
         WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3 AND node_id = ?4 AND ended_at IS NULL
         RETURNING claimed_at",
        values![
            claimed.company,
            claimed.call,
            claimed.attempt_no,
            claimed.node,
            ending.ended_at,
            ending.disposition.name(),
            ending.answered_at,
            signals.map(|it| it.ended.name()),
            signals.and_then(|it| it.sip_code).map(i64::from),
            signals.and_then(|it| it.q850_cause).map(i64::from),
            signals.map(|it| it.early_media).map(EarlyMedia::name),
            signals.and_then(|it| it.setup_ms).map(i64::from),
            signals.and_then(|it| it.ring_ms).map(i64::from),
        ],
        |row| row.moment(0),
    )?;
    let Some(claimed_at) = claimed_at else { return Ok(Finished::Stale) };
    if ending.do_not_call {
        never_again(db, claimed, ending.ended_at)?;
    }
    number::release(db, &claimed.customer_phone, claimed.company, claimed.call)?;
    let status = ending.disposition.finish_status();
    let redial = if claimed.task == TaskId(0) { None } else { next_redial_of(db, claimed, status)? };
    if ending.answered_at.is_none() {
        // What was answered has taught its lesson at the answer.
        learn(db, claimed, ending.disposition, (claimed_at, ending.ended_at))?;
    }
    let ended = Counts::ended(ending.disposition, claimed.attempt_no == 1);
    if let Some(redial) = redial {
        call_count::add(db, claimed.place(), claimed_at, &ended)?;
        let at = ending.ended_at.after(redial.after);
        db.execute(
            "UPDATE call SET status = 3, due_at = ?3, redial_planned_at = ?3, ended_at = ?4, modified_at = ?4,
                 caller_redials = ?5
             WHERE company_id = ?1 AND id = ?2",
            values![claimed.company, claimed.call, at, ending.ended_at, redial.used.caller],
        )?;
        let mut changes = Changes::default();
        changes.add((CallStatus::AwaitingRedial, at, 0), 1);
        changes.write(db, claimed.company, claimed.task)?;
        return Ok(Finished::Redial { at });
    }
    let call_index = if claimed.task == TaskId(0) { None } else { Some(count(db, claimed, status, ending)?) };
    complete(db, claimed, ending, call_index, claimed_at)?;
    if let Some(call_index) = call_index {
        count_results(db, claimed, call_index, &ending.results)?;
    }
    call_count::add(db, claimed.place(), claimed_at, &(ended + finished(ending)))?;
    Ok(Finished::Done { call_index })
}

fn finished(ending: &Ending) -> Counts {
    let talk_s = (ending.disposition == Disposition::Answered).then(|| ending.talk_s());
    Counts::finished(talk_s, &ending.results, &ending.utterances)
}

/// Finishes a call that waits and is never dialled, with the next index of its task; the counts of what waits are the caller's.
pub(crate) fn close_undialled(db: &mut Db, claimed: &Claimed, ending: &Ending) -> Result<()> {
    db.execute(
        "UPDATE call SET status = ?3, started_at = ?4 WHERE company_id = ?1 AND id = ?2",
        values![claimed.company, claimed.call, CallStatus::InProgress, ending.ended_at],
    )?;
    let call_index = count(db, claimed, ending.disposition.finish_status(), ending)?;
    complete(db, claimed, ending, Some(call_index), ending.ended_at)?;
    count_results(db, claimed, call_index, &ending.results)?;
    let Some((place, since)) = call_count::place_of(db, claimed.company, claimed.call)? else { return Ok(()) };
    call_count::add(db, place, since, &finished(ending))
}

/// The redial that follows, with the task's row locked. A task that has ended plans nothing any more.
fn next_redial_of(db: &mut Db, claimed: &Claimed, status: FinishStatus) -> Result<Option<Redial>> {
    if status == FinishStatus::Answered {
        return Ok(None);
    }
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let rules: Option<Vec<RedialRule>> = db.query_one(
        &format!(
            "SELECT redial_rules FROM task
             WHERE company_id = ?1 AND id = ?2 AND deleted_at IS NULL AND status <> {}{lock}",
            TaskStatus::Stopped.number()
        ),
        values![claimed.company, claimed.task],
        |row| row.json(0, "task.redial_rules"),
    )?;
    let Some(rules) = rules.filter(|rules| !rules.is_empty()) else { return Ok(None) };
    let of_caller = db.query_int(
        "SELECT caller_redials FROM call WHERE company_id = ?1 AND id = ?2",
        values![claimed.company, claimed.call],
    )?;
    let redials = u32::try_from(claimed.attempt_no - 1).unwrap_or(u32::MAX);
    let caller = u32::try_from(of_caller).unwrap_or(u32::MAX);
    Ok(next_redial(&rules, status, Used { callee: redials.saturating_sub(caller), caller }))
}

/// Blacklists the number for its company, so that no task dials it any more. Done as soon as the customer has asked for
/// it, so that a crash does not forget it, and once more in [`finish`] for what the store could not take at that moment.
///
/// # Errors
/// When the store fails.
pub fn never_again(db: &mut Db, claimed: &Claimed, now: Moment) -> Result<()> {
    let entry = NewEntry {
        mobile: claimed.customer_phone.clone(),
        name: claimed.customer_name.clone(),
        remark: format!("客户要求不再拨打（通话 {}）", claimed.call),
    };
    if let (id, true) = blacklist::add(db, claimed.company, BlacklistGroupId::DEFAULT, &entry, now)? {
        let by = By { actor: Actor::Hutong, at: now };
        by.made(db, Action::BlacklistAdd, &Object::BlacklistEntry(claimed.company, id))?;
    }
    Ok(())
}

/// Counts the call in its task and takes the next call index, under the task's row lock: so indexes become
/// visible in their order, without gaps.
fn count(db: &mut Db, claimed: &Claimed, status: FinishStatus, ending: &Ending) -> Result<i64> {
    let finish = status.number();
    let mut set = format!("next_call_index = next_call_index + 1, finish_{finish} = finish_{finish} + 1");
    if status == FinishStatus::Answered {
        let (talk, rounds) = (talk_time_bucket(ending.talk_s()), chat_round_bucket(ending.chat_rounds));
        set = format!("{set}, talk_{talk} = talk_{talk} + 1, rounds_{rounds} = rounds_{rounds} + 1");
    }
    db.query_one(
        &format!("UPDATE task SET {set} WHERE company_id = ?1 AND id = ?2 RETURNING next_call_index - 1"),
        values![claimed.company, claimed.task],
        |row| row.int(0),
    )?
    .ok_or_else(|| Error::Corrupt {
        column: "call.task_id",
        id: claimed.call.get(),
        found: format!("no task {}", claimed.task),
    })
}

/// What is kept of a finished call, that was dialled last at `called_at`; and that it has finished is told.
fn complete(db: &mut Db, claimed: &Claimed, ending: &Ending, call_index: Option<i64>, called_at: Moment) -> Result<()> {
    let changed = db.execute(
        "UPDATE call SET status = 2, call_index = ?3, finish_status = ?4, duration_s = ?5, chat_rounds = ?6,
             ended_at = ?7, hung_up_by = ?8, result_pairs = ?9, modified_at = ?7, recording = ?11,
             customer_recording = ?12
         WHERE company_id = ?1 AND id = ?2 AND status = ?10",
        values![
            claimed.company,
            claimed.call,
            call_index,
            ending.disposition.finish_status(),
            ending.talk_s(),
            ending.chat_rounds,
            ending.ended_at,
            ending.hung_up_by,
            &json(&pairs(&ending.results))?,
            CallStatus::InProgress,
            ending.recording.as_deref(),
            ending.customer_recording.as_deref(),
        ],
    )?;
    if changed != 1 {
        return Err(Error::Corrupt {
            column: "call.status",
            id: claimed.call.get(),
            found: "a call with a live attempt that is not in progress".to_owned(),
        });
    }
    let course = ending.course.as_ref().map(json).transpose()?;
    db.execute(
        "INSERT INTO call_record (id, company_id, first_utterance_id, first_result_id, utterances, results, created_at,
             modified_at, scene_id, scene_version, course)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10)",
        values![
            claimed.call,
            claimed.company,
            ending.first_utterance_id,
            ending.first_result_id,
            &json(&ending.utterances)?,
            &json(&ending.results)?,
            ending.ended_at,
            claimed.scene,
            claimed.scene_version,
            course.as_deref(),
        ],
    )?;
    outbox::call_finished(db, claimed, call_index, called_at, ending.ended_at)?;
    unheard::keep(db, claimed, &ending.utterances, ending.ended_at)
}

/// The results of a call as the feed shows them.
pub(crate) fn pairs(results: &[CallResult]) -> Vec<ResultPair> {
    results.iter().map(|it| ResultPair { name: it.name.clone(), value: it.value.clone() }).collect()
}

fn count_results(db: &mut Db, claimed: &Claimed, call_index: i64, results: &[CallResult]) -> Result<()> {
    let call = (claimed.company, claimed.task, call_index);
    results.iter().try_for_each(|result| count_result(db, call, &result.name, &result.value))
}

/// Counts a value for the call of a task with this index; once, however often it is concluded there.
pub(crate) fn count_result(
    db: &mut Db,
    (company, task, call_index): (CompanyId, TaskId, i64),
    name: &str,
    value: &str,
) -> Result<()> {
    let fresh = db.execute(
        "INSERT INTO call_result (company_id, task_id, name, value, call_index) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        values![company, task, name, value, call_index],
    )?;
    if fresh == 1 {
        db.execute(
            "INSERT INTO task_result_count (company_id, task_id, name, value, calls) VALUES (?1, ?2, ?3, ?4, 1)
             ON CONFLICT (company_id, task_id, name, value) DO UPDATE SET calls = task_result_count.calls + 1",
            values![company, task, name, value],
        )?;
    }
    Ok(())
}

/// Takes back what [`count_result`] has counted.
pub(crate) fn uncount_result(
    db: &mut Db,
    (company, task, call_index): (CompanyId, TaskId, i64),
    name: &str,
    value: &str,
) -> Result<()> {
    let gone = db.execute(
        "DELETE FROM call_result WHERE company_id = ?1 AND task_id = ?2 AND name = ?3 AND value = ?4 AND call_index = ?5",
        values![company, task, name, value, call_index],
    )?;
    if gone == 1 {
        let of_value = values![company, task, name, value];
        db.execute(
            "UPDATE task_result_count SET calls = calls - 1
             WHERE company_id = ?1 AND task_id = ?2 AND name = ?3 AND value = ?4",
            of_value,
        )?;
        // A value that no call has is not listed.
        db.execute(
            "DELETE FROM task_result_count
             WHERE company_id = ?1 AND task_id = ?2 AND name = ?3 AND value = ?4 AND calls = 0",
            of_value,
        )?;
    }
    Ok(())
}

pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Corrupt {
        column: "call_record",
        id: 0,
        found: error.to_string(),
    })
}
