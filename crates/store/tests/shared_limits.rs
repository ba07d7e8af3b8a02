//! Several processes on one PostgreSQL: they share the work, and keep to every limit exactly.

#![allow(clippy::unwrap_used, clippy::panic, reason = "Clippy does not see that helpers of a test are tests")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use hutong_domain::outcome::Disposition;
use hutong_domain::task::TaskStatus;
use hutong_store::claim::{self, Claimed, Look};
use hutong_store::line::{self, Line};
use hutong_store::task::{NewTask, Settings};
use hutong_store::{Store, node, values};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{LEASE, customers, first_number, new_line, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Engine, Fixture, TestStore};
use tokio::task::JoinHandle;

const PROCESSES: usize = 3;
const SEATS: i64 = 7;
const CHANNELS: i64 = 4;
const QUOTA: u32 = 4;
const NUMBERS: usize = 150;

/// Every limit holds in the store at this moment.
async fn assert_limits(store: &Store, fixture: &Fixture) {
    let company = fixture.company;
    let found = store.read_snapshot(move |db| {
        let seated = "SELECT COUNT(*) FROM attempt WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1";
        let busiest = "SELECT COALESCE(MAX(calls), 0) FROM (SELECT COUNT(*) AS calls FROM attempt
            WHERE company_id = ?1 AND ended_at IS NULL GROUP BY line_id) lines";
        let largest = "SELECT COALESCE(MAX(calls), 0) FROM (SELECT COUNT(*) AS calls FROM attempt
            WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1 GROUP BY task_id) tasks";
        let count = |db: &mut hutong_store::Db, sql| db.query_int(sql, values![company]);
        Ok((count(db, seated)?, count(db, busiest)?, count(db, largest)?))
    });
    let (seated, busiest_line, largest_task) = found.await.unwrap();
    assert!(seated <= SEATS && busiest_line <= CHANNELS && largest_task <= i64::from(QUOTA), "{seated} {busiest_line}");
}

/// A process that dials until nothing is left: it looks, some calls are answered, all end.
async fn dial(store: Store, fixture: Arc<Fixture>, dialled: Arc<Mutex<HashSet<(i64, i64)>>>, done: Arc<AtomicBool>) {
    let company = fixture.company;
    let node = store.write(company, |db| node::register(db, START, START.after(LEASE))).await.unwrap();
    while !done.load(Ordering::Relaxed) {
        let look = Look { node, starts_max: 3, ..fixture.looking() };
        let looked = store.write(company, move |db| claim::look(db, company, &look)).await.unwrap();
        assert_limits(&store, &fixture).await;
        for claimed in &looked.claimed {
            let fresh = dialled.lock().unwrap().insert((claimed.call.get(), claimed.attempt_no));
            assert!(fresh, "{claimed:?} was claimed twice");
        }
        join_all(looked.claimed.iter().map(|claimed| live(&store, &fixture, claimed))).await;
        if looked.claimed.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

async fn live(store: &Store, fixture: &Fixture, claimed: &Claimed) {
    let mut ending = fixture.unanswered(Disposition::Busy);
    if claimed.call.get() % 3 == 0 {
        let asked = claimed.clone();
        let has_seat = store.write(claimed.company, move |db| claim::answer(db, &asked, START)).await.unwrap();
        ending = if has_seat { fixture.answered(1, 1, &[("a", "b")]) } else { fixture.unanswered(Disposition::NoSeat) };
        assert_limits(store, fixture).await;
    }
    ending.first_result_id = store.reserve(hutong_store::IdKind::CallResult, 1).await.unwrap();
    let claimed = claimed.clone();
    store.write(claimed.company, move |db| hutong_store::finish::finish(db, &claimed, &ending)).await.unwrap();
}

#[test]
fn processes_that_share_a_store_keep_to_the_limits_exactly() {
    let store = TestStore::open(Engine::Postgres);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let fixture = Arc::new(Fixture::with_seats(&store, SEATS).await);
        let lines = fixture.write(|db, company| {
            (0..2).map(|_| line::insert(db, &Line { channels: Some(CHANNELS), ..new_line(company) })).collect()
        });
        let lines: Vec<_> = lines.await;
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let settings = Settings { quota: QUOTA, in_progress_max: QUOTA * 2, ..settings() };
            let id = fixture.insert_task(NewTask { settings, lines: lines.clone(), ..fixture.new_task() }).await;
            fixture.import(id, customers(first_number(id), NUMBERS)).await;
            fixture.command(id, hutong_domain::task::Command::Start).await;
            tasks.push(id);
        }
        let (dialled, done) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(AtomicBool::new(false)));
        let processes = (0..PROCESSES).map(|_| {
            let (store, fixture) = (store.place().open().unwrap(), fixture.clone());
            tokio::spawn(dial(store, fixture, dialled.clone(), done.clone()))
        });
        let processes: Vec<_> = processes.collect();
        for &id in &tasks {
            while fixture.task(id).await.status != TaskStatus::Done && !processes.iter().any(JoinHandle::is_finished) {
                tokio::task::yield_now().await;
            }
        }
        done.store(true, Ordering::Relaxed);
        for process in processes {
            process.await.unwrap();
        }
        assert_eq!(dialled.lock().unwrap().len(), 3 * NUMBERS);
        for &id in &tasks {
            assert_counts_are_facts(&store, fixture.company, id).await;
        }
    });
}
