//! A company with everything that a campaign needs, and the steps that tests take over and over.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::call::{CallResult, Evidence, HungUpBy, INTENT_LEVEL, Speaker, Utterance};
use hutong_domain::caps::Caps;
use hutong_domain::ids::{CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::{Clock, Moment};
use hutong_domain::outcome::Disposition;
use hutong_domain::pacing::History;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_domain::task::{Command, MoveReason, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, Imported, NewCustomer, Properties};
use hutong_store::claim::{self, Claimed, Look, Looked, Prospect};
use hutong_store::finish::{self, Ending, Finished};
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Publication, Robot};
use hutong_store::task::{self, CommandOutcome, Extras, NewTask, Settings, Task};
use hutong_store::{Db, IdKind, Result, Store, company, node};
use jiff::civil::{date, time};

use crate::ManualClock;
use crate::clock::{START, zone};

/// AI seats of the company.
pub const SEATS: i64 = 10;
/// How long the node's lease lasts: longer than the clock of any test is moved on.
pub const LEASE: Duration = Duration::from_secs(30 * 86_400);
/// Calls that a look may claim where the test does not say.
const STARTS_MAX: u32 = 1000;
/// Customers that are imported in one transaction.
const CUSTOMERS_PER_IMPORT: usize = 10_000;

/// A company with seats, a line without limits, a robot with its scene and voice, and a registered node.
/// Its tasks may use every seat and dial all day.
pub struct Fixture {
    /// The store that all this is in.
    pub store: Store,
    /// What time it is.
    pub clock: ManualClock,
    /// The company.
    pub company: CompanyId,
    /// Its line.
    pub line: LineId,
    /// Its robot.
    pub robot: Robot,
    /// The process that claims.
    pub node: NodeId,
}

impl Fixture {
    /// Another company in the store, with [`SEATS`] seats.
    ///
    /// # Panics
    /// When the store fails, as everything here does.
    pub async fn new(store: &Store) -> Self {
        Self::with_seats(store, SEATS).await
    }

    /// Another company in the store, with so many seats.
    pub async fn with_seats(store: &Store, seats: i64) -> Self {
        let company = store
            .write(CompanyId(0), move |db| company::insert(db, "试用公司", seats, START))
            .await
            .expect("a company is made");
        let equipped = store.write(company, move |db| {
            robot::publish(db, company, &publication(), START)?;
            line::insert(db, &new_line(company)).map(|_| ())
        });
        equipped.await.expect("the company is equipped");
        Self::of_company(store, company).await
    }

    /// A company that another fixture has made in this store, maybe in another process; with a node of its
    /// own.
    pub async fn of_company(store: &Store, company: CompanyId) -> Self {
        let prepared = store.write(company, move |db| {
            let robot = robot::of_company(db, company)?.into_iter().next();
            let line = line::of_company(db, company)?.into_iter().next();
            let node = node::register(db, START, START.after(LEASE))?;
            Ok((robot, line, node))
        });
        let (robot, line, node) = prepared.await.expect("a node is registered");
        let robot = robot.expect("the company has a robot");
        let line = line.expect("the company has a line").id;
        let (store, clock) = (store.clone(), ManualClock::default());
        Self { store, clock, company, line, robot, node }
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Reads from the company's part of the store.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db, CompanyId) -> Result<T> + Send + 'static,
    ) -> T {
        let company = self.company;
        let read = self.store.read_snapshot(move |db| work(db, company));
        read.await.expect("the store can be read")
    }

    /// Writes to the company's part of the store.
    pub async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Db, CompanyId) -> Result<T> + Send + 'static,
    ) -> T {
        let company = self.company;
        let written = self.store.write(company, move |db| work(db, company));
        written.await.expect("the write is committed")
    }

    /// The scene of the robot.
    #[must_use]
    pub fn scene(&self) -> SceneId {
        self.robot.scene
    }

    /// The first voice of the robot.
    #[must_use]
    pub fn voice(&self) -> VoiceId {
        self.robot.voices.first().expect("the robot has a voice").id
    }

    /// A task to be made, for the test to change.
    #[must_use]
    pub fn new_task(&self) -> NewTask {
        NewTask {
            company: self.company,
            settings: settings(),
            robot: self.robot.id,
            scene: self.scene(),
            scene_version: self.robot.scene_version,
            voice: self.voice(),
            lines: vec![self.line],
        }
    }

    /// Makes this task.
    pub async fn insert_task(&self, new: NewTask) -> TaskId {
        let now = self.now();
        self.write(move |db, _| task::insert(db, &new, now)).await
    }

    /// Makes a task with these settings, imports so many numbers and starts it. Hardly anybody is known to answer: so it
    /// dials as far beyond its seats as its settings let it.
    pub async fn running_task(&self, settings: Settings, numbers: usize) -> TaskId {
        let new = NewTask { settings, ..self.new_task() };
        let task = self.insert_task(new).await;
        self.import(task, customers(first_number(task), numbers)).await;
        let nobody = History { dialled: 256_000, ..History::default() };
        self.write(move |db, company| task::keep_history(db, company, task, &nobody)).await;
        self.command(task, Command::Start).await;
        task
    }

    /// Imports customers into a task of the company.
    pub async fn import(&self, task: TaskId, customers: Vec<NewCustomer>) -> Imported {
        let mut sum = Imported::default();
        for customers in customers.chunks(CUSTOMERS_PER_IMPORT) {
            let imported = self.try_import(task, customers.to_vec()).await;
            let imported = imported.expect("the task is there");
            sum.inserted += imported.inserted;
            sum.repeated += imported.repeated;
        }
        sum
    }

    /// Imports customers in one transaction; none when there is no such task.
    pub async fn try_import(&self, task: TaskId, customers: Vec<NewCustomer>) -> Option<Imported> {
        let now = self.now();
        let first_customer = self.reserve(IdKind::Customer, customers.len()).await;
        let first_call = self.reserve(IdKind::Call, customers.len()).await;
        let first_ids = (first_customer, first_call);
        self.write(move |db, company| call::import(db, company, task, &customers, first_ids, now)).await
    }

    /// Gives a command to a task.
    pub async fn command(&self, task: TaskId, command: Command) -> CommandOutcome {
        let now = self.now();
        self.write(move |db, company| task::command(db, company, task, command, "tester", now)).await
    }

    /// The task as it stands.
    pub async fn task(&self, task: TaskId) -> Task {
        self.read(move |db, company| task::find(db, company, task)).await.expect("the task is there")
    }

    /// A look by this fixture's node at the time of its clock, in a world where people may be called at
    /// any hour.
    #[must_use]
    pub fn looking(&self) -> Look {
        Look { node: self.node, now: self.now(), rules: Arc::new(rules()), starts_max: STARTS_MAX }
    }

    /// Looks at the company, which moves its tasks on and claims what they may dial: all that was done for this task.
    pub async fn look(&self, task: TaskId) -> TaskLooked {
        self.look_as(task, self.looking()).await
    }

    /// Looks at the company like this.
    pub async fn look_as(&self, task: TaskId, look: Look) -> TaskLooked {
        let looked = self.look_at_all(look).await;
        let of_task = |claimed: Vec<Claimed>| claimed.into_iter().filter(|claimed| claimed.task == task).collect();
        TaskLooked {
            status: self.read(move |db, company| task::find(db, company, task)).await.map(|task| task.status),
            moves: looked.moves.iter().filter(|it| it.task == task).map(|it| (it.to, it.reason)).collect(),
            claimed: of_task(looked.claimed),
            blacklisted: of_task(looked.blacklisted),
            postponed: looked.postponed,
            again: looked.again,
            wakes: looked.wakes,
        }
    }

    /// Looks at the company: all that was done.
    pub async fn look_at_all(&self, look: Look) -> Looked {
        self.write(move |db, company| claim::look(db, company, &look)).await
    }

    /// Whether a look like this would change anything, and when time alone may.
    pub async fn prospect(&self, look: Look) -> Prospect {
        self.read(move |db, company| claim::prospect(db, company, &look)).await
    }

    /// Claims at most so many calls of a company with one started task.
    pub async fn claim(&self, task: TaskId, starts_max: u32) -> Vec<Claimed> {
        self.look_as(task, Look { starts_max, ..self.looking() }).await.claimed
    }

    /// Notes that somebody answered; whether the call has a seat.
    pub async fn answer(&self, claimed: &Claimed) -> bool {
        let (claimed, now) = (claimed.clone(), self.now());
        self.write(move |db, _| claim::answer(db, &claimed, now)).await
    }

    /// Finishes an attempt; the ids of utterances and results are given here.
    pub async fn finish(&self, claimed: &Claimed, ending: Ending) -> Finished {
        let ending = Ending {
            first_utterance_id: self.reserve(IdKind::Utterance, ending.utterances.len()).await,
            first_result_id: self.reserve(IdKind::CallResult, ending.results.len()).await,
            ..ending
        };
        let claimed = claimed.clone();
        self.write(move |db, _| finish::finish(db, &claimed, &ending)).await
    }

    /// How a call ends now that nobody answered, concluded as level D.
    #[must_use]
    pub fn unanswered(&self, disposition: Disposition) -> Ending {
        Ending {
            disposition,
            signals: None,
            answered_at: None,
            ended_at: self.now(),
            hung_up_by: None,
            chat_rounds: 0,
            utterances: Vec::new(),
            course: None,
            do_not_call: false,
            results: vec![result(INTENT_LEVEL, "D级(需筛选)")],
            recording: None,
            customer_recording: None,
            first_utterance_id: 0,
            first_result_id: 0,
        }
    }

    /// How a call ends now that was answered so many seconds ago, with these results.
    #[must_use]
    pub fn answered(&self, talk_s: i64, chat_rounds: i64, results: &[(&str, &str)]) -> Ending {
        let answered_at = Moment(self.now().ms() - talk_s * 1000);
        Ending {
            answered_at: Some(answered_at),
            hung_up_by: Some(HungUpBy::Customer),
            chat_rounds,
            utterances: vec![utterance(answered_at)],
            results: results.iter().map(|(name, value)| result(name, value)).collect(),
            ..self.unanswered(Disposition::Answered)
        }
    }

    async fn reserve(&self, kind: IdKind, count: usize) -> i64 {
        self.store.reserve(kind, count).await.expect("ids are reserved")
    }
}

/// What a look at a company has done for one of its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLooked {
    /// Where the task stands now; none where the company has no such task.
    pub status: Option<TaskStatus>,
    /// Its moves, in their order.
    pub moves: Vec<(TaskStatus, MoveReason)>,
    /// Its calls that are to be dialled.
    pub claimed: Vec<Claimed>,
    /// Its calls whose number is blacklisted.
    pub blacklisted: Vec<Claimed>,
    /// Numbers of the company that were put off.
    pub postponed: u32,
    /// Whether another look may find more to do at once.
    pub again: bool,
    /// When something may change by time alone.
    pub wakes: Option<Moment>,
}

impl TaskLooked {
    /// The last move.
    #[must_use]
    pub fn moved(&self) -> Option<(TaskStatus, MoveReason)> {
        self.moves.last().copied()
    }
}

/// Rules of an installation where people may be called at any hour, as often as one likes.
#[must_use]
pub fn rules() -> Rules {
    Rules { zone: zone(), hours: all_day().into(), caps: Caps::default(), lost_per_mille_max: LOST_PER_MILLE_MAX }
}

/// Settings of a task that begins by hand, dials all day and may use every seat.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        name: "回访".to_owned(),
        kind: TaskKind::Manual,
        start_date: date(2026, 5, 1),
        window: CallingWindow { working: all_day(), rest: None },
        line_kind: None,
        quota: 1000,
        in_progress_max: 1000,
        elastic: false,
        redial_rules: Vec::new(),
        remark: String::new(),
        extras: Extras::default(),
    }
}

/// Where the numbers of a task begin that no other task of the store has: a number is in one call at a time.
#[must_use]
pub fn first_number(task: TaskId) -> usize {
    usize::try_from(task.get() - 1).unwrap_or(0) * 100_000
}

/// So many customers with a number of their own each, the first of which ends in `first`.
#[must_use]
pub fn customers(first: usize, count: usize) -> Vec<NewCustomer> {
    (first..first + count).map(|n| customer(&format!("138{n:08}"))).collect()
}

/// A customer with this number.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn customer(phone: &str) -> NewCustomer {
    NewCustomer {
        name: format!("客户{}", &phone[phone.len() - 4..]),
        phone: PhoneNumber::parse(phone).expect("a telephone number"),
        properties: Properties::from([("欠款".to_owned(), "1200元".to_owned())]),
    }
}

/// A conclusion about a call.
#[must_use]
pub fn result(name: &str, value: &str) -> CallResult {
    CallResult {
        name: name.to_owned(),
        value: value.to_owned(),
        description: Some("a rule of the test".to_owned()),
        rule: Some("BY_TEST".to_owned()),
        evidence: vec![Evidence { utterance: 0, from_ms: 0, until_ms: 0 }],
    }
}

/// The whole day.
#[must_use]
pub fn all_day() -> DaySpan {
    DaySpan { start: time(0, 0, 0, 0), end: time(23, 59, 59, 0) }
}

/// A simulated line of the company without a limit.
#[must_use]
pub fn new_line(company: CompanyId) -> Line {
    Line {
        id: LineId(0),
        company,
        name: "线路".to_owned(),
        phone: "01088880000".to_owned(),
        kind: LineKind::Sip,
        driver: LineDriver::Simulated,
        channels: None,
        pace: None,
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings: "{}".to_owned(),
        created_at: START,
    }
}

/// A small scene, which the store does not look into.
#[must_use]
pub fn publication() -> Publication {
    Publication {
        scene_name: "回访话术".to_owned(),
        document: "scene: 回访话术".to_owned(),
        robot_name: "小呼".to_owned(),
        industry_one: "金融".to_owned(),
        industry_two: "催缴".to_owned(),
        voices: vec!["女声".to_owned(), "男声".to_owned()],
    }
}

fn utterance(at: Moment) -> Utterance {
    Utterance {
        speaker: Speaker::Robot,
        text: "您好".to_owned(),
        start_ms: 0,
        end_ms: 900,
        at,
        understanding: None,
        node: "开场".to_owned(),
        latency: None,
        recogniser: None,
    }
}
