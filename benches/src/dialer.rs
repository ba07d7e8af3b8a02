//! `dialer`: whole calls through the scheduler over the simulated line, against what the store alone finishes; how busy
//! seats are kept; and the memory of many calls at once.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hutong_dialer::line::{Line, LiveCall};
use hutong_dialer::runtime::BoxFuture;
use hutong_dialer::simulated::SimulatedLine;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime, Settings};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::{Clock, Moment};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_store::claim::Claimed;
use hutong_store::robot::{self, Publication};
use hutong_store::{Options, Store, Url, company, line, task, values};
use hutong_testkit::Fixture;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{new_line, rules, settings};
use serde::{Deserialize, Serialize};

use crate::process::memory;
use crate::report::{Table, verdict};
use crate::statistics::{Figure, figure};
use crate::store::{CALLERS, Finishing, PER_TURN};

/// How much faster than the clock on the wall calls go by where their number counts.
const HURRY: u32 = 20;
/// Seats where the number of calls counts: more than can be kept busy.
const SEATS: u32 = 10_000;
/// Calls at once whose memory is looked at.
const AT_ONCE: u32 = 10_000;
const GOAL_SHARE: f64 = 0.6;
const GOAL_BUSY: f64 = 0.95;
const GOAL_MB: f64 = 1000.0;
const ROUNDS: usize = 3;
const NUMBERS: usize = 150_000;
/// How long calls are counted, after as long for the first of them to come to their end.
const COUNTED: Duration = Duration::from_secs(6);

/// The system's clock, some times faster: campaigns in real threads, without waiting for people.
struct Hurried {
    begun: Instant,
    factor: u32,
}

impl Clock for Hurried {
    fn now(&self) -> Moment {
        START.after(self.begun.elapsed() * self.factor)
    }
}

impl Runtime for Hurried {
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.since(self.now()) / self.factor))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// What a process that dials has to tell.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    calls_per_s: f64,
    at_once: u32,
    resident_mb: f64,
}

/// Measures all three, in a folder of its own, and reports.
pub(crate) fn measure(scratch: &Path) -> Result<String> {
    fs::create_dir_all(scratch)?;
    let throughput = throughput(scratch)?;
    let memory = many_at_once(scratch)?;
    let seats = seats_busy()?;
    Ok(format!(
        "## Dialling\n\nThe whole scheduler over the simulated line: claims, conversations, outcomes. Where calls are \
         counted, time goes by {HURRY} times faster than on the wall; where seats are looked at, in virtual \
         time.\n\n{throughput}\n{memory}\n{seats}"
    ))
}

fn throughput(scratch: &Path) -> Result<String> {
    let (mut whole, mut alone, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir_in(scratch)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let finished = runtime.block_on(async {
            let mut finishing = Finishing::new(folder.path(), "alone", 8 * PER_TURN).await?;
            finishing.shuffle();
            finishing.turn(CALLERS).await?;
            let turns =
                [finishing.turn(CALLERS).await?, finishing.turn(CALLERS).await?, finishing.turn(CALLERS).await?];
            anyhow::Ok(Figure::of(turns).median)
        })?;
        let told = in_a_process(folder.path(), HURRY, SEATS)?;
        println!("dialer: {:.0} whole calls/s, the store alone finishes {finished:.0}/s", told.calls_per_s);
        whole.push(told.calls_per_s);
        alone.push(finished);
        // Each call is claimed and finished.
        shares.push(2.0 * told.calls_per_s / finished);
    }
    let (whole, alone, share) = (Figure::of(whole), Figure::of(alone), Figure::of(shares));
    let mut table = Table::new(["whole calls", "calls/s (least to most)", "goal", ""]);
    for (name, figures) in
        [("claimed and finished by the scheduler", &whole), ("finished by the store alone, in no order either", &alone)]
    {
        let speed = format!("{:.0} ({:.0} to {:.0})", figures.median, figures.least, figures.most);
        table.row(&[name.to_owned(), speed, String::new(), String::new()]);
    }
    table.row(&[
        "claims and finishes, as a share of finishes alone".to_owned(),
        format!("**{:.2}** ({:.2} to {:.2})", share.median, share.least, share.most),
        format!("≥ {GOAL_SHARE}"),
        verdict(share.median >= GOAL_SHARE).to_owned(),
    ]);
    Ok(table.text())
}

fn many_at_once(scratch: &Path) -> Result<String> {
    let folder = tempfile::tempdir_in(scratch)?;
    let told = in_a_process(folder.path(), 1, AT_ONCE)?;
    println!("memory: {:.0} MB at {} calls", told.resident_mb, told.at_once);
    ensure!(told.at_once >= AT_ONCE * 9 / 10, "only {} calls were in progress at once", told.at_once);
    let mut table = Table::new(["memory of calls at once", "figure", "goal", ""]);
    table.row(&[
        format!("resident, with {} calls in progress", told.at_once),
        format!("**{:.0} MB**", told.resident_mb),
        format!("< {GOAL_MB:.0} MB"),
        verdict(told.resident_mb < GOAL_MB).to_owned(),
    ]);
    Ok(table.text())
}

fn in_a_process(folder: &Path, hurry: u32, seats: u32) -> Result<Told> {
    let output = Command::new(std::env::current_exe()?)
        .args(["dial-measured", "--hurry", &hurry.to_string(), "--seats", &seats.to_string(), "--data"])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the process that dials failed: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Dials for a while, and prints what came of it.
pub(crate) fn dial(folder: &Path, hurry: u32, seats: u32) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let told = runtime.block_on(async {
        let store = Store::open(&Options::new(Url::Sqlite(folder.join("dialled.db"))), START)?;
        let (company, task) = campaign(&store, seats, (seats, seats), NUMBERS).await?;
        let clock: Arc<dyn Runtime> = Arc::new(Hurried { begun: Instant::now(), factor: hurry });
        let line = Box::new(SimulatedLine::new(clock.clone(), 1));
        let (_ordering, orders) = async_channel::bounded(1);
        let lines = HashMap::from([(LineDriver::Simulated, line as Box<dyn Line>)]);
        let dialer =
            Dialer::begin(store.clone(), clock, lines, dialling(seats), (orders, Arc::default()), true).await?;
        let dialling = tokio::spawn(dialer.run(Box::pin(std::future::pending())));
        let told = watch(&store, company, task).await;
        dialling.abort();
        told
    })?;
    println!("{}", serde_json::to_string(&told)?);
    // What is still in progress needs no end.
    std::process::exit(0);
}

async fn watch(store: &Store, company: CompanyId, task: TaskId) -> Result<Told> {
    let finished = || store.read(move |db| Ok(task::find(db, company, task)?.map_or(0, |task| task.counters.done)));
    tokio::time::sleep(COUNTED).await;
    let (before, begun) = (finished().await?, Instant::now());
    let (mut at_once, mut resident_kb) = (0, 0);
    while begun.elapsed() < COUNTED {
        tokio::time::sleep(COUNTED / 20).await;
        let live = "SELECT COUNT(*) FROM attempt INDEXED BY attempt_live WHERE company_id = ?1 AND ended_at IS NULL";
        at_once = at_once.max(store.read(move |db| db.query_int(live, values![company])).await?);
        resident_kb = resident_kb.max(memory(std::process::id())?.resident_kb);
    }
    let (after, taken) = (finished().await?, begun.elapsed());
    ensure!(usize::try_from(after)? < NUMBERS * 9 / 10, "the numbers ran out: {after} are finished");
    Ok(Told {
        calls_per_s: figure(u64::try_from(after - before)?) / taken.as_secs_f64(),
        at_once: u32::try_from(at_once)?,
        resident_mb: figure(resident_kb) / 1000.0,
    })
}

fn dialling(calls: u32) -> Settings {
    Settings {
        rules: Arc::new(rules()),
        calls_max: calls as usize * 2,
        drain: Duration::from_secs(1),
        seed: 1,
        mind: None,
    }
}

/// A company with a built-in scene and a running task.
async fn campaign(
    store: &Store,
    seats: u32,
    (quota, in_progress_max): (u32, u32),
    numbers: usize,
) -> Result<(CompanyId, TaskId)> {
    let built_in = BUILT_IN.first().context("there is a scene")?;
    let scene = Scene::parse(built_in.yaml).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let publication = Publication::of(&scene, built_in.yaml);
    let company = store.write(CompanyId(0), move |db| company::insert(db, "公司", seats.into(), START)).await?;
    store
        .write(company, move |db| {
            robot::publish(db, company, &publication, START)?;
            line::insert(db, &new_line(company)).map(|_| ())
        })
        .await?;
    let fixture = Fixture::of_company(store, company).await;
    let settings = task::Settings { quota, in_progress_max, ..settings() };
    Ok((company, fixture.running_task(settings, numbers).await))
}

/// Seats of the company whose use is looked at.
const FEW_SEATS: u32 = 50;
const LISTED: usize = 5000;
/// How often the seats are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Callees of whom three in ten answer; the others let it ring, are busy, or decline.
struct ThreeInTen(SimulatedLine);

impl Line for ThreeInTen {
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall> {
        let number = match claimed.call.get().wrapping_mul(0x9E37_79B9).rem_euclid(1_000_003) % 10 {
            0 => "13800138000",
            1 => "13800138020",
            2 => "13800138021",
            3..7 => "13800138008",
            7 | 8 => "13800138006",
            _ => "13800138001",
        };
        self.0.dial(&Claimed { customer_phone: number.to_owned(), ..claimed.clone() })
    }
}

/// What the seats of a company did.
#[derive(Default)]
struct SeatUse {
    looks: u32,
    held: u32,
    talking: u32,
}

fn seats_busy() -> Result<String> {
    let mut table = Table::new(["seats, a list with 30 % answers", "held", "talking", "呼损", "goal", ""]);
    for (name, per_seat) in [("a call per seat", 1), ("up to two calls per seat", 2)] {
        let (seat_use, lost) = seat_use(per_seat)?;
        let of_all = |seats: u32| f64::from(seats) / f64::from(seat_use.looks.max(1) * FEW_SEATS);
        println!(
            "seats: {name}: {:.3} held, {:.3} talking, {lost:.3} lost",
            of_all(seat_use.held),
            of_all(seat_use.talking)
        );
        table.row(&[
            name.to_owned(),
            format!("**{:.1} %**", of_all(seat_use.held) * 100.0),
            format!("{:.1} %", of_all(seat_use.talking) * 100.0),
            format!("{:.1} %", lost * 100.0),
            format!("held ≥ {:.0} %", GOAL_BUSY * 100.0),
            verdict(of_all(seat_use.held) >= GOAL_BUSY).to_owned(),
        ]);
    }
    Ok(table.text())
}

/// How the seats were used while numbers were left, and the share of answered calls that found none.
fn seat_use(per_seat: u32) -> Result<(SeatUse, f64)> {
    let runtime = Arc::new(VirtualRuntime::new(START));
    let store = Store::open(&Options { inline: true, ..Options::new(Url::Memory) }, START)?;
    let clock: Arc<dyn Runtime> = runtime.clone();
    let dialled = runtime.run(async move {
        let (company, task) = campaign(&store, FEW_SEATS, (FEW_SEATS, FEW_SEATS * per_seat), LISTED).await?;
        store.write(company, move |db| task::keep_history(db, company, task, &Default::default())).await?;
        let line = Box::new(ThreeInTen(SimulatedLine::new(clock.clone(), 1)));
        let lines = HashMap::from([(LineDriver::Simulated, line as Box<dyn Line>)]);
        let (_ordering, orders) = async_channel::bounded(1);
        let dialer =
            Dialer::begin(store.clone(), clock.clone(), lines, dialling(FEW_SEATS), (orders, Arc::default()), true)
                .await?;
        clock.spawn(Box::pin(dialer.run(Box::pin(std::future::pending()))));
        let mut seat_use = SeatUse::default();
        loop {
            clock.sleep_until(clock.now().after(LOOK)).await;
            let left = "SELECT COUNT(*) FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 0";
            if store.read(move |db| db.query_int(left, values![company, task])).await? == 0 {
                break;
            }
            let live = "SELECT COUNT(*) FROM attempt WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1";
            let of = |sql: String| store.read(move |db| db.query_int(&sql, values![company]));
            seat_use.held += u32::try_from(of(live.to_owned()).await?)?;
            seat_use.talking += u32::try_from(of(format!("{live} AND answered_at IS NOT NULL")).await?)?;
            seat_use.looks += 1;
        }
        let found = store.read(move |db| task::find(db, company, task)).await?.context("the task is there")?;
        let lost = found.counters.finished_with(hutong_domain::call::FinishStatus::Lost);
        let answered = found.counters.finished_with(hutong_domain::call::FinishStatus::Answered);
        anyhow::Ok((seat_use, figure(lost.unsigned_abs()) / figure((lost + answered).max(1).unsigned_abs())))
    });
    dialled.context("the campaign did not come to its end")?
}
