//! A copy is the store at one moment, whatever is written meanwhile.

#![allow(clippy::unwrap_used, reason = "this is all test, also what stands outside of the test functions")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_store::backup::copy;
use hutong_store::{Options, Store, Url, newest_schema, task};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Engine, Fixture, TestStore};

const NUMBERS: usize = 2_000;
const COPIES: usize = 5;

async fn finished(store: &Store, company: CompanyId, id: TaskId) -> i64 {
    let found = store.read(move |db| task::find(db, company, id)).await.unwrap();
    found.unwrap().counters.done
}

/// Opens a copy, which has to agree with itself; how many calls have finished in it.
async fn look(path: &Path, company: CompanyId, id: TaskId) -> i64 {
    let copied = Store::open(&Options::new(Url::Sqlite(path.to_owned())), START).unwrap();
    assert_counts_are_facts(&copied, company, id).await;
    finished(&copied, company, id).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_one_moment_of_a_store_that_is_written_to() {
    let store = TestStore::open(Engine::Sqlite);
    let Url::Sqlite(source) = store.place().options().url else { unreachable!("it is a file") };
    let fixture = Fixture::with_seats(&store, 100).await;
    let (company, id) = (fixture.company, fixture.running_task(settings(), NUMBERS).await);
    let enough = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&enough);
    let writing = tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            let claimed = fixture.claim(id, 10).await;
            if claimed.is_empty() {
                break;
            }
            for claimed in claimed {
                fixture.finish(&claimed, fixture.answered(5, 2, &[("意向", "A级")])).await;
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut done = Vec::new();
    for n in 0..COPIES {
        let (source, target) = (source.clone(), folder.path().join(format!("{n}.db")));
        let before = finished(&store, company, id).await;
        let copying = target.clone();
        let schema = tokio::task::spawn_blocking(move || copy(&source, &copying)).await.unwrap().unwrap();
        assert_eq!(schema, newest_schema());
        let copied = look(&target, company, id).await;
        assert!(before <= copied && copied <= finished(&store, company, id).await);
        done.push(copied);
    }
    enough.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    assert!(done.first() < done.last(), "calls have finished meanwhile: {done:?}");
    assert_counts_are_facts(&store, company, id).await;
}
