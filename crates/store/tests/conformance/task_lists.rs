//! Tasks: listed, filtered, counted by what was concluded in them.

use std::time::Duration;

use hutong_domain::ids::TaskId;
use hutong_domain::moment::Moment;
use hutong_domain::task::{Command, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::task::{self, CommandOutcome, Filter, ListedTask, NewTask, ResultCount, Settings, TaskView};
use hutong_store::{Page, PageRequest, line};
use hutong_testkit::fixture::{new_line, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::time;

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
    every_page_is_found_whichever_tasks_are_deleted,
    a_listed_task_is_as_its_view_says,
    listed_tasks_have_their_own_lines_in_the_order_in_which_they_were_given,
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
        order: task::Order::Newest,
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

async fn every_page_is_found_whichever_tasks_are_deleted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    // Another company's tasks lie between.
    let theirs = Fixture::new(&store).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(insert_named(&fixture, &format!("任务{n}")).await);
        insert_named(&theirs, "任务").await;
    }
    ids.reverse();
    let mut kept = ids.clone();
    // First one alone, then runs at the newest end, in the middle and at the oldest, in the end all.
    for deleted in [vec![5], vec![0, 1], vec![6, 7, 8], vec![10, 11], vec![2, 3, 4, 9]] {
        for index in deleted {
            assert_eq!(delete(&fixture, ids[index]).await, CommandOutcome::Done);
            kept.retain(|id| *id != ids[index]);
        }
        for (deleted_too, expected) in [(false, &kept), (true, &ids)] {
            for size in [1, 2, 5, 12] {
                pages_are(&fixture, deleted_too, size, expected).await;
            }
        }
    }
}

/// Pages of this size, the one after the last among them, have these tasks and no others.
async fn pages_are(fixture: &Fixture, deleted_too: bool, size: usize, expected: &[TaskId]) {
    let total = i64::try_from(expected.len()).unwrap();
    for (number, rows) in (1..).zip(expected.chunks(size).chain([&[] as &[TaskId]])) {
        let request = page(number, i64::try_from(size).unwrap());
        let filter = Filter { deleted_too, ..Filter::default() };
        assert_eq!(listed(fixture, filter, request).await, (total, rows.to_vec()), "page {number} of {size}");
    }
}

async fn a_listed_task_is_as_its_view_says(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let span = |start, end| DaySpan::new(time(start, 5, 0, 0), time(end, 30, 15, 0)).unwrap();
    let window = CallingWindow { working: span(9, 20), rest: Some(span(12, 13)) };
    let unusual = Settings { kind: TaskKind::Timed, window, remark: "备注\n第二行".to_owned(), ..settings() };
    let finished = fixture.running_task(settings(), 2).await;
    for claimed in fixture.claim(finished, 2).await {
        fixture.finish(&claimed, fixture.answered(5, 2, &[])).await;
    }
    fixture.insert_task(NewTask { settings: unusual, ..fixture.new_task() }).await;

    let found = fixture.read(|db, company| task::page(db, company, &Filter::default(), all())).await;

    assert_eq!(found.rows.len(), 2);
    for row in found.rows {
        let TaskView { task, scene_name, lines, .. } =
            fixture.read(move |db, company| task::find_view(db, company, row.id)).await.unwrap();
        let Settings { name, kind, start_date, window: CallingWindow { working, rest }, remark, .. } = task.settings;
        let expected = ListedTask {
            id: task.id,
            name,
            kind,
            status: task.status,
            start_date: start_date.to_string(),
            working_start: working.start.to_string(),
            working_end: working.end.to_string(),
            break_start: rest.map(|rest| rest.start.to_string()),
            break_end: rest.map(|rest| rest.end.to_string()),
            scene: task.scene,
            scene_name,
            remark,
            total: task.counters.total,
            done: task.counters.done,
            by_finish_status: task.counters.by_finish_status,
            lines,
        };
        assert_eq!(row, expected);
    }
}

async fn listed_tasks_have_their_own_lines_in_the_order_in_which_they_were_given(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let add_line = || fixture.write(|db, company| line::insert(db, &new_line(company)));
    let (first, second, third) = (fixture.line, add_line().await, add_line().await);
    let orders = [vec![third, first, second], vec![second], vec![second, first], vec![]];
    let mut expected = Vec::new();
    // Close to each other, with a deleted one between them; and, under their name, far from each other.
    for (n, lines) in (0..16).zip(orders.iter().cycle()) {
        let name = if n % 15 == 0 { "远" } else { "近" };
        let settings = Settings { name: name.to_owned(), ..settings() };
        let id = fixture.insert_task(NewTask { settings, lines: lines.clone(), ..fixture.new_task() }).await;
        expected.insert(0, (name, id, lines.clone()));
    }
    assert_eq!(delete(&fixture, expected.remove(4).1).await, CommandOutcome::Done);
    for (part, count) in [("", 15), ("远", 2)] {
        let filter = Filter { name_contains: part.to_owned(), ..Filter::default() };

        let found = fixture.read(move |db, company| task::page(db, company, &filter, all())).await;

        let lines = |row: &ListedTask| row.lines.iter().map(|line| line.line).collect::<Vec<_>>();
        let found: Vec<_> = found.rows.iter().map(|row| (row.id, lines(row))).collect();
        let fitting = expected.iter().filter(|(name, ..)| name.contains(part));
        assert_eq!(found, fitting.map(|(_, id, lines)| (*id, lines.clone())).collect::<Vec<_>>());
        assert_eq!(found.len(), count);
    }
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
