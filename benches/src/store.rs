//! `store`: finishing calls in groups and one by one, and importing numbers.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::call;
use hutong_store::claim::Claimed;
use hutong_store::finish::{Ending, Finished, finish};
use hutong_store::{IdKind, Options, Store, Url};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{Fixture, customers, settings};
use tokio::task::JoinSet;

use crate::generate::content::content;
use crate::process::cpu_time;
use crate::report::{Table, verdict};
use crate::statistics::{Figure, figure, micros, percentile};

pub(crate) const CALLERS: usize = 64;
/// Calls that are finished in a turn of either way.
pub(crate) const PER_TURN: usize = 1280;
const TURNS: usize = 7;
const GOAL_GROUPED: f64 = 2.5;

const IMPORTED: usize = 10_000;
const IMPORTS: usize = 9;
const GOAL_IMPORT_MS: f64 = 100.0;

/// Measures both, in a folder of its own, and reports.
pub(crate) fn measure(scratch: &Path) -> Result<String> {
    fs::create_dir_all(scratch)?;
    let folder = tempfile::tempdir_in(scratch)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let sync_us = disk(folder.path())?;
    let finishing = runtime.block_on(finishing(folder.path()))?;
    let importing = runtime.block_on(importing(folder.path()))?;
    Ok(format!(
        "## Writing\n\n`synchronous=FULL`: an answer means that it is on the disk. Writing 4 kB and waiting for the disk \
         takes {sync_us} µs here (p50).\n\n{finishing}\n{importing}"
    ))
}

/// Microseconds that the disk takes to keep a page.
fn disk(folder: &Path) -> Result<u64> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("disk"))?;
    let mut times = Vec::new();
    for _ in 0..300 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(micros(begun.elapsed()));
    }
    Ok(percentile(&mut times, 50))
}

/// A store with a task and claimed calls of it, all to be finished.
pub(crate) struct Finishing {
    store: Store,
    claimed: Vec<Claimed>,
}

impl Finishing {
    pub(crate) async fn new(folder: &Path, name: &str, calls: usize) -> Result<Self> {
        let store = open(folder, name)?;
        let fixture = Fixture::with_seats(&store, 1_000_000).await;
        let mut settings = settings();
        settings.quota = 1_000_000;
        settings.in_progress_max = 1_000_000;
        let task = fixture.running_task(settings, calls).await;
        let mut claimed = Vec::new();
        while claimed.len() < calls {
            let more = fixture.look(task).await.claimed;
            ensure!(!more.is_empty() || claimed.is_empty(), "only {} calls could be claimed", claimed.len());
            claimed.extend(more);
        }
        Ok(Self { store, claimed })
    }

    /// Lets them end as calls do: in another order than they were claimed in, and so all over the pages of the store.
    pub(crate) fn shuffle(&mut self) {
        self.claimed.sort_by_key(|claimed| claimed.call.get().unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }

    /// Calls a second that so many callers finish together, until a turn's calls are through.
    pub(crate) async fn turn(&mut self, callers: usize) -> Result<f64> {
        let left = self.claimed.len().saturating_sub(PER_TURN);
        let calls = Arc::new(Mutex::new(self.claimed.split_off(left)));
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..callers {
            let (store, calls) = (self.store.clone(), Arc::clone(&calls));
            running.spawn(async move {
                while let Some(claimed) = next(&calls) {
                    finish_one(&store, claimed).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok(figure(PER_TURN as u64) / begun.elapsed().as_secs_f64())
    }
}

fn next(calls: &Mutex<Vec<Claimed>>) -> Option<Claimed> {
    calls.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// What the dialer does at the end of a call: ids for what was said and concluded, then the write.
pub(crate) async fn finish_one(store: &Store, claimed: Claimed) -> Result<()> {
    let ended_at = START.after(Duration::from_secs(600));
    let content = content(claimed.call.get().unsigned_abs(), ended_at);
    let mut ending = Ending {
        disposition: content.disposition,
        signals: None,
        answered_at: content.hung_up_by.map(|_| Moment(ended_at.ms() - content.duration_s * 1000)),
        ended_at,
        hung_up_by: content.hung_up_by,
        chat_rounds: content.chat_rounds,
        utterances: content.utterances,
        course: None,
        do_not_call: false,
        results: content.results,
        recording: None,
        customer_recording: None,
        first_utterance_id: 0,
        first_result_id: 0,
    };
    if !ending.utterances.is_empty() {
        ending.first_utterance_id = store.reserve(IdKind::Utterance, ending.utterances.len()).await?;
    }
    ending.first_result_id = store.reserve(IdKind::CallResult, ending.results.len()).await?;
    let finished = store.write(claimed.company, move |db| finish(db, &claimed, &ending)).await?;
    ensure!(matches!(finished, Finished::Done { .. }), "a call was not finished: {finished:?}");
    Ok(())
}

async fn finishing(folder: &Path) -> Result<String> {
    let mut together = Finishing::new(folder, "together", (TURNS + 1) * PER_TURN).await?;
    let mut alone = Finishing::new(folder, "alone", (TURNS + 1) * PER_TURN).await?;
    together.turn(CALLERS).await?;
    alone.turn(1).await?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let turn = (together.turn(CALLERS).await?, alone.turn(1).await?);
        println!("finishing: {:.0}/s together, {:.0}/s alone", turn.0, turn.1);
        turns.push(turn);
    }
    let ratio = Figure::of(turns.iter().map(|(together, alone)| together / alone));
    let mut table = Table::new(["finishing calls", "calls/s (least to most)", "goal", ""]);
    for (name, figures) in [
        (format!("{CALLERS} callers, committed in groups"), Figure::of(turns.iter().map(|turn| turn.0))),
        ("one caller, a transaction each".to_owned(), Figure::of(turns.iter().map(|turn| turn.1))),
    ] {
        let speed = format!("{:.0} ({:.0} to {:.0})", figures.median, figures.least, figures.most);
        table.row(&[name, speed, String::new(), String::new()]);
    }
    table.row(&[
        "ratio".to_owned(),
        format!("**{:.1}** ({:.1} to {:.1})", ratio.median, ratio.least, ratio.most),
        format!("≥ {GOAL_GROUPED}"),
        verdict(ratio.median >= GOAL_GROUPED).to_owned(),
    ]);
    Ok(table.text())
}

async fn importing(folder: &Path) -> Result<String> {
    let store = open(folder, "importing")?;
    let fixture = Fixture::new(&store).await;
    let mut cpu_ms = Vec::new();
    for _ in 0..IMPORTS {
        let task = fixture.insert_task(fixture.new_task()).await;
        cpu_ms.push(import(&store, fixture.company, task).await?);
    }
    println!("import: {cpu_ms:.0?} ms");
    // The first one also fills caches.
    let figures = Figure::of(cpu_ms.into_iter().skip(1));
    let mut table = Table::new(["import", "CPU time (least to most)", "goal", ""]);
    table.row(&[
        format!("{IMPORTED} numbers into a task, in one transaction"),
        format!("**{:.0} ms** ({:.0} to {:.0})", figures.median, figures.least, figures.most),
        format!("< {GOAL_IMPORT_MS:.0} ms"),
        verdict(figures.median < GOAL_IMPORT_MS).to_owned(),
    ]);
    Ok(table.text())
}

/// Milliseconds of processor time that all threads of this process take for an import.
async fn import(store: &Store, company: CompanyId, task: TaskId) -> Result<f64> {
    let customers = customers(0, IMPORTED);
    let before = cpu_time(std::process::id())?;
    let customer = store.reserve(IdKind::Customer, customers.len()).await?;
    let first_ids = (customer, store.reserve(IdKind::Call, customers.len()).await?);
    let imported =
        store.write(company, move |db| call::import(db, company, task, &customers, first_ids, START)).await?;
    let used = cpu_time(std::process::id())?.saturating_sub(before);
    ensure!(imported.is_some_and(|it| it.inserted == 10_000 && it.repeated == 0), "{imported:?}");
    Ok(used.as_secs_f64() * 1000.0)
}

fn open(folder: &Path, name: &str) -> Result<Store> {
    Ok(Store::open(&Options::new(Url::Sqlite(folder.join(format!("{name}.db")))), START)?)
}
