//! What must always hold, looked at after everything that happens.
//!
//! After every commit only what is new is read: attempts that began, were answered or ended, and calls that finished.
//! They add up to a model of the campaign, which the counters of the store must equal. All of the store is read for a
//! census: after every commit where a campaign is small, and now and then where it is large.

mod census;
mod live;

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::executor::block_on;
use hutong_domain::hours::{Hours, closed};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::task::{Counters, Settings};
use hutong_store::{Db, Store, values};
use jiff::tz::TimeZone;

use crate::network::Dialled;
use crate::scenario::CLOCK_ERROR_MAX_MS;
use live::Live;

/// What was found that must not be.
pub type Violation = String;

/// Nothing wrong, or the first thing that is.
pub(crate) type Checked<T = ()> = std::result::Result<T, Violation>;

/// Up to so many numbers, the census is taken after every commit.
const SMALL: usize = 200;
/// How often the census of a larger campaign is taken in proportion to its numbers: so that all of them together cost as
/// much as reading each number so many times.
const CENSUSES: u64 = 40;

/// Looks at what was dialled and at the store.
pub(crate) struct Checker {
    store: Store,
    company: CompanyId,
    seats: i64,
    zone: TimeZone,
    hours: Hours,
    tasks: BTreeMap<TaskId, TaskModel>,
    blacklisted: HashSet<String>,
    attempts: HashSet<(CallId, i64)>,
    dials: HashMap<(TaskId, String), Vec<Moment>>,
    live: BTreeMap<CallId, Live>,
    commits: u64,
}

/// A task, as it must be by everything that was seen of it.
struct TaskModel {
    settings: Settings,
    counters: Counters,
    /// How often each value was concluded, by name and value.
    results: BTreeMap<(String, String), i64>,
}

impl Checker {
    pub(crate) fn new(store: Store, (company, seats): (CompanyId, u32), (zone, hours): (TimeZone, Hours)) -> Self {
        Self {
            store,
            company,
            seats: seats.into(),
            zone,
            hours,
            tasks: BTreeMap::new(),
            blacklisted: HashSet::new(),
            attempts: HashSet::new(),
            dials: HashMap::new(),
            live: BTreeMap::new(),
            commits: 0,
        }
    }

    pub(crate) fn expect_task(
        &mut self,
        id: TaskId,
        (settings, total): (Settings, usize),
        blacklisted: impl IntoIterator<Item = String>,
    ) {
        let counters = Counters { total: i64::try_from(total).unwrap_or(i64::MAX), ..Counters::default() };
        self.tasks.insert(id, TaskModel { settings, counters, results: BTreeMap::new() });
        self.blacklisted.extend(blacklisted);
    }

    /// A number was dialled: on a committed attempt, once, at a time when it may be, as often as it may be.
    pub(crate) fn dialled(&mut self, dialled: &Dialled) -> Checked {
        let Dialled { at, clock, claimed } = dialled;
        let (call, attempt, phone) = (claimed.call, claimed.attempt_no, &claimed.customer_phone);
        let name = format!("call {call}, attempt {attempt}");
        if !self.attempts.insert((call, attempt)) {
            return Err(format!("{name} was dialled twice"));
        }
        let (company, node) = (self.company, claimed.node);
        let holder = self.read(move |db| {
            db.query_one(
                "SELECT node_id FROM attempt WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3
                   AND ended_at IS NULL",
                values![company, call, attempt],
                |row| row.int(0),
            )
        })?;
        if holder != Some(node.get()) {
            return Err(format!("{name} was dialled by node {node}, which does not hold it"));
        }
        if self.blacklisted.contains(phone) {
            return Err(format!("{name} was dialled though {phone} is blacklisted"));
        }
        let Some(TaskModel { settings, .. }) = self.tasks.get(&claimed.task) else {
            return Err(format!("{name} is of no task"));
        };
        if let Some(why) = closed(&settings.window, settings.start_date, &self.hours, clock.civil(&self.zone)) {
            return Err(format!("{name} was dialled at {}, {why:?}", clock.civil(&self.zone)));
        }
        let before = self.dials.entry((claimed.task, phone.clone())).or_default();
        let rules = &settings.redial_rules;
        if before.len() > rules.iter().map(|rule| rule.times).max().unwrap_or(0) as usize {
            return Err(format!("{name}: {phone} was dialled {} times before", before.len()));
        }
        let interval = rules.iter().map(|rule| u64::from(rule.interval_minutes) * 60).min().unwrap_or(0);
        // The end of the first call and the beginning of the second may have been seen by clocks that differ.
        let gap_ms =
            before.last().map(|last| at.since(*last).as_millis() + 2 * CLOCK_ERROR_MAX_MS.unsigned_abs() as u128);
        if gap_ms.is_some_and(|gap_ms| gap_ms < u128::from(interval) * 1000) {
            return Err(format!("{name}: {phone} was dialled again too soon"));
        }
        before.push(*at);
        Ok(())
    }

    /// Something was committed: the store agrees with itself and keeps every limit.
    pub(crate) fn committed(&mut self) -> Checked {
        self.commits += 1;
        self.look()?;
        let numbers: i64 = self.tasks.values().map(|task| task.counters.total).sum();
        let numbers = usize::try_from(numbers).unwrap_or(0);
        if numbers <= SMALL || self.commits.is_multiple_of((numbers as u64 / CENSUSES).max(1)) {
            self.census()?;
        }
        Ok(())
    }

    /// Nothing is left to do, and every number has come to its end.
    pub(crate) fn end(&mut self) -> Checked {
        let company = self.company;
        let open = self.read(move |db| {
            db.query_int("SELECT COUNT(*) FROM call WHERE company_id = ?1 AND status <> 2", values![company])
        })?;
        if open > 0 {
            return Err(format!("{open} numbers never finished"));
        }
        self.look()?;
        self.census()
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> hutong_store::Result<T> + Send + 'static,
    ) -> Checked<T> {
        block_on(self.store.read(work)).map_err(|error| error.to_string())
    }
}
