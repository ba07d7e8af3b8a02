//! Calls placed by themselves, outside any task.

use hutong_domain::call::{CallKind, CallStatus};
use hutong_domain::ids::{CallId, CompanyId, CustomerId, NodeId, RobotId, TaskId};
use hutong_domain::moment::Moment;

use super::{Claimed, least_busy, write_claim};
use crate::call::{NewCustomer, properties_json};
use crate::db::Db;
use crate::error::Result;
use crate::line::{self, Line};
use crate::{blacklist, company, robot, values};

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
