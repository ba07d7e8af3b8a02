//! Callbacks that were given up. Nothing writes them yet, so the rows are written here.

use hutong_domain::ids::{CallId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::callback::{self, GivenUp};
use hutong_store::{Page, values};
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    callbacks_given_up_are_listed_in_the_order_of_their_calls,
    callbacks_are_found_by_task_direction_and_time,
    a_callback_that_is_still_tried_is_not_listed,
    another_companys_callbacks_are_not_listed,
}

const EVER: (Moment, Moment) = (Moment(0), Moment(i64::MAX));

/// A callback about call `id` of a task, which was made at so many milliseconds.
async fn insert(fixture: &Fixture, id: i64, task: i64, inbound: bool, called_at: i64, given_up: bool) {
    let given_up_at = given_up.then_some(called_at + 1);
    fixture
        .write(move |db, company| {
            db.execute(
                "INSERT INTO callback (id, company_id, task_id, call_id, direction, customer_phone, called_at, given_up_at)
                 VALUES (?1, ?2, ?3, ?1, ?4, '13800000000', ?5, ?6)",
                values![id, company, task, inbound, called_at, given_up_at],
            )
        })
        .await;
}

async fn calls(fixture: &Fixture, task: Option<i64>, inbound: bool, span: (Moment, Moment)) -> Vec<i64> {
    let task = task.map(TaskId);
    let Page { total, rows } =
        fixture.read(move |db, company| callback::given_up(db, company, task, inbound, span, all())).await;
    assert_eq!(total, i64::try_from(rows.len()).unwrap());
    rows.into_iter().map(|row| row.call.get()).collect()
}

async fn callbacks_given_up_are_listed_in_the_order_of_their_calls(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for (id, called_at) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
        insert(&fixture, id, 5, false, called_at, true).await;
    }

    assert_eq!(calls(&fixture, None, false, EVER).await, [2, 4, 3, 1]);

    let listed = fixture.read(|db, company| callback::given_up(db, company, None, false, EVER, page(2, 3))).await;
    let expected =
        GivenUp { call: CallId(1), task: TaskId(5), customer_phone: "13800000000".to_owned(), called_at: Moment(30) };
    assert_eq!(listed, Page { total: 4, rows: vec![expected] });
}

async fn callbacks_are_found_by_task_direction_and_time(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for (id, task, inbound, called_at) in [(1, 5, false, 10), (2, 6, false, 20), (3, 0, false, 30), (4, 5, true, 40)] {
        insert(&fixture, id, task, inbound, called_at, true).await;
    }

    assert_eq!(calls(&fixture, None, false, EVER).await, [1, 2, 3]);
    assert_eq!(calls(&fixture, Some(5), false, EVER).await, [1]);
    assert_eq!(calls(&fixture, Some(0), false, EVER).await, [3]);
    assert_eq!(calls(&fixture, None, true, EVER).await, [4]);
    assert_eq!(calls(&fixture, None, false, (Moment(10), Moment(30))).await, [1, 2]);
    assert_eq!(calls(&fixture, None, false, (Moment(11), Moment(20))).await, Vec::<i64>::new());
}

async fn a_callback_that_is_still_tried_is_not_listed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, 1, 5, false, 10, false).await;

    assert_eq!(calls(&fixture, None, false, EVER).await, Vec::<i64>::new());
}

async fn another_companys_callbacks_are_not_listed(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    insert(&theirs, 1, 5, false, 10, true).await;

    assert_eq!(calls(&ours, None, false, EVER).await, Vec::<i64>::new());
    assert_eq!(calls(&theirs, None, false, EVER).await, [1]);
}
