//! The promise that integrators build on: a client that always asks with the greatest index that it has
//! seen gets every finished call exactly once, in order, whatever is written meanwhile, and across a crash.

#![allow(clippy::unwrap_used, clippy::panic, reason = "Clippy does not see that helpers of a test are tests")]

#[path = "feed_under_writers/crash.rs"]
mod crash;
#[path = "feed_under_writers/reader.rs"]
mod reader;
#[path = "feed_under_writers/writers.rs"]
mod writers;

use futures::future::{join, join_all};
use hutong_testkit::fixture::settings;
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Engine, Fixture, TestStore};
use tokio::sync::watch;

use reader::{Reader, readers};

/// Calls that are finished.
const CALLS: usize = 50_000;
/// Writers that finish them at once.
const WRITERS: usize = 8;

#[test]
fn every_reader_gets_each_call_once_and_in_order_on_sqlite() {
    eight_writers_and_four_readers(Engine::Sqlite);
}

#[test]
fn every_reader_gets_each_call_once_and_in_order_on_postgres() {
    eight_writers_and_four_readers(Engine::Postgres);
}

fn eight_writers_and_four_readers(engine: Engine) {
    let store = TestStore::open(engine);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let fixture = Fixture::with_seats(&store, writers::SEATS).await;
        let task = fixture.running_task(settings(), CALLS).await;
        let (finished, progress) = watch::channel(0_usize);

        let write = async {
            join_all((0..WRITERS).map(|_| writers::finish_calls(&fixture, task, &finished))).await;
            // The end of the progress is the end of the writing.
            drop(finished);
        };
        let read =
            join_all(readers(fixture.company, task).into_iter().map(|reader| follow(&store, reader, progress.clone())));
        let ((), readers) = join(write, read).await;

        assert_eq!(fixture.task(task).await.counters.done, i64::try_from(CALLS).unwrap());
        for reader in &readers {
            reader.assert_complete(&store).await;
        }
        assert_counts_are_facts(&store, fixture.company, task).await;
    });
}

/// Reads on whenever something was finished, and to the end when all is.
async fn follow(store: &TestStore, mut reader: Reader, mut progress: watch::Receiver<usize>) -> Reader {
    while progress.changed().await.is_ok() {
        reader.read_on(store).await;
    }
    reader.read_on(store).await;
    reader
}
