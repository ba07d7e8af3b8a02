//! Group commit: writes share a transaction, and each stands or falls by itself.

use std::sync::mpsc::channel;

use futures::future::{join, join_all};
use hutong_domain::ids::SmsTemplateId;
use hutong_store::{Db, Error, Result, sms, values};
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::all;

conformance! {
    a_failing_write_in_a_group_fails_alone,
    a_panicking_write_in_a_group_fails_alone,
    a_write_that_reads_what_cannot_be_read_fails_alone,
    a_write_that_the_engine_refuses_fails_alone,
    a_write_is_made_even_if_nobody_waits_for_it,
    a_read_that_panics_leaves_the_readers_as_they_were,
    a_read_that_fails_leaves_the_readers_as_they_were,
    a_snapshot_does_not_see_what_is_written_meanwhile,
    a_reader_cannot_write,
}

const WRITES: usize = 100;
const BAD: usize = 37;

/// Writes a hundred templates in one group, of which one comes to this end after it has written.
/// Its error, once it is certain that the others stand.
async fn group_with_one_bad(store: &TestStore, end: fn(&mut Db) -> Result<()>) -> Error {
    let fixture = Fixture::new(store).await;
    let company = fixture.company;
    // Holds the writer up until all writes are in its queue: so they come in one group.
    let (release, released) = channel::<()>();
    let holder = store.write(company, move |_| {
        let _ = released.recv();
        Ok(())
    });
    let writes = (0..WRITES).map(|n| {
        store.write(company, move |db| {
            let id = sms::insert(db, company, &n.to_string(), "", START)?;
            if n == BAD { end(db).map(|()| id) } else { Ok(id) }
        })
    });
    let queued = async {
        drop(release);
        Ok(())
    };
    // Polled in this order, each up to where it waits for its answer.
    let ((held, outcomes), released) = join(join(holder, join_all(writes)), queued).await;
    held.and(released).unwrap();

    let (good, bad): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let ids: Vec<SmsTemplateId> = good.into_iter().map(Result::unwrap).collect();
    let listed = fixture.read(|db, company| sms::page(db, company, None, all())).await;
    let mut kept: Vec<_> = listed.rows.iter().map(|row| row.id).collect();
    kept.sort_unstable();
    assert_eq!((ids.len(), kept), (WRITES - 1, ids));
    assert!(listed.rows.iter().all(|row| row.name != BAD.to_string()));

    // The connection is as good as before.
    let again = fixture.write(|db, company| sms::insert(db, company, "again", "", START)).await;
    assert!(again.get() > 0);
    bad.into_iter().find_map(Result::err).unwrap()
}

async fn a_failing_write_in_a_group_fails_alone(store: TestStore) {
    let error = group_with_one_bad(&store, |_| Err(Error::Url("refused by the test".to_owned()))).await;
    assert!(matches!(error, Error::Url(_)), "{error}");
}

async fn a_panicking_write_in_a_group_fails_alone(store: TestStore) {
    let error = group_with_one_bad(&store, |_| panic!("a write that panics, as the test wants it")).await;
    assert!(matches!(error, Error::Commit(_)), "{error}");
}

async fn a_write_that_reads_what_cannot_be_read_fails_alone(store: TestStore) {
    let read_null =
        |db: &mut Db| db.query_one("SELECT name FROM sms_template LIMIT 1", &[], |row| row.int(0)).map(|_| ());
    let error = group_with_one_bad(&store, read_null).await;
    assert!(matches!(error, Error::Sqlite(_) | Error::Postgres(_)), "{error}");
}

async fn a_write_that_the_engine_refuses_fails_alone(store: TestStore) {
    let twice = |db: &mut Db| {
        db.execute("INSERT INTO company (id, name, seats, created_at) SELECT id, '', 0, 0 FROM company", &[])
            .map(|_| ())
    };
    let error = group_with_one_bad(&store, twice).await;
    assert!(matches!(error, Error::Sqlite(_) | Error::Postgres(_)), "{error}");
}

async fn a_write_is_made_even_if_nobody_waits_for_it(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let company = fixture.company;
    let write = Box::pin(store.write(company, move |db| sms::insert(db, company, "a", "", START)));
    // Polled once, which queues it, then given up.
    assert!(futures::poll!(write).is_pending());

    // Writes of one company are made in the order in which they came.
    fixture.write(|db, company| sms::insert(db, company, "b", "", START)).await;

    let listed = fixture.read(|db, company| sms::page(db, company, None, all())).await;
    assert_eq!(listed.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

/// Every reader answers, from what is committed now.
async fn assert_readers_are_sound(store: &TestStore) {
    let fixture = Fixture::new(store).await;
    fixture.write(|db, company| sms::insert(db, company, "new", "", START)).await;
    let company = fixture.company;
    let count = move |db: &mut Db| sms::page(db, company, None, all()).map(|page| page.total);
    let plain = join_all((0..32).map(|_| store.read(count))).await;
    let snapshots = join_all((0..32).map(|_| store.read_snapshot(count))).await;
    for total in plain.into_iter().chain(snapshots) {
        assert_eq!(total.unwrap(), 1);
    }
}

async fn a_read_that_panics_leaves_the_readers_as_they_were(store: TestStore) {
    let read = |db: &mut Db| -> Result<i64> {
        let found = db.query_int("SELECT COUNT(*) FROM company", &[])?;
        panic!("a read that panics after it has found {found}, as the test wants it")
    };
    let outcomes = join_all((0..32).map(|_| store.read_snapshot(read))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Commit(_)))));
    let outcomes = join_all((0..32).map(|_| store.read(read))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Commit(_)))));

    assert_readers_are_sound(&store).await;
}

async fn a_read_that_fails_leaves_the_readers_as_they_were(store: TestStore) {
    let read = |db: &mut Db| db.query_int("SELECT nothing FROM nowhere", &[]);
    let outcomes = join_all((0..32).map(|_| store.read_snapshot(read))).await;
    assert!(outcomes.iter().all(Result::is_err));

    assert_readers_are_sound(&store).await;
}

async fn a_snapshot_does_not_see_what_is_written_meanwhile(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let company = fixture.company;
    let (seen, has_seen) = futures::channel::oneshot::channel();
    let (written, is_written) = channel::<()>();
    let snapshot = store.read_snapshot(move |db| {
        let count =
            |db: &mut Db| db.query_int("SELECT COUNT(*) FROM sms_template WHERE company_id = ?1", values![company]);
        let before = count(db)?;
        let _ = seen.send(());
        let _ = is_written.recv();
        Ok((before, count(db)?))
    });
    let write = async {
        has_seen.await.unwrap();
        fixture.write(|db, company| sms::insert(db, company, "a", "", START)).await;
        drop(written);
    };

    let (counts, ()) = join(snapshot, write).await;

    assert_eq!(counts.unwrap(), (0, 0));
}

async fn a_reader_cannot_write(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let company = fixture.company;

    let outcome = store.read_snapshot(move |db| sms::insert(db, company, "a", "", START)).await;

    assert!(outcome.is_err());
    assert_readers_are_sound(&store).await;
}
