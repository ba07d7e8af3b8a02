//! Claims: which calls a task may dial now, taken in one transaction with the seats and channels for them.
//!
//! What is in progress is never counted in a column of its own: it is the attempts that have not ended.
//! So a slot cannot be given back twice, and a crash cannot lose one.

mod live;
mod single;

use std::collections::HashMap;

use hutong_domain::call::CallStatus;
use hutong_domain::hours::{Hours, closed};
use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::pacing::{self, Allowance, Room};
use hutong_domain::task::{MoveReason, Situation, TaskStatus, next_status};
use jiff::civil::DateTime;

use crate::call::Properties;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::line::{self, Line};
use crate::task::{self, Settings, Task};
use crate::waiting::block::Changes;
use crate::{blacklist, values};
pub use live::{Orphan, answer, orphans};
pub use single::{Single, SingleRefused, place_single};

/// Moves of a task in one look: a pause that is over leads over 可运行 to where the task stands now.
const MOVES_MAX: usize = 2;

/// Who claims, and when.
#[derive(Debug, Clone)]
pub struct Look {
    /// The process that claims.
    pub node: NodeId,
    /// The moment.
    pub now: Moment,
    /// The same moment on the clocks of the installation's zone.
    pub civil: DateTime,
    /// When people may be called at all.
    pub hours: Hours,
    /// At most so many calls at once.
    pub claims_max: u32,
}

/// A call that a process has claimed: a committed attempt that only this process may dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Whose it is.
    pub company: CompanyId,
    /// Its task; 0 for a call placed by itself.
    pub task: TaskId,
    /// The call.
    pub call: CallId,
    /// Which attempt of the call this is, from 1.
    pub attempt_no: i64,
    /// The process that holds it.
    pub node: NodeId,
    /// The customer's name.
    pub customer_name: String,
    /// The number to dial.
    pub customer_phone: String,
    /// The customer's variables.
    pub properties: Properties,
    /// The line to dial on.
    pub line: LineId,
    /// What carries that line.
    pub driver: LineDriver,
    /// The caller number.
    pub caller_phone: String,
    /// Whether it holds a seat already.
    pub seated: bool,
    /// The scene to speak.
    pub scene: SceneId,
    /// The version of the scene.
    pub scene_version: i64,
}

/// What a look at a task found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Where the task stands now.
    pub status: TaskStatus,
    /// The move that was made, and why.
    pub moved: Option<(TaskStatus, MoveReason)>,
    /// Calls that are to be dialled.
    pub claimed: Vec<Claimed>,
    /// Calls that may not be dialled because their number is blacklisted: claimed, to be finished as such.
    pub blacklisted: Vec<Claimed>,
    /// Whether another look may find more to do at once.
    pub again: bool,
}

/// Everything that the decision about a task depends on, read in one place.
struct Survey {
    task: Task,
    lines: Vec<Line>,
    channels_in_use: HashMap<LineId, i64>,
    situation: Situation,
    allowance: Allowance,
}

impl Survey {
    fn has_work(&self) -> bool {
        next_status(&self.situation).is_some() || self.may_claim(self.situation.status)
    }

    fn may_claim(&self, status: TaskStatus) -> bool {
        status == TaskStatus::Running
            && self.situation.closed.is_none()
            && self.situation.has_due
            && self.allowance.total() > 0
    }
}

/// Whether [`look`] would change anything: asked on a reader, so that waiting tasks cost no write.
///
/// # Errors
/// When the store fails.
pub fn has_work(db: &mut Db, company: CompanyId, task: TaskId, look: &Look) -> Result<bool> {
    let found = task::find(db, company, task)?.filter(|task| task.deleted_at.is_none());
    found.map_or(Ok(false), |task| Ok(survey(db, task, look, false)?.has_work()))
}

/// Moves a task on, and claims what it may dial now. None when there is no such task.
///
/// # Errors
/// When the store fails.
pub fn look(db: &mut Db, company: CompanyId, task: TaskId, look: &Look) -> Result<Option<Looked>> {
    let Some(found) = task::find_locked(db, company, task)?.filter(|task| task.deleted_at.is_none()) else {
        return Ok(None);
    };
    let mut survey = survey(db, found, look, true)?;
    let mut moved = None;
    for _ in 0..MOVES_MAX {
        let Some((status, reason)) = next_status(&survey.situation) else { break };
        let name = serde_json::to_value(reason).ok().and_then(|it| it.as_str().map(str::to_owned));
        task::move_to(db, &survey.task, status, task::SCHEDULER, &name.unwrap_or_default(), look.now)?;
        survey.task.status = status;
        survey.situation.status = status;
        moved = Some((status, reason));
        if reason != MoveReason::PauseOver {
            break;
        }
    }
    let status = survey.situation.status;
    let mut looked = Looked { status, moved, claimed: Vec::new(), blacklisted: Vec::new(), again: false };
    if status == TaskStatus::Ready {
        looked.again = true;
    } else if survey.may_claim(status) {
        claim(db, &survey, look, &mut looked)?;
    }
    Ok(Some(looked))
}

fn survey(db: &mut Db, task: Task, look: &Look, for_claiming: bool) -> Result<Survey> {
    let company = task.company;
    let lock = if for_claiming && db.is_postgres() { " FOR UPDATE" } else { "" };
    let seats = db
        .query_one(&format!("SELECT seats FROM company WHERE id = ?1{lock}"), values![company], |row| row.int(0))?
        .unwrap_or(0);
    let (seats_held, in_progress, seated) = in_progress(db, company, task.id)?;
    let lines: Vec<Line> =
        line::of_task(db, company, task.id)?.into_iter().filter(|line| line.is_usable(look.now)).collect();
    let channels_in_use = line::channels_in_use(db, company)?;
    let channels_free = lines.iter().map(|line| free_channels(line, &channels_in_use)).fold(0u32, u32::saturating_add);
    let idle = count(seats - seats_held);
    let Settings { mut quota, mut in_progress_max, elastic, .. } = task.settings;
    if elastic {
        quota = quota.max(seated.saturating_add(idle));
        in_progress_max = in_progress_max.max(quota);
    }
    let room = Room { quota, in_progress_max, in_progress, seated, company_seats_free: idle, channels_free };
    let allowance = pacing::allowance(&room);
    let situation = Situation {
        status: task.status,
        kind: task.settings.kind,
        closed: closed(&task.settings.window, task.settings.start_date, &look.hours, look.civil),
        has_numbers: task.counters.total > 0,
        has_due: has_due(db, &task, look.now)?,
        has_later: has_later(db, &task, look.now)?,
        has_capped: false,
        in_progress,
        has_usable_line: !lines.is_empty(),
        has_seat: pacing::allowance(&Room { channels_free: u32::MAX, ..room }).total() > 0,
        has_channel: channels_free > 0,
    };
    Ok(Survey { task, lines, channels_in_use, situation, allowance })
}

/// Seats that the company's calls hold; calls of the task in progress; those of them that hold a seat.
fn in_progress(db: &mut Db, company: CompanyId, task: TaskId) -> Result<(i64, u32, u32)> {
    let rows = db.query(
        &format!(
            "SELECT task_id, seated, COUNT(*) FROM {} WHERE company_id = ?1 AND ended_at IS NULL GROUP BY task_id, seated",
            db.live_attempts()
        ),
        values![company],
        |row| Ok((TaskId(row.int(0)?), row.flag(1)?, row.int(2)?)),
    )?;
    let seats_held = rows.iter().filter(|(_, seated, _)| *seated).map(|(.., calls)| calls).sum();
    let of_task = |only_seated: bool| {
        rows.iter().filter(|(id, seated, _)| *id == task && (*seated || !only_seated)).map(|(.., calls)| calls).sum()
    };
    Ok((seats_held, count(of_task(false)), count(of_task(true))))
}

/// The seats of a company, as one of its tasks sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatUsage {
    /// Seats that no call holds.
    pub free: u32,
    /// Seats that calls of the task hold.
    pub held_by_task: u32,
}

/// How many seats of the company are free, and how many the task holds.
///
/// # Errors
/// When the store fails.
pub fn seat_usage(db: &mut Db, company: CompanyId, task: TaskId) -> Result<SeatUsage> {
    let seats = db.query_int("SELECT seats FROM company WHERE id = ?1", values![company])?;
    let (held, _, held_by_task) = in_progress(db, company, task)?;
    Ok(SeatUsage { free: count(seats - held), held_by_task })
}

fn count(calls: i64) -> u32 {
    u32::try_from(calls.max(0)).unwrap_or(u32::MAX)
}

fn free_channels(line: &Line, in_use: &HashMap<LineId, i64>) -> u32 {
    line.channels.map_or(u32::MAX, |channels| count(channels - in_use.get(&line.id).copied().unwrap_or(0)))
}

fn has_due(db: &mut Db, task: &Task, now: Moment) -> Result<bool> {
    let fresh = db.query_one(
        "SELECT 1 FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 0 LIMIT 1",
        values![task.company, task.id],
        |_| Ok(()),
    )?;
    if fresh.is_some() {
        return Ok(true);
    }
    let redial = db.query_one(
        "SELECT 1 FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3 AND due_at <= ?3 LIMIT 1",
        values![task.company, task.id, now],
        |_| Ok(()),
    )?;
    Ok(redial.is_some())
}

fn has_later(db: &mut Db, task: &Task, now: Moment) -> Result<bool> {
    let later = db.query_one(
        "SELECT 1 FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3 AND due_at > ?3 LIMIT 1",
        values![task.company, task.id, now],
        |_| Ok(()),
    )?;
    Ok(later.is_some())
}

/// A call that could be dialled.
struct Due {
    call: CallId,
    customer_name: String,
    customer_phone: String,
    properties: Properties,
    attempts: i64,
    status: CallStatus,
    due_at: Moment,
    import_no: i64,
}

fn due(row: &Row<'_>) -> Result<Due> {
    Ok(Due {
        call: CallId(row.int(0)?),
        customer_name: row.text(1)?,
        customer_phone: row.text(2)?,
        properties: row.json(3, "customer.properties")?,
        attempts: row.int(4)?,
        status: row.number(5, "call.status", CallStatus::from_number)?,
        due_at: row.moment(6)?,
        import_no: row.int(7)?,
    })
}

/// Redials that are due, then numbers never dialled, in the order in which they came.
fn due_calls(db: &mut Db, task: &Task, now: Moment, limit: u32) -> Result<Vec<Due>> {
    const COLUMNS: &str = "SELECT c.id, c.customer_name, c.customer_phone, cu.properties,
            CASE WHEN c.started_at IS NULL THEN 0 ELSE c.redials + 1 END, c.status, c.due_at, c.import_no
        FROM call c JOIN customer cu ON cu.company_id = ?1 AND cu.id = c.customer_id
        WHERE c.company_id = ?1 AND c.task_id = ?2";
    let redials = format!("{COLUMNS} AND c.status = 3 AND c.due_at <= ?3 ORDER BY c.due_at, c.id LIMIT ?4");
    let mut calls = db.query(&redials, values![task.company, task.id, now, limit], due)?;
    let left = limit - count(i64::try_from(calls.len()).unwrap_or(0));
    if left > 0 {
        let fresh = format!("{COLUMNS} AND c.status = 0 ORDER BY c.due_at, c.import_no LIMIT ?3");
        calls.extend(db.query(&fresh, values![task.company, task.id, left], due)?);
    }
    Ok(calls)
}

fn claim(db: &mut Db, survey: &Survey, look: &Look, looked: &mut Looked) -> Result<()> {
    let Survey { task, lines, channels_in_use, allowance, .. } = survey;
    let wanted = allowance.total().min(look.claims_max);
    let mut in_use = channels_in_use.clone();
    let mut seats = allowance.seated;
    let mut changes = Changes::default();
    for due in due_calls(db, task, look.now, wanted)? {
        let Some(line) = least_busy(lines, &in_use) else { break };
        let blacklisted = blacklist::contains(db, task.company, &due.customer_phone)?;
        let seated = seats > 0 && !blacklisted;
        let claimed = Claimed {
            company: task.company,
            task: task.id,
            call: due.call,
            attempt_no: due.attempts + 1,
            node: look.node,
            customer_name: due.customer_name,
            customer_phone: due.customer_phone,
            properties: due.properties,
            line: line.id,
            driver: line.driver,
            caller_phone: line.phone.clone(),
            seated,
            scene: task.scene,
            scene_version: task.scene_version,
        };
        write_claim(db, &claimed, due.status, look.now)?;
        changes.add((due.status, due.due_at, due.import_no), -1);
        *in_use.entry(line.id).or_default() += 1;
        if blacklisted {
            looked.blacklisted.push(claimed);
        } else {
            seats = seats.saturating_sub(1);
            looked.claimed.push(claimed);
        }
    }
    changes.write(db, task.company, task.id)?;
    looked.again = allowance.total() > wanted || !looked.blacklisted.is_empty();
    Ok(())
}

/// The line with the smallest share of its channels in use; the first given among equals.
fn least_busy<'a>(lines: &'a [Line], in_use: &HashMap<LineId, i64>) -> Option<&'a Line> {
    let busy = |line: &Line| {
        let used = in_use.get(&line.id).copied().unwrap_or(0);
        // In thousandths; a line without a limit counts as one of a thousand channels.
        used.saturating_mul(1000) / line.channels.unwrap_or(1000).max(1)
    };
    lines.iter().filter(|line| free_channels(line, in_use) > 0).min_by_key(|line| busy(line))
}

fn write_claim(db: &mut Db, claimed: &Claimed, from: CallStatus, now: Moment) -> Result<()> {
    let redialled = from == CallStatus::AwaitingRedial;
    db.execute(
        "UPDATE call SET status = 1, started_at = ?3, ended_at = NULL, line_id = ?4, caller_phone = ?5,
             redials = redials + ?6, modified_at = ?3
         WHERE company_id = ?1 AND id = ?2",
        values![claimed.company, claimed.call, now, claimed.line, &claimed.caller_phone, redialled],
    )?;
    db.execute(
        "INSERT INTO attempt (company_id, call_id, attempt_no, task_id, line_id, node_id, seated, claimed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values![
            claimed.company,
            claimed.call,
            claimed.attempt_no,
            claimed.task,
            claimed.line,
            claimed.node,
            claimed.seated,
            now,
        ],
    )?;
    Ok(())
}
