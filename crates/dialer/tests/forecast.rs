//! A forecast made in the middle of a campaign, held against how the campaign really goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::simulated::SimulatedLine;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime, Settings, line};
use hutong_domain::call::FinishStatus;
use hutong_domain::caps::Caps;
use hutong_domain::forecast::{Behaviour, Summary, run};
use hutong_domain::hours::Hours;
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::redial::RedialRule;
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::{Command, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, NewCustomer};
use hutong_store::forecast::{self, Basis, Question, SAMPLES_MAX, Source};
use hutong_store::line::Line;
use hutong_store::robot::{self, Publication};
use hutong_store::task::{self, Extras, NewTask, Task};
use hutong_store::{IdKind, Options, Store, Url, company};
use jiff::civil::{date, time};
use jiff::tz::TimeZone;

const COMPANY: CompanyId = CompanyId(1);
/// Plays of the forecast.
const RUNS: u64 = 20;
/// What really happens lies this near to the forecast, in hundredths of it.
const TOLERANCE_PERCENT: u128 = 15;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn span(from: i8, until: i8) -> DaySpan {
    DaySpan::new(time(from, 0, 0, 0), time(until, 0, 0, 0)).unwrap()
}

fn rules() -> Rules {
    let hours = Hours::from(span(9, 20));
    Rules { zone: zone(), hours, caps: Caps::default(), lost_per_mille_max: LOST_PER_MILLE_MAX }
}

/// A campaign that is dialled from nine in the morning.
struct Plan {
    numbers: usize,
    quota: u32,
    window: DaySpan,
    redial_rules: Vec<RedialRule>,
    /// When the forecast is made.
    forecast_after: Duration,
}

/// What was known in the middle of a campaign, and how it ended.
struct Dialled {
    basis: Basis,
    task: Task,
}

fn dial(plan: &Plan, seed: u64) -> Dialled {
    let start = Moment::from_civil(date(2026, 5, 11).at(9, 0, 0, 0), &zone());
    let store = Store::open(&Options::new(Url::Memory), start).unwrap();
    let runtime = Arc::new(VirtualRuntime::new(start));
    let clock: Arc<dyn Runtime> = runtime.clone();
    let simulated: Box<dyn line::Line> = Box::new(SimulatedLine::new(clock.clone(), seed));
    let lines = HashMap::from([(LineDriver::Simulated, simulated)]);
    let settings =
        Settings { rules: Arc::new(rules()), calls_max: 1000, drain: Duration::from_secs(30), seed, mind: None };
    let (tell, told) = async_channel::bounded(1);
    let (numbers, forecast_at) = (plan.numbers, start.after(plan.forecast_after));
    let new_settings = task_settings(plan);
    let dialled = runtime.run(async move {
        let task = set_up(&store, new_settings, numbers, start).await;
        let (looking, watch) = (store.clone(), clock.clone());
        clock.spawn(Box::pin(async move {
            watch.sleep_until(forecast_at).await;
            let question = Question { now: watch.now(), rules: rules(), samples_max: SAMPLES_MAX };
            let found = looking.read(move |db| forecast::of_task(db, COMPANY, task, &question)).await;
            tell.send(found.unwrap().unwrap()).await.unwrap();
        }));
        let (_, orders) = async_channel::bounded(1);
        let dialer =
            Dialer::begin(store.clone(), clock, lines, settings, (orders, Arc::default()), true).await.unwrap();
        dialer.run_to_completion().await;
        let task = store.read(move |db| task::find(db, COMPANY, task)).await.unwrap().unwrap();
        Dialled { basis: told.recv().await.unwrap(), task }
    });
    dialled.unwrap()
}

fn task_settings(plan: &Plan) -> task::Settings {
    task::Settings {
        name: "任务".to_owned(),
        kind: TaskKind::Manual,
        start_date: date(2026, 5, 11),
        window: CallingWindow { working: plan.window, rest: None },
        line_kind: None,
        quota: plan.quota,
        in_progress_max: plan.quota,
        elastic: false,
        redial_rules: plan.redial_rules.clone(),
        remark: String::new(),
        extras: Extras::default(),
    }
}

async fn set_up(store: &Store, settings: task::Settings, numbers: usize, now: Moment) -> TaskId {
    let scene = Scene::parse(BUILT_IN[0].yaml).unwrap();
    let publication = Publication::of(&scene, BUILT_IN[0].yaml);
    let task = store
        .write(COMPANY, move |db| {
            assert_eq!(company::insert(db, "公司", 10, now)?, COMPANY);
            let (scene, scene_version) = robot::publish(db, COMPANY, &publication, now)?;
            let lines = vec![hutong_store::line::insert(db, &line_of_company(now))?];
            let robot = robot::of_company(db, COMPANY)?.remove(0);
            let (settings, voice) = (settings.clone(), robot.voices[0].id);
            let new = NewTask { company: COMPANY, settings, robot: robot.id, scene, scene_version, voice, lines };
            task::insert(db, &new, now)
        })
        .await
        .unwrap();
    let customer = |n: usize| NewCustomer {
        name: format!("客户{n}"),
        phone: PhoneNumber::parse(&format!("120{n:08}")).unwrap(),
        properties: BTreeMap::new(),
    };
    let customers: Vec<NewCustomer> = (0..numbers).map(customer).collect();
    let ids =
        (store.reserve(IdKind::Customer, numbers).await.unwrap(), store.reserve(IdKind::Call, numbers).await.unwrap());
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
        channels: Some(8),
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

/// What a forecast said, and what came of it, from the moment of the forecast on.
struct Compared {
    /// Milliseconds until the last number finished.
    finish: (u128, u128),
    /// Numbers that were answered.
    answered: (u128, u128),
}

fn compare(plan: &Plan, seed: u64) -> Compared {
    let Dialled { basis, task } = dial(plan, seed);
    assert_eq!((basis.source, task.status), (Source::Task, TaskStatus::Done));
    assert!(basis.campaign.numbers() > 100 && !basis.campaign.in_progress.is_empty(), "it was in the middle");
    let behaviour = Behaviour::of(&basis.samples);
    let forecast = Summary::of((0..RUNS).map(|n| run(&basis.campaign, &behaviour, 1, n)).collect()).unwrap();
    let from_now = |at: Option<Moment>| at.unwrap().since(basis.campaign.now).as_millis();
    let answered = |task: &Task| u128::try_from(task.counters.finished_with(FinishStatus::Answered)).unwrap();
    Compared {
        finish: (from_now(forecast.finish.median), from_now(task.ended_at)),
        answered: (forecast.answered.median.into(), answered(&task) - answered(&basis.task)),
    }
}

/// Whether the real figure lies within the tolerance.
fn is_near((expected, real): (u128, u128)) -> bool {
    expected.abs_diff(real) * 100 <= expected * TOLERANCE_PERCENT
}

#[test]
fn a_campaign_ends_when_its_forecast_said() {
    let rule = |status, interval_minutes| RedialRule { status, times: 2, interval_minutes };
    let plan = Plan {
        numbers: 1600,
        quota: 8,
        window: span(9, 20),
        redial_rules: vec![rule(FinishStatus::Busy, 5), rule(FinishStatus::NoAnswer, 10)],
        forecast_after: Duration::from_secs(50 * 60),
    };
    for seed in 1..=3 {
        let Compared { finish, answered } = compare(&plan, seed);
        assert!(is_near(finish), "seed {seed}: {finish:?} ms");
        assert!(is_near(answered), "seed {seed}: {answered:?} answered");
    }
}

#[test]
fn a_campaign_of_several_days_ends_on_the_day_that_its_forecast_said() {
    let plan = Plan {
        numbers: 500,
        quota: 2,
        window: span(10, 11),
        redial_rules: Vec::new(),
        forecast_after: Duration::from_secs(24 * 3600 + 90 * 60),
    };
    let finish = compare(&plan, 1).finish;
    assert!(is_near(finish), "{finish:?} ms");
}
