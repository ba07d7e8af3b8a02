//! Imports: each number once in a task.

use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CustomerId, TaskId};
use hutong_store::call::{self, Imported, NewCustomer, Properties};
use hutong_store::{task, waiting};
use hutong_testkit::fixture::{customer, customers};
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    each_customer_of_an_import_waits_to_be_called,
    a_number_that_stands_twice_in_a_list_goes_in_once,
    a_number_that_the_task_has_already_is_left_out,
    the_same_number_may_be_in_two_tasks,
    ten_thousand_numbers_go_in_at_once,
    nothing_goes_into_a_task_that_is_not_there,
    an_empty_import_changes_nothing,
    a_customer_keeps_every_variable,
}

async fn each_customer_of_an_import_waits_to_be_called(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;

    let imported = fixture.import(id, customers(0, 3)).await;

    assert_eq!(imported, Imported { inserted: 3, repeated: 0 });
    assert_eq!(fixture.task(id).await.counters.total, 3);
    let now = fixture.now();
    let waiting = fixture.read(move |db, company| waiting::page(db, company, id, now, all())).await;
    assert_eq!(waiting.total, 3);
    for (row, customer) in waiting.rows.iter().zip(customers(0, 3)) {
        assert_eq!((&row.customer_name, row.customer_phone.as_str()), (&customer.name, customer.phone.as_str()));
        assert_eq!((row.status, row.dialled), (CallStatus::NotStarted, 0));
        assert_eq!((row.started_at, &row.caller_phone), (None, &None));
    }
}

async fn a_number_that_stands_twice_in_a_list_goes_in_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    let first = NewCustomer { name: "第一".to_owned(), ..customer("13800000001") };
    let again = NewCustomer { name: "第二".to_owned(), ..customer("138-0000-0001") };

    let imported = fixture.import(id, vec![first, customer("13800000002"), again]).await;

    assert_eq!(imported, Imported { inserted: 2, repeated: 1 });
    let now = fixture.now();
    let waiting = fixture.read(move |db, company| waiting::page(db, company, id, now, all())).await;
    let names: Vec<_> = waiting.rows.iter().map(|row| row.customer_name.as_str()).collect();
    assert_eq!(names, ["第一", "客户0002"]);
}

async fn a_number_that_the_task_has_already_is_left_out(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    fixture.import(id, customers(0, 150)).await;

    // Over the border of what one statement carries.
    let imported = fixture.import(id, customers(50, 250)).await;

    assert_eq!(imported, Imported { inserted: 150, repeated: 100 });
    assert_eq!(fixture.task(id).await.counters.total, 300);
    assert_eq!(fixture.import(id, customers(0, 300)).await, Imported { inserted: 0, repeated: 300 });
}

async fn the_same_number_may_be_in_two_tasks(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for _ in 0..2 {
        let id = fixture.insert_task(fixture.new_task()).await;
        assert_eq!(fixture.import(id, customers(0, 5)).await, Imported { inserted: 5, repeated: 0 });
    }
}

async fn ten_thousand_numbers_go_in_at_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;

    let imported = fixture.try_import(id, customers(0, 10_000)).await;

    assert_eq!(imported, Some(Imported { inserted: 10_000, repeated: 0 }));
    assert_eq!(fixture.task(id).await.counters.total, 10_000);
    let now = fixture.now();
    let last = fixture.read(move |db, company| waiting::page(db, company, id, now, page(1000, 10))).await;
    let phones: Vec<_> = last.rows.into_iter().map(|row| row.customer_phone).collect();
    let expected: Vec<_> = customers(9990, 10).iter().map(|it| it.phone.as_str().to_owned()).collect();
    assert_eq!((last.total, phones), (10_000, expected));
}

async fn nothing_goes_into_a_task_that_is_not_there(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let other = theirs.insert_task(theirs.new_task()).await;
    let deleted = ours.insert_task(ours.new_task()).await;
    let now = ours.now();
    ours.write(move |db, company| task::delete(db, company, deleted, "tester", now)).await;

    for id in [TaskId(4711), other, deleted] {
        assert_eq!(ours.try_import(id, customers(0, 3)).await, None);
    }

    assert_eq!(theirs.task(other).await.counters.total, 0);
    let rows = ours
        .read(|db, _| {
            Ok((db.query_int("SELECT COUNT(*) FROM customer", &[])?, db.query_int("SELECT COUNT(*) FROM call", &[])?))
        })
        .await;
    assert_eq!(rows, (0, 0));
}

async fn an_empty_import_changes_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;

    assert_eq!(fixture.try_import(id, Vec::new()).await, Some(Imported::default()));

    assert_eq!(fixture.task(id).await.counters.total, 0);
}

async fn a_customer_keeps_every_variable(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = fixture.insert_task(fixture.new_task()).await;
    let properties = Properties::from([
        ("欠款".to_owned(), "1,200.50元".to_owned()),
        ("quote\"".to_owned(), "line\nbreak \\ 😀".to_owned()),
        (String::new(), String::new()),
    ]);
    let new = NewCustomer { properties: properties.clone(), ..customer("13800000001") };
    fixture.import(id, vec![new.clone()]).await;
    let now = fixture.now();
    let waiting = fixture.read(move |db, company| waiting::page(db, company, id, now, all())).await;
    let call = waiting.rows[0].id;
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();

    let customer_id = view.customer;
    let found = fixture.read(move |db, company| call::customer(db, company, customer_id)).await.unwrap();

    assert_eq!((found.id, found.name.as_str(), found.phone.as_str()), (customer_id, new.name.as_str(), "13800000001"));
    assert_eq!(found.properties, properties);
    assert_eq!(other.read(move |db, company| call::customer(db, company, customer_id)).await, None);
    let owners = fixture
        .read(move |db, _| {
            Ok([
                call::customer_owner(db, customer_id)?,
                call::owner(db, call)?,
                call::customer_owner(db, CustomerId(4711))?,
                call::owner(db, CallId(4711))?,
            ])
        })
        .await;
    assert_eq!(owners, [Some(fixture.company), Some(fixture.company), None, None]);
}
