//! The calls that are still to be dialled.

use std::time::Duration;

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::ids::{BlacklistGroupId, TaskId};
use hutong_domain::ledger::CallFacts;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::task::Settings;
use hutong_store::waiting::block::{Changes, IMPORTS_PER_BLOCK, PARTS};
use hutong_store::waiting::{self, MoveOutcome, Waiting};
use hutong_store::{Db, Error, Page, PageRequest, ledger, values};
use hutong_testkit::fixture::{customers, rules, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    waiting_calls_are_listed_in_the_order_in_which_they_will_be_dialled,
    pages_of_waiting_calls_meet_without_gap_or_repetition,
    a_waiting_redial_says_what_was_dialled_so_far,
    nothing_waits_in_another_companys_task,
    deep_pages_are_the_ones_that_walking_through_all_would_give,
    blocks_are_true_whatever_happens_to_their_numbers,
    a_dialled_task_leaves_no_blocks,
    redials_of_many_minutes_are_parted_at_the_moment,
    numbers_moved_to_the_head_or_put_off_stand_where_they_are_dialled,
    a_number_is_moved_to_the_head_until_it_is_dialled,
    more_than_a_block_has_cannot_leave_it,
}

async fn waiting(fixture: &Fixture, id: TaskId, request: PageRequest) -> Page<Waiting> {
    let now = fixture.now();
    fixture.read(move |db, company| waiting::page(db, company, id, now, request)).await
}

fn phones(page: &Page<Waiting>) -> Vec<&str> {
    page.rows.iter().map(|row| row.customer_phone.as_str()).collect()
}

/// A task with two redials that are due, the later number first, two numbers never dialled, two redials
/// that are not due, one call in progress and one finished.
async fn mixed(fixture: &Fixture) -> TaskId {
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 8).await;
    let claimed = fixture.claim(id, 6).await;
    for n in [1, 0, 3, 2] {
        fixture.clock.advance(Duration::from_secs(60));
        fixture.finish(&claimed[n], fixture.unanswered(Disposition::Busy)).await;
    }
    fixture.finish(&claimed[4], fixture.unanswered(Disposition::Vacant)).await;
    fixture.clock.advance(Duration::from_secs(8 * 60));
    id
}

const IN_ORDER: [&str; 6] = ["13800000001", "13800000000", "13800000006", "13800000007", "13800000003", "13800000002"];

async fn waiting_calls_are_listed_in_the_order_in_which_they_will_be_dialled(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = mixed(&fixture).await;

    let listed = waiting(&fixture, id, all()).await;

    assert_eq!((listed.total, phones(&listed)), (6, IN_ORDER.to_vec()));
    let dialled: Vec<_> = fixture.look(id).await.claimed.into_iter().map(|it| it.customer_phone).collect();
    assert_eq!(dialled, IN_ORDER[..4]);
}

async fn pages_of_waiting_calls_meet_without_gap_or_repetition(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = mixed(&fixture).await;
    for size in 1..=7_usize {
        let mut seen = Vec::new();
        for number in 1..=7_i64 {
            let rows = waiting(&fixture, id, page(number, i64::try_from(size).unwrap())).await;
            assert_eq!(rows.total, 6);
            seen.extend(phones(&rows).into_iter().map(str::to_owned));
        }
        assert_eq!(seen, IN_ORDER, "pages of {size}");
    }
    assert_eq!(waiting(&fixture, id, page(i64::MAX, 500)).await, Page { total: 6, rows: vec![] });
}

async fn a_waiting_redial_says_what_was_dialled_so_far(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = mixed(&fixture).await;

    let rows = waiting(&fixture, id, all()).await.rows;

    assert_eq!((rows[0].status, rows[0].dialled), (CallStatus::AwaitingRedial, 1));
    assert!(rows[0].started_at.is_some());
    assert_eq!(rows[0].caller_phone.as_deref(), Some("01088880000"));
    assert_eq!((rows[2].status, rows[2].dialled, rows[2].started_at), (CallStatus::NotStarted, 0, None));
}

async fn nothing_waits_in_another_companys_task(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = mixed(&theirs).await;

    for id in [id, TaskId(4711)] {
        assert_eq!(waiting(&ours, id, all()).await, Page { total: 0, rows: vec![] });
    }
}

/// Every number that waits, in one read over all of them, in the order in which they are dialled.
async fn walked(fixture: &Fixture, id: TaskId) -> Vec<String> {
    let now = fixture.now();
    fixture
        .read(move |db, company| {
            db.query(
                "SELECT customer_phone FROM call WHERE company_id = ?1 AND task_id = ?2 AND status IN (0, 3)
                 ORDER BY CASE WHEN due_at < 0 THEN 0 WHEN status = 0 THEN 2 WHEN due_at <= ?3 THEN 1 ELSE 3 END, due_at,
                     CASE WHEN status = 0 THEN import_no ELSE id END",
                values![company, id, now],
                |row| row.text(0),
            )
        })
        .await
}

/// Asserts that the ledger of a number that waits says how many stand before it. A redial that is not due is listed after
/// numbers that it will come before.
async fn assert_stands_at(fixture: &Fixture, id: TaskId, row: &Waiting, place: u64) {
    let (rules, now, phone) = (rules(), fixture.now(), row.customer_phone.clone());
    let facts = fixture.read(move |db, company| ledger::of_number(db, company, id, &phone, (&rules, now))).await;
    let facts = facts.unwrap().facts;
    if !matches!(facts.call, CallFacts::AwaitingRedial { due } if due > now) {
        assert_eq!(facts.before, place, "{row:?}");
    }
}

/// Asserts that pages of this size, with these numbers, are what a walk through all gives.
async fn assert_pages(fixture: &Fixture, id: TaskId, size: i64, numbers: impl IntoIterator<Item = i64>) {
    let all = walked(fixture, id).await;
    for number in numbers {
        let request = page(number, size);
        let found = waiting(fixture, id, request).await;
        let skip = usize::try_from(request.offset()).unwrap();
        let expected: Vec<_> = all.iter().skip(skip).take(usize::try_from(size).unwrap()).collect();
        assert_eq!(found.total, i64::try_from(all.len()).unwrap());
        assert_eq!(phones(&found), expected, "page {number} of {size}");
        for (row, place) in found.rows.iter().zip(skip..).step_by(97) {
            assert_stands_at(fixture, id, row, u64::try_from(place).unwrap()).await;
        }
    }
}

/// Numbers of twelve small blocks, and a few more.
const TWELVE_BLOCKS: i64 = 12 * IMPORTS_PER_BLOCK + 17;

/// A task of so many numbers: some of its first numbers, and some out of order, are in progress, finished, or wait
/// for redials in different minutes.
async fn of_many_blocks(fixture: &Fixture, numbers: i64) -> TaskId {
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let settings = Settings { redial_rules: vec![rule], in_progress_max: 10_000, quota: 10_000, ..settings() };
    let id = fixture.running_task(settings, usize::try_from(numbers).unwrap()).await;
    for (n, claimed) in (0..).zip(fixture.claim(id, 600).await) {
        if n % 50 == 0 {
            fixture.clock.advance(Duration::from_secs(17));
        }
        match n % 10 {
            0 => fixture.finish(&claimed, fixture.unanswered(Disposition::Vacant)).await,
            1..4 => fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await,
            _ => continue,
        };
    }
    fixture.clock.advance(Duration::from_millis(8 * 60_000 + 29_999));
    id
}

async fn deep_pages_are_the_ones_that_walking_through_all_would_give(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10_000).await;
    let large = IMPORTS_PER_BLOCK * PARTS;
    let id = of_many_blocks(&fixture, large + 1000).await;
    assert_counts_are_facts(&store, fixture.company, id).await;

    assert_pages(&fixture, id, 500, 1..=14).await;
    assert_pages(&fixture, id, 7, (1..900).step_by(31)).await;
    assert_pages(&fixture, id, 1, [1, 2, 179, 180, 181, 1447, 1448, 1449, 3496, 5700, 5800]).await;
    let total = waiting(&fixture, id, all()).await.total;
    let all = walked(&fixture, id).await;
    let place = |import_no| {
        let phone = format!("138{import_no:08}");
        i64::try_from(all.iter().position(|it| *it == phone).unwrap()).unwrap()
    };
    for border in [place(2 * IMPORTS_PER_BLOCK), place(3 * IMPORTS_PER_BLOCK), place(large), place(large + 999), total]
    {
        assert_pages(&fixture, id, 1, border - 2..=border + 2).await;
    }
}

async fn blocks_are_true_whatever_happens_to_their_numbers(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10_000).await;
    let id = of_many_blocks(&fixture, TWELVE_BLOCKS).await;
    let now = fixture.now();
    fixture
        .write(move |db, company| {
            let (name, remark) = (String::new(), String::new());
            let entry = NewEntry { mobile: "13800000603".to_owned(), name, remark };
            blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, now)
        })
        .await;
    // Numbers that the task has are left out: the new ones begin in the middle of a block and reach into the next.
    fixture.import(id, customers(usize::try_from(TWELVE_BLOCKS).unwrap() - 17, 2500)).await;
    for round in 0..3 {
        let looked = fixture.look(id).await;
        assert!(round > 0 || looked.blacklisted.len() == 1);
        for claimed in looked.blacklisted.iter().chain(looked.claimed.iter().step_by(3)) {
            fixture.finish(claimed, fixture.unanswered(Disposition::Busy)).await;
        }
        assert_counts_are_facts(&store, fixture.company, id).await;
        assert_pages(&fixture, id, 250, (1..40).step_by(3)).await;
        fixture.clock.advance(Duration::from_secs(400));
    }
}

async fn a_dialled_task_leaves_no_blocks(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 3).await;
    for _ in 0..2 {
        for claimed in fixture.claim(id, 3).await {
            fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
        }
        assert_counts_are_facts(&store, fixture.company, id).await;
        fixture.clock.advance(Duration::from_secs(600));
    }

    assert_eq!(waiting(&fixture, id, all()).await, Page { total: 0, rows: vec![] });
    assert_eq!(fixture.read(|db, _| db.query_int("SELECT COUNT(*) FROM waiting_block", &[])).await, 0);
}

async fn redials_of_many_minutes_are_parted_at_the_moment(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10_000).await;
    let id = of_many_blocks(&fixture, TWELVE_BLOCKS).await;
    let due = fixture.read(move |db, company| {
        db.query(
            "SELECT DISTINCT due_at FROM call WHERE company_id = ?1 AND task_id = ?2 AND status = 3 ORDER BY due_at",
            values![company, id],
            |row| row.moment(0),
        )
    });
    let due = due.await;
    assert!(due.len() >= 10, "{due:?}");

    for due in due {
        for now in [-1, 0, 1].map(|ms| Moment(due.ms() + ms)) {
            fixture.clock.set(now);
            // The last page has the redials that are not due.
            let last = waiting(&fixture, id, page(1, 100)).await.total / 100 + 1;
            assert_pages(&fixture, id, 100, [1, 2, last - 1, last]).await;
        }
    }
}

async fn numbers_moved_to_the_head_or_put_off_stand_where_they_are_dialled(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10_000).await;
    let id = of_many_blocks(&fixture, TWELVE_BLOCKS).await;
    let later = fixture.now().ms() + 3_600_000;
    let moved = [(700, -2), (5000, -3), (5001, -3), (1000, later), (6000, later), (650, later + 1)];
    fixture
        .write(move |db, company| {
            let mut changes = Changes::default();
            for (import_no, due_at) in moved {
                db.execute(
                    "UPDATE call SET due_at = ?4 WHERE company_id = ?1 AND task_id = ?2 AND import_no = ?3",
                    values![company, id, import_no, due_at],
                )?;
                changes.add((CallStatus::NotStarted, Moment(0), import_no), -1);
                changes.add((CallStatus::NotStarted, Moment(due_at), import_no), 1);
            }
            changes.write(db, company, id)
        })
        .await;

    assert_counts_are_facts(&store, fixture.company, id).await;
    assert_pages(&fixture, id, 500, 1..=14).await;
    assert_pages(&fixture, id, 3, (1..2000).step_by(97)).await;
    let waiting = waiting(&fixture, id, all()).await;
    let dialled: Vec<_> = fixture.look(id).await.claimed.into_iter().map(|it| it.customer_phone).collect();
    assert_eq!(dialled, phones(&waiting));
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_number_is_moved_to_the_head_until_it_is_dialled(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = mixed(&fixture).await;
    let move_to_head = async |phone: &'static str| {
        let now = fixture.clock.advance(Duration::from_secs(1));
        fixture.write(move |db, company| waiting::move_to_head(db, company, id, phone, now)).await
    };
    for phone in ["13800000007", "13800000006", "13800000007"] {
        assert_eq!(move_to_head(phone).await, MoveOutcome::Moved);
    }
    assert_eq!(move_to_head("13899999999").await, MoveOutcome::Unknown);
    assert_eq!(move_to_head("13800000001").await, MoveOutcome::NotFresh(CallStatus::AwaitingRedial));

    let listed = waiting(&fixture, id, all()).await;
    assert_eq!(phones(&listed)[..3], ["13800000007", "13800000006", "13800000001"]);
    assert_counts_are_facts(&store, fixture.company, id).await;
    assert_eq!(fixture.claim(id, 1).await[0].customer_phone, "13800000007");
    assert_eq!(move_to_head("13800000007").await, MoveOutcome::NotFresh(CallStatus::InProgress));
}

async fn more_than_a_block_has_cannot_leave_it(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    for (import_no, by) in [(0, -4), (IMPORTS_PER_BLOCK, -1)] {
        let leave = move |db: &mut Db, company| {
            let mut changes = Changes::default();
            changes.add((CallStatus::NotStarted, Moment(0), import_no), by);
            changes.write(db, company, id)
        };
        let company = fixture.company;
        let refused = store.write(company, move |db| leave(db, company)).await;

        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
        assert_counts_are_facts(&store, company, id).await;
    }
}
