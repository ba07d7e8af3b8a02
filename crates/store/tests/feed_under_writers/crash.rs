//! The same promise when the writing process is killed again and again.
//!
//! The test runs its own program once more as that process, and kills it when it has finished so many
//! calls. What it held is taken over by the next one.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use futures::future::join_all;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::outcome::Disposition;
use hutong_store::{Options, Store, claim, node};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Engine, Fixture, Place, TestStore};
use tokio::sync::watch;

use crate::reader::{Reader, readers};
use crate::writers::{SEATS, finish_calls};

/// Calls of the campaign.
const CALLS: usize = 8_000;
/// The process is killed when a reader has got so many calls.
const KILLED_AT: [usize; 4] = [1, 900, 2_500, 4_000];
/// Writers in the process.
const WRITERS: usize = 8;
/// What tells the program that it is the writing process: the store, its company and its task.
const CAMPAIGN: &str = "HUTONG_TEST_CAMPAIGN";
/// The number of the signal that cannot be caught.
const SIGKILL: i32 = 9;

#[test]
fn a_killed_process_costs_no_reader_a_call_on_sqlite() {
    run(Engine::Sqlite, "crash::a_killed_process_costs_no_reader_a_call_on_sqlite");
}

#[test]
fn a_killed_process_costs_no_reader_a_call_on_postgres() {
    run(Engine::Postgres, "crash::a_killed_process_costs_no_reader_a_call_on_postgres");
}

/// Runs the test of this name, or the writing process where it is asked for.
fn run(engine: Engine, test: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    match std::env::var(CAMPAIGN) {
        Ok(campaign) => runtime.block_on(write(&campaign)),
        Err(_) => runtime.block_on(kill_and_read(engine, test)),
    }
}

async fn kill_and_read(engine: Engine, test: &str) {
    let store = TestStore::open_in(Place::new(engine));
    let fixture = Fixture::with_seats(&store, SEATS).await;
    let task = fixture.running_task(settings(), CALLS).await;
    let campaign = format!("{} {} {task}", store.place().address(), fixture.company);
    let mut readers = readers(fixture.company, task);

    for killed_at in KILLED_AT {
        let mut process = start(test, &campaign);
        while readers[0].count() < killed_at {
            assert_eq!(process.try_wait().unwrap(), None, "the writing process has ended by itself");
            read_on(&mut readers, &store).await;
        }
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().signal(), Some(SIGKILL));
    }
    let mut process = start(test, &campaign);
    while process.try_wait().unwrap().is_none() {
        read_on(&mut readers, &store).await;
    }
    assert!(process.wait().unwrap().success());
    read_on(&mut readers, &store).await;

    assert_eq!(readers[0].count(), CALLS);
    for reader in &readers {
        reader.assert_complete(&store).await;
    }
    assert_counts_are_facts(&store, fixture.company, task).await;
}

async fn read_on(readers: &mut [Reader], store: &Store) {
    join_all(readers.iter_mut().map(|reader| reader.read_on(store))).await;
}

fn start(test: &str, campaign: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(CAMPAIGN, campaign);
    command.spawn().unwrap()
}

/// The writing process: gives up what its predecessor was dialling, then finishes the rest.
async fn write(campaign: &str) {
    let mut parts = campaign.rsplitn(3, ' ');
    let mut next = || parts.next().unwrap();
    let (task, company, url) = (next().parse::<TaskId>().unwrap(), next().parse::<CompanyId>().unwrap(), next());
    let store = Store::open(&Options::new(url.parse().unwrap()), START).unwrap();
    let fixture = Fixture::of_company(&store, company).await;

    let node = fixture.node;
    fixture.write(move |db, _| node::release_others(db, node)).await;
    let orphans = fixture.read(|db, _| claim::orphans(db, START, i64::MAX)).await;
    let lost = || fixture.unanswered(Disposition::Interrupted);
    join_all(orphans.iter().map(|orphan| fixture.finish(&orphan.claimed, lost()))).await;

    let (finished, _) = watch::channel(0);
    join_all((0..WRITERS).map(|_| finish_calls(&fixture, task, &finished))).await;
}
