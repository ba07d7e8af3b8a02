//! Tasks: listed, filtered, counted by what was concluded in them.

use std::time::Duration;

use hutong_domain::ids::TaskId;
use hutong_domain::moment::Moment;
use hutong_domain::task::{Command, TaskStatus};
use hutong_store::task::{self, CommandOutcome, Filter, NewTask, ResultCount, Settings};
use hutong_store::{Page, PageRequest};
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    the_newest_task_comes_first_on_every_page,
    a_page_past_the_end_is_empty_and_has_the_total,
    percent_and_underscore_in_a_name_are_ordinary_characters,
    names_are_searched_with_their_case,
    tasks_are_found_by_the_day_on_which_they_were_made,
    tasks_are_found_by_their_status,
    filters_hold_all_at_once,
    a_deleted_task_is_listed_only_where_it_is_asked_for,
    the_newest_task_is_the_newest_that_is_not_deleted,
    another_companys_tasks_are_never_listed,
    what_was_concluded_is_listed_by_how_often,
}

async fn insert_named(fixture: &Fixture, name: &str) -> TaskId {
    let settings = Settings { name: name.to_owned(), ..settings() };
    fixture.insert_task(NewTask { settings, ..fixture.new_task() }).await
}

/// The ids on a page, with the total.
async fn listed(fixture: &Fixture, filter: Filter, request: PageRequest) -> (i64, Vec<TaskId>) {
    let Page { total, rows } = fixture.read(move |db, company| task::page(db, company, &filter, request)).await;
    (total, rows.iter().map(|task| task.id).collect())
}

async fn named(fixture: &Fixture, part: &str) -> Vec<String> {
    let filter = Filter { name_contains: part.to_owned(), ..Filter::default() };
    let found = fixture.read(move |db, company| task::page(db, company, &filter, all())).await;
    assert_eq!(found.total, i64::try_from(found.rows.len()).unwrap());
    found.rows.into_iter().map(|task| task.name).collect()
}

async fn the_newest_task_comes_first_on_every_page(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(insert_named(&fixture, &format!("任务{n}")).await);
    }
    ids.reverse();
    // With and without a filter, which are two different statements.
    for filter in [Filter::default(), Filter { name_contains: "任务".to_owned(), ..Filter::default() }] {
        assert_eq!(listed(&fixture, filter.clone(), page(1, 3)).await, (7, ids[..3].to_vec()));
        assert_eq!(listed(&fixture, filter.clone(), page(2, 3)).await, (7, ids[3..6].to_vec()));
        assert_eq!(listed(&fixture, filter, page(3, 3)).await, (7, ids[6..].to_vec()));
    }
}

async fn a_page_past_the_end_is_empty_and_has_the_total(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    assert_eq!(listed(&fixture, Filter::default(), all()).await, (0, vec![]));
    insert_named(&fixture, "任务").await;
    for number in [2, 1000, i64::MAX] {
        assert_eq!(listed(&fixture, Filter::default(), page(number, 10)).await, (1, vec![]));
    }
}

async fn percent_and_underscore_in_a_name_are_ordinary_characters(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for name in ["50% off", "500 off", "a_b", "aXb", "back\\slash", "it's"] {
        insert_named(&fixture, name).await;
    }

    assert_eq!(named(&fixture, "50%").await, ["50% off"]);
    assert_eq!(named(&fixture, "%").await, ["50% off"]);
    assert_eq!(named(&fixture, "a_b").await, ["a_b"]);
    assert_eq!(named(&fixture, "_").await, ["a_b"]);
    assert_eq!(named(&fixture, "\\").await, ["back\\slash"]);
    assert_eq!(named(&fixture, "'").await, ["it's"]);
}

async fn names_are_searched_with_their_case(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for name in ["Spring", "spring", "五月回访", "ÄRGER"] {
        insert_named(&fixture, name).await;
    }

    assert_eq!(named(&fixture, "spring").await, ["spring"]);
    assert_eq!(named(&fixture, "Spr").await, ["Spring"]);
    assert_eq!(named(&fixture, "月回").await, ["五月回访"]);
    assert_eq!(named(&fixture, "ärger").await, Vec::<String>::new());
}

async fn tasks_are_found_by_the_day_on_which_they_were_made(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let yesterday = insert_named(&fixture, "a").await;
    let midnight = fixture.clock.advance(Duration::from_secs(14 * 3600));
    let first = insert_named(&fixture, "b").await;
    let end = fixture.clock.advance(Duration::from_secs(24 * 3600));
    let tomorrow = insert_named(&fixture, "c").await;
    let made = |from, until| Filter { created: Some((from, until)), ..Filter::default() };

    assert_eq!(listed(&fixture, made(midnight, end), all()).await, (1, vec![first]));
    assert_eq!(listed(&fixture, made(Moment(0), midnight), all()).await, (1, vec![yesterday]));
    assert_eq!(listed(&fixture, made(end, Moment(i64::MAX)), all()).await, (1, vec![tomorrow]));
}

async fn tasks_are_found_by_their_status(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (waiting, started) = (insert_named(&fixture, "a").await, insert_named(&fixture, "b").await);
    fixture.command(started, Command::Start).await;
    let standing = |status| Filter { status: Some(status), ..Filter::default() };

    assert_eq!(listed(&fixture, standing(TaskStatus::NotStarted), all()).await, (1, vec![waiting]));
    assert_eq!(listed(&fixture, standing(TaskStatus::Ready), all()).await, (1, vec![started]));
    assert_eq!(listed(&fixture, standing(TaskStatus::Done), all()).await, (0, vec![]));
}

async fn filters_hold_all_at_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let early = insert_named(&fixture, "春").await;
    let noon = fixture.clock.advance(Duration::from_secs(7200));
    let late = insert_named(&fixture, "春").await;
    insert_named(&fixture, "秋").await;
    let filter = Filter {
        name_contains: "春".to_owned(),
        created: Some((noon, Moment(i64::MAX))),
        status: Some(TaskStatus::NotStarted),
        deleted_too: false,
    };

    assert_eq!(listed(&fixture, filter.clone(), all()).await, (1, vec![late]));
    let any_time = Filter { created: None, ..filter };
    assert_eq!(listed(&fixture, any_time, all()).await, (2, vec![late, early]));
}

async fn delete(fixture: &Fixture, id: TaskId) -> CommandOutcome {
    let now = fixture.now();
    fixture.write(move |db, company| task::delete(db, company, id, "tester", now)).await
}

async fn a_deleted_task_is_listed_only_where_it_is_asked_for(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (kept, gone) = (insert_named(&fixture, "春").await, insert_named(&fixture, "春").await);

    assert_eq!(delete(&fixture, gone).await, CommandOutcome::Done);

    for filter in [Filter::default(), Filter { name_contains: "春".to_owned(), ..Filter::default() }] {
        assert_eq!(listed(&fixture, filter.clone(), all()).await, (1, vec![kept]));
        let all_of_them = Filter { deleted_too: true, ..filter };
        assert_eq!(listed(&fixture, all_of_them, all()).await, (2, vec![gone, kept]));
    }
    assert!(fixture.task(gone).await.deleted_at.is_some());
}

async fn the_newest_task_is_the_newest_that_is_not_deleted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    assert_eq!(fixture.read(task::newest).await, None);
    let (older, newer) = (insert_named(&fixture, "a").await, insert_named(&fixture, "b").await);
    assert_eq!(fixture.read(task::newest).await, Some(newer));

    delete(&fixture, newer).await;

    assert_eq!(fixture.read(task::newest).await, Some(older));
}

async fn another_companys_tasks_are_never_listed(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let our_task = insert_named(&ours, "春").await;
    insert_named(&theirs, "春").await;

    for filter in [
        Filter { deleted_too: true, ..Filter::default() },
        Filter { name_contains: "春".to_owned(), ..Filter::default() },
    ] {
        assert_eq!(listed(&ours, filter, all()).await, (1, vec![our_task]));
    }
    assert_eq!(ours.read(task::newest).await, Some(our_task));
}

async fn what_was_concluded_is_listed_by_how_often(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let endings: [&[(&str, &str)]; 3] = [
        &[("意向", "b"), ("行业", "Z"), ("行业", "a")],
        &[("意向", "b"), ("行业", "Z"), ("行业", "Z")],
        &[("意向", "b"), ("意向", "É"), ("行业", "_")],
    ];
    for (claimed, results) in fixture.claim(id, 3).await.iter().zip(endings) {
        fixture.finish(claimed, fixture.answered(5, 2, results)).await;
    }

    let counts = fixture.read(move |db, company| task::result_counts(db, company, id)).await;

    let expected = [("意向", "b", 3), ("行业", "Z", 2), ("行业", "_", 1), ("行业", "a", 1), ("意向", "É", 1)]
        .map(|(name, value, calls)| ResultCount { name: name.to_owned(), value: value.to_owned(), calls });
    assert_eq!(counts, expected);
}
