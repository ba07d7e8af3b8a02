//! Attempts in progress: who may still be dialled, who answered, and whose process is gone.

use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;

use super::{Claimed, count, survey};
use crate::call::Properties;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::{blacklist, company, line_health, task, values};

/// Whether a call may still be dialled: the attempt is held by its process, and the number was not blacklisted since.
///
/// # Errors
/// When the store fails.
pub fn may_dial(db: &mut Db, claimed: &Claimed) -> Result<bool> {
    let held = db.query_one(
        "SELECT 1 FROM attempt
         WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3 AND node_id = ?4 AND ended_at IS NULL",
        values![claimed.company, claimed.call, claimed.attempt_no, claimed.node],
        |_| Ok(()),
    )?;
    Ok(held.is_some() && !blacklist::contains(db, claimed.company, &claimed.customer_phone)?)
}

/// Notes that somebody answered, and makes sure that the call has a seat: its own, a free one, or that of a call of the
/// same task which nobody has answered yet. False when every seat talks: 呼损.
///
/// # Errors
/// When the store fails.
pub fn answer(db: &mut Db, claimed: &Claimed, now: Moment) -> Result<bool> {
    let key = values![claimed.company, claimed.call, claimed.attempt_no];
    let attempt = db.query_one(
        "UPDATE attempt SET answered_at = ?4 WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3
           AND ended_at IS NULL RETURNING seated, claimed_at",
        &[key, values![now]].concat(),
        |row| Ok((row.flag(0)?, row.moment(1)?)),
    )?;
    let Some((is_seated, claimed_at)) = attempt else { return Ok(false) };
    let has_seat = is_seated || find_seat(db, claimed)?;
    let disposition = if has_seat { Disposition::Answered } else { Disposition::NoSeat };
    learn(db, claimed, disposition, (claimed_at, now))?;
    Ok(has_seat)
}

/// What an attempt teaches, noted as soon as it is known: how people of this task respond, and how the line does.
pub(crate) fn learn(
    db: &mut Db,
    claimed: &Claimed,
    disposition: Disposition,
    (claimed_at, now): (Moment, Moment),
) -> Result<()> {
    if let Some(response) = disposition.response().filter(|_| claimed.task != TaskId(0)) {
        task::remember(db, claimed.company, claimed.task, response)?;
    }
    line_health::record(db, claimed.company, claimed.line, disposition.line_outcome(), (claimed_at, now))
}

fn find_seat(db: &mut Db, claimed: &Claimed) -> Result<bool> {
    let seats = company::find_locked(db, claimed.company)?.map_or(0, |company| count(company.seats));
    let quota = db.query_one(
        "SELECT quota, elastic FROM task WHERE company_id = ?1 AND id = ?2",
        values![claimed.company, claimed.task],
        |row| Ok(if row.flag(1)? { u32::MAX } else { count(row.int(0)?) }),
    )?;
    let in_progress = survey::in_progress(db, claimed.company)?;
    let held = |of| survey::seats_held(&in_progress, of);
    let is_free = held(None) < seats && held(Some(claimed.task)) < quota.unwrap_or(0);
    if !is_free && !take_seat_of_unanswered(db, claimed)? {
        return Ok(false);
    }
    db.execute(
        "UPDATE attempt SET seated = 1 WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3",
        values![claimed.company, claimed.call, claimed.attempt_no],
    )?;
    Ok(true)
}

fn take_seat_of_unanswered(db: &mut Db, claimed: &Claimed) -> Result<bool> {
    let live = db.live_attempts();
    // One that somebody else holds is being answered or ended at this moment: waiting for it could wait for ever.
    let lock = if db.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE attempt SET seated = 0 WHERE company_id = ?1 AND call_id = (
             SELECT call_id FROM {live} WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL
               AND seated = 1 AND answered_at IS NULL ORDER BY call_id LIMIT 1{lock})
           AND ended_at IS NULL"
    );
    let taken = db.execute(&sql, values![claimed.company, claimed.task])?;
    Ok(taken > 0)
}

/// An attempt whose process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// What was claimed. The customer's name and variables and the driver are not needed any more, and are not filled in.
    pub claimed: Claimed,
    /// When it was claimed.
    pub claimed_at: Moment,
    /// When somebody answered.
    pub answered_at: Option<Moment>,
}

/// Attempts of processes whose lease has run out, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn orphans(db: &mut Db, now: Moment, limit: i64) -> Result<Vec<Orphan>> {
    db.query(&format!("{ORPHANS} WHERE n.lease_until <= ?1 ORDER BY a.call_id LIMIT ?2"), values![now, limit], orphan)
}

/// Attempts that a process holds, by the store, since before this moment: call and number of the attempt.
///
/// # Errors
/// When the store fails.
pub fn held_by(db: &mut Db, node: NodeId, before: Moment) -> Result<Vec<(CallId, i64)>> {
    db.query(
        "SELECT call_id, attempt_no FROM attempt WHERE node_id = ?1 AND ended_at IS NULL AND claimed_at < ?2",
        values![node, before],
        |row| Ok((CallId(row.int(0)?), row.int(1)?)),
    )
}

/// An attempt that a process holds, by the store; none where it does not.
///
/// # Errors
/// When the store fails.
pub fn find_held(db: &mut Db, node: NodeId, (call, attempt_no): (CallId, i64)) -> Result<Option<Orphan>> {
    db.query_one(
        &format!("{ORPHANS} WHERE n.id = ?1 AND a.call_id = ?2 AND a.attempt_no = ?3"),
        values![node, call, attempt_no],
        orphan,
    )
}

const ORPHANS: &str = "SELECT a.call_id, a.company_id, a.task_id, a.attempt_no, a.node_id, a.line_id, a.seated,
        a.claimed_at, a.answered_at, COALESCE(t.scene_id, r.scene_id, 0),
        COALESCE(t.scene_version, s.latest_version, 0), c.customer_phone, COALESCE(t.voice_id, 0)
    FROM node n
    JOIN attempt a ON a.node_id = n.id AND a.ended_at IS NULL
    JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
    LEFT JOIN task t ON t.company_id = a.company_id AND t.id = a.task_id
    LEFT JOIN robot r ON r.company_id = a.company_id AND r.id = c.robot_id
    LEFT JOIN scene s ON s.company_id = a.company_id AND s.id = r.scene_id";

fn orphan(row: &Row<'_>) -> Result<Orphan> {
    Ok(Orphan {
        claimed: Claimed {
            company: CompanyId(row.int(1)?),
            task: TaskId(row.int(2)?),
            call: CallId(row.int(0)?),
            attempt_no: row.int(3)?,
            node: NodeId(row.int(4)?),
            customer_name: String::new(),
            customer_phone: row.text(11)?,
            properties: Properties::new(),
            line: LineId(row.int(5)?),
            driver: LineDriver::Simulated,
            caller_phone: String::new(),
            seated: row.flag(6)?,
            scene: SceneId(row.int(9)?),
            scene_version: row.int(10)?,
            voice: VoiceId(row.int(12)?),
            dial_before: Moment(0),
        },
        claimed_at: row.moment(7)?,
        answered_at: row.moment_or_null(8)?,
    })
}
