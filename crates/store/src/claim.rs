//! Claims: which calls of a company are dialled now, taken in one transaction with the seats, channels and numbers for
//! them.
//!
//! What is in progress is never counted in a column of its own: it is the attempts that have not ended. So a slot cannot
//! be given back twice, and a crash cannot lose one. Whoever claims for a company holds the lock of its row: so several
//! processes keep to the limits exactly.

mod live;
mod numbers;
mod single;
mod survey;

use std::collections::BTreeMap;
use std::sync::Arc;

use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::plan::{PlannedMove, Start, plan};
use hutong_domain::report::Counts;
use hutong_domain::rules::Rules;
use hutong_domain::task::{MoveReason, TaskStatus};

use crate::call::Properties;
use crate::call_count::{self, Place};
use crate::db::Db;
use crate::error::Result;
use crate::waiting::block::Changes;
use crate::{company, line_health, name_of, node, task, values};
pub(crate) use live::learn;
pub use live::{Orphan, answer, find_held, held_by, may_dial, orphans};
use numbers::{Due, Register, Verdict};
pub use single::{Single, SingleRefused, place_single};
use survey::Survey;
pub(crate) use survey::{in_progress, seats_held};

/// Numbers of a task that one look goes through at most, whatever it finds them to be.
const EXAMINED_MAX: usize = 512;

/// Who claims, when, and by which rules.
#[derive(Debug, Clone)]
pub struct Look {
    /// The process that claims.
    pub node: NodeId,
    /// The moment.
    pub now: Moment,
    /// What the installation decides about dialling.
    pub rules: Arc<Rules>,
    /// At most so many calls at once.
    pub starts_max: u32,
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
    /// The voice to speak it with.
    pub voice: VoiceId,
    /// It must not be dialled at or after this moment: the hours in which it was claimed have ended.
    pub dial_before: Moment,
}

impl Claimed {
    /// Where it counts.
    pub(crate) const fn place(&self) -> Place {
        Place { company: self.company, task: self.task, line: self.line, scene: self.scene }
    }
}

/// A move of a task that a look has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The task.
    pub task: TaskId,
    /// Where to.
    pub to: TaskStatus,
    /// Why.
    pub reason: MoveReason,
}

/// What a look at a company has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    /// Moves of its tasks, in their order.
    pub moves: Vec<Moved>,
    /// Calls that are to be dialled.
    pub claimed: Vec<Claimed>,
    /// Calls that may not be dialled because their number is blacklisted: claimed, to be finished as such.
    pub blacklisted: Vec<Claimed>,
    /// Numbers that were put off: a frequency cap, or another call, holds them back.
    pub postponed: u32,
    /// Whether another look may find more to do at once.
    pub again: bool,
    /// When something may change by time alone.
    pub wakes: Option<Moment>,
}

/// What a look would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prospect {
    /// Whether it would change anything.
    pub has_work: bool,
    /// When something may change by time alone.
    pub wakes: Option<Moment>,
}

/// Whether [`look`] would change anything: asked on a reader, so that tasks that wait cost no write.
///
/// # Errors
/// When the store fails.
pub fn prospect(db: &mut Db, company: CompanyId, look: &Look) -> Result<Prospect> {
    let Some(survey) = Survey::read(db, company, look, false)? else { return Ok(Prospect::default()) };
    let plan = plan(&survey.view);
    Ok(Prospect { has_work: !(plan.moves.is_empty() && plan.starts.is_empty()), wakes: survey.wakes(look.now) })
}

/// Moves the tasks of a company on, and claims what they may dial now. Without a valid lease it does nothing.
///
/// # Errors
/// When the store fails.
pub fn look(db: &mut Db, company: CompanyId, look: &Look) -> Result<Looked> {
    if !node::holds_lease(db, look.node, look.now)? {
        return Ok(Looked::default());
    }
    let Some(mut survey) = Survey::read(db, company, look, true)? else { return Ok(Looked::default()) };
    let plan = plan(&survey.view);
    let mut looked = Looked::default();
    for planned in &plan.moves {
        make_move(db, &mut survey, planned, look, &mut looked)?;
    }
    let mut by_task: BTreeMap<usize, Vec<Start>> = BTreeMap::new();
    for start in &plan.starts {
        by_task.entry(start.task).or_default().push(*start);
    }
    for (task, starts) in by_task {
        claim(db, &mut survey, (task, &starts), look, &mut looked)?;
    }
    count_begun(db, looked.claimed.iter().chain(&looked.blacklisted), look.now)?;
    for row in survey.lines.iter().filter(|row| row.changed) {
        line_health::keep(db, company, row.line.id, &row.health)?;
    }
    // What was put off has left its place to others.
    looked.again |= plan.starts.len() >= look.starts_max as usize || looked.postponed > 0;
    looked.wakes = survey.wakes(look.now);
    Ok(looked)
}

fn make_move(db: &mut Db, survey: &mut Survey, planned: &PlannedMove, look: &Look, looked: &mut Looked) -> Result<()> {
    let PlannedMove { task, to, reason } = *planned;
    let Some(row) = survey.tasks.get_mut(task) else { return Ok(()) };
    let moved = (row.status, to);
    task::move_to(db, (survey.company.id, row.id), moved, (task::SCHEDULER, &name_of(reason)), look.now)?;
    row.status = to;
    looked.moves.push(Moved { task: row.id, to, reason });
    Ok(())
}

/// Claims calls of a task for these starts.
fn claim(
    db: &mut Db,
    survey: &mut Survey,
    (task, starts): (usize, &[Start]),
    look: &Look,
    looked: &mut Looked,
) -> Result<()> {
    let Some(id) = survey.tasks.get(task).map(|row| row.id) else { return Ok(()) };
    let company = (survey.company.id, survey.company.rules);
    let mut starts = starts.iter();
    let mut changes = Changes::default();
    let mut examined = 0;
    for part in numbers::PARTS {
        while starts.len() > 0 && examined < EXAMINED_MAX {
            // Each of them leaves the part, whatever becomes of it: so the next ones are the first again.
            let wanted = starts.len();
            let batch = numbers::due(db, company.0, id, (part, look.now), wanted)?;
            let is_last = batch.len() < wanted;
            examined += batch.len();
            let phones: Vec<&str> = batch.iter().map(|due| due.customer_phone.as_str()).collect();
            let register = Register::of(db, company, &phones, look)?;
            for due in &batch {
                let verdict = register.take(db, &due.customer_phone, (id, due.call))?;
                if let Some(until) = verdict.retry_at(look.now) {
                    numbers::postpone(db, company.0, due, until, &mut changes)?;
                    looked.postponed += 1;
                    continue;
                }
                let Some(start) = starts.next() else { break };
                let is_dialled = verdict == Verdict::Taken;
                let Some(claimed) = claimed(survey, start, due, look, is_dialled) else { continue };
                write_claim(db, &claimed, due.status, look.now)?;
                changes.add((due.status, due.due_at, due.import_no), -1);
                if is_dialled { &mut looked.claimed } else { &mut looked.blacklisted }.push(claimed);
            }
            if is_last {
                break;
            }
        }
    }
    looked.again |= examined >= EXAMINED_MAX;
    changes.write(db, company.0, id)
}

/// The call that starts so; its line is told, where it is really dialled.
fn claimed(survey: &mut Survey, start: &Start, due: &Due, look: &Look, is_dialled: bool) -> Option<Claimed> {
    let task = survey.tasks.get(start.task)?;
    let row = survey.lines.get_mut(start.line)?;
    if is_dialled {
        row.started(look.now);
    }
    Some(Claimed {
        company: survey.company.id,
        task: task.id,
        call: due.call,
        attempt_no: due.attempts + 1,
        node: look.node,
        customer_name: due.customer_name.clone(),
        customer_phone: due.customer_phone.clone(),
        properties: due.properties.clone(),
        line: row.line.id,
        driver: row.line.driver,
        caller_phone: row.line.phone.clone(),
        seated: start.seated && is_dialled,
        scene: task.scene,
        scene_version: task.scene_version,
        voice: task.voice,
        dial_before: task.open_until.unwrap_or(look.now),
    })
}

/// Counts attempts that begin at this moment, with the rows of their tasks locked.
fn count_begun<'a>(db: &mut Db, claimed: impl Iterator<Item = &'a Claimed>, now: Moment) -> Result<()> {
    let mut by_place: BTreeMap<Place, Counts> = BTreeMap::new();
    for claimed in claimed {
        *by_place.entry(claimed.place()).or_default() += Counts::begun(claimed.attempt_no == 1);
    }
    by_place.iter().try_for_each(|(place, counts)| call_count::add(db, *place, now, counts))
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
    let seats = company::find(db, company)?.map_or(0, |company| count(company.seats));
    let in_progress = survey::in_progress(db, company)?;
    let held = |of| survey::seats_held(&in_progress, of);
    Ok(SeatUsage { free: seats.saturating_sub(held(None)), held_by_task: held(Some(task)) })
}

fn count(calls: i64) -> u32 {
    u32::try_from(calls.max(0)).unwrap_or(u32::MAX)
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
