//! Claims: which calls a task may dial now, taken in one transaction with the seats and channels for them.
//!
//! What is in progress is never counted in a column of its own: it is the attempts that have not ended.
//! So a slot cannot be given back twice, and a crash cannot lose one.

use std::collections::HashMap;

use hutong_domain::call::{CallKind, CallStatus};
use hutong_domain::ids::{CallId, CompanyId, CustomerId, LineId, NodeId, RobotId, SceneId, TaskId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::pacing::{Allowance, Room, allowance};
use hutong_domain::task::{MoveReason, Situation, TaskStatus, next_status};
use hutong_domain::window::DaySpan;
use jiff::civil::DateTime;

use crate::call::{NewCustomer, Properties, properties_json};
use crate::db::{Db, Row};
use crate::error::Result;
use crate::line::{self, Line};
use crate::task::{self, Settings, Task};
use crate::{blacklist, company, robot, values};

/// Who claims, and when.
#[derive(Debug, Clone)]
pub struct Look {
    /// The process that claims.
    pub node: NodeId,
    /// The moment.
    pub now: Moment,
    /// The same moment on the clocks of the installation's zone.
    pub civil: DateTime,
    /// Hours in which the law lets people be called.
    pub legal_hours: DaySpan,
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
            && self.situation.window_open
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
    let survey = survey(db, found, look, true)?;
    let moved = next_status(&survey.situation);
    let status = moved.map_or(survey.task.status, |(status, _)| status);
    if let Some((status, reason)) = moved {
        let reason = serde_json::to_value(reason).ok().and_then(|it| it.as_str().map(str::to_owned));
        task::move_to(db, &survey.task, status, "scheduler", &reason.unwrap_or_default(), look.now)?;
    }
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
    let allowance = allowance(&room);
    let situation = Situation {
        status: task.status,
        kind: task.settings.kind,
        start_date: task.settings.start_date,
        today: look.civil.date(),
        window_open: task.settings.window.is_open(look.civil, &look.legal_hours),
        has_numbers: task.counters.total > 0,
        has_due: has_due(db, &task, look.now)?,
        has_later: has_later(db, &task, look.now)?,
        in_progress,
        has_room: allowance.total() > 0,
    };
    Ok(Survey { task, lines, channels_in_use, situation, allowance })
}

/// Seats that the company's calls hold; calls of the task in progress; those of them that hold a seat.
fn in_progress(db: &mut Db, company: CompanyId, task: TaskId) -> Result<(i64, u32, u32)> {
    let rows = db.query(
        "SELECT task_id, seated, COUNT(*) FROM attempt WHERE company_id = ?1 AND ended_at IS NULL
         GROUP BY task_id, seated",
        values![company],
        |row| Ok((TaskId(row.int(0)?), row.flag(1)?, row.int(2)?)),
    )?;
    let seats_held = rows.iter().filter(|(_, seated, _)| *seated).map(|(.., calls)| calls).sum();
    let of_task = |only_seated: bool| {
        rows.iter().filter(|(id, seated, _)| *id == task && (*seated || !only_seated)).map(|(.., calls)| calls).sum()
    };
    Ok((seats_held, count(of_task(false)), count(of_task(true))))
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
}

fn due(row: &Row<'_>) -> Result<Due> {
    Ok(Due {
        call: CallId(row.int(0)?),
        customer_name: row.text(1)?,
        customer_phone: row.text(2)?,
        properties: row.json(3, "customer.properties")?,
        attempts: row.int(4)?,
        status: row.number(5, "call.status", CallStatus::from_number)?,
    })
}

/// Redials that are due, then numbers never dialled, in the order in which they came.
fn due_calls(db: &mut Db, task: &Task, now: Moment, limit: u32) -> Result<Vec<Due>> {
    const COLUMNS: &str = "SELECT c.id, c.customer_name, c.customer_phone, cu.properties,
            CASE WHEN c.started_at IS NULL THEN 0 ELSE c.redials + 1 END, c.status
        FROM call c JOIN customer cu ON cu.company_id = ?1 AND cu.id = c.customer_id
        WHERE c.company_id = ?1 AND c.task_id = ?2";
    let redials = format!("{COLUMNS} AND c.status = 3 AND c.due_at <= ?3 ORDER BY c.due_at, c.id LIMIT ?4");
    let mut calls = db.query(&redials, values![task.company, task.id, now, limit], due)?;
    let left = limit - count(i64::try_from(calls.len()).unwrap_or(0));
    if left > 0 {
        let fresh = format!("{COLUMNS} AND c.status = 0 ORDER BY c.due_at, c.id LIMIT ?3");
        calls.extend(db.query(&fresh, values![task.company, task.id, left], due)?);
    }
    Ok(calls)
}

fn claim(db: &mut Db, survey: &Survey, look: &Look, looked: &mut Looked) -> Result<()> {
    let Survey { task, lines, channels_in_use, allowance, .. } = survey;
    let wanted = allowance.total().min(look.claims_max);
    let mut in_use = channels_in_use.clone();
    let mut seats = allowance.seated;
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
        *in_use.entry(line.id).or_default() += 1;
        if blacklisted {
            looked.blacklisted.push(claimed);
        } else {
            seats = seats.saturating_sub(1);
            looked.claimed.push(claimed);
        }
    }
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

/// A call to be placed by itself, outside any task.
#[derive(Debug, Clone)]
pub struct Single {
    /// The company that calls.
    pub company: CompanyId,
    /// The robot that talks.
    pub robot: RobotId,
    /// Who is called.
    pub customer: NewCustomer,
    /// Id for the customer's row, see [`crate::Store::reserve`]; or a customer that is known already.
    pub customer_id: CustomerId,
    /// Whether [`Single::customer_id`] is known already.
    pub known_customer: bool,
    /// Id for the call.
    pub call: CallId,
}

/// Why a single call was not placed. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SingleRefused {
    /// The company has no such robot, or it is offline.
    NoRobot,
    /// The number is on the company's blacklist.
    Blacklisted,
    /// Every seat is taken.
    NoSeat,
    /// No usable line has a free channel.
    NoChannel,
}

/// Places a call by itself: claimed at once, for this process to dial.
///
/// # Errors
/// When the store fails.
pub fn place_single(
    db: &mut Db,
    single: &Single,
    node: NodeId,
    now: Moment,
) -> Result<std::result::Result<Claimed, SingleRefused>> {
    let company = single.company;
    let Some(robot) = robot::find(db, company, single.robot)?.filter(|robot| robot.online) else {
        return Ok(Err(SingleRefused::NoRobot));
    };
    let phone = single.customer.phone.as_str();
    if blacklist::contains(db, company, phone)? {
        return Ok(Err(SingleRefused::Blacklisted));
    }
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let seats =
        db.query_one(&format!("SELECT seats FROM company WHERE id = ?1{lock}"), values![company], |row| row.int(0))?;
    if seats.unwrap_or(0) <= company::seats_in_use(db, company)? {
        return Ok(Err(SingleRefused::NoSeat));
    }
    let in_use = line::channels_in_use(db, company)?;
    let lines: Vec<Line> = line::of_company(db, company)?.into_iter().filter(|line| line.is_usable(now)).collect();
    let Some(line) = least_busy(&lines, &in_use) else {
        return Ok(Err(SingleRefused::NoChannel));
    };
    insert_single(db, single, now)?;
    let claimed = Claimed {
        company,
        task: TaskId(0),
        call: single.call,
        attempt_no: 1,
        node,
        customer_name: single.customer.name.clone(),
        customer_phone: phone.to_owned(),
        properties: single.customer.properties.clone(),
        line: line.id,
        driver: line.driver,
        caller_phone: line.phone.clone(),
        seated: true,
        scene: robot.scene,
        scene_version: robot.scene_version,
    };
    write_claim(db, &claimed, CallStatus::NotStarted, now)?;
    Ok(Ok(claimed))
}

fn insert_single(db: &mut Db, single: &Single, now: Moment) -> Result<()> {
    let NewCustomer { name, phone, properties } = &single.customer;
    if !single.known_customer {
        db.execute(
            "INSERT INTO customer (id, company_id, task_id, name, phone, properties, created_at)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)",
            values![single.customer_id, single.company, name, phone.as_str(), &properties_json(properties)?, now],
        )?;
    }
    db.execute(
        "INSERT INTO call (id, company_id, task_id, customer_id, customer_name, customer_phone, kind, status, due_at,
             robot_id, created_at, modified_at)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?8)",
        values![
            single.call,
            single.company,
            single.customer_id,
            name,
            phone.as_str(),
            CallKind::Single,
            single.robot,
            now
        ],
    )?;
    Ok(())
}

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
    let taken = db.execute(
        "UPDATE attempt SET seated = 0 WHERE company_id = ?1 AND call_id = (
             SELECT MIN(call_id) FROM attempt WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL
               AND seated = 1 AND answered_at IS NULL)
           AND ended_at IS NULL",
        values![claimed.company, claimed.task],
    )?;
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
