//! Looking through the calls of a task: the newest first, for a name or a number.

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_store::call::NewCustomer;
use hutong_store::feed::FeedFilter;
use hutong_store::feed::search::{Found, Neighbours, Search, Text};
use hutong_store::{PageRequest, Store, waiting};
use hutong_testkit::fixture::{customer, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    the_newest_come_first_on_pages_that_meet,
    a_name_or_a_number_is_found_with_a_filter,
    what_waits_is_found_by_name_and_number,
    the_calls_before_and_after_one_are_found,
}

const NAMES: [&str; 6] = ["王小明", "李雷", "王芳", "韩梅梅", "小王", "赵六"];

/// A task with these names, the first `finished` of which have finished: every second one answered.
async fn with_names(fixture: &Fixture, finished: u32) -> TaskId {
    let id = fixture.running_task(settings(), 0).await;
    let named =
        |(n, name): (usize, &&str)| NewCustomer { name: (*name).to_owned(), ..customer(&format!("1380013800{n}")) };
    fixture.import(id, NAMES.iter().enumerate().map(named).collect()).await;
    for (n, claimed) in fixture.claim(id, finished).await.iter().enumerate() {
        let answered = fixture.answered(9, 2, &[("客户意向等级", "A级(较强)")]);
        let ending = if n % 2 == 0 { answered } else { fixture.unanswered(Disposition::Busy) };
        fixture.finish(claimed, ending).await;
    }
    id
}

async fn search(store: &Store, fixture: &Fixture, id: TaskId, search: Search, page: PageRequest) -> Found {
    store.feed_search(fixture.company, id, search, page).await.unwrap().unwrap()
}

fn newest() -> Search {
    Search { filter: FeedFilter { after: -1, ..FeedFilter::default() }, text: None, newest_first: true }
}

fn indexes(found: &Found) -> Vec<i64> {
    found.page.rows.iter().map(|row| row.call_index).collect()
}

async fn the_newest_come_first_on_pages_that_meet(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = with_names(&fixture, 6).await;
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..newest().filter };
    let after_first = FeedFilter { after: 1, ..newest().filter };
    for (filter, expected) in [
        (newest().filter, vec![5, 4, 3, 2, 1, 0]),
        (answered.clone(), vec![4, 2, 0]),
        (FeedFilter { after: 1, ..answered }, vec![4, 2]),
        (after_first, vec![5, 4, 3, 2]),
    ] {
        for newest_first in [true, false] {
            let mut expected = expected.clone();
            if !newest_first {
                expected.reverse();
            }
            let mut seen = Vec::new();
            for number in 1..=4 {
                let asked = Search { filter: filter.clone(), text: None, newest_first };
                let found = search(&store, &fixture, id, asked, page(number, 2)).await;
                assert_eq!((found.page.total, found.is_whole), (i64::try_from(expected.len()).unwrap(), true));
                seen.extend(indexes(&found));
            }
            assert_eq!(seen, expected, "{filter:?}");
        }
    }
    let elsewhere = Fixture::new(&store).await;
    assert_eq!(store.feed_search(elsewhere.company, id, newest(), all()).await.unwrap(), None);
}

async fn a_name_or_a_number_is_found_with_a_filter(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = with_names(&fixture, 5).await;
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..newest().filter };
    for (text, filter, expected) in [
        ("王", newest().filter, vec![4, 2, 0]),
        ("小", answered.clone(), vec![4, 0]),
        ("赵", newest().filter, vec![]),
        ("138-0013 8001", newest().filter, vec![1]),
        ("1380013800", answered, vec![4, 2, 0]),
        ("139", newest().filter, vec![]),
        ("王%", newest().filter, vec![]),
    ] {
        let asked = Search { filter, text: Text::parse(text), newest_first: true };
        assert_eq!(indexes(&search(&store, &fixture, id, asked, all()).await), expected, "{text}");
    }
    assert_eq!(Text::parse("  "), None);
    assert_eq!(Text::parse("+86138"), Some(Text::NumberBegins("+86138".to_owned())));
    assert_eq!(Text::parse("3号店"), Some(Text::NameHas("3号店".to_owned())));
}

async fn what_waits_is_found_by_name_and_number(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = with_names(&fixture, 2).await;
    for (text, expected) in [("王", vec!["王芳", "小王"]), ("13800138005", vec!["赵六"]), ("13800138000", vec![])]
    {
        let text = Text::parse(text).unwrap();
        let (found, is_whole) = fixture.read(move |db, company| waiting::search(db, company, id, &text, 10)).await;
        assert_eq!(found.iter().map(|it| it.customer_name.as_str()).collect::<Vec<_>>(), expected);
        assert!(is_whole);
    }
    let text = Text::NumberBegins("138".to_owned());
    let (found, _) = fixture.read(move |db, company| waiting::search(db, company, id, &text, 3)).await;
    assert_eq!(found.len(), 3);
}

async fn the_calls_before_and_after_one_are_found(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = with_names(&fixture, 5).await;
    let rows = search(&store, &fixture, id, Search { newest_first: false, ..newest() }, all()).await.page.rows;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let answered =
        Search { filter: FeedFilter { finish_status: Some(FinishStatus::Answered), ..newest().filter }, ..newest() };
    for (asked, at, previous, next) in [
        (newest(), 0, None, Some(ids[1])),
        (newest(), 4, Some(ids[3]), None),
        (answered.clone(), 2, Some(ids[0]), Some(ids[4])),
        (answered.clone(), 1, Some(ids[0]), Some(ids[2])),
        (answered, 4, Some(ids[2]), None),
    ] {
        let found = store.feed_neighbours(fixture.company, id, asked, at).await.unwrap();
        assert_eq!(found, Neighbours { previous, next }, "of {at}");
    }
}
