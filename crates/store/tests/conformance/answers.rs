//! Answers: a call that is answered talks on a seat, or not at all.

use hutong_domain::ids::NodeId;
use hutong_domain::outcome::Disposition;
use hutong_store::claim::Claimed;
use hutong_store::company;
use hutong_store::task::Settings;
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_call_with_a_seat_keeps_it,
    an_overdialled_call_takes_the_seat_of_one_that_nobody_answered,
    an_overdialled_call_takes_a_seat_that_is_free_again,
    an_answered_call_without_a_seat_is_lost_when_every_seat_talks,
    a_call_whose_seat_was_taken_gets_another_when_it_is_answered,
    a_call_of_another_task_loses_no_seat,
    an_overdialled_call_of_an_elastic_task_takes_an_idle_seat_beyond_the_quota,
    a_call_that_has_ended_is_not_answered,
}

/// Calls with a seat, and as many without, of a company with so many seats.
async fn overdialled(fixture: &Fixture, quota: u32) -> (Vec<Claimed>, Vec<Claimed>) {
    let settings = Settings { quota, in_progress_max: quota * 2, ..settings() };
    let id = fixture.running_task(settings, 100).await;
    fixture.look(id).await.claimed.into_iter().partition(|claimed| claimed.seated)
}

async fn seats_in_use(fixture: &Fixture) -> i64 {
    fixture.read(company::seats_in_use).await
}

async fn a_call_with_a_seat_keeps_it(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, _) = overdialled(&fixture, 2).await;

    assert!(fixture.answer(&seated[0]).await && fixture.answer(&seated[1]).await);

    assert_eq!(seats_in_use(&fixture).await, 2);
}

async fn an_overdialled_call_takes_the_seat_of_one_that_nobody_answered(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 2).await;
    fixture.answer(&seated[0]).await;

    assert!(fixture.answer(&seatless[0]).await);

    assert_eq!(seats_in_use(&fixture).await, 2);
    // Now both seats talk: the one that lost its seat is too late.
    assert!(!fixture.answer(&seated[1]).await);
}

async fn an_overdialled_call_takes_a_seat_that_is_free_again(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 2).await;
    fixture.answer(&seated[0]).await;
    fixture.finish(&seated[1], fixture.unanswered(Disposition::Busy)).await;

    assert!(fixture.answer(&seatless[0]).await);

    assert_eq!(seats_in_use(&fixture).await, 2);
}

async fn an_answered_call_without_a_seat_is_lost_when_every_seat_talks(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 2).await;
    for claimed in &seated {
        fixture.answer(claimed).await;
    }

    assert!(!fixture.answer(&seatless[0]).await);

    assert_eq!(seats_in_use(&fixture).await, 2);
}

async fn a_call_whose_seat_was_taken_gets_another_when_it_is_answered(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 2).await;
    // The seat of the first call goes to an overdialled one.
    assert!(fixture.answer(&seatless[0]).await);

    // Then the first takes that of the second.
    assert!(fixture.answer(&seated[0]).await);

    assert!(!fixture.answer(&seated[1]).await);
    assert_eq!(seats_in_use(&fixture).await, 2);
}

async fn a_call_of_another_task_loses_no_seat(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 1).await;
    let (others, _) = overdialled(&fixture, 1).await;
    assert_eq!((seated.len(), seatless.len(), others.len()), (1, 1, 1));
    fixture.answer(&seated[0]).await;

    assert!(!fixture.answer(&seatless[0]).await);

    assert!(fixture.answer(&others[0]).await);
}

async fn an_overdialled_call_of_an_elastic_task_takes_an_idle_seat_beyond_the_quota(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 4).await;
    let (busy, _) = overdialled(&fixture, 2).await;
    let elastic = Settings { quota: 1, in_progress_max: 3, elastic: true, ..settings() };
    let id = fixture.running_task(elastic, 100).await;
    let (seated, seatless): (Vec<_>, Vec<_>) =
        fixture.look(id).await.claimed.into_iter().partition(|claimed| claimed.seated);
    assert_eq!((seated.len(), seatless.len()), (2, 1));
    for claimed in &seated {
        fixture.answer(claimed).await;
    }
    fixture.finish(&busy[0], fixture.unanswered(Disposition::Busy)).await;

    assert!(fixture.answer(&seatless[0]).await, "a seat of the company is idle");
}

async fn a_call_that_has_ended_is_not_answered(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let (seated, seatless) = overdialled(&fixture, 2).await;
    for claimed in [&seated[0], &seatless[0]] {
        fixture.finish(claimed, fixture.unanswered(Disposition::Interrupted)).await;
        assert!(!fixture.answer(claimed).await);
    }
    let nobodys = Claimed { attempt_no: 7, node: NodeId(4711), ..seated[1].clone() };
    assert!(!fixture.answer(&nobodys).await);
    assert_eq!(seats_in_use(&fixture).await, 1);
}
