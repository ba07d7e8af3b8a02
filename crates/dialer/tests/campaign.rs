//! Whole campaigns in virtual time: the real scheduler, dialogue and store, over the simulated line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hutong_dialer::simulated::SimulatedLine;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime, Settings, line};
use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::caps::Caps;
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::redial::RedialRule;
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_domain::scene::replay::replay;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::{Command, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, CallView, NewCustomer};
use hutong_store::feed::{FeedFilter, FeedRow};
use hutong_store::line::Line;
use hutong_store::robot::{self, Publication};
use hutong_store::task::{self, Extras, NewTask, Task};
use hutong_store::{IdKind, Options, PageRequest, Store, Url, blacklist, company, past_calls};
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;

const COMPANY: CompanyId = CompanyId(1);

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn span(from: i8, until: i8) -> DaySpan {
    DaySpan::new(time(from, 0, 0, 0), time(until, 0, 0, 0)).unwrap()
}

/// A company with one line and one task over `numbers`, at nine in the morning.
struct Campaign {
    store: Store,
    task: TaskId,
    runtime: Arc<VirtualRuntime>,
}

impl Campaign {
    fn new(numbers: Vec<String>, quota: u32, window: DaySpan, redial_rules: Vec<RedialRule>) -> Self {
        let start = Moment::from_civil(date(2026, 5, 11).at(9, 0, 0, 0), &zone());
        let store = Store::open(&Options::new(Url::Memory), start).unwrap();
        let runtime = Arc::new(VirtualRuntime::new(start));
        let setup = store.clone();
        let task =
            runtime.run(async move { set_up(&setup, numbers, quota, window, redial_rules, start).await }).unwrap();
        Self { store, task, runtime }
    }

    /// Dials until nothing is left.
    fn run(&self, seed: u64) {
        self.run_on(seed, DiallingDays::default());
    }

    fn run_on(&self, seed: u64, days: DiallingDays) {
        let clock: Arc<dyn Runtime> = self.runtime.clone();
        let simulated: Box<dyn line::Line> = Box::new(SimulatedLine::new(clock.clone(), seed));
        let lines = HashMap::from([(LineDriver::Simulated, simulated)]);
        let settings = Settings {
            rules: Arc::new(Rules {
                zone: zone(),
                hours: Hours { legal: span(9, 20), days },
                caps: Caps::default(),
                lost_per_mille_max: LOST_PER_MILLE_MAX,
            }),
            calls_max: 1000,
            drain: std::time::Duration::from_secs(30),
            mind: None,
            seed,
        };
        let store = self.store.clone();
        let ended = self.runtime.run(async move {
            let (_, orders) = async_channel::bounded(1);
            let dialer = Dialer::begin(store, clock, lines, settings, (orders, Arc::default()), true).await.unwrap();
            dialer.run_to_completion().await;
        });
        assert_eq!(ended, Some(()));
    }

    fn task(&self) -> Task {
        let (store, task) = (self.store.clone(), self.task);
        self.now(async move { store.read(move |db| task::find(db, COMPANY, task)).await.unwrap().unwrap() })
    }

    fn feed(&self) -> Vec<FeedRow<'static>> {
        let (store, task) = (self.store.clone(), self.task);
        self.now(async move {
            let page = PageRequest { number: 1, size: 10_000 };
            let filter = FeedFilter { after: -1, ..FeedFilter::default() };
            store.feed(COMPANY, task, filter, page).await.unwrap().unwrap().1.rows
        })
    }

    fn call(&self, row: &FeedRow<'_>) -> CallView {
        let (store, id) = (self.store.clone(), row.id);
        self.now(async move { store.read(move |db| call::find(db, COMPANY, id)).await.unwrap().unwrap() })
    }

    fn now<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.run(work).unwrap()
    }
}

async fn set_up(
    store: &Store,
    numbers: Vec<String>,
    quota: u32,
    window: DaySpan,
    redial_rules: Vec<RedialRule>,
    now: Moment,
) -> TaskId {
    let built_in = &BUILT_IN[0];
    let scene = Scene::parse(built_in.yaml).unwrap();
    let publication = Publication::of(&scene, built_in.yaml);
    let task = store
        .write(COMPANY, move |db| {
            assert_eq!(company::insert(db, "公司", 10, now)?, COMPANY);
            let (scene, scene_version) = robot::publish(db, COMPANY, &publication, now)?;
            let line = hutong_store::line::insert(db, &line_of_company(now))?;
            let robot = robot::of_company(db, COMPANY)?.remove(0);
            let settings = task::Settings {
                name: "任务".to_owned(),
                kind: TaskKind::Manual,
                start_date: date(2026, 5, 11),
                window: CallingWindow { working: window, rest: None },
                line_kind: None,
                quota,
                in_progress_max: quota,
                elastic: false,
                redial_rules: redial_rules.clone(),
                remark: String::new(),
                extras: Extras::default(),
            };
            let voice = robot.voices[0].id;
            let new =
                NewTask { company: COMPANY, settings, robot: robot.id, scene, scene_version, voice, lines: vec![line] };
            task::insert(db, &new, now)
        })
        .await
        .unwrap();
    let customers: Vec<NewCustomer> = numbers
        .iter()
        .map(|number| NewCustomer {
            name: format!("客户{number}"),
            phone: PhoneNumber::parse(number).unwrap(),
            properties: BTreeMap::new(),
        })
        .collect();
    let ids = (
        store.reserve(IdKind::Customer, customers.len()).await.unwrap(),
        store.reserve(IdKind::Call, customers.len()).await.unwrap(),
    );
    store.write(COMPANY, move |db| call::import(db, COMPANY, task, &customers, ids, now)).await.unwrap();
    store.write(COMPANY, move |db| task::command(db, COMPANY, task, Command::Start, "test", now)).await.unwrap();
    task
}

fn line_of_company(now: Moment) -> Line {
    Line {
        id: LineId(0),
        company: COMPANY,
        name: "线路".to_owned(),
        phone: "02180000001".to_owned(),
        kind: LineKind::Fixed,
        driver: LineDriver::Simulated,
        pace: None,
        channels: Some(8),
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: None,
        settings: "{}".to_owned(),
        created_at: now,
    }
}

fn sandbox(cases: impl IntoIterator<Item = u32>) -> Vec<String> {
    cases.into_iter().map(|case| format!("138001380{case:02}")).collect()
}

fn made_up(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("120{n:08}")).collect()
}

#[test]
fn every_sandbox_number_finishes_as_documented() {
    let cases: Vec<u32> = (0..=10).chain(20..=27).collect();
    let campaign = Campaign::new(sandbox(cases.clone()), 5, span(9, 20), vec![]);
    campaign.run(1);
    let feed = campaign.feed();
    assert_eq!(feed.len(), cases.len());
    for case in cases {
        let row = feed.iter().find(|row| row.customer_phone.ends_with(&format!("380{case:02}"))).unwrap();
        let expected = if case <= 10 || case == 22 { i64::from(case) } else { 0 };
        assert_eq!(row.finish_status.number(), expected, "{case}");
        let call = campaign.call(row);
        let record = call.record.unwrap();
        assert!(record.results.iter().any(|result| result.name == INTENT_LEVEL), "{case}");
        assert_eq!(record.utterances.is_empty(), row.finish_status != FinishStatus::Answered, "{case}");
        assert_eq!(row.duration_s > 0, row.finish_status == FinishStatus::Answered, "{case}");
    }
    assert_eq!(campaign.task().status, TaskStatus::Done);
}

#[test]
fn a_campaign_gives_the_same_result_twice_from_the_same_seed() {
    let run = |seed| {
        let campaign = Campaign::new(made_up(80), 6, span(9, 20), vec![]);
        campaign.run(seed);
        campaign.feed()
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
    assert!(first.iter().zip(0..).all(|(row, index)| row.call_index == index));
}

#[test]
fn a_busy_number_is_redialled_no_sooner_and_no_more_often_than_its_rule_says() {
    let rule = RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 15 };
    let campaign = Campaign::new(sandbox([6, 4]), 2, span(9, 20), vec![rule]);
    campaign.run(1);
    let feed = campaign.feed();
    assert_eq!(feed[0].finish_status, FinishStatus::Vacant);
    assert_eq!((feed[1].finish_status, feed[1].redials), (FinishStatus::Busy, 2));
    let begun = Moment::from_civil(date(2026, 5, 11).at(9, 0, 0, 0), &zone());
    assert!(feed[1].started_at.since(begun).as_secs() >= 2 * 15 * 60);
}

#[test]
fn nothing_is_dialled_outside_the_window() {
    let campaign = Campaign::new(made_up(200), 1, span(10, 11), vec![]);
    campaign.run(3);
    let feed = campaign.feed();
    assert_eq!(feed.len(), 200);
    for row in &feed {
        assert_eq!(row.started_at.civil(&zone()).hour(), 10);
    }
    let days: Vec<_> = feed.iter().map(|row| row.started_at.civil(&zone()).date()).collect();
    assert!(days.first() < days.last(), "the campaign was meant to need more than a day");
    assert_eq!(campaign.task().status, TaskStatus::Done);
}

#[test]
fn nothing_is_dialled_on_a_day_off() {
    let campaign = Campaign::new(made_up(20), 5, span(9, 20), vec![]);
    let days = DiallingDays {
        weekdays_off: [Weekday::Monday, Weekday::Tuesday].into_iter().collect(),
        days_off: [date(2026, 5, 13)].into(),
        working_days: [date(2026, 5, 12)].into(),
    };
    campaign.run_on(3, days);
    for row in campaign.feed() {
        assert_eq!(row.started_at.civil(&zone()).date(), date(2026, 5, 12));
    }
    assert_eq!(campaign.task().status, TaskStatus::Done);
}

#[test]
fn a_blacklisted_number_is_finished_without_being_dialled() {
    let campaign = Campaign::new(sandbox([0, 21]), 2, span(9, 20), vec![]);
    let store = campaign.store.clone();
    campaign.now(async move {
        let entry =
            blacklist::NewEntry { mobile: "13800138021".to_owned(), name: String::new(), remark: String::new() };
        let group = hutong_domain::ids::BlacklistGroupId::DEFAULT;
        store.write(COMPANY, move |db| blacklist::add(db, COMPANY, group, &entry, Moment(0))).await.unwrap();
    });
    campaign.run(1);
    let feed = campaign.feed();
    assert_eq!(feed[0].finish_status, FinishStatus::Blacklisted);
    assert_eq!(feed[0].started_at, feed[0].ended_at);
    assert_eq!(feed[1].finish_status, FinishStatus::Answered);
}

#[test]
fn who_asks_not_to_be_called_is_blacklisted_while_the_call_still_goes_on() {
    let campaign = Campaign::new(sandbox([27]), 1, span(9, 20), vec![]);
    campaign.run(1);

    let store = campaign.store.clone();
    let group = hutong_domain::ids::BlacklistGroupId::DEFAULT;
    let page = PageRequest { number: 1, size: 10 };
    let listed = campaign.now(async move { store.read(move |db| blacklist::page(db, COMPANY, group, page)).await });
    let listed = listed.unwrap().rows;
    assert_eq!(listed.iter().map(|entry| entry.mobile.as_str()).collect::<Vec<_>>(), ["13800138027"]);
    // A process that dies before the end of the call forgets nothing.
    assert!(listed[0].created_at < campaign.feed()[0].ended_at);
}

#[test]
fn counters_equal_what_the_feed_says() {
    let campaign = Campaign::new(made_up(150), 8, span(9, 20), vec![]);
    campaign.run(5);
    let (task, feed) = (campaign.task(), campaign.feed());
    assert_eq!(task.counters.done, 150);
    for &status in FinishStatus::ALL {
        let expected = feed.iter().filter(|row| row.finish_status == status).count();
        assert_eq!(task.counters.finished_with(status), expected as i64, "{status:?}");
    }
    let answered = task.counters.finished_with(FinishStatus::Answered);
    assert_eq!(task.counters.by_talk_time.iter().sum::<i64>(), answered);
    assert_eq!(task.counters.by_chat_rounds.iter().sum::<i64>(), answered);
}

#[test]
fn every_conversation_can_be_played_again_as_it_was() {
    let numbers = [made_up(80), sandbox((20..=32).filter(|case| *case != 22))].concat();
    let campaign = Campaign::new(numbers, 8, span(9, 20), Vec::new());
    campaign.run(11);

    let (store, task) = (campaign.store.clone(), campaign.task);
    let past = campaign.now(async move {
        let work = move |db: &mut hutong_store::Db| past_calls::page(db, (COMPANY, task), i64::MAX, Moment(0), 10_000);
        store.read(work).await.unwrap()
    });

    let feed = campaign.feed();
    let answered = feed.iter().filter(|row| row.finish_status == FinishStatus::Answered).count();
    assert_eq!(past.len(), answered);
    assert!(answered > 30, "{answered} conversations");
    let scene = Scene::parse(BUILT_IN[0].yaml).unwrap();
    for call in past {
        let replayed = replay(&scene, &call.kept);
        assert!(!replayed.has_flips() && !replayed.ends_otherwise, "call {}: {replayed:?}\n{:?}", call.id, call.kept);
    }
}
