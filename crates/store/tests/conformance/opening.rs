//! Opening: again, at once by several, and with a schema that is too new. Ids never repeat.

use std::collections::BTreeSet;

use hutong_domain::ids::CompanyId;
use hutong_store::{BIG_TABLES, Error, IdKind, Store, company, newest_schema, values};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::store::PARTITIONS;
use hutong_testkit::{Engine, Fixture, Place, TestStore, conformance};

conformance! {
    a_store_is_what_it_was_when_it_is_opened_again,
    ids_never_repeat_over_openings,
    ids_never_repeat_between_processes,
    ids_in_a_row_belong_to_their_caller_alone,
    a_schema_that_is_too_new_is_refused,
    a_schema_is_made_once_by_processes_that_start_together,
    big_tables_are_partitioned_where_that_is_asked_for,
}

const KINDS: [IdKind; 4] = [IdKind::Customer, IdKind::Call, IdKind::Utterance, IdKind::CallResult];

/// Takes ids of every kind and asserts that none was taken before.
async fn take(store: &Store, taken: &mut [BTreeSet<i64>; 4]) {
    for (kind, taken) in KINDS.into_iter().zip(taken) {
        for count in [1, 7, 2500, 3] {
            let first = store.reserve(kind, count).await.unwrap();
            assert!(first > 0);
            for id in (first..).take(count) {
                assert!(taken.insert(id), "{kind:?} {id} was given twice");
            }
        }
    }
}

async fn a_store_is_what_it_was_when_it_is_opened_again(store: TestStore) {
    let (company, id, before) = {
        let fixture = Fixture::new(&store).await;
        let id = fixture.running_task(settings(), 3).await;
        let claimed = fixture.claim(id, 1).await;
        fixture.finish(&claimed[0], fixture.answered(5, 1, &[("a", "b")])).await;
        (fixture.company, id, fixture.task(id).await)
    };
    let place = store.close();

    let store = TestStore::open_in(place);

    let found = store.read(move |db| hutong_store::task::find(db, company, id)).await.unwrap();
    assert_eq!(found, Some(before));
}

async fn ids_never_repeat_over_openings(store: TestStore) {
    let mut taken = Default::default();
    let mut companies = BTreeSet::new();
    let mut store = store;
    for _ in 0..3 {
        take(&store, &mut taken).await;
        let id = store.write(CompanyId(0), |db| company::insert(db, "a", 1, START)).await.unwrap();
        assert!(companies.insert(id));
        store = TestStore::open_in(store.close());
    }
}

async fn ids_never_repeat_between_processes(store: TestStore) {
    let mut taken = Default::default();
    let other = store.place().open().unwrap();
    for _ in 0..3 {
        take(&store, &mut taken).await;
        take(&other, &mut taken).await;
    }
}

async fn ids_in_a_row_belong_to_their_caller_alone(store: TestStore) {
    let store = &store;
    let counts = (0..200).map(|n| n % 9 + 1);
    let reserved = counts.clone().map(|count| store.reserve(IdKind::Call, count));

    let firsts = futures::future::join_all(reserved).await;

    let mut taken = BTreeSet::new();
    for (first, count) in firsts.into_iter().zip(counts) {
        for id in (first.unwrap()..).take(count) {
            assert!(taken.insert(id), "{id} was given twice");
        }
    }
}

async fn a_schema_that_is_too_new_is_refused(store: TestStore) {
    let newer = |db: &mut hutong_store::Db| {
        db.execute("INSERT INTO schema_migration (version, applied_at) VALUES (?1, ?2)", values![9999_i64, START])
    };
    store.write(CompanyId(0), newer).await.unwrap();
    let place = store.close();

    let error = place.open().err().unwrap();

    assert!(matches!(error, Error::SchemaTooNew { found: 9999, known } if known < 9999), "{error}");
}

async fn a_schema_is_made_once_by_processes_that_start_together(store: TestStore) {
    let place = Place::new(store.engine());
    let opened: Vec<Store> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| place.open())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });

    let versions = "SELECT version FROM schema_migration ORDER BY version";
    let versions = opened[0].read(move |db| db.query(versions, &[], |row| row.int(0))).await;
    assert_eq!(versions.unwrap(), (1..=newest_schema()).collect::<Vec<_>>());
}

async fn big_tables_are_partitioned_where_that_is_asked_for(store: TestStore) {
    if store.engine() == Engine::Sqlite {
        return;
    }
    for table in BIG_TABLES {
        let partitions = store
            .read(move |db| {
                db.query_one(
                    "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = CAST(CAST(?1 AS text) AS regclass)",
                    values![table],
                    |row| row.int(0),
                )
            })
            .await;
        let expected = if store.engine() == Engine::PostgresPartitioned { PARTITIONS } else { 0 };
        assert_eq!((table, partitions.unwrap()), (table, Some(i64::from(expected))));
    }
}
