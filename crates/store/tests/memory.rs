//! The store on the caller's thread, in memory and elsewhere, things that go wrong with it, and the addresses that it
//! can have.

#![allow(clippy::unwrap_used, reason = "Clippy does not see that helpers of a test are tests")]

use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;

use futures::executor::block_on;
use futures::future::BoxFuture;
use hutong_domain::ids::CompanyId;
use hutong_store::{Db, Disturbance, Error, Options, Result, Store, Url, Work, company};
use hutong_testkit::Fixture;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::postgres::Server;
use hutong_testkit::recount::assert_counts_are_facts;

const COMPANY: CompanyId = CompanyId(1);

fn open() -> Store {
    Store::open(&Options::new(Url::Memory), START).unwrap()
}

fn count(store: &Store) -> i64 {
    let count = |db: &mut Db| Ok(company::all(db)?.len());
    i64::try_from(block_on(store.read_snapshot(count)).unwrap()).unwrap()
}

fn run_campaign(store: &Store) {
    block_on(async {
        let fixture = Fixture::new(store).await;
        let id = fixture.running_task(settings(), 3).await;
        for claimed in fixture.claim(id, 3).await {
            fixture.finish(&claimed, fixture.answered(5, 1, &[("a", "b")])).await;
        }
        assert_counts_are_facts(store, fixture.company, id).await;
    });
}

#[test]
fn a_campaign_runs_in_memory() {
    let store = open();
    run_campaign(&store);
}

#[test]
fn a_write_that_fails_or_panics_in_memory_leaves_nothing() {
    let store = open();
    let fail = |db: &mut Db| -> Result<()> {
        company::insert(db, "a", 1, START)?;
        Err(Error::Url("refused by the test".to_owned()))
    };
    let panic = |db: &mut Db| -> Result<()> {
        company::insert(db, "a", 1, START)?;
        panic!("a write that panics, as the test wants it")
    };

    assert!(matches!(block_on(store.write(COMPANY, fail)), Err(Error::Url(_))));
    assert!(matches!(block_on(store.write(COMPANY, panic)), Err(Error::Commit(_))));

    assert_eq!(count(&store), 0);
    block_on(store.write(COMPANY, |db| company::insert(db, "a", 1, START))).unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn an_address_says_which_engine_is_meant() {
    let check = |text: &str, expected: Option<Url>| {
        assert_eq!(text.parse::<Url>().ok(), expected, "{text}");
    };
    let postgres = |text: &str| Some(Url::Postgres(text.to_owned()));
    check("sqlite::memory:", Some(Url::Memory));
    check("sqlite:data/hutong.db", Some(Url::Sqlite(PathBuf::from("data/hutong.db"))));
    check("postgres://u:p@host/db", postgres("postgres://u:p@host/db"));
    check("postgresql://u@host/db", postgres("postgresql://u@host/db"));
    check("sqlite:", None);
    check("mysql://u@host/db", None);
    check("", None);
}

/// Refuses or loses every write.
struct Trouble {
    refuses: bool,
}

impl Disturbance for Trouble {
    fn before(&self, work: Work) -> BoxFuture<'_, Result<()>> {
        let refused = self.refuses && work == Work::Write;
        Box::pin(ready(if refused { Err(Error::Commit("refused".to_owned())) } else { Ok(()) }))
    }

    fn after(&self, work: Work) -> BoxFuture<'_, Result<()>> {
        Box::pin(ready(if work == Work::Write { Err(Error::Commit("lost".to_owned())) } else { Ok(()) }))
    }
}

#[test]
fn a_disturbed_store_refuses_work_or_loses_its_answer() {
    let store = open();
    for (refuses, message, written) in [(true, "refused", 0), (false, "lost", 1)] {
        let disturbed = store.disturbed(Arc::new(Trouble { refuses }));
        let outcome = block_on(disturbed.write(COMPANY, |db| company::insert(db, "a", 1, START)));
        assert!(matches!(outcome, Err(Error::Commit(why)) if why == message));
        assert_eq!(count(&store), written);
        assert_eq!(count(&disturbed), written, "reads are left alone");
    }
}

#[test]
fn postgres_can_run_on_the_callers_thread() {
    let server = Server::start(&[]);
    let options = Options { inline: true, ..Options::new(server.url().parse().unwrap()) };
    let store = Store::open(&options, START).unwrap();
    run_campaign(&store);
}
