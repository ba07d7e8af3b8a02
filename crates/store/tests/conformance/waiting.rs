//! The calls that are still to be dialled.

use std::time::Duration;

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_store::call::{self, Waiting};
use hutong_store::task::Settings;
use hutong_store::{Page, PageRequest};
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    waiting_calls_are_listed_in_the_order_in_which_they_will_be_dialled,
    pages_of_waiting_calls_meet_without_gap_or_repetition,
    a_waiting_redial_says_what_was_dialled_so_far,
    nothing_waits_in_another_companys_task,
}

async fn waiting(fixture: &Fixture, id: TaskId, request: PageRequest) -> Page<Waiting> {
    let now = fixture.now();
    fixture.read(move |db, company| call::waiting(db, company, id, now, request)).await
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
