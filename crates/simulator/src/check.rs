//! What must always hold, looked at after everything that happens.
//!
//! After every commit only what is new is read: attempts that began, were answered or ended, and calls that finished.
//! They add up to a model of the campaign, which the counters of the store must equal. All of the store is read for a
//! census: after every commit where a campaign is small, and now and then where it is large.

mod census;
mod dial;
mod keeping;
mod line;
mod live;
mod progress;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures::executor::block_on;
use hutong_domain::ids::{CallId, CompanyId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::rules::{CompanyRules, Rules};
use hutong_store::task::{Counters, Settings};
use hutong_store::{Db, Store, values};
use jiff::civil::Date;

use crate::scenario::{CLOCK_ERROR_MAX_MS, LinePlan};
use line::LineModel;
use live::Live;
use progress::Queued;

/// What was found that must not be.
pub type Violation = String;

/// Nothing wrong, or the first thing that is.
pub(crate) type Checked<T = ()> = std::result::Result<T, Violation>;

/// Up to so many numbers, the census is taken after every commit.
const SMALL: usize = 200;
/// How often the census of a larger campaign is taken: so that all of them together cost as much as reading each number
/// so many times, whatever its size. A number makes a few commits.
const CENSUSES: u64 = 80;
/// So many commits in a row that change no attempt and no count, most of which prolong a lease, are followed by a census.
const QUIET_MAX: u64 = 200;
/// How far the clocks of two processes may be apart.
const CLOCKS_APART: Duration = Duration::from_millis(2 * CLOCK_ERROR_MAX_MS.unsigned_abs());

/// Looks at what was dialled and at the store.
pub(crate) struct Checker {
    store: Store,
    rules: Rules,
    companies: BTreeMap<CompanyId, CompanyModel>,
    tasks: BTreeMap<TaskId, TaskModel>,
    lines: BTreeMap<LineId, LineModel>,
    /// What was dialled: calls and attempts.
    dialled: HashSet<(CallId, i64)>,
    /// Attempts claimed at each number: by which company, on which day, how many.
    claims: HashMap<String, Vec<(CompanyId, Date, u32)>>,
    /// How often a number was dialled for a task.
    dials: HashMap<(TaskId, String), u32>,
    unrest: Unrest,
    /// Commits since the last census: those that changed what is looked at after each, and the others.
    since_census: (u64, u64),
    census_every: Option<u64>,
}

/// When things go wrong, in true time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unrest {
    /// A process stands still, is gone, or its store fails or is slow.
    pub(crate) spans: Vec<(Moment, Moment)>,
    /// A process stands still.
    pub(crate) standstills: Vec<(Moment, Moment)>,
}

impl Unrest {
    fn touches(spans: &[(Moment, Moment)], (from, until): (Moment, Moment)) -> bool {
        spans.iter().any(|span| span.0 <= until && from <= span.1)
    }
}

/// What people have decided about a company, and what was seen of it.
struct CompanyModel {
    seats: u32,
    rules: CompanyRules,
    /// Its blacklist, and since when.
    blacklist: HashMap<String, Moment>,
    live: BTreeMap<CallId, Live>,
    /// Attempts that were claimed for it.
    claims: u64,
    /// Since when there was something to be done, and how many attempts had been claimed then.
    undone: Option<(Moment, u64)>,
}

/// A task, as it must be by everything that was seen of it.
struct TaskModel {
    company: CompanyId,
    settings: Settings,
    counters: Counters,
    /// How often each value was concluded, by name and value.
    results: BTreeMap<(String, String), i64>,
    /// Its numbers in the order of their import.
    numbers: Vec<String>,
    /// The places of numbers that were never called.
    fresh: BTreeMap<usize, Fresh>,
    /// The last place from which a number was called in its turn.
    called_to: usize,
    places: HashMap<String, usize>,
    /// Where it stands, as it is kept.
    status: i64,
    queued: Option<Queued>,
}

/// Where a number stands that was never called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    InTurn,
    /// A cap or another call held it back when its turn came.
    PutOff,
}

/// Something that a person did.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Put a number on a company's blacklist.
    Blacklisted(CompanyId, String),
    /// Gave a task more numbers.
    Imported(TaskId, Vec<String>),
}

impl Checker {
    pub(crate) fn new(store: Store, rules: Rules, unrest: Unrest, census_every: Option<u64>) -> Self {
        Self {
            store,
            rules,
            companies: BTreeMap::new(),
            tasks: BTreeMap::new(),
            lines: BTreeMap::new(),
            dialled: HashSet::new(),
            claims: HashMap::new(),
            dials: HashMap::new(),
            unrest,
            since_census: (0, 0),
            census_every,
        }
    }

    pub(crate) fn expect_company(&mut self, id: CompanyId, seats: u32, rules: CompanyRules) {
        let (blacklist, live) = (HashMap::new(), BTreeMap::new());
        self.companies.insert(id, CompanyModel { seats, rules, blacklist, live, claims: 0, undone: None });
    }

    pub(crate) fn expect_line(&mut self, id: LineId, plan: &LinePlan, start: Moment) {
        self.lines.insert(id, LineModel::new(plan, start));
    }

    pub(crate) fn expect_task(&mut self, company: CompanyId, id: TaskId, settings: Settings, numbers: Vec<String>) {
        let task = TaskModel {
            company,
            settings,
            counters: Counters::default(),
            results: BTreeMap::new(),
            numbers: Vec::new(),
            fresh: BTreeMap::new(),
            called_to: 0,
            places: HashMap::new(),
            status: 0,
            queued: None,
        };
        self.tasks.insert(id, task);
        self.told(Deed::Imported(id, numbers), Moment(0));
    }

    /// A person has done something.
    pub(crate) fn told(&mut self, deed: Deed, at: Moment) {
        match deed {
            Deed::Blacklisted(company, phone) => {
                if let Some(company) = self.companies.get_mut(&company) {
                    company.blacklist.entry(phone).or_insert(at);
                }
            }
            Deed::Imported(id, numbers) => {
                let Some(task) = self.tasks.get_mut(&id) else { return };
                for (place, phone) in (task.numbers.len()..).zip(numbers) {
                    task.fresh.insert(place, Fresh::InTurn);
                    task.places.insert(phone.clone(), place);
                    task.numbers.push(phone);
                }
                task.counters.total = i64::try_from(task.numbers.len()).unwrap_or(i64::MAX);
            }
        }
    }

    /// Something was committed: the store agrees with itself and keeps every limit.
    pub(crate) fn committed(&mut self, now: Moment) -> Checked {
        let is_new = self.look(now)?;
        let (commits, quiet) = self.since_census;
        self.since_census = if is_new { (commits + 1, quiet) } else { (commits, quiet + 1) };
        let numbers: usize = self.tasks.values().map(|task| task.numbers.len()).sum();
        let by_size = if numbers <= SMALL { 1 } else { 4 * numbers as u64 / CENSUSES };
        let (commits, quiet) = self.since_census;
        if commits >= self.census_every.unwrap_or(by_size) || (quiet >= QUIET_MAX && self.census_every.is_none()) {
            self.census(now)?;
            self.since_census = (0, 0);
        }
        Ok(())
    }

    /// Nothing is left to do, and every number has come to its end.
    pub(crate) fn end(&mut self, now: Moment) -> Checked {
        let open = self.read(|db| db.query_int("SELECT COUNT(*) FROM call WHERE status <> 2", values![]))?;
        if open > 0 {
            return Err(format!("{open} numbers never finished"));
        }
        self.look(now)?;
        self.census(now)?;
        self.let_go(now)?;
        self.census(now)
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> hutong_store::Result<T> + Send + 'static,
    ) -> Checked<T> {
        block_on(self.store.read(work)).map_err(|error| error.to_string())
    }
}
