//! Numbers in calls, and how often they were dialled.

use std::collections::HashMap;

use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_store::number::{self, Busy, Dialled};
use hutong_store::{Db, Store};
use hutong_testkit::TestStore;
use hutong_testkit::clock::START;
use jiff::civil::{Date, date};

hutong_testkit::conformance! {
    a_number_is_in_one_call_at_a_time_whoever_calls,
    a_number_is_given_back_by_the_call_that_took_it_alone,
    attempts_are_counted_by_day_and_company,
    days_that_no_cap_looks_at_are_forgotten,
}

const PHONE: &str = "13800138000";
const TODAY: Date = date(2026, 5, 11);

fn by(company: i64, call: i64) -> Busy {
    Busy { company: CompanyId(company), task: TaskId(7), call: CallId(call), since: START }
}

async fn write<T: Send + 'static>(
    store: &Store,
    work: impl FnMut(&mut Db) -> hutong_store::Result<T> + Send + 'static,
) -> T {
    store.write(CompanyId(1), work).await.unwrap()
}

async fn take(store: &Store, by: Busy, day: Date) -> bool {
    write(store, move |db| number::take(db, PHONE, &by, day)).await
}

async fn take_and_release(store: &Store, by: Busy, day: Date) {
    assert!(take(store, by, day).await);
    write(store, move |db| number::release(db, PHONE, by.company, by.call)).await;
}

async fn dialled(store: &Store, today: Date) -> Vec<(i64, Date, u32)> {
    let found = store.read(move |db| number::dialled(db, &["13800138001", PHONE], today)).await.unwrap();
    let of_phone = found.get(PHONE).into_iter().flatten();
    of_phone.map(|Dialled { company, day, attempts }| (company.get(), *day, *attempts)).collect()
}

async fn a_number_is_in_one_call_at_a_time_whoever_calls(store: TestStore) {
    assert!(take(&store, by(1, 10), TODAY).await);
    assert!(!take(&store, by(1, 11), TODAY).await);
    assert!(!take(&store, by(2, 12), TODAY).await);

    let busy = store.read(|db| number::busy(db, &[PHONE, "13800138001"])).await.unwrap();
    assert_eq!(busy, HashMap::from([(PHONE.to_owned(), by(1, 10))]));
    assert_eq!(store.read(|db| number::busy(db, &[])).await.unwrap(), HashMap::new());
    assert_eq!(dialled(&store, TODAY).await, [(1, TODAY, 1)], "refused ones are no attempts");
}

async fn a_number_is_given_back_by_the_call_that_took_it_alone(store: TestStore) {
    assert!(take(&store, by(1, 10), TODAY).await);
    for (company, call) in [(1, 11), (2, 10)] {
        write(&store, move |db| number::release(db, PHONE, CompanyId(company), CallId(call))).await;
        assert!(!take(&store, by(2, 12), TODAY).await);
    }
    write(&store, |db| number::release(db, PHONE, CompanyId(1), CallId(10))).await;
    assert!(take(&store, by(2, 12), TODAY).await);
}

async fn attempts_are_counted_by_day_and_company(store: TestStore) {
    for (company, day, times) in [(1, date(2026, 5, 4), 1), (1, date(2026, 5, 5), 2), (2, TODAY, 1), (1, TODAY, 3)] {
        for _ in 0..times {
            take_and_release(&store, by(company, 10), day).await;
        }
    }
    assert_eq!(dialled(&store, TODAY).await, [(1, date(2026, 5, 5), 2), (1, TODAY, 3), (2, TODAY, 1)]);
}

async fn days_that_no_cap_looks_at_are_forgotten(store: TestStore) {
    for day in [date(2026, 5, 3), date(2026, 5, 4), date(2026, 5, 5)] {
        take_and_release(&store, by(1, 10), day).await;
    }
    for expected in [1, 1, 0] {
        assert_eq!(write(&store, |db| number::forget_old(db, TODAY, 1)).await, expected);
    }
    assert_eq!(dialled(&store, date(2026, 5, 9)).await, [(1, date(2026, 5, 5), 1)]);
}
