//! That things go on: numbers in their order, nobody for ever last, and nothing left undone.

use std::time::Duration;

use hutong_domain::ids::{CompanyId, NodeId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::task::TaskStatus;
use hutong_store::claim::{self, Look};
use hutong_store::values;

use super::live::Found;
use super::{Checked, Checker, Fresh, Unrest};

/// A task that waits for a seat has one after so many calls of each seat and each task of its company: a seat that comes
/// free goes to the task with the fewest, and among those without any to the one that waits longest.
const TURNS_MAX: u32 = 4;
/// What there is to do is done after so long: a process looks at every company every few seconds.
const UNDONE_MAX: Duration = Duration::from_secs(180);
/// How long after a trouble everything goes its way again: leases run out, and what was waited for is tried again.
const RECOVERY: Duration = Duration::from_secs(120);

/// A task that waits for a seat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    /// Calls that other tasks of its company started meanwhile.
    overtaken: u32,
}

impl super::TaskModel {
    /// Another task of the company has started a call.
    pub(super) fn overtaken(&mut self) {
        if let Some(queued) = &mut self.queued {
            queued.overtaken += 1;
        }
    }
}

impl Checker {
    /// Whether the task stands elsewhere than it did.
    pub(super) fn take_status(&mut self, found: &Found) -> bool {
        let Some(task) = self.tasks.get_mut(&found.id) else { return false };
        let is_queued = found.status == TaskStatus::Queued.number();
        task.queued = is_queued.then_some(task.queued.unwrap_or(Queued { overtaken: 0 }));
        std::mem::replace(&mut task.status, found.status) != found.status
    }

    /// No number that was never called is overtaken by one that was imported after it, unless it was put off.
    pub(super) fn keeps_order(&mut self, company: CompanyId) -> Checked {
        for id in self.tasks.iter().filter(|(_, it)| it.company == company).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.keeps_order_of(company, id)?;
        }
        Ok(())
    }

    fn keeps_order_of(&mut self, company: CompanyId, id: TaskId) -> Checked {
        let Some(task) = self.tasks.get(&id) else { return Ok(()) };
        let overtaken = task.fresh.range(..task.called_to).filter(|(_, fresh)| **fresh == Fresh::InTurn);
        for place in overtaken.map(|(place, _)| *place).collect::<Vec<_>>() {
            let Some(phone) = self.tasks.get(&id).and_then(|task| task.numbers.get(place).cloned()) else { continue };
            let asked = phone.clone();
            let due_at = self.read(move |db| {
                db.query_one(
                    "SELECT c.due_at FROM customer cu JOIN call c ON c.company_id = ?1 AND c.customer_id = cu.id
                     WHERE cu.company_id = ?1 AND cu.task_id = ?2 AND cu.phone = ?3",
                    values![company, id, &asked],
                    |row| row.moment(0),
                )
            })?;
            if due_at == Some(Moment(0)) {
                return Err(format!("task {id}: {phone} is overtaken by numbers that were imported after it"));
            }
            if let Some(task) = self.tasks.get_mut(&id) {
                task.fresh.insert(place, Fresh::PutOff);
            }
        }
        Ok(())
    }

    /// A minute has passed: nobody waits for ever for a seat, and nothing is left undone.
    pub(crate) fn minute(&mut self, now: Moment) -> Checked {
        let lately = (Moment(now.ms() - i64::try_from(RECOVERY.as_millis()).unwrap_or(0)), now);
        let is_restless = Unrest::touches(&self.unrest.spans, lately);
        for id in self.companies.keys().copied().collect::<Vec<_>>() {
            let tasks = self.tasks.values().filter(|task| task.company == id).count();
            let Some(company) = self.companies.get(&id) else { continue };
            let most = TURNS_MAX * (company.seats + u32::try_from(tasks).unwrap_or(u32::MAX));
            for (id, task) in self.tasks.iter().filter(|(_, task)| task.company == id) {
                if let Some(Queued { overtaken }) = task.queued.filter(|queued| queued.overtaken > most) {
                    return Err(format!("task {id} waits for a seat while others start {overtaken} calls"));
                }
            }
            self.is_done(id, now, is_restless)?;
        }
        Ok(())
    }

    /// What there is to do is done soon, unless something goes wrong.
    fn is_done(&mut self, id: CompanyId, now: Moment, is_restless: bool) -> Checked {
        let look = Look { node: NodeId(0), now, rules: self.rules.clone().into(), starts_max: 1 };
        let has_work = self.read(move |db| claim::prospect(db, id, &look))?.has_work;
        let Some(company) = self.companies.get_mut(&id) else { return Ok(()) };
        let claims = company.claims;
        let known = company.undone.filter(|(_, before)| *before == claims);
        company.undone = (has_work && !is_restless).then_some(known.unwrap_or((now, claims)));
        match company.undone {
            Some((since, _)) if now.since(since) >= UNDONE_MAX => {
                Err(format!("company {id} has had something to do for {:?}, and nobody does it", now.since(since)))
            }
            _ => Ok(()),
        }
    }
}
