//! What must always hold, looked at after everything that happens.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::executor::block_on;
use hutong_domain::call::FinishStatus;
use hutong_domain::hours::{Hours, closed};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::task::{self, Settings};
use hutong_store::{Db, Result, Store, values};
use jiff::tz::TimeZone;

use crate::network::Dialled;
use crate::scenario::CLOCK_ERROR_MAX_MS;

/// What was found that must not be.
pub type Violation = String;

/// Looks at what was dialled and at the store.
pub(crate) struct Checker {
    store: Store,
    company: CompanyId,
    seats: i64,
    zone: TimeZone,
    hours: Hours,
    tasks: BTreeMap<TaskId, Settings>,
    blacklisted: HashSet<String>,
    attempts: HashSet<(CallId, i64)>,
    dials: HashMap<(TaskId, String), Vec<Moment>>,
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
        }
    }

    pub(crate) fn expect_task(
        &mut self,
        id: TaskId,
        settings: Settings,
        blacklisted: impl IntoIterator<Item = String>,
    ) {
        self.tasks.insert(id, settings);
        self.blacklisted.extend(blacklisted);
    }

    /// A number was dialled: on a committed attempt, once, at a time when it may be, as often as it may be.
    pub(crate) fn dialled(&mut self, dialled: &Dialled) -> std::result::Result<(), Violation> {
        let Dialled { at, clock, claimed } = dialled;
        let (call, attempt, phone) = (claimed.call, claimed.attempt_no, &claimed.customer_phone);
        let name = format!("call {call}, attempt {attempt}");
        if !self.attempts.insert((call, attempt)) {
            return Err(format!("{name} was dialled twice"));
        }
        let (company, node) = (self.company, claimed.node);
        let live = block_on(self.store.read(move |db| {
            db.query_one(
                "SELECT node_id FROM attempt WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3
                   AND ended_at IS NULL",
                values![company, call, attempt],
                |row| row.int(0),
            )
        }));
        match live {
            Ok(Some(holder)) if holder == node.get() => {}
            Ok(_) => return Err(format!("{name} was dialled by node {node}, which does not hold it")),
            Err(error) => return Err(format!("{name}: {error}")),
        }
        if self.blacklisted.contains(phone) {
            return Err(format!("{name} was dialled though {phone} is blacklisted"));
        }
        let Some(settings) = self.tasks.get(&claimed.task) else { return Err(format!("{name} is of no task")) };
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

    /// The store agrees with itself and keeps every limit.
    pub(crate) fn state(&self) -> std::result::Result<(), Violation> {
        let (company, seats) = (self.company, self.seats);
        let tasks: Vec<(TaskId, Settings)> = self.tasks.iter().map(|(id, it)| (*id, it.clone())).collect();
        let found = block_on(self.store.read_snapshot(move |db| {
            let mut found = limits(db, company, seats)?;
            for (id, settings) in &tasks {
                found.extend(counts(db, company, *id)?);
                found.extend(in_progress(db, company, *id, settings)?);
            }
            Ok(found)
        }));
        match found.map(|found| found.into_iter().next()) {
            Ok(None) => Ok(()),
            Ok(Some(violation)) => Err(violation),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Nothing is left to do, and every number has come to its end.
    pub(crate) fn end(&self) -> std::result::Result<(), Violation> {
        let company = self.company;
        let open = block_on(self.store.read(move |db| {
            db.query_int("SELECT COUNT(*) FROM call WHERE company_id = ?1 AND status <> 2", values![company])
        }));
        match open {
            Ok(0) => self.state(),
            Ok(open) => Err(format!("{open} numbers never finished")),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn limits(db: &mut Db, company: CompanyId, seats: i64) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    let seated = db.query_int(
        "SELECT COUNT(*) FROM attempt WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1",
        values![company],
    )?;
    if seated > seats {
        found.push(format!("{seated} calls hold a seat, of {seats}"));
    }
    let crowded = db.query(
        "SELECT l.id, COUNT(*), l.channels FROM attempt a JOIN line l ON l.company_id = ?1 AND l.id = a.line_id
         WHERE a.company_id = ?1 AND a.ended_at IS NULL GROUP BY l.id, l.channels HAVING COUNT(*) > l.channels",
        values![company],
        |row| Ok(format!("line {} carries {} calls, of {}", row.int(0)?, row.int(1)?, row.int(2)?)),
    )?;
    found.extend(crowded);
    let astray = db.query_int(
        "SELECT COUNT(*) FROM call c WHERE c.company_id = ?1 AND (c.status = 1) <> EXISTS (
             SELECT 1 FROM attempt a WHERE a.company_id = ?1 AND a.call_id = c.id AND a.ended_at IS NULL)",
        values![company],
    )?;
    if astray > 0 {
        found.push(format!("{astray} calls are in progress without an attempt, or the other way round"));
    }
    Ok(found)
}

/// Counters are what a look at each call says, and call indexes have no gaps.
fn counts(db: &mut Db, company: CompanyId, id: TaskId) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    let Some(task) = task::find(db, company, id)? else { return Ok(vec![format!("task {id} is gone")]) };
    let finished = db.query(
        "SELECT finish_status, COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 2
         GROUP BY finish_status",
        values![company, id],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let finished: HashMap<i64, i64> = finished.into_iter().collect();
    for status in FinishStatus::ALL {
        let (counted, seen) =
            (task.counters.finished_with(*status), finished.get(&status.number()).copied().unwrap_or(0));
        if counted != seen {
            found.push(format!("task {id} counts {counted} calls as {status:?}, but there are {seen}"));
        }
    }
    let places = db.query_one(
        "SELECT COUNT(*), COUNT(DISTINCT call_index), COALESCE(MIN(call_index), 0), COALESCE(MAX(call_index), -1)
         FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 2",
        values![company, id],
        |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?)),
    )?;
    let done = task.counters.done;
    if places != Some((done, done, 0, done - 1)) {
        found.push(format!("the feed of task {id} has gaps or repetitions: {places:?} of {done}"));
    }
    Ok(found)
}

fn in_progress(db: &mut Db, company: CompanyId, id: TaskId, settings: &Settings) -> Result<Vec<Violation>> {
    let calls = db.query_int(
        "SELECT COUNT(*) FROM attempt WHERE company_id = ?1 AND task_id = ?2 AND ended_at IS NULL",
        values![company, id],
    )?;
    let too_many = calls > i64::from(settings.in_progress_max) && !settings.elastic;
    Ok(too_many
        .then(|| format!("task {id} has {calls} calls in progress, of {}", settings.in_progress_max))
        .into_iter()
        .collect())
}
