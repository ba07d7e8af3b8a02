//! What the demo has in it: a company, the built-in scenes, lines, and three campaigns.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::redial::RedialRule;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::{Command, TaskKind};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, NewCustomer};
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Publication, Robot};
use hutong_store::task::{self, Extras, NewTask, Settings};
use hutong_store::vault::Vault;
use hutong_store::{IdKind, Store, company, sms};
use hutong_telephony::sip::Trunk;
use hutong_trunks::settings;
use jiff::civil::{Date, Time, time};

use crate::error::{Error, Result};

/// Numbers of the campaign that is finished when the demo is ready.
const DONE_NUMBERS: u32 = 60;
/// Numbers of the campaign that is running: enough for hours.
const RUNNING_NUMBERS: u32 = 5_000;
/// Numbers of the campaign that nobody started.
const WAITING_NUMBERS: u32 = 200;
/// Scenes of the company: the first of those that hutong comes with, whose audio knows the demo's customers.
const SCENES: usize = 2;
/// AI seats of the company.
const SEATS: i64 = 30;

/// The campaigns that the demo speaks of.
pub(super) struct Campaigns {
    pub(super) company: CompanyId,
    pub(super) done: TaskId,
    pub(super) running: TaskId,
}

/// Makes everything; the first campaign is started, the others are not.
pub(super) async fn make(store: &Store, now: Moment) -> Result<Campaigns> {
    let company = store.write(CompanyId(0), move |db| company::insert(db, "呼通演示公司", SEATS, now)).await?;
    for built_in in BUILT_IN.iter().take(SCENES) {
        let scene = Scene::parse(built_in.yaml)
            .map_err(|_| Error::Failed(format!("the built-in scene {} is broken", built_in.file)))?;
        let publication = Publication::of(&scene, built_in.yaml);
        store.write(company, move |db| robot::publish(db, company, &publication, now)).await?;
    }
    let lines = [
        simulated_line(company, "固话一号", "02180000001", LineKind::Fixed, 40, now),
        simulated_line(company, "固话二号", "02180000002", LineKind::Fixed, 40, now),
    ];
    let lines: Vec<LineId> = store
        .write(company, move |db| {
            sms::insert(db, company, "看房提醒", "您好，感谢接听，我们的顾问会尽快与您联系。", now)?;
            lines.iter().map(|line| line::insert(db, line)).collect()
        })
        .await?;
    let trunk = Line {
        name: "SIP 沙箱".to_owned(),
        phone: "02180000003".to_owned(),
        kind: LineKind::Sip,
        driver: LineDriver::Sip,
        ..simulated_line(company, "", "", LineKind::Sip, 40, now)
    };
    let trunk = store.write(company, move |db| line::insert(db, &trunk)).await?;
    let robots = store.read(move |db| robot::of_company(db, company)).await?;
    let [house, debt, ..] = robots.as_slice() else {
        return Err(Error::Failed("the built-in scenes made no robots".to_owned()));
    };
    let today = now.civil(&jiff::tz::TimeZone::UTC).date();
    let plan = |name: &str, robot: &Robot, quota: u32, lines: &[LineId]| NewTask {
        company,
        settings: task_settings(name, today, quota),
        robot: robot.id,
        scene: robot.scene,
        scene_version: robot.scene_version,
        voice: robot.voices.first().map_or(hutong_domain::ids::VoiceId(0), |voice| voice.id),
        lines: lines.to_vec(),
    };
    let done = make_task(store, plan("房产电销·昨日", house, 12, &lines), (0, DONE_NUMBERS), now).await?;
    let running =
        make_task(store, plan("房产电销·进行中", house, 15, &[trunk]), (10_000, RUNNING_NUMBERS), now).await?;
    make_task(store, plan("金融催缴·未开始", debt, 5, &[trunk]), (50_000, WAITING_NUMBERS), now).await?;
    start(store, company, done, now).await?;
    Ok(Campaigns { company, done, running })
}

/// Tells the line over SIP where the callees are now.
pub(super) async fn connect(store: &Store, vault: &Vault, callees: SocketAddr) -> Result<()> {
    let trunk = Trunk { sandbox: true, ..Trunk::at(&callees.to_string()) };
    let settings = settings::seal(&trunk, vault).map_err(|error| Error::Failed(error.to_string()))?;
    for mut line in store.read(|db| line::of_driver(db, LineDriver::Sip)).await? {
        line.settings.clone_from(&settings);
        store.write(line.company, move |db| line::update(db, &line)).await?;
    }
    Ok(())
}

/// Starts the campaign that one can watch.
pub(super) async fn start_second(store: &Store, campaigns: &Campaigns, now: Moment) -> Result<()> {
    start(store, campaigns.company, campaigns.running, now).await
}

async fn start(store: &Store, company: CompanyId, task: TaskId, now: Moment) -> Result<()> {
    store.write(company, move |db| task::command(db, company, task, Command::Start, "demo", now)).await?;
    Ok(())
}

fn simulated_line(company: CompanyId, name: &str, phone: &str, kind: LineKind, channels: i64, now: Moment) -> Line {
    Line {
        id: LineId(0),
        company,
        name: name.to_owned(),
        phone: phone.to_owned(),
        kind,
        driver: LineDriver::Simulated,
        pace: None,
        channels: Some(channels),
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings: "{}".to_owned(),
        created_at: now,
    }
}

fn task_settings(name: &str, start_date: Date, quota: u32) -> Settings {
    let redial = |status, times, interval_minutes| RedialRule { status, times, interval_minutes };
    Settings {
        name: name.to_owned(),
        kind: TaskKind::Manual,
        start_date,
        window: CallingWindow { working: DaySpan { start: Time::midnight(), end: time(23, 59, 59, 0) }, rest: None },
        line_kind: None,
        quota,
        in_progress_max: quota,
        elastic: false,
        redial_rules: vec![redial(FinishStatus::Busy, 2, 10), redial(FinishStatus::NoAnswer, 1, 30)],
        remark: "演示任务，号码均为模拟".to_owned(),
        extras: Extras::default(),
    }
}

async fn make_task(store: &Store, task: NewTask, (first, count): (u32, u32), now: Moment) -> Result<TaskId> {
    let company = task.company;
    let customers: Vec<NewCustomer> = (first..first + count).filter_map(customer).collect();
    let id = store.write(company, move |db| task::insert(db, &task, now)).await?;
    let customer_id = store.reserve(IdKind::Customer, customers.len()).await?;
    let call_id = store.reserve(IdKind::Call, customers.len()).await?;
    store.write(company, move |db| call::import(db, company, id, &customers, (customer_id, call_id), now)).await?;
    Ok(id)
}

/// Customers' names, amounts and dates of which there are recordings: a robot without a voice server can say them.
const NAMES: [&str; 20] = [
    "王先生",
    "李女士",
    "张先生",
    "刘女士",
    "陈先生",
    "杨女士",
    "赵先生",
    "周女士",
    "吴先生",
    "孙女士",
    "王女士",
    "李先生",
    "张女士",
    "刘先生",
    "陈女士",
    "杨先生",
    "赵女士",
    "周先生",
    "吴女士",
    "孙先生",
];
const AMOUNTS: [&str; 9] = [
    "六百元",
    "八百五十元",
    "一千五百元",
    "两千三百元",
    "三千六百元",
    "四千二百元",
    "五千元",
    "七千八百元",
    "九千九百元",
];

/// The first 28 are sandbox numbers with fixed outcomes; the others begin with 120, which no telephone
/// in China does.
fn customer(n: u32) -> Option<NewCustomer> {
    let phone = if n < 28 { format!("138001380{n:02}") } else { format!("120{n:08}") };
    let of =
        |texts: &[&str]| texts.iter().cycle().nth(n as usize % texts.len()).copied().unwrap_or_default().to_owned();
    let properties =
        BTreeMap::from([("欠款金额".to_owned(), of(&AMOUNTS)), ("还款日期".to_owned(), "本月二十八号".to_owned())]);
    Some(NewCustomer { name: of(&NAMES), phone: PhoneNumber::parse(&phone)?, properties })
}
