//! A campaign of several tasks that is given new numbers for as long as it has to go on.

use futures::executor::block_on;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_e2e::follower::{Follower, check_counts, check_feed, check_same};
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Tenant};
use hutong_store::Store;
use hutong_testkit::recount::assert_counts_are_facts;
use serde_json::{Value, json};

/// Seats of the company: enough for all numbers that are left when the campaign is to finish.
pub(crate) const SEATS: u32 = 900;
/// Seats of a task from then on.
const QUOTA_AT_THE_END: u32 = SEATS / 3;
/// Numbers that a task has left after an import: more than the servers can do before the next.
const NUMBERS_LEFT: usize = 200;
/// What a call ends with that was in progress when its server died.
const LOST: i64 = 10;
/// What `status` says of a task that is done.
const DONE: i64 = 2;

/// The tasks, all of the same company.
pub(crate) struct Campaign {
    tenant: Tenant,
    tasks: Vec<Task>,
    numbers: Box<dyn Iterator<Item = String>>,
}

struct Task {
    id: i64,
    redials_max: i64,
    numbers: Vec<String>,
}

impl Campaign {
    /// A running task for each of some redial rules, each with so many seats.
    pub(crate) fn begin(tenant: &Tenant, client: &Client, quota: u32) -> Self {
        // Those whose outcome is known, see docs/sandbox.md; then any others.
        let known = (0..=10).chain(20..=27).map(|case| format!("138001380{case:02}"));
        let numbers = Box::new(known.chain((0..).map(|n: u32| format!("120{n:08}"))));
        let mut campaign = Self { tenant: tenant.clone(), tasks: Vec::new(), numbers };
        campaign.add_task(client, json!({ "concurrencyQuota": quota }), &[]);
        campaign.add_task(client, json!({ "concurrencyQuota": quota }), &[(LOST, 2)]);
        // This one dials twice as many numbers as it has seats: what is answered without one is lost as well.
        let overdialling = json!({ "concurrencyQuota": quota / 2, "concurrencyPhone": quota / 2 * 2 });
        campaign.add_task(client, overdialling, &[(2, 1), (5, 2), (6, 1), (LOST, 1)]);
        campaign
    }

    /// A running task with these settings that redials after each of these outcomes at once, so many times at most.
    fn add_task(&mut self, client: &Client, mut settings: Value, redials: &[(i64, i64)]) {
        let rule = |(status, times): &(i64, i64)| json!({ "phoneStatus": status, "times": times, "interval": 0 });
        settings["repeatCall"] = json!(!redials.is_empty());
        settings["repeatCallRule"] = redials.iter().map(rule).collect();
        let redials_max = redials.iter().map(|(_, times)| *times).max().unwrap_or(0);
        let numbers: Vec<String> = self.numbers.by_ref().take(NUMBERS_LEFT).collect();
        let id = self.tenant.running_task(client, &settings, &numbers);
        self.tasks.push(Task { id, redials_max, numbers });
    }

    /// The ids of the tasks.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = i64> {
        self.tasks.iter().map(|task| task.id)
    }

    /// The company.
    pub(crate) fn company(&self) -> CompanyId {
        CompanyId(self.tenant.company)
    }

    /// The most redials that the rules of a task allow.
    pub(crate) fn redials_max(&self, task: i64) -> i64 {
        let task = self.tasks.iter().find(|known| known.id == task);
        task.expect("no other task was made").redials_max
    }

    fn detail(&self, client: &Client, task: i64) -> Value {
        client.read("task/getTaskDetail", &json!({ "companyId": self.tenant.company, "taskId": task }))
    }

    /// Gives new numbers to tasks that have few left.
    pub(crate) fn import_more(&mut self, client: &Client) {
        for at in 0..self.tasks.len() {
            let id = self.tasks[at].id;
            let detail = self.detail(client, id);
            assert_ne!(detail["status"], DONE, "task {id} still runs: {detail}");
            let done = usize::try_from(detail["doneCount"].as_u64().unwrap()).unwrap();
            let wanted = (done + NUMBERS_LEFT).saturating_sub(self.tasks[at].numbers.len());
            if wanted > 0 {
                let numbers: Vec<String> = self.numbers.by_ref().take(wanted).collect();
                client.write("task/importTaskCustomer", &self.tenant.import(&json!(id), &numbers));
                self.tasks[at].numbers.extend(numbers);
            }
        }
    }

    /// Lets every task finish, with many more seats.
    pub(crate) fn finish(&self, client: &Client) {
        for task in self.tasks() {
            assert_ne!(self.detail(client, task)["status"], DONE, "task {task} ran until the last kill");
            client.write("task/pause", &json!({ "taskId": task }));
            let more =
                json!({ "companyId": self.tenant.company, "taskId": task, "concurrencyQuota": QUOTA_AT_THE_END });
            client.write("task/update", &more);
            client.write("task/start", &json!({ "taskId": task }));
        }
        for task in self.tasks() {
            until("the task is done", || (self.detail(client, task)["status"] == DONE).then_some(()));
        }
    }

    /// What was read the whole time is every number, in order and once; it is what somebody reads who comes now; and
    /// it is what the counts say, whoever is asked. All of it.
    pub(crate) fn check(&self, mut read: Vec<Follower>, clients: &[Client]) -> Vec<Follower> {
        for (task, read) in self.tasks.iter().zip(&mut read) {
            while read.poll(&clients[0]) {}
            check_feed(&read.calls, &task.numbers);
            for client in clients {
                let mut late = Follower::new(task.id);
                while late.poll(client) {}
                check_same(&read.calls, &late.calls);
                check_counts(&self.detail(client, task.id), &read.calls);
            }
        }
        read
    }

    /// What the store counts is what it keeps.
    pub(crate) fn check_store(&self, store: &Store) {
        for task in self.tasks() {
            block_on(assert_counts_are_facts(store, self.company(), TaskId(task)));
        }
    }
}
