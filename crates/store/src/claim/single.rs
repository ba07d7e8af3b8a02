//! Calls placed by themselves, outside any task.

use hutong_domain::call::{CallKind, CallStatus};
use hutong_domain::hours::{Closed, Opening, opening};
use hutong_domain::ids::{CallId, CompanyId, CustomerId, RobotId, TaskId, VoiceId};
use hutong_domain::moment::Moment;
use hutong_domain::plan::{LineView, least_busy};
use hutong_domain::rules::{CompanyRules, Rules};
use hutong_domain::window::{CallingWindow, DaySpan};

use super::numbers::{Register, Verdict};
use super::{Claimed, Look, count, count_begun, survey, write_claim};
use crate::call::{NewCustomer, properties_json};
use crate::db::Db;
use crate::error::Result;
use crate::{company, line_health, robot, values};

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
    /// The company does not call at this time.
    Closed {
        /// Why.
        why: Closed,
        /// The hours of the day in which it calls.
        legal: DaySpan,
    },
    /// The number is on the company's blacklist.
    Blacklisted,
    /// The number was dialled as often as it may be, until this moment.
    Capped(Moment),
    /// The number is in another call.
    Busy,
    /// Every seat is taken.
    NoSeat,
    /// No usable line has a free channel, or none takes a call at this moment.
    NoChannel,
}

/// Places a call by itself: claimed at once, for this process to dial.
///
/// # Errors
/// When the store fails.
pub fn place_single(db: &mut Db, single: &Single, look: &Look) -> Result<std::result::Result<Claimed, SingleRefused>> {
    let now = look.now;
    let Some(company) = company::find_locked(db, single.company)? else { return Ok(Err(SingleRefused::NoRobot)) };
    let Some(robot) = robot::find(db, company.id, single.robot)?.filter(|robot| robot.online) else {
        return Ok(Err(SingleRefused::NoRobot));
    };
    let dial_before = match open_until(&look.rules, &company.rules, now) {
        Ok(until) => until,
        Err(closed) => return Ok(Err(closed)),
    };
    let phone = single.customer.phone.as_str();
    let register = Register::of(db, (company.id, company.rules), &[phone], look)?;
    if let Some(refused) = register.hindrance(phone).and_then(refusal) {
        return Ok(Err(refused));
    }
    let in_progress = survey::in_progress(db, company.id)?;
    if survey::seats_held(&in_progress, None) >= count(company.seats) {
        return Ok(Err(SingleRefused::NoSeat));
    }
    let mut lines = survey::read_lines(db, company.id)?;
    let views: Vec<LineView> = lines.iter().map(|line| line.view(&in_progress, now)).collect();
    let line = least_busy(&views, &(0..views.len()).collect::<Vec<_>>()).and_then(|at| lines.get_mut(at));
    let Some(line) = line else { return Ok(Err(SingleRefused::NoChannel)) };
    // The last of the checks, since it takes the number.
    if let Some(refused) = refusal(register.take(db, phone, (TaskId(0), single.call))?) {
        return Ok(Err(refused));
    }
    line.started(now);
    if line.changed {
        line_health::keep(db, company.id, line.line.id, &line.health)?;
    }
    insert_single(db, single, now)?;
    let claimed = Claimed {
        company: company.id,
        task: TaskId(0),
        call: single.call,
        attempt_no: 1,
        node: look.node,
        customer_name: single.customer.name.clone(),
        customer_phone: phone.to_owned(),
        properties: single.customer.properties.clone(),
        line: line.line.id,
        driver: line.line.driver,
        caller_phone: line.line.phone.clone(),
        seated: true,
        scene: robot.scene,
        scene_version: robot.scene_version,
        voice: robot.voices.first().map_or(VoiceId(0), |voice| voice.id),
        dial_before,
    };
    write_claim(db, &claimed, CallStatus::NotStarted, now)?;
    count_begun(db, std::iter::once(&claimed), now)?;
    Ok(Ok(claimed))
}

/// The end of the hours in which the company calls now.
fn open_until(rules: &Rules, company: &CompanyRules, now: Moment) -> std::result::Result<Moment, SingleRefused> {
    let (hours, civil) = (rules.hours_of(company), now.civil(&rules.zone));
    let all_hours = CallingWindow { working: hours.legal, rest: None };
    match opening(&all_hours, civil.date(), &hours, civil) {
        Opening::Open { until } => Ok(Moment::from_civil(until, &rules.zone)),
        Opening::Closed { why, .. } => Err(SingleRefused::Closed { why, legal: hours.legal }),
    }
}

const fn refusal(verdict: Verdict) -> Option<SingleRefused> {
    match verdict {
        Verdict::Taken => None,
        Verdict::Blacklisted => Some(SingleRefused::Blacklisted),
        Verdict::Capped(until) => Some(SingleRefused::Capped(until)),
        Verdict::Busy => Some(SingleRefused::Busy),
    }
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
             import_no, robot_id, created_at, modified_at)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, 0, 0, 0, ?7, ?8, ?8)",
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
