//! The numbers that a task dials next: in their order, without those that may not be dialled now.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::rules::{CompanyRules, Rules};
use jiff::civil::{Date, Time};

use super::Look;
use crate::blacklist;
use crate::call::Properties;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::number::{self, Busy};
use crate::values;
use crate::waiting::block::Changes;

/// When a number that is in another call is looked at again.
const BUSY_RETRY: Duration = Duration::from_secs(30);

/// The parts of a task's list, in the order in which they are dialled: numbers that were moved to the head, redials that
/// are due, numbers in the order of their import and those that were put off.
pub(super) const PARTS: [&str; 3] = [
    "c.status = 0 AND c.due_at < 0 ORDER BY c.due_at, c.import_no",
    "c.status = 3 AND c.due_at <= ?3 ORDER BY c.due_at, c.id",
    "c.status = 0 AND c.due_at >= 0 AND c.due_at <= ?3 ORDER BY c.due_at, c.import_no",
];

/// A call that could be dialled.
pub(super) struct Due {
    pub(super) call: CallId,
    pub(super) customer_name: String,
    pub(super) customer_phone: String,
    pub(super) properties: Properties,
    pub(super) attempts: i64,
    pub(super) status: CallStatus,
    pub(super) due_at: Moment,
    pub(super) import_no: i64,
}

/// Whether a number may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may, and is taken for the call.
    Taken,
    /// It may never be.
    Blacklisted,
    /// It was dialled as often as it may be, until this moment.
    Capped(Moment),
    /// It is in another call.
    Busy,
}

impl Verdict {
    /// When a number that is held back is looked at again.
    pub(super) fn retry_at(self, now: Moment) -> Option<Moment> {
        match self {
            Self::Taken | Self::Blacklisted => None,
            Self::Capped(until) => Some(until),
            Self::Busy => Some(now.after(BUSY_RETRY)),
        }
    }
}

/// The first calls of a part.
pub(super) fn due(
    db: &mut Db,
    company: CompanyId,
    task: TaskId,
    (part, now): (&str, Moment),
    limit: usize,
) -> Result<Vec<Due>> {
    let sql = format!(
        "SELECT c.id, c.customer_name, c.customer_phone, cu.properties,
             CASE WHEN c.started_at IS NULL THEN 0 ELSE c.redials + 1 END, c.status, c.due_at, c.import_no
         FROM call c JOIN customer cu ON cu.company_id = ?1 AND cu.id = c.customer_id
         WHERE c.company_id = ?1 AND c.task_id = ?2 AND {part} LIMIT ?4"
    );
    db.query(&sql, values![company, task, now, i64::try_from(limit).unwrap_or(i64::MAX)], row)
}

fn row(row: &Row<'_>) -> Result<Due> {
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

/// What is known of some numbers, read for all of them at once.
pub(super) struct Register<'a> {
    rules: &'a Rules,
    company: (CompanyId, CompanyRules),
    today: Date,
    now: Moment,
    blacklisted: HashSet<String>,
    dialled: HashMap<String, Vec<number::Dialled>>,
}

impl<'a> Register<'a> {
    pub(super) fn of(db: &mut Db, company: (CompanyId, CompanyRules), phones: &[&str], look: &'a Look) -> Result<Self> {
        let (rules, now) = (&*look.rules, look.now);
        let today = now.civil(&rules.zone).date();
        let is_capped = [rules.caps, company.1.caps].iter().any(|caps| caps.per_day.or(caps.per_week).is_some());
        Ok(Self {
            rules,
            company,
            today,
            now,
            blacklisted: blacklist::among(db, company.0, phones)?,
            dialled: if is_capped { number::dialled(db, phones, today)? } else { HashMap::new() },
        })
    }

    /// What is known to hold a number back.
    pub(super) fn hindrance(&self, phone: &str) -> Option<Verdict> {
        if self.blacklisted.contains(phone) {
            return Some(Verdict::Blacklisted);
        }
        let (id, company) = self.company;
        let dialled = self.dialled.get(phone).map_or(&[][..], Vec::as_slice);
        let capped = number::capped(dialled, (self.rules.caps, (id, company.caps)), self.today)?;
        let until = capped.until.to_datetime(Time::midnight());
        Some(Verdict::Capped(Moment::from_civil(until, &self.rules.zone)))
    }

    /// Takes a number for a call, where it may be dialled now.
    pub(super) fn take(&self, db: &mut Db, phone: &str, (task, call): (TaskId, CallId)) -> Result<Verdict> {
        if let Some(hindrance) = self.hindrance(phone) {
            return Ok(hindrance);
        }
        let by = Busy { company: self.company.0, task, call, since: self.now };
        Ok(if number::take(db, phone, &by, self.today)? { Verdict::Taken } else { Verdict::Busy })
    }
}

/// Puts a call off.
pub(super) fn postpone(db: &mut Db, company: CompanyId, due: &Due, until: Moment, changes: &mut Changes) -> Result<()> {
    db.execute("UPDATE call SET due_at = ?3 WHERE company_id = ?1 AND id = ?2", values![company, due.call, until])?;
    changes.add((due.status, due.due_at, due.import_no), -1);
    changes.add((due.status, until, due.import_no), 1);
    Ok(())
}
