//! A simulation, from its scenario to its end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::channel::oneshot;
use hutong_dialer::line::Line;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime, Settings};
use hutong_domain::caps::Caps;
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::{BlacklistGroupId, CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::phone::PhoneNumber;
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::{Command, TaskKind};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, NewCustomer};
use hutong_store::robot::{self, Publication};
use hutong_store::task::{self, Extras, NewTask};
use hutong_store::{Error, IdKind, Options, Result, Store, Url, blacklist, company, line};
use jiff::civil::{date, time};
use jiff::tz::{Offset, TimeZone};

use crate::check::{Checker, Violation};
use crate::network::{Network, NetworkLine};
use crate::scenario::{Scenario, TaskPlan, TroubleKind};
use crate::trouble::StoreTrouble;

/// A campaign that has not ended after so long never will.
const TIME_MAX: Duration = Duration::from_secs(30 * 86_400);
/// How often the end is looked for.
const LOOK_FOR_END: Duration = Duration::from_secs(60);
/// How often a process that cannot reach its store tries to start.
const START_RETRY: Duration = Duration::from_secs(1);

/// Something that is broken on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Every number is dialled twice.
    DialsTwice,
    /// Calls are placed at night.
    IgnoresLegalHours,
    /// Slots are given back while their calls go on.
    ReleasesSlotsEarly,
    /// An index of the feed is left out.
    SkipsAnIndex,
    /// A finished call is counted twice.
    CountsTwice,
}

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that happened, in its order: the same for the same seed.
    pub log: Vec<String>,
    /// What was found that must not be; the simulation ended there.
    pub violation: Option<Violation>,
    /// Writes that were committed.
    pub commits: u64,
}

/// Runs a scenario on a store of its own: in memory, or a fresh PostgreSQL database.
///
/// # Errors
/// When the store cannot be made.
pub fn run(scenario: &Scenario, url: Url, sabotage: Option<Sabotage>) -> Result<Outcome> {
    let zone = TimeZone::fixed(Offset::constant(8));
    let start = Moment::from_civil(date(2026, 5, 11).at(8, 30, 0, 0), &zone);
    let store = Store::open(&Options { inline: true, ..Options::new(url) }, start)?;
    let mut world = World::new(scenario, store, zone, start, sabotage);
    let violation = world.run();
    let mut log = world.log;
    if let Some(violation) = &violation {
        log.push(format!("VIOLATION {violation}"));
    }
    // What still runs holds the world, and the world holds it.
    world.processes.iter().for_each(|process| process.runtime.crash());
    world.runtime.crash();
    Ok(Outcome { log, violation, commits: world.commits.load(Ordering::Relaxed) })
}

/// A server process.
#[derive(Clone)]
struct Process {
    runtime: VirtualRuntime,
    store: Store,
    trouble: Arc<StoreTrouble>,
}

struct World {
    scenario: Scenario,
    /// The world's own process: the people, and what goes wrong.
    runtime: VirtualRuntime,
    store: Store,
    processes: Vec<Process>,
    network: Network,
    commits: Arc<AtomicU64>,
    zone: TimeZone,
    start: Moment,
    sabotage: Option<Sabotage>,
    log: Vec<String>,
}

/// Hours in which the law lets people be called.
fn legal() -> Hours {
    DaySpan { start: time(9, 0, 0, 0), end: time(20, 0, 0, 0) }.into()
}

impl World {
    fn new(scenario: &Scenario, store: Store, zone: TimeZone, start: Moment, sabotage: Option<Sabotage>) -> Self {
        let runtime = VirtualRuntime::new(start);
        let commits = Arc::new(AtomicU64::new(0));
        let processes = (0..scenario.processes).map(|n| {
            let process = runtime.process();
            let seed = scenario.seed.rotate_left(32) ^ n as u64;
            // Its clock may be wrong; how long its store takes is not.
            let trouble = Arc::new(StoreTrouble::new(Arc::new(process.clone()), commits.clone(), seed));
            Process { runtime: process, store: store.disturbed(trouble.clone()), trouble }
        });
        Self {
            processes: processes.collect(),
            scenario: scenario.clone(),
            runtime,
            store,
            network: Network::default(),
            commits,
            zone,
            start,
            sabotage,
            log: Vec::new(),
        }
    }

    fn note(&mut self, what: &str) {
        let at = self.runtime.true_time().civil(&self.zone);
        self.log.push(format!("{at} {what}"));
    }

    fn run(&mut self) -> Option<Violation> {
        let (store, scenario, start) = (self.store.clone(), self.scenario.clone(), self.start);
        let made = self.runtime.run(async move { set_up(&store, &scenario, start).await });
        let (company, tasks) = match made {
            Some(Ok(made)) => made,
            Some(Err(error)) => return Some(format!("the campaign could not be made: {error}")),
            None => return Some("the campaign could not be made: nothing moves".to_owned()),
        };
        let rules = (self.zone.clone(), legal());
        let mut checker = Checker::new(self.store.clone(), (company, self.scenario.seats), rules);
        for ((id, settings), (n, plan)) in tasks.iter().zip(self.scenario.tasks.iter().enumerate()) {
            let blacklisted = (0..plan.blacklisted).map(|at| number(n, at));
            checker.expect_task(*id, (settings.clone(), plan.numbers), blacklisted);
        }
        let ids: Vec<TaskId> = tasks.iter().map(|(id, _)| *id).collect();
        let mut end = self.live(company, &ids);
        let violation = self.watch(&mut checker, &mut end).err();
        self.note_feed(company, &ids);
        violation.or_else(|| checker.end().err())
    }

    /// Sets everything going; resolves when the last task has ended.
    fn live(&self, company: CompanyId, tasks: &[TaskId]) -> oneshot::Receiver<bool> {
        for process in &self.processes {
            self.start_process(process);
        }
        for (id, plan) in tasks.iter().zip(&self.scenario.tasks) {
            self.runtime.spawn(Box::pin(people(self.runtime.clone(), self.store.clone(), company, *id, plan.clone())));
        }
        self.hurt();
        self.break_on_purpose(company);
        let (ended, end) = oneshot::channel();
        let (runtime, store, give_up_at) = (self.runtime.clone(), self.store.clone(), self.start.after(TIME_MAX));
        self.runtime.spawn(Box::pin(async move {
            let done = loop {
                runtime.sleep_until(runtime.now().after(LOOK_FOR_END)).await;
                let open = "SELECT COUNT(*) FROM task WHERE company_id = ?1 AND status <> 2";
                if store
                    .read(move |db| db.query_int(open, hutong_store::values![company]))
                    .await
                    .is_ok_and(|open| open == 0)
                {
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
    fn watch(
        &mut self,
        checker: &mut Checker,
        end: &mut oneshot::Receiver<bool>,
    ) -> std::result::Result<(), Violation> {
        let mut seen = 0;
        loop {
            match end.try_recv() {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) | Err(_) => return Err("the campaign never ended".to_owned()),
                Ok(None) => {}
            }
            if !self.runtime.step() {
                return Err("nothing moves any more".to_owned());
            }
            for dialled in self.network.take() {
                let claimed = &dialled.claimed;
                let line = format!(
                    "node {} dials {} on line {}: call {}, attempt {}",
                    claimed.node, claimed.customer_phone, claimed.line, claimed.call, claimed.attempt_no
                );
                self.note(&line);
                checker.dialled(&dialled)?;
            }
            let commits = self.commits.load(Ordering::Relaxed);
            if commits != seen {
                seen = commits;
                checker.committed()?;
            }
        }
    }

    fn start_process(&self, process: &Process) {
        start_process(process, &self.runtime, &self.network, self.settings(), self.sabotage);
    }

    fn settings(&self) -> Settings {
        let night = DaySpan { start: time(0, 0, 0, 0), end: time(23, 59, 59, 0) };
        let hours = match self.sabotage {
            Some(Sabotage::IgnoresLegalHours) => Hours { legal: night, days: DiallingDays::default() },
            _ => legal(),
        };
        Settings {
            rules: Arc::new(Rules {
                zone: self.zone.clone(),
                hours,
                caps: Caps::default(),
                lost_per_mille_max: LOST_PER_MILLE_MAX,
            }),
            calls_max: 1000,
            drain: Duration::from_secs(30),
            seed: self.scenario.seed,
        }
    }

    /// Lets happen what goes wrong.
    fn hurt(&self) {
        for trouble in self.scenario.troubles.clone() {
            let Some(process) = self.processes.get(trouble.process).cloned() else { continue };
            let (runtime, network) = (self.runtime.clone(), self.network.clone());
            let (settings, sabotage, at) = (self.settings(), self.sabotage, self.start.after(trouble.after));
            self.runtime.spawn(Box::pin(async move {
                runtime.sleep_until(at).await;
                let now = process.runtime.now();
                match trouble.kind {
                    TroubleKind::Crash { gone } => {
                        process.runtime.crash();
                        runtime.sleep_until(runtime.now().after(gone)).await;
                        // Two crashes may overlap: then the second start would be a second process on one clock.
                        process.runtime.crash();
                        start_process(&process, &runtime, &network, settings, sabotage);
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

    fn break_on_purpose(&self, company: CompanyId) {
        let statement = match self.sabotage {
            Some(Sabotage::ReleasesSlotsEarly) => {
                "UPDATE attempt SET ended_at = 1 WHERE company_id = ?1 AND ended_at IS NULL"
            }
            Some(Sabotage::SkipsAnIndex) => {
                "UPDATE task SET next_call_index = next_call_index + 1 WHERE company_id = ?1"
            }
            Some(Sabotage::CountsTwice) => "UPDATE task SET finish_0 = finish_0 + 1 WHERE company_id = ?1",
            Some(Sabotage::DialsTwice | Sabotage::IgnoresLegalHours) | None => return,
        };
        let (runtime, store) = (self.runtime.clone(), self.store.clone());
        self.runtime.spawn(Box::pin(async move {
            loop {
                runtime.sleep_until(runtime.now().after(LOOK_FOR_END)).await;
                let broken = store.write(company, move |db| db.execute(statement, hutong_store::values![company]));
                // A store that refuses is as good: nothing is broken then.
                let _ = broken.await;
            }
        }));
    }

    /// What became of every call, in the order of the feed.
    fn note_feed(&mut self, company: CompanyId, tasks: &[TaskId]) {
        for &id in tasks {
            let rows = futures::executor::block_on(self.store.read(move |db| {
                db.query(
                    "SELECT call_index, customer_phone, finish_status, redials, ended_at FROM call
                     WHERE company_id = ?1 AND task_id = ?2 AND status = 2 ORDER BY call_index",
                    hutong_store::values![company, id],
                    |row| {
                        Ok(format!("{} {} {} {} {}", row.int(0)?, row.str(1)?, row.int(2)?, row.int(3)?, row.int(4)?))
                    },
                )
            }));
            self.log.extend(rows.unwrap_or_default().into_iter().map(|row| format!("task {id}: {row}")));
        }
    }
}

fn start_process(
    process: &Process,
    true_time: &VirtualRuntime,
    network: &Network,
    settings: Settings,
    sabotage: Option<Sabotage>,
) {
    let Process { runtime, store, trouble: _ } = process.clone();
    let (network, true_time, clock): (_, Arc<dyn Runtime>, Arc<dyn Runtime>) =
        (network.clone(), Arc::new(true_time.clone()), Arc::new(runtime.clone()));
    let twice = sabotage == Some(Sabotage::DialsTwice);
    runtime.spawn(Box::pin(async move {
        loop {
            let callees = NetworkLine::new(network.clone(), (true_time.clone(), clock.clone()), settings.seed, twice);
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

/// What people do with a task: start it, maybe pause it for a while.
async fn people(runtime: VirtualRuntime, store: Store, company: CompanyId, id: TaskId, plan: TaskPlan) {
    let command = |command: Command| {
        let (store, now) = (store.clone(), runtime.now());
        async move {
            // A command that does not fit the state any more is refused, as people are.
            let _ = store.write(company, move |db| task::command(db, company, id, command, "people", now)).await;
        }
    };
    let wait = |span: Duration| runtime.sleep_until(runtime.now().after(span));
    wait(plan.started_after).await;
    command(Command::Start).await;
    if let Some((after, span)) = plan.paused {
        wait(after).await;
        command(Command::Pause).await;
        wait(span).await;
        command(Command::Start).await;
    }
}

/// The number that stands at a place of a task.
fn number(task: usize, at: usize) -> String {
    format!("120{:04}{at:04}", task + 1)
}

type Made = (CompanyId, Vec<(TaskId, task::Settings)>);

/// Makes the company with its lines, its robot and its tasks.
async fn set_up(store: &Store, scenario: &Scenario, now: Moment) -> Result<Made> {
    let built_in = BUILT_IN.first().ok_or(Error::Closed)?;
    let scene = Scene::parse(built_in.yaml).map_err(|_| Error::Closed)?;
    let publication = Publication::of(&scene, built_in.yaml);
    let plan = scenario.clone();
    let (company, template) = store
        .write(CompanyId(1), move |db| {
            let company = company::insert(db, "公司", plan.seats.into(), now)?;
            let (scene, scene_version) = robot::publish(db, company, &publication, now)?;
            let lines = plan.lines.iter().map(|channels| line::insert(db, &a_line(company, *channels, now)));
            let lines: Vec<LineId> = lines.collect::<Result<_>>()?;
            let robot = robot::of_company(db, company)?.into_iter().next().ok_or(Error::Closed)?;
            let voice = robot.voices.first().ok_or(Error::Closed)?.id;
            let settings = settings(plan.tasks.first().ok_or(Error::Closed)?);
            Ok((company, NewTask { company, settings, robot: robot.id, scene, scene_version, voice, lines }))
        })
        .await?;
    let mut tasks = Vec::new();
    for (n, plan) in scenario.tasks.iter().enumerate() {
        tasks.push(add_task(store, &template, (n, plan), now).await?);
    }
    Ok((company, tasks))
}

async fn add_task(
    store: &Store,
    template: &NewTask,
    (n, plan): (usize, &TaskPlan),
    now: Moment,
) -> Result<(TaskId, task::Settings)> {
    let company = template.company;
    let new = NewTask { settings: settings(plan), ..template.clone() };
    let settings = new.settings.clone();
    let id = store.write(company, move |db| task::insert(db, &new, now)).await?;
    let customers: Vec<NewCustomer> = (0..plan.numbers)
        .filter_map(|at| PhoneNumber::parse(&number(n, at)))
        .map(|phone| NewCustomer { name: phone.as_str().to_owned(), phone, properties: BTreeMap::new() })
        .collect();
    let ids =
        (store.reserve(IdKind::Customer, customers.len()).await?, store.reserve(IdKind::Call, customers.len()).await?);
    store.write(company, move |db| call::import(db, company, id, &customers, ids, now)).await?;
    for at in 0..plan.blacklisted {
        let entry = blacklist::NewEntry { mobile: number(n, at), name: String::new(), remark: String::new() };
        store
            .write(company, move |db| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, now).map(|_| ()))
            .await?;
    }
    Ok((id, settings))
}

fn settings(plan: &TaskPlan) -> task::Settings {
    let hour = |hour: i8| time(hour.clamp(0, 23), 0, 0, 0);
    task::Settings {
        name: "任务".to_owned(),
        kind: TaskKind::Manual,
        start_date: date(2026, 5, 11),
        window: CallingWindow {
            working: DaySpan { start: hour(plan.hours.0), end: hour(plan.hours.1) },
            rest: plan.rest.map(|rest| DaySpan { start: hour(rest), end: hour(rest + 1) }),
        },
        line_kind: None,
        quota: plan.quota,
        in_progress_max: plan.in_progress_max,
        elastic: plan.elastic,
        redial_rules: plan.redial_rules.clone(),
        remark: String::new(),
        extras: Extras::default(),
    }
}

fn a_line(company: CompanyId, channels: i64, now: Moment) -> line::Line {
    line::Line {
        id: LineId(0),
        company,
        name: "线路".to_owned(),
        phone: "01088880000".to_owned(),
        kind: LineKind::Fixed,
        driver: LineDriver::Simulated,
        channels: Some(channels),
        pace: None,
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: None,
        settings: "{}".to_owned(),
        created_at: now,
    }
}
