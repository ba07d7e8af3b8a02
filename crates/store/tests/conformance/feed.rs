//! The feed: finished calls in the order of their indexes, by page and by filter.

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_store::feed::{FeedFilter, FeedRow, ResultPair, ResultPairs};
use hutong_store::finish::Ending;
use hutong_store::task::Settings;
use hutong_store::{Page, PageRequest};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customers, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::Time;

use crate::{all, page};

conformance! {
    a_row_says_everything_about_its_call,
    the_task_of_the_feed_is_named_even_where_nothing_has_finished,
    pages_meet_without_gap_or_repetition_however_deep,
    a_page_past_the_end_is_empty_and_has_the_total,
    only_calls_after_the_index_are_listed,
    each_filter_lets_its_calls_through,
    filters_hold_all_at_once,
    a_filter_asked_again_knows_what_finished_since,
    another_companys_feed_is_not_found,
    a_large_page_of_a_filter_is_whole,
}

const ALL: FeedFilter =
    FeedFilter { after: -1, duration_s: None, chat_rounds: None, finish_status: None, results: Vec::new() };

async fn feed(fixture: &Fixture, id: TaskId, filter: &FeedFilter, request: PageRequest) -> Page<FeedRow<'static>> {
    let found = fixture.store.feed(fixture.company, id, filter.clone(), request).await;
    found.unwrap().unwrap().1
}

/// The total and the indexes of a page.
async fn indexes(fixture: &Fixture, id: TaskId, filter: &FeedFilter, request: PageRequest) -> (i64, Vec<i64>) {
    let Page { total, rows } = feed(fixture, id, filter, request).await;
    (total, rows.iter().map(|row| row.call_index).collect())
}

/// A task with so many finished calls, of which call `n` is answered where `n` is even, lasts `n` seconds
/// then, and has `n % 10` rounds and the level `A` where `n` can be divided by four, else `B`.
async fn finished(fixture: &Fixture, count: usize) -> TaskId {
    let id = fixture.running_task(settings(), count).await;
    finish_all(fixture, id, 0).await;
    id
}

async fn finish_all(fixture: &Fixture, id: TaskId, first: i64) {
    for (n, claimed) in (first..).zip(fixture.claim(id, 1000).await) {
        let ending = match (n % 2, n % 4) {
            (0, 0) => fixture.answered(n, n % 10, &[("意向", "A"), ("行业", "x")]),
            (0, _) => fixture.answered(n, n % 10, &[("意向", "B"), ("行业", "x"), ("行业", "y")]),
            _ => fixture.unanswered(Disposition::Vacant),
        };
        fixture.finish(&claimed, ending).await;
    }
}

fn with_results(results: &[(&str, &[&str])]) -> FeedFilter {
    let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    FeedFilter { results: results.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect(), ..ALL }
}

fn pair(name: &str, value: &str) -> ResultPair {
    ResultPair { name: name.to_owned(), value: value.to_owned() }
}

async fn a_row_says_everything_about_its_call(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
    let redialled_at = fixture.clock.advance(Duration::from_secs(600));
    let claimed = fixture.claim(id, 1).await.remove(0);
    let ended_at = fixture.clock.advance(Duration::from_secs(40));
    let recording = Some("2026/11/22/7/1-2.wav".to_owned());
    let ending = Ending { recording, ..fixture.answered(27, 5, &[("意向", "A级(较强)"), ("行业", "金融")]) };
    fixture.finish(&claimed, ending).await;

    // Plain and by a filter, which are two different statements.
    for filter in [ALL, FeedFilter { duration_s: Some((27, 27)), ..ALL }] {
        let Page { total, rows } = feed(&fixture, id, &filter, all()).await;

        let expected = FeedRow {
            id: claimed.call,
            call_index: 0,
            customer_phone: "13800000000".into(),
            customer_name: "客户0000".into(),
            finish_status: FinishStatus::Answered,
            duration_s: 27,
            chat_rounds: 5,
            started_at: redialled_at,
            ended_at,
            caller_phone: "01088880000".into(),
            recording: Some("2026/11/22/7/1-2.wav".into()),
            redial_planned_at: Some(redialled_at),
            redials: 1,
            created_at: START,
            modified_at: ended_at,
            results: ResultPairs::from(&[pair("意向", "A级(较强)"), pair("行业", "金融")][..]),
        };
        assert_eq!((total, rows), (1, vec![expected]));
    }
}

async fn the_task_of_the_feed_is_named_even_where_nothing_has_finished(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;

    for filter in [ALL, FeedFilter { finish_status: Some(FinishStatus::Busy), ..ALL }] {
        let (task, listed) = store.feed(fixture.company, id, filter, all()).await.unwrap().unwrap();

        assert_eq!((task.id, task.name.as_str(), task.scene), (id, "回访", fixture.scene()));
        assert_eq!(task.working_start, Time::midnight());
        assert_eq!(listed, Page { total: 0, rows: vec![] });
    }
}

async fn pages_meet_without_gap_or_repetition_however_deep(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1000).await;
    let id = finished(&fixture, 60).await;
    let even: Vec<i64> = (0..60).step_by(2).collect();
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..ALL };
    for (filter, expected) in [(ALL, (0..60).collect()), (answered, even)] {
        for size in [1, 7, 59, 60, 500_usize] {
            let mut pages = expected.chunks(size);
            for number in 1..=62 {
                let listed = indexes(&fixture, id, &filter, page(number, i64::try_from(size).unwrap())).await;
                let total = i64::try_from(expected.len()).unwrap();
                assert_eq!(listed, (total, pages.next().unwrap_or_default().to_vec()), "page {number} of {size}");
            }
        }
    }
}

async fn a_page_past_the_end_is_empty_and_has_the_total(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = finished(&fixture, 6).await;
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..ALL };
    for (filter, total) in [(ALL, 6), (answered, 3)] {
        for request in [page(7, 1), page(2, 10), page(i64::MAX, 500), page(1 << 40, 1)] {
            assert_eq!(indexes(&fixture, id, &filter, request).await, (total, vec![]));
        }
    }
}

async fn only_calls_after_the_index_are_listed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = finished(&fixture, 8).await;
    let after = |after| FeedFilter { after, ..ALL };
    for (index, expected) in [(-1, 0..8), (0, 1..8), (6, 7..8), (7, 8..8), (i64::MAX, 8..8), (i64::MIN, 0..8)] {
        let expected: Vec<i64> = expected.collect();
        let total = i64::try_from(expected.len()).unwrap();
        assert_eq!(indexes(&fixture, id, &after(index), all()).await, (total, expected.clone()), "after {index}");

        let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..after(index) };
        let expected: Vec<i64> = expected.into_iter().filter(|index| index % 2 == 0).collect();
        let total = i64::try_from(expected.len()).unwrap();
        assert_eq!(indexes(&fixture, id, &answered, all()).await, (total, expected), "answered after {index}");
    }
    assert_eq!(indexes(&fixture, id, &after(2), page(2, 2)).await, (5, vec![5, 6]));
}

async fn each_filter_lets_its_calls_through(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let id = finished(&fixture, 12).await;
    let duration = |left, right| FeedFilter { duration_s: Some((left, right)), ..ALL };
    let rounds = |left, right| FeedFilter { chat_rounds: Some((left, right)), ..ALL };
    let status = |status| FeedFilter { finish_status: Some(status), ..ALL };
    for (filter, expected) in [
        (duration(4, 8), vec![4, 6, 8]),
        (duration(0, 0), vec![0, 1, 3, 5, 7, 9, 11]),
        (duration(8, i64::MAX), vec![8, 10]),
        (duration(9, 9), vec![]),
        (rounds(2, 4), vec![2, 4]),
        (rounds(i64::MIN, 0), vec![0, 1, 3, 5, 7, 9, 10, 11]),
        (status(FinishStatus::Vacant), vec![1, 3, 5, 7, 9, 11]),
        (status(FinishStatus::Busy), vec![]),
        (with_results(&[("意向", &["A"])]), vec![0, 4, 8]),
        (with_results(&[("意向", &["A", "B"])]), vec![0, 2, 4, 6, 8, 10]),
        (with_results(&[("行业", &["x"]), ("行业", &["y"])]), vec![2, 6, 10]),
        (with_results(&[("意向", &["A"]), ("行业", &["y"])]), vec![]),
        (with_results(&[("意向", &["a"])]), vec![]),
        (with_results(&[("意向", &[])]), vec![]),
        (with_results(&[("A", &["意向"])]), vec![]),
    ] {
        let total = i64::try_from(expected.len()).unwrap();
        assert_eq!(indexes(&fixture, id, &filter, all()).await, (total, expected), "{filter:?}");
    }
}

async fn filters_hold_all_at_once(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let id = finished(&fixture, 30).await;
    let filter = FeedFilter {
        after: 3,
        duration_s: Some((2, 20)),
        chat_rounds: Some((2, 6)),
        finish_status: Some(FinishStatus::Answered),
        ..with_results(&[("意向", &["B"]), ("行业", &["y", "z"])])
    };

    assert_eq!(indexes(&fixture, id, &filter, all()).await, (2, vec![6, 14]));
    let whatever = FeedFilter { after: -1, duration_s: Some((0, 1000)), ..filter };
    assert_eq!(indexes(&fixture, id, &whatever, page(2, 2)).await, (5, vec![14, 22]));
}

async fn a_filter_asked_again_knows_what_finished_since(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let id = finished(&fixture, 4).await;
    let filter = with_results(&[("意向", &["A"])]);
    assert_eq!(indexes(&fixture, id, &filter, all()).await, (1, vec![0]));

    fixture.import(id, customers(100, 6)).await;
    finish_all(&fixture, id, 4).await;

    assert_eq!(indexes(&fixture, id, &filter, all()).await, (3, vec![0, 4, 8]));
    assert_eq!(indexes(&fixture, id, &FeedFilter { after: 0, ..filter }, all()).await, (2, vec![4, 8]));
}

async fn another_companys_feed_is_not_found(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = finished(&theirs, 4).await;
    for filter in [ALL, with_results(&[("意向", &["A"])])] {
        // They have asked first, so that their matches are known.
        assert_eq!(feed(&theirs, id, &filter, page(1, 1)).await.rows.len(), 1);
        for id in [id, TaskId(4711)] {
            assert_eq!(store.feed(ours.company, id, filter.clone(), all()).await.unwrap(), None);
        }
    }
}

async fn a_large_page_of_a_filter_is_whole(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1000).await;
    let id = fixture.running_task(settings(), 600).await;
    let claimed = fixture.claim(id, 600).await;
    let ending = fixture.answered(5, 1, &[("意向", "A")]);
    let finish = move |db: &mut hutong_store::Db, _| {
        claimed.iter().try_for_each(|it| hutong_store::finish::finish(db, it, &ending).map(|_| ()))
    };
    fixture.write(finish).await;
    let filter = with_results(&[("意向", &["A"])]);

    assert_eq!(indexes(&fixture, id, &filter, page(1, 500)).await, (600, (0..500).collect()));
    assert_eq!(indexes(&fixture, id, &filter, page(2, 500)).await, (600, (500..600).collect()));
}
