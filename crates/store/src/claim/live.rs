//! Attempts in progress: who answered, and whose process is gone.

use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;

use super::{Claimed, in_progress};
use crate::call::Properties;
use crate::db::Db;
use crate::error::Result;
use crate::{task, values};

/// Notes that somebody answered, and makes sure that the call has a seat: its own, a free one, or that of
/// a call of the same task which nobody has answered yet. False when every seat talks: 呼损.
///
/// # Errors
/// When the store fails.
pub fn answer(db: &mut Db, claimed: &Claimed, now: Moment) -> Result<bool> {
    let key = values![claimed.company, claimed.call, claimed.attempt_no];
    let seated = db.query_one(
        "UPDATE attempt SET answered_at = ?4 WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3
           AND ended_at IS NULL RETURNING seated",
        &[key, values![now]].concat(),
        |row| row.flag(0),
    )?;
    match seated {
        None => return Ok(false),
        Some(true) => return Ok(true),
        Some(false) => {}
    }
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let seats = db
        .query_one(&format!("SELECT seats FROM company WHERE id = ?1{lock}"), values![claimed.company], |row| {
            row.int(0)
        })?
        .unwrap_or(0);
    let quota = task::find(db, claimed.company, claimed.task)?
        .map_or(0, |task| if task.settings.elastic { u32::MAX } else { task.settings.quota });
    let (seats_held, _, seated) = in_progress(db, claimed.company, claimed.task)?;
    let free = seats_held < seats && seated < quota;
    if !free && !take_seat_of_unanswered(db, claimed)? {
        return Ok(false);
    }
    db.execute("UPDATE attempt SET seated = 1 WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3", key)?;
    Ok(true)
}

fn take_seat_of_unanswered(db: &mut Db, claimed: &Claimed) -> Result<bool> {
    let live = db.live_attempts();
    let sql = format!(
        "UPDATE attempt SET seated = 0 WHERE company_id = ?1 AND call_id = (
             SELECT MIN(call_id) FROM {live} WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL
               AND seated = 1 AND answered_at IS NULL)
           AND ended_at IS NULL"
    );
    let taken = db.execute(&sql, values![claimed.company, claimed.task])?;
    Ok(taken > 0)
}

/// An attempt whose process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// What was claimed. Line and variables are not needed any more, and are not filled in.
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
    db.query(
        "SELECT a.call_id, a.company_id, a.task_id, a.attempt_no, a.node_id, a.line_id, a.seated, a.claimed_at,
             a.answered_at, COALESCE(t.scene_id, r.scene_id, 0), COALESCE(t.scene_version, s.latest_version, 0)
         FROM node n
         JOIN attempt a ON a.node_id = n.id AND a.ended_at IS NULL
         JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
         LEFT JOIN task t ON t.company_id = a.company_id AND t.id = a.task_id
         LEFT JOIN robot r ON r.company_id = a.company_id AND r.id = c.robot_id
         LEFT JOIN scene s ON s.company_id = a.company_id AND s.id = r.scene_id
         WHERE n.lease_until <= ?1 ORDER BY a.call_id LIMIT ?2",
        values![now, limit],
        |row| {
            Ok(Orphan {
                claimed: Claimed {
                    company: CompanyId(row.int(1)?),
                    task: TaskId(row.int(2)?),
                    call: CallId(row.int(0)?),
                    attempt_no: row.int(3)?,
                    node: NodeId(row.int(4)?),
                    customer_name: String::new(),
                    customer_phone: String::new(),
                    properties: Properties::new(),
                    line: LineId(row.int(5)?),
                    driver: LineDriver::Simulated,
                    caller_phone: String::new(),
                    seated: row.flag(6)?,
                    scene: SceneId(row.int(9)?),
                    scene_version: row.int(10)?,
                },
                claimed_at: row.moment(7)?,
                answered_at: row.moment_or_null(8)?,
            })
        },
    )
}
