//! Calls placed by themselves, outside any task.

use hutong_domain::call::{CallKind, CallStatus};
use hutong_domain::ids::{BlacklistGroupId, CallId, CustomerId, RobotId, TaskId};
use hutong_domain::outcome::Disposition;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::claim::{self, Claimed, Single, SingleRefused};
use hutong_store::finish::Finished;
use hutong_store::{IdKind, call, robot};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::customer;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_call_by_itself_is_claimed_at_once_on_a_seat,
    a_call_by_itself_ends_outside_every_feed,
    a_number_is_called_by_itself_again_when_its_call_has_ended,
    a_known_customer_is_not_made_again,
    a_call_that_cannot_be_placed_leaves_nothing,
}

pub(crate) async fn single(fixture: &Fixture) -> Single {
    Single {
        company: fixture.company,
        robot: fixture.robot.id,
        customer: customer("13800000001"),
        customer_id: CustomerId(fixture.store.reserve(IdKind::Customer, 1).await.unwrap()),
        known_customer: false,
        call: CallId(fixture.store.reserve(IdKind::Call, 1).await.unwrap()),
    }
}

pub(crate) async fn place(fixture: &Fixture, single: Single) -> Result<Claimed, SingleRefused> {
    let look = fixture.looking();
    fixture.write(move |db, _| claim::place_single(db, &single, &look)).await
}

async fn a_call_by_itself_is_claimed_at_once_on_a_seat(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let single = single(&fixture).await;

    let claimed = place(&fixture, single.clone()).await.unwrap();

    assert_eq!((claimed.call, claimed.task, claimed.attempt_no, claimed.seated), (single.call, TaskId(0), 1, true));
    assert_eq!((claimed.scene, claimed.scene_version, claimed.line), (fixture.scene(), 1, fixture.line));
    assert!(fixture.answer(&claimed).await);
    let view = fixture.read(move |db, company| call::find(db, company, single.call)).await.unwrap();
    assert_eq!((view.kind, view.status, view.started_at), (CallKind::Single, CallStatus::InProgress, Some(START)));
    assert_eq!((view.task_name, view.robot, view.scene), (None, fixture.robot.id, fixture.scene()));
    assert_eq!((view.voice, view.voice_name.as_str()), (fixture.voice(), "女声"));
}

async fn a_call_by_itself_ends_outside_every_feed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let claimed = place(&fixture, single(&fixture).await).await.unwrap();

    let finished = fixture.finish(&claimed, fixture.answered(7, 2, &[("a", "b")])).await;

    assert_eq!(finished, Finished::Done { call_index: None });
    let call = claimed.call;
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!((view.status, view.call_index, view.duration_s), (CallStatus::Done, None, 7));
    assert_eq!(view.record.unwrap().results.len(), 1);
    let again = fixture.finish(&claimed, fixture.answered(7, 2, &[("a", "b")])).await;
    assert_eq!(again, Finished::Stale);
}

async fn a_number_is_called_by_itself_again_when_its_call_has_ended(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for _ in 0..3 {
        let placed = place(&fixture, single(&fixture).await).await.unwrap();
        assert_eq!(place(&fixture, single(&fixture).await).await, Err(SingleRefused::Busy));
        fixture.finish(&placed, fixture.unanswered(Disposition::Busy)).await;
    }
}

async fn a_known_customer_is_not_made_again(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let first = single(&fixture).await;
    let placed = place(&fixture, first.clone()).await.unwrap();
    fixture.finish(&placed, fixture.unanswered(Disposition::Busy)).await;
    let again = Single { customer_id: first.customer_id, known_customer: true, ..single(&fixture).await };
    let call = again.call;

    place(&fixture, again).await.unwrap();

    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!(view.customer, first.customer_id);
    assert_eq!(fixture.read(|db, _| db.query_int("SELECT COUNT(*) FROM customer", &[])).await, 1);
}

async fn a_call_that_cannot_be_placed_leaves_nothing(store: TestStore) {
    let (fixture, other) = (Fixture::with_seats(&store, 1).await, Fixture::new(&store).await);
    let blocked = NewEntry { mobile: "13800000009".to_owned(), name: String::new(), remark: String::new() };
    fixture.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &blocked, START)).await;
    let (usual, robot) = (single(&fixture).await, fixture.robot.id);

    for robot in [RobotId(4711), other.robot.id] {
        let refused = place(&fixture, Single { robot, ..usual.clone() }).await;
        assert_eq!(refused, Err(SingleRefused::NoRobot));
    }
    let refused = place(&fixture, Single { customer: customer("13800000009"), ..usual.clone() }).await;
    assert_eq!(refused, Err(SingleRefused::Blacklisted));
    fixture.write(move |db, company| robot::set_online(db, company, robot, false, START)).await;
    assert_eq!(place(&fixture, usual.clone()).await, Err(SingleRefused::NoRobot));
    fixture.write(move |db, company| robot::set_online(db, company, robot, true, START)).await;
    set_lines_enabled(&fixture, 0).await;
    assert_eq!(place(&fixture, usual.clone()).await, Err(SingleRefused::NoChannel));
    set_lines_enabled(&fixture, 1).await;
    assert_eq!(fixture.read(|db, _| db.query_int("SELECT COUNT(*) FROM call", &[])).await, 0);

    let placed = place(&fixture, usual).await.unwrap();
    let refused = place(&fixture, single(&fixture).await).await;
    assert_eq!(refused, Err(SingleRefused::NoSeat));
    fixture.finish(&placed, fixture.unanswered(Disposition::Busy)).await;
    assert!(place(&fixture, single(&fixture).await).await.is_ok());
}

async fn set_lines_enabled(fixture: &Fixture, enabled: i64) {
    fixture
        .write(move |db, company| {
            db.execute("UPDATE line SET enabled = ?2 WHERE company_id = ?1", hutong_store::values![company, enabled])
        })
        .await;
}
