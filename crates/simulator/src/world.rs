//! A simulation, from its scenario to its end.

mod make;
mod people;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use hutong_dialer::line::Line;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime, Settings};
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_store::{Options, Result, Store, Url, values};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::check::{Checked, Checker, Unrest, Violation};
use crate::network::{Fault, Network, NetworkLine, People};
use crate::sabotage::Sabotage;
use crate::scenario::{LEGAL_HOURS, Scenario, TroubleKind};
use crate::trouble::StoreTrouble;
use make::{Made, make, span};
use people::{Diary, Owner};

/// The day on which every simulation begins: a Monday.
const FIRST_DAY: Date = Date::constant(2026, 5, 11);
/// How long before its first task may dial it begins.
const BEFORE: Duration = Duration::from_secs(30 * 60);
/// How long before the first task of a day opens the servers are switched on, and how long after the last one closes
/// they are switched off, where they are at night.
const AT_EASE: Duration = Duration::from_secs(15 * 60);
/// A campaign that has not ended after so many days never will.
const DAYS_MAX: i64 = 30;
const TIME_MAX: Duration = Duration::from_secs(86_400 * DAYS_MAX.unsigned_abs());
/// How often the end is looked for, and whether things go on.
const LOOK_FOR_END: Duration = Duration::from_secs(60);
/// How often a process that cannot reach its store tries to start.
const START_RETRY: Duration = Duration::from_secs(1);

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that happened, in its order: the same for the same seed.
    pub log: Vec<String>,
    /// What was found that must not be; the simulation ended there.
    pub violation: Option<Violation>,
    /// Writes that were committed.
    pub commits: u64,
    /// Numbers that were dialled, each as often as it was.
    pub dials: u64,
}

/// Runs a scenario on a store of its own: in memory, or a fresh PostgreSQL database.
///
/// # Errors
/// When the store cannot be made.
pub fn run(scenario: &Scenario, url: Url, sabotage: Option<Sabotage>) -> Result<Outcome> {
    let zone = TimeZone::fixed(Offset::constant(8));
    let opens = FIRST_DAY.at(scenario.opens(), 0, 0, 0).saturating_sub(BEFORE);
    let start = Moment::from_civil(opens, &zone);
    let store = Store::open(&Options { inline: true, ..Options::new(url) }, start)?;
    let mut world = World::new(scenario, store, zone, start, sabotage);
    let violation = world.run().err();
    let mut log = world.log;
    if let Some(violation) = &violation {
        log.push(format!("VIOLATION {violation}"));
    }
    // What still runs holds the world, and the world holds it.
    world.processes.iter().for_each(|process| process.runtime.crash());
    world.runtime.crash();
    Ok(Outcome { log, violation, commits: world.commits.load(Ordering::Relaxed), dials: world.dials })
}

/// A server process.
#[derive(Clone)]
struct Process {
    runtime: VirtualRuntime,
    store: Store,
    trouble: Arc<StoreTrouble>,
    start: Start,
}

/// What a process is started with.
#[derive(Clone)]
struct Start {
    true_time: VirtualRuntime,
    network: Network,
    settings: Settings,
    people: People,
    fault: Fault,
}

struct World {
    scenario: Scenario,
    /// The world's own process: the people, and what goes wrong.
    runtime: VirtualRuntime,
    store: Store,
    processes: Vec<Process>,
    network: Network,
    diary: Diary,
    commits: Arc<AtomicU64>,
    dials: u64,
    /// The rules that hold, whatever the processes go by.
    rules: Rules,
    start: Moment,
    sabotage: Option<Sabotage>,
    log: Vec<String>,
}

/// The rules of the installation: those of the law, and those of the scenario.
fn rules(scenario: &Scenario, zone: TimeZone) -> Rules {
    let days_off = scenario.days_off.iter().map(|day| FIRST_DAY.saturating_add(day.days())).collect();
    let days = DiallingDays { days_off, ..DiallingDays::default() };
    let hours = Hours { legal: span(LEGAL_HOURS), days };
    Rules { zone, hours, caps: scenario.caps, lost_per_mille_max: LOST_PER_MILLE_MAX }
}

impl World {
    fn new(scenario: &Scenario, store: Store, zone: TimeZone, start: Moment, sabotage: Option<Sabotage>) -> Self {
        let runtime = VirtualRuntime::new(start);
        let commits = Arc::new(AtomicU64::new(0));
        let rules = rules(scenario, zone);
        let network = Network::default();
        let settings = Settings {
            rules: Arc::new(sabotage.map_or(rules.clone(), |sabotage| sabotage.of_rules(rules.clone()))),
            calls_max: 1000,
            drain: Duration::from_secs(30),
            mind: None,
            seed: scenario.seed,
        };
        let begin = Start {
            true_time: runtime.clone(),
            network: network.clone(),
            settings,
            people: People { seed: scenario.seed, answers_per_mille: scenario.answers_per_mille },
            fault: sabotage.map_or(Fault::None, Sabotage::of_lines),
        };
        let processes = (0..scenario.processes).map(|n| {
            let process = runtime.process();
            let seed = scenario.seed.rotate_left(32) ^ n as u64;
            // Its clock may be wrong; how long its store takes is not.
            let trouble = Arc::new(StoreTrouble::new(Arc::new(process.clone()), commits.clone(), seed));
            let store = store.disturbed(trouble.clone());
            Process { runtime: process, store, trouble, start: begin.clone() }
        });
        Self {
            processes: processes.collect(),
            scenario: scenario.clone(),
            runtime,
            store,
            network,
            diary: Diary::default(),
            commits,
            dials: 0,
            rules,
            start,
            sabotage,
            log: Vec::new(),
        }
    }

    fn note(&mut self, what: &str) {
        let at = self.runtime.true_time().civil(&self.rules.zone);
        self.log.push(format!("{at} {what}"));
    }

    fn run(&mut self) -> Checked {
        let (store, scenario, sabotage, start) = (self.store.clone(), self.scenario.clone(), self.sabotage, self.start);
        let made = self.runtime.run(async move { make(&store, &scenario, sabotage, start).await });
        let made = made.ok_or("the campaign could not be made: nothing moves")?;
        let made = made.map_err(|error| format!("the campaign could not be made: {error}"))?;
        let mut checker = self.checker(&made);
        let mut end = self.live(&made);
        let watched = self.watch(&mut checker, &mut end);
        self.note_feed(&made);
        watched.and_then(|()| checker.end(self.runtime.true_time()))
    }

    /// Whoever looks at it all, told what was made.
    fn checker(&self, made: &[Made]) -> Checker {
        let mut checker =
            Checker::new(self.store.clone(), self.rules.clone(), self.unrest(), self.scenario.census_every);
        for (made, plan) in made.iter().zip(&self.scenario.companies) {
            checker.expect_company(made.id, plan.seats, made.rules);
            for (id, plan) in made.lines.iter().zip(&plan.lines) {
                checker.expect_line(*id, plan, self.start);
                if let Some(outage) = plan.outage {
                    let from = self.start.after(outage.after);
                    self.network.fail(*id, from, from.after(outage.span));
                }
            }
            for ((id, settings), plan) in made.tasks.iter().zip(&plan.tasks) {
                let numbers = (0..plan.numbers).map(|at| plan.number(at)).collect();
                checker.expect_task(made.id, *id, settings.clone(), numbers);
                for at in 0..plan.blacklisted {
                    checker.told(crate::check::Deed::Blacklisted(made.id, plan.number(at)), Moment(0));
                }
            }
        }
        checker
    }

    /// When something goes wrong, or nobody is there.
    fn unrest(&self) -> Unrest {
        let mut unrest = Unrest::default();
        for trouble in &self.scenario.troubles {
            let from = self.start.after(trouble.after);
            let span = (from, from.after(trouble.kind.span()));
            unrest.spans.push(span);
            if let TroubleKind::Freeze { .. } = trouble.kind {
                unrest.standstills.push(span);
            }
        }
        if self.scenario.nights_off {
            unrest.spans.extend(self.nights());
        }
        unrest
    }

    /// When the servers are switched off, and on again on the next day with calls.
    fn nights(&self) -> Vec<(Moment, Moment)> {
        let (opens, closes) = (self.scenario.opens(), self.scenario.closes());
        let at = |day: i64, hour: i8| {
            Moment::from_civil(FIRST_DAY.saturating_add(day.days()).at(hour, 0, 0, 0), &self.rules.zone)
        };
        let days: Vec<i64> = (0..DAYS_MAX).filter(|day| *day == 0 || !self.scenario.days_off.contains(day)).collect();
        let nights = days.windows(2).filter_map(|days| Some((*days.first()?, *days.last()?)));
        let at_ease = i64::try_from(AT_EASE.as_millis()).unwrap_or(0);
        nights.map(|(day, next)| (at(day, closes).after(AT_EASE), Moment(at(next, opens).ms() - at_ease))).collect()
    }

    /// Sets everything going; resolves when the last task has ended.
    fn live(&self, made: &[Made]) -> oneshot::Receiver<bool> {
        self.processes.iter().for_each(start_process);
        for (company, plan) in made.iter().zip(&self.scenario.companies) {
            for ((task, _), plan) in company.tasks.iter().zip(&plan.tasks) {
                let owner = Owner {
                    runtime: self.runtime.clone(),
                    store: self.store.clone(),
                    diary: self.diary.clone(),
                    company: company.id,
                    task: *task,
                    plan: plan.clone(),
                    forbids_in_vain: self.sabotage == Some(Sabotage::IgnoresBlacklist),
                };
                owner.begin();
            }
        }
        self.hurt();
        if self.scenario.nights_off {
            self.switch_off_at_night();
        }
        if let Some(sabotage) = self.sabotage {
            let companies = made.iter().map(|made| made.id).collect();
            let processes = self.processes.iter().map(|process| process.runtime.clone()).collect();
            let world = (&self.runtime, &self.store, &self.network);
            sabotage.begin(&self.scenario, world, (companies, Arc::new(self.rules.clone())), processes);
        }
        self.look_for_end()
    }

    fn look_for_end(&self) -> oneshot::Receiver<bool> {
        let (ended, end) = oneshot::channel();
        let (runtime, store) = (self.runtime.clone(), self.store.clone());
        let give_up_at = self.start.after(TIME_MAX);
        self.runtime.spawn(Box::pin(async move {
            let done = loop {
                runtime.sleep_until(runtime.now().after(LOOK_FOR_END)).await;
                let open = "SELECT COUNT(*) FROM task WHERE status <> 2";
                if store.read(move |db| db.query_int(open, &[])).await.is_ok_and(|open| open == 0) {
                    break true;
                }
                if runtime.now() > give_up_at {
                    break false;
                }
            };
            let _ = ended.send(done);
        }));
        end
    }

    /// Looks at everything that happens, until the end.
    fn watch(&mut self, checker: &mut Checker, end: &mut oneshot::Receiver<bool>) -> Checked {
        let mut seen = 0;
        let mut next_minute = self.start;
        loop {
            match end.try_recv() {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) | Err(_) => return Err("the campaign never ended".to_owned()),
                Ok(None) => {}
            }
            if !self.runtime.step() {
                return Err("nothing moves any more".to_owned());
            }
            let now = self.runtime.true_time();
            let deeds = self.diary.take();
            let commits = self.commits.load(Ordering::Relaxed);
            let is_new = commits != seen || !deeds.is_empty();
            seen = commits;
            for deed in deeds {
                self.note(&format!("{deed:?}"));
                checker.told(deed, now);
            }
            if is_new {
                checker.committed(now)?;
            }
            for dialled in self.network.take() {
                let claimed = &dialled.claimed;
                let line = format!(
                    "node {} dials {} on line {}: call {}, attempt {}",
                    claimed.node, claimed.customer_phone, claimed.line, claimed.call, claimed.attempt_no
                );
                self.note(&line);
                self.dials += 1;
                checker.dialled(&dialled)?;
            }
            if now >= next_minute {
                next_minute = now.after(LOOK_FOR_END);
                checker.minute(now)?;
            }
        }
    }

    /// Lets happen what goes wrong.
    fn hurt(&self) {
        for trouble in self.scenario.troubles.clone() {
            let Some(process) = self.processes.get(trouble.process).cloned() else { continue };
            let (runtime, at) = (self.runtime.clone(), self.start.after(trouble.after));
            self.runtime.spawn(Box::pin(async move {
                runtime.sleep_until(at).await;
                let now = process.runtime.now();
                match trouble.kind {
                    TroubleKind::Crash { gone } => {
                        process.runtime.crash();
                        runtime.sleep_until(runtime.now().after(gone)).await;
                        // Two crashes may overlap: then the second start would be a second process on one clock.
                        process.runtime.crash();
                        start_process(&process);
                    }
                    TroubleKind::Freeze { still } => {
                        process.runtime.freeze();
                        runtime.sleep_until(runtime.now().after(still)).await;
                        process.runtime.thaw();
                    }
                    TroubleKind::StoreFails { span } => process.trouble.fail_until(now.after(span)),
                    TroubleKind::StoreIsSlow { span } => process.trouble.be_slow_until(now.after(span)),
                    TroubleKind::ClockSteps { by_ms } => process.runtime.set_clock_error(by_ms),
                }
            }));
        }
    }

    fn switch_off_at_night(&self) {
        let (runtime, processes, nights) = (self.runtime.clone(), self.processes.clone(), self.nights());
        self.runtime.spawn(Box::pin(async move {
            for (off, on) in nights {
                runtime.sleep_until(off).await;
                processes.iter().for_each(|process| process.runtime.crash());
                runtime.sleep_until(on).await;
                processes.iter().for_each(start_process);
            }
        }));
    }

    /// What became of every task and call, in the order in which it did.
    fn note_feed(&mut self, made: &[Made]) {
        for (company, id) in made.iter().flat_map(|made| made.tasks.iter().map(|(id, _)| (made.id, *id))) {
            let zone = self.rules.zone.clone();
            let rows = futures::executor::block_on(self.store.read(move |db| {
                let mut rows = db.query(
                    "SELECT at, from_status, to_status, reason FROM task_move WHERE company_id = ?1 AND task_id = ?2
                     ORDER BY seq",
                    values![company, id],
                    |row| {
                        let at = row.moment(0)?.civil(&zone);
                        Ok(format!("{at} from {} to {}: {}", row.int(1)?, row.int(2)?, row.str(3)?))
                    },
                )?;
                rows.extend(db.query(
                    "SELECT call_index, customer_phone, finish_status, redials, ended_at FROM call
                     WHERE company_id = ?1 AND task_id = ?2 AND status = 2 ORDER BY call_index",
                    values![company, id],
                    |row| {
                        Ok(format!("{} {} {} {} {}", row.int(0)?, row.str(1)?, row.int(2)?, row.int(3)?, row.int(4)?))
                    },
                )?);
                Ok(rows)
            }));
            self.log.extend(rows.unwrap_or_default().into_iter().map(|row| format!("task {id}: {row}")));
        }
    }
}

fn start_process(process: &Process) {
    let Process { runtime, store, trouble: _, start } = process.clone();
    let Start { true_time, network, settings, people, fault } = start;
    let (true_time, clock): (Arc<dyn Runtime>, Arc<dyn Runtime>) = (Arc::new(true_time), Arc::new(runtime.clone()));
    runtime.spawn(Box::pin(async move {
        loop {
            let callees = NetworkLine::new(network.clone(), (true_time.clone(), clock.clone()), people, fault);
            let lines: HashMap<LineDriver, Box<dyn Line>> =
                HashMap::from([(LineDriver::Simulated, Box::new(callees) as Box<dyn Line>)]);
            let (_ordering, orders) = async_channel::bounded(1);
            let begun =
                Dialer::begin(store.clone(), clock.clone(), lines, settings.clone(), (orders, Arc::default()), false);
            match begun.await {
                Ok(dialer) => return dialer.run(Box::pin(std::future::pending())).await,
                Err(_) => clock.sleep(START_RETRY).await,
            }
        }
    }));
}
