//! `generate`: a store of millions of calls, made in minutes, the same at every run.
//!
//! The schema comes from the product's own migrations, and everything that is made seldom (the company,
//! its key, scene and tasks) through the product's own functions. The calls are written in bulk, past the
//! product's transactions; [`verify`] then counts them and compares the counters.

mod bulk;
pub(crate) mod content;
mod plan;
mod verify;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hutong_domain::address::Networks;
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::TaskKind;
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::key::{AppKey, Edition, Secret};
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Publication, Robot};
use hutong_store::task::{self, Extras, NewTask, Settings};
use hutong_store::vault::{KEY_BYTES, Vault, random_bytes};
use hutong_store::{Options, Store, Url, company, count_calls_anew, key, node};
use jiff::civil::{date, time};
use rusqlite::{Connection, params};

use crate::dataset::{Dataset, FORMAT, Facts};
use bulk::{Bulk, Setting};
use plan::{PlannedTask, Role};

/// When the company was made: 2026-01-05 09:00 in Shanghai.
const BEGINNING: Moment = Moment(1_767_574_800_000);
/// From one task to the next.
const TASK_EVERY: Duration = Duration::from_secs(3600);
/// The number that every call comes from.
const CALLER_PHONE: &str = "02180000001";

/// Fills a fresh data folder. The folder's dataset file is written last: a folder without one is not whole.
pub(crate) fn generate(data: &Path, calls: i64, tasks: usize) -> Result<Dataset> {
    let planned = plan::plan(calls, tasks)?;
    let dataset = Dataset::at(data);
    if dataset.database().exists() {
        bail!("{} has a store already: remove it, or name another folder", data.display());
    }
    fs::create_dir_all(data)?;
    let begun = Instant::now();
    println!("generating {calls} calls over {tasks} tasks in {}", data.display());
    let runtime = tokio::runtime::Runtime::new()?;
    let (facts, ids, setting) = runtime.block_on(prepare(&dataset, &planned))?;
    let tasks: Vec<_> = ids.into_iter().zip(planned).collect();
    write_calls(&dataset, &tasks, setting)?;
    let store = Store::open(&Options::new(Url::Sqlite(dataset.database())), BEGINNING)?;
    runtime.block_on(store.write(CompanyId(0), count_calls_anew))?;
    drop(store);
    println!("written after {:.0} s, verifying", begun.elapsed().as_secs_f64());
    runtime.block_on(verify::verify(&dataset, &facts))?;
    let facts = Facts { generated_s: begun.elapsed().as_secs(), ..facts };
    fs::write(dataset.facts_file(), serde_json::to_string_pretty(&facts)?)?;
    println!("done after {} s, {:.2} GB", facts.generated_s, gigabytes(&dataset)?);
    Ok(dataset)
}

/// The size of the database file.
pub(crate) fn gigabytes(dataset: &Dataset) -> Result<f64> {
    let bytes = fs::metadata(dataset.database())?.len();
    Ok(u32::try_from(bytes >> 10).map(f64::from)? / f64::from(1 << 20))
}

/// Everything but the calls.
async fn prepare(dataset: &Dataset, planned: &[PlannedTask]) -> Result<(Facts, Vec<TaskId>, Setting)> {
    let vault = make_vault(dataset)?;
    let store = Store::open(&Options::new(Url::Sqlite(dataset.database())), BEGINNING)?;
    let company = store.write(CompanyId(0), |db| company::insert(db, "基准测试公司", 100, BEGINNING)).await?;
    let (app_key, secret) = make_key(&store, &vault, company).await?;
    let built_in = BUILT_IN.first().context("there is no built-in scene")?;
    let scene = Scene::parse(built_in.yaml).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let publication = Publication::of(&scene, built_in.yaml);
    let (robot, line, node) = store
        .write(company, move |db| {
            robot::publish(db, company, &publication, BEGINNING)?;
            let robot = robot::of_company(db, company)?.pop();
            Ok((robot, line::insert(db, &new_line(company))?, node::register(db, BEGINNING, BEGINNING)?))
        })
        .await?;
    let robot = robot.context("the scene has no robot")?;
    let names: Vec<String> = planned.iter().zip(1..).map(|(task, n)| name(task, n)).collect();
    let tasks: Vec<TaskId> = store
        .write(company, move |db| {
            let made =
                names.iter().zip(0..).map(|(name, n)| task::insert(db, &new_task(&robot, line, name), made_at(n)));
            made.collect()
        })
        .await?;
    let of = |role| {
        let at = planned.iter().position(|task| task.role == role);
        at.and_then(|at| tasks.get(at).copied()).context("a measured task is missing")
    };
    let facts = Facts {
        format: FORMAT,
        calls: planned.iter().map(|task| task.calls).sum(),
        tasks: i64::try_from(tasks.len())?,
        company,
        app_key,
        secret,
        million_finished: of(Role::MillionFinished)?,
        million_paused: of(Role::MillionPaused)?,
        million_waiting: of(Role::MillionWaiting)?,
        thousand_finished: of(Role::ThousandFinished)?,
        thousand_waiting: of(Role::ThousandWaiting)?,
        generated_s: 0,
    };
    Ok((facts, tasks, Setting { company, line, caller_phone: CALLER_PHONE, node }))
}

/// When the n-th task was made.
fn made_at(n: u32) -> Moment {
    BEGINNING.after(TASK_EVERY * n)
}

/// The installation's key file, as the product would make it.
fn make_vault(dataset: &Dataset) -> Result<Vault> {
    let key: [u8; KEY_BYTES] = random_bytes()?;
    let path = dataset.key_file();
    fs::write(&path, STANDARD.encode(key))?;
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(Vault::new(&key))
}

async fn make_key(store: &Store, vault: &Vault, company: CompanyId) -> Result<(String, String)> {
    let (app_key, secret) = ("benchmark".to_owned(), STANDARD.encode(random_bytes::<24>()?));
    let kept = AppKey {
        app_key: app_key.clone(),
        sealed_secret: vault.seal(&Secret(secret.clone()))?,
        edition: Edition::May2018,
        requests_per_s: 0,
        companies: vec![company],
        created_at: BEGINNING,
        revoked_at: None,
        previous: None,
        allowed: Networks::default(),
        rotated_at: None,
        used_at: None,
    };
    store.write(CompanyId(0), move |db| key::insert(db, &kept)).await?;
    Ok((app_key, secret))
}

fn new_line(company: CompanyId) -> Line {
    Line {
        id: LineId(0),
        company,
        name: "固话一号".to_owned(),
        phone: CALLER_PHONE.to_owned(),
        kind: LineKind::Fixed,
        driver: LineDriver::Simulated,
        pace: None,
        channels: Some(100),
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings: "{}".to_owned(),
        created_at: BEGINNING,
    }
}

fn name(task: &PlannedTask, n: u32) -> String {
    match task.role {
        Role::Other => format!("房产电销·第{n}批"),
        measured => format!("房产电销·{measured:?}"),
    }
}

fn new_task(robot: &Robot, line: LineId, name: &str) -> NewTask {
    NewTask {
        company: robot.company,
        settings: Settings {
            name: name.to_owned(),
            kind: TaskKind::Manual,
            start_date: date(2026, 1, 5),
            window: CallingWindow {
                working: DaySpan { start: time(9, 0, 0, 0), end: time(20, 0, 0, 0) },
                rest: Some(DaySpan { start: time(12, 0, 0, 0), end: time(13, 30, 0, 0) }),
            },
            line_kind: Some(LineKind::Fixed),
            quota: 20,
            in_progress_max: 40,
            elastic: false,
            redial_rules: Vec::new(),
            remark: "基准测试".to_owned(),
            extras: Extras::default(),
        },
        robot: robot.id,
        scene: robot.scene,
        scene_version: robot.scene_version,
        voice: robot.voices.first().map_or(hutong_domain::ids::VoiceId(0), |voice| voice.id),
        lines: vec![line],
    }
}

/// Writes without a journal: a generation that breaks off leaves nothing that could be used, by design.
fn write_calls(dataset: &Dataset, tasks: &[(TaskId, PlannedTask)], setting: Setting) -> Result<()> {
    let connection = Connection::open(dataset.database())?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -1048576; BEGIN",
    )?;
    let mut bulk = Bulk::new(&connection, setting)?;
    let mut written = 0;
    for ((id, task), n) in tasks.iter().zip(0..) {
        bulk.task(*id, task, made_at(n))?;
        if (written + task.calls) / 500_000 > written / 500_000 {
            println!("  {} calls", written + task.calls);
        }
        written += task.calls;
    }
    let next = bulk.next;
    drop(bulk);
    for (name, next) in
        [("customer", next.call), ("call", next.call), ("utterance", next.utterance), ("call_result", next.result)]
    {
        connection.execute("INSERT INTO id_block (name, next_id) VALUES (?1, ?2)", params![name, next])?;
    }
    connection.execute_batch("COMMIT; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL")?;
    drop(connection);
    File::open(dataset.database())?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_store_is_whole_and_its_counters_are_true() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = generate(&folder.path().join("data"), 20_000, 24).unwrap();
        assert_eq!(Dataset::open(dataset.folder()).unwrap().1.calls, 20_000);
        assert!(generate(dataset.folder(), 20_000, 24).is_err(), "a folder in use is refused");
    }
}
