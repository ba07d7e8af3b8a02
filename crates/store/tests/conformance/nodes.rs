//! Nodes: leases, and what becomes of the attempts of a process that is gone.

use std::time::Duration;

use futures::future::join_all;
use hutong_domain::ids::{CallId, NodeId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_store::claim::{self, Orphan, Single};
use hutong_store::finish::Finished;
use hutong_store::{IdKind, company, node};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{LEASE, customer, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    each_process_has_a_node_of_its_own,
    a_lease_is_prolonged_while_it_lasts_and_not_after,
    attempts_are_orphans_when_the_lease_has_run_out,
    a_released_lease_makes_orphans_at_once,
    releasing_the_others_spares_oneself,
    an_orphan_says_what_finishing_it_needs,
    an_answered_orphan_keeps_when_it_was_answered,
    an_orphan_is_finished_by_exactly_one,
    orphans_are_given_out_in_portions,
    a_row_can_be_written_without_a_change,
}

const AFTER_THE_LEASE: Moment = Moment(START.ms() + 1000 * LEASE.as_secs().cast_signed());

async fn renew(fixture: &Fixture, now: Moment) -> bool {
    let node = fixture.node;
    fixture.write(move |db, _| node::renew(db, node, now, now.after(LEASE))).await
}

async fn orphans(fixture: &Fixture, now: Moment, limit: i64) -> Vec<Orphan> {
    fixture.read(move |db, _| claim::orphans(db, now, limit)).await
}

async fn each_process_has_a_node_of_its_own(store: TestStore) {
    let fixture = Fixture::new(&store).await;

    let other = fixture.write(|db, _| node::register(db, START, AFTER_THE_LEASE)).await;

    assert!(other != fixture.node && other.get() > 0);
}

async fn a_lease_is_prolonged_while_it_lasts_and_not_after(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let just_before = Moment(AFTER_THE_LEASE.ms() - 1);

    assert!(renew(&fixture, just_before).await);
    assert!(!renew(&fixture, just_before.after(LEASE)).await);

    let nobody = fixture.write(|db, _| node::renew(db, NodeId(4711), START, AFTER_THE_LEASE)).await;
    assert!(!nobody);
}

async fn attempts_are_orphans_when_the_lease_has_run_out(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    let claimed = fixture.claim(id, 2).await;
    fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;
    assert_eq!(orphans(&fixture, Moment(AFTER_THE_LEASE.ms() - 1), 100).await, []);

    let found = orphans(&fixture, AFTER_THE_LEASE, 100).await;

    assert_eq!(found.iter().map(|orphan| orphan.claimed.call).collect::<Vec<_>>(), [claimed[1].call]);
    assert_eq!(fixture.read(company::seats_in_use).await, 1, "the seat is held until the attempt is ended");
}

async fn a_released_lease_makes_orphans_at_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    fixture.claim(id, 1).await;
    let node = fixture.node;

    fixture.write(move |db, _| node::release(db, node)).await;

    assert_eq!(orphans(&fixture, START, 100).await.len(), 1);
    assert!(!renew(&fixture, START).await, "what was given back stays given back");
}

async fn releasing_the_others_spares_oneself(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    for fixture in [&ours, &theirs] {
        let id = fixture.running_task(settings(), 1).await;
        fixture.claim(id, 1).await;
    }
    let node = ours.node;

    ours.write(move |db, _| node::release_others(db, node)).await;

    let found = orphans(&ours, START, 100).await;
    assert_eq!(found.iter().map(|orphan| orphan.claimed.node).collect::<Vec<_>>(), [theirs.node]);
    assert!(renew(&ours, START).await && !renew(&theirs, START).await);
}

async fn an_orphan_says_what_finishing_it_needs(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let answered_at = fixture.clock.advance(Duration::from_secs(5));
    fixture.answer(&claimed).await;
    let single = Single {
        company: fixture.company,
        robot: fixture.robot.id,
        customer: customer("13800000009"),
        customer_id: hutong_domain::ids::CustomerId(store.reserve(IdKind::Customer, 1).await.unwrap()),
        known_customer: false,
        call: CallId(store.reserve(IdKind::Call, 1).await.unwrap()),
    };
    let look = fixture.looking();
    let placed = fixture.write(move |db, _| claim::place_single(db, &single, &look)).await.unwrap();

    let mut found = orphans(&fixture, AFTER_THE_LEASE, 100).await;

    found.sort_by_key(|orphan| orphan.claimed.attempt_no + orphan.claimed_at.ms());
    let [of_task, alone] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((of_task.claimed_at, of_task.answered_at), (START, Some(answered_at)));
    assert_eq!((alone.claimed_at, alone.answered_at), (answered_at, None));
    for (orphan, original) in [(of_task, &claimed), (alone, &placed)] {
        let it = &orphan.claimed;
        assert_eq!((it.company, it.task, it.call), (original.company, original.task, original.call));
        assert_eq!((it.attempt_no, it.node, it.line), (original.attempt_no, original.node, original.line));
        assert_eq!((it.seated, it.scene, it.scene_version), (true, original.scene, original.scene_version));
        let finished = fixture.finish(it, fixture.unanswered(Disposition::Interrupted)).await;
        assert!(matches!(finished, Finished::Done { .. }), "{finished:?}");
    }
}

async fn an_answered_orphan_keeps_when_it_was_answered(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let answered_at = fixture.clock.advance(Duration::from_secs(5));
    fixture.answer(&claimed).await;

    // Whoever ends it does not know that somebody answered.
    fixture.finish(&claimed, fixture.unanswered(Disposition::Interrupted)).await;

    let kept = fixture
        .read(move |db, company| {
            let sql = "SELECT answered_at FROM attempt WHERE company_id = ?1 AND call_id = ?2";
            db.query_int(sql, hutong_store::values![company, claimed.call])
        })
        .await;
    assert_eq!(Moment(kept), answered_at);
}

async fn an_orphan_is_finished_by_exactly_one(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 5).await;
    let claimed = fixture.claim(id, 5).await;
    let found = orphans(&fixture, AFTER_THE_LEASE, 100).await;
    assert_eq!(found.len(), 5);

    // Two processes find the same orphans, and the one that was thought dead wakes up.
    let twice = found.iter().chain(&found).map(|orphan| orphan.claimed.clone()).chain(claimed);
    let endings: Vec<_> = twice.collect();
    let finished =
        join_all(endings.iter().map(|it| fixture.finish(it, fixture.unanswered(Disposition::Interrupted)))).await;

    assert_eq!(finished.iter().filter(|it| matches!(it, Finished::Done { .. })).count(), 5);
    assert_eq!(finished.iter().filter(|it| **it == Finished::Stale).count(), 10);
    assert_eq!(orphans(&fixture, AFTER_THE_LEASE, 100).await, []);
    assert_eq!(fixture.read(company::seats_in_use).await, 0);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn orphans_are_given_out_in_portions(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 5).await;
    fixture.claim(id, 5).await;

    assert_eq!(orphans(&fixture, AFTER_THE_LEASE, 3).await.len(), 3);
}

async fn a_row_can_be_written_without_a_change(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let node = fixture.node;
    let newest = fixture.read(|db, _| node::newest_start(db)).await;
    fixture.write(move |db, _| node::touch(db, node)).await;

    assert_eq!(fixture.read(|db, _| node::newest_start(db)).await, newest);
    assert!(newest.is_some());
    assert!(renew(&fixture, START).await, "the lease is as it was");
}
