//! What people do with the tasks of a scenario while it goes on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hutong_dialer::Runtime as _;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::task::Command;
use hutong_store::{Store, task};

use super::make;
use crate::check::Deed;
use crate::scenario::TaskPlan;

/// What people did and nobody looked at yet.
#[derive(Clone, Default)]
pub(super) struct Diary(Arc<Mutex<Vec<Deed>>>);

impl Diary {
    pub(super) fn take(&self) -> Vec<Deed> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, deed: Deed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
    }
}

/// The people who look after a task.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) runtime: VirtualRuntime,
    pub(super) store: Store,
    pub(super) diary: Diary,
    pub(super) company: CompanyId,
    pub(super) task: TaskId,
    pub(super) plan: TaskPlan,
    /// Nothing reaches the blacklist, though people believe that it does.
    pub(super) forbids_in_vain: bool,
}

impl Owner {
    /// Lets them do what the plan says, each thing at its time.
    pub(super) fn begin(&self) {
        let start = self.runtime.now();
        let of = |owner: &Self| owner.clone();
        self.runtime.spawn(Box::pin(of(self).command(start)));
        if let Some((after, count)) = self.plan.imported_later {
            self.runtime.spawn(Box::pin(of(self).import(start.after(after), count)));
        }
        if let Some((after, count)) = self.plan.blacklisted_later {
            self.runtime.spawn(Box::pin(of(self).forbid(start.after(after), count)));
        }
    }

    /// Start it, maybe pause it for a while.
    async fn command(self, start: Moment) {
        self.runtime.sleep_until(start.after(self.plan.started_after)).await;
        if self.plan.timed.is_none() {
            self.give(Command::Start).await;
        }
        if let Some((after, span)) = self.plan.paused {
            self.wait(after).await;
            self.give(Command::Pause).await;
            self.wait(span).await;
            self.give(Command::Start).await;
        }
    }

    async fn give(&self, command: Command) {
        let (company, id, now) = (self.company, self.task, self.runtime.now());
        // A command that does not fit the state any more is refused, as people are.
        let _ = self.store.write(company, move |db| task::command(db, company, id, command, "people", now)).await;
    }

    async fn import(self, at: Moment, count: usize) {
        self.runtime.sleep_until(at).await;
        let first = self.plan.numbers;
        let numbers: Vec<String> = (first..first + count).map(|at| self.plan.number(at)).collect();
        if let Ok(true) = make::import(&self.store, (self.company, self.task), &numbers, at).await {
            self.diary.note(Deed::Imported(self.task, numbers));
        }
    }

    async fn forbid(self, at: Moment, count: usize) {
        self.runtime.sleep_until(at).await;
        for at in self.plan.numbers.saturating_sub(count)..self.plan.numbers {
            let (number, now) = (self.plan.number(at), self.runtime.now());
            if !self.forbids_in_vain && make::forbid(&self.store, self.company, number.clone(), now).await.is_err() {
                continue;
            }
            self.diary.note(Deed::Blacklisted(self.company, number));
        }
    }

    async fn wait(&self, span: Duration) {
        self.runtime.sleep_until(self.runtime.now().after(span)).await;
    }
}
