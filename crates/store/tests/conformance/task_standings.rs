//! What a list of tasks shows of each, and in which order tasks come.

use hutong_domain::call::INTENT_LEVEL;
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_domain::task::MoveReason;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::task::{self, Filter, NewTask, Order, Settings};
use hutong_store::{call, in_progress};
use hutong_testkit::fixture::{customer, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::all;

conformance! {
    tasks_come_in_the_order_that_is_asked_for,
    a_standing_has_what_goes_on_and_what_was_concluded,
    a_task_that_does_not_dial_says_why,
    calls_in_progress_are_listed_from_the_first,
    numbers_that_a_task_has_or_nobody_may_call_are_told,
}

async fn listed(fixture: &Fixture, order: Order) -> Vec<TaskId> {
    let filter = Filter { order, ..Filter::default() };
    let page = fixture.read(move |db, company| task::page(db, company, &filter, all())).await;
    // Whatever the order, each task has its own lines.
    assert!(page.rows.iter().all(|task| task.lines.len() == 1 && task.lines[0].task == task.id));
    page.rows.iter().map(|task| task.id).collect()
}

async fn tasks_come_in_the_order_that_is_asked_for(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut ids = Vec::new();
    for (name, numbers, done) in [("b", 4, 1), ("c", 2, 2), ("a", 1, 0)] {
        let id = fixture.running_task(Settings { name: name.to_owned(), ..settings() }, numbers).await;
        for claimed in fixture.claim(id, done).await {
            fixture.answer(&claimed).await;
            fixture.finish(&claimed, fixture.answered(5, 1, &[])).await;
        }
        ids.push(id);
    }
    let [b, c, a] = ids[..] else { panic!("three tasks") };
    assert_eq!(listed(&fixture, Order::Newest).await, [a, c, b]);
    assert_eq!(listed(&fixture, Order::Oldest).await, [b, c, a]);
    assert_eq!(listed(&fixture, Order::Name).await, [a, b, c]);
    assert_eq!(listed(&fixture, Order::LeastDone).await, [a, b, c]);
    assert_eq!(listed(&fixture, Order::MostDone).await, [c, b, a]);
    assert_eq!(listed(&fixture, Order::Largest).await, [b, c, a]);
    assert_eq!(listed(&fixture, Order::MostAnswered).await, [c, b, a]);
}

async fn a_standing_has_what_goes_on_and_what_was_concluded(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(Settings { quota: 3, in_progress_max: 3, ..settings() }, 3).await;
    let claimed = fixture.claim(id, 2).await;
    fixture.answer(&claimed[0]).await;
    fixture.finish(&claimed[0], fixture.answered(5, 1, &[(INTENT_LEVEL, "A级(较强)"), ("客户关注点", "位置")])).await;
    let none = TaskId(id.get() + 1000);
    let found = fixture.read(move |db, company| task::standings(db, company, &[id, none])).await;
    let standing = &found[&id];
    assert_eq!(found.len(), 1);
    assert_eq!((standing.quota, standing.in_progress_max, standing.in_progress, standing.seated), (3, 3, 1, 1));
    assert_eq!((&standing.levels, standing.reason), (&vec![("A级(较强)".to_owned(), 1)], None));
    let other = Fixture::new(&store).await;
    assert!(other.read(move |db, company| task::standings(db, company, &[id])).await.is_empty());
}

async fn a_task_that_does_not_dial_says_why(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 0).await;
    fixture.look(id).await;
    let found = fixture.read(move |db, company| task::standings(db, company, &[id])).await;
    assert_eq!(found[&id].reason, Some(MoveReason::NoNumbers));
}

async fn calls_in_progress_are_listed_from_the_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let first = fixture.claim(id, 1).await;
    let began = fixture.now();
    fixture.clock.advance(std::time::Duration::from_secs(60));
    let second = fixture.claim(id, 1).await;
    fixture.answer(&second[0]).await;
    let page = fixture.read(move |db, company| in_progress::page(db, company, id, all())).await;
    let calls: Vec<_> = page.rows.iter().map(|row| (row.id, row.claimed_at, row.answered_at.is_some())).collect();
    assert_eq!(calls, [(first[0].call, began, false), (second[0].call, fixture.now(), true)]);
    assert_eq!((page.total, page.rows[0].attempt_no), (2, 1));
    fixture.finish(&first[0], fixture.unanswered(Disposition::Busy)).await;
    assert_eq!(fixture.read(move |db, company| in_progress::count(db, company, id)).await, 1);
}

async fn numbers_that_a_task_has_or_nobody_may_call_are_told(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let other = fixture.insert_task(NewTask { settings: settings(), ..fixture.new_task() }).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    fixture.import(id, vec![customer("13800138000")]).await;
    fixture.import(other, vec![customer("13800138001")]).await;
    let now = fixture.now();
    fixture
        .write(move |db, company| {
            let text = String::new;
            let entry = NewEntry { mobile: "13800138002".to_owned(), name: text(), remark: text() };
            blacklist::add(db, company, hutong_domain::ids::BlacklistGroupId::DEFAULT, &entry, now)
        })
        .await;
    let phones = ["13800138000", "13800138001", "13800138002"];
    let found = fixture
        .read(move |db, company| Ok((call::among(db, company, id, &phones)?, blacklist::among(db, company, &phones)?)));
    let (known, blacklisted) = found.await;
    assert_eq!(known.into_iter().collect::<Vec<_>>(), ["13800138000"]);
    assert_eq!(blacklisted.into_iter().collect::<Vec<_>>(), ["13800138002"]);
}
