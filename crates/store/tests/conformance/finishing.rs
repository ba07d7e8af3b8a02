//! Finishing: indexes without gaps, counts that are facts, redials, and endings that come too late.

use std::time::Duration;

use futures::future::join_all;
use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::ids::NodeId;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::Command;
use hutong_store::claim::Claimed;
use hutong_store::finish::Finished;
use hutong_store::task::{self, Settings};
use hutong_store::{call, company};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    call_indexes_count_up_from_nought_without_gaps,
    counts_are_what_the_calls_say_whatever_became_of_them,
    each_finish_status_has_its_own_count,
    a_redial_is_planned_as_its_rule_says_and_counts_nothing_yet,
    all_rules_of_a_task_share_the_number_of_redials,
    a_stale_ending_changes_nothing,
    an_ending_by_another_process_changes_nothing,
    a_stopped_task_plans_no_redial,
    a_deleted_task_plans_no_redial_and_still_counts,
    a_paused_task_still_plans_redials,
    talk_time_is_rounded_down_and_nought_where_nobody_answered,
}

/// Every outcome that a line can report.
const DISPOSITIONS: [Disposition; 14] = [
    Disposition::Answered,
    Disposition::Declined,
    Disposition::RangOut,
    Disposition::Unreachable,
    Disposition::Busy,
    Disposition::PoweredOff,
    Disposition::Suspended,
    Disposition::Vacant,
    Disposition::OutOfCoverage,
    Disposition::LineFailed,
    Disposition::LineInArrears,
    Disposition::NoSeat,
    Disposition::Interrupted,
    Disposition::Blacklisted,
];

fn redialling(rules: &[(FinishStatus, u32)]) -> Settings {
    let rule = |&(status, times)| RedialRule { status, times, interval_minutes: 10 };
    Settings { redial_rules: rules.iter().map(rule).collect(), ..settings() }
}

async fn find(fixture: &Fixture, claimed: &Claimed) -> call::CallView {
    let call = claimed.call;
    fixture.read(move |db, company| call::find(db, company, call)).await.unwrap()
}

async fn call_indexes_count_up_from_nought_without_gaps(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1000).await;
    for _ in 0..2 {
        let id = fixture.running_task(settings(), 40).await;
        let claimed = fixture.claim(id, 40).await;
        let endings = claimed.iter().map(|it| fixture.finish(it, fixture.answered(1, 1, &[("a", "b")])));

        let finished = join_all(endings).await;

        let mut indexes: Vec<_> = finished
            .into_iter()
            .map(|finished| match finished {
                Finished::Done { call_index: Some(index) } => index,
                other => panic!("{other:?}"),
            })
            .collect();
        indexes.sort_unstable();
        assert_eq!(indexes, (0..40).collect::<Vec<_>>());
        assert_counts_are_facts(&store, fixture.company, id).await;
    }
}

async fn counts_are_what_the_calls_say_whatever_became_of_them(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1000).await;
    let settings = redialling(&[(FinishStatus::Busy, 1), (FinishStatus::Lost, 2)]);
    let id = fixture.running_task(settings, 60).await;
    for round in 0..4_i64 {
        for (n, claimed) in (round..).zip(fixture.claim(id, 25).await) {
            let disposition = DISPOSITIONS[usize::try_from(n).unwrap() % DISPOSITIONS.len()];
            let level = format!("{}级", ["A", "B", "C"][usize::try_from(n).unwrap() % 3]);
            let ending = match disposition {
                Disposition::Answered => {
                    fixture.answered(n * 7 % 150, n * 3 % 40, &[("意向", &level), ("行业", "a"), ("行业", "b")])
                }
                disposition => fixture.unanswered(disposition),
            };
            fixture.finish(&claimed, ending).await;
        }
        assert_counts_are_facts(&store, fixture.company, id).await;
        fixture.clock.advance(Duration::from_secs(600));
    }
    assert!(fixture.task(id).await.counters.done > 50);
    assert_eq!(fixture.read(company::seats_in_use).await, 0);
}

async fn each_finish_status_has_its_own_count(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1000).await;
    let id = fixture.running_task(settings(), DISPOSITIONS.len()).await;
    for (claimed, disposition) in fixture.claim(id, 100).await.iter().zip(DISPOSITIONS) {
        fixture.finish(claimed, fixture.unanswered(disposition)).await;
        assert_eq!(find(&fixture, claimed).await.finish_status, Some(disposition.finish_status()));
    }

    let counters = fixture.task(id).await.counters;

    for status in FinishStatus::ALL {
        // A call is lost for want of a seat, or for our own fault.
        let expected = if *status == FinishStatus::Lost { 2 } else { 1 };
        assert_eq!((status, counters.finished_with(*status)), (status, expected));
    }
    assert_eq!(counters.done, 14);
}

async fn a_redial_is_planned_as_its_rule_says_and_counts_nothing_yet(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(&[(FinishStatus::Busy, 1)]), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let now = fixture.clock.advance(Duration::from_secs(30));
    let at = now.after(Duration::from_secs(600));

    let finished = fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;

    assert_eq!(finished, Finished::Redial { at });
    let view = find(&fixture, &claimed).await;
    assert_eq!((view.status, view.redial_planned_at, view.redials), (CallStatus::AwaitingRedial, Some(at), 0));
    assert_eq!((view.finish_status, view.call_index, view.record), (None, None, None));
    assert_eq!((view.started_at, view.ended_at), (Some(START), Some(now)));
    assert_eq!(fixture.task(id).await.counters.done, 0);

    fixture.clock.set(at);
    let claimed = fixture.claim(id, 1).await.remove(0);
    let dialled = find(&fixture, &claimed).await;
    assert_eq!((dialled.status, dialled.redials, dialled.ended_at), (CallStatus::InProgress, 1, None));
    fixture.finish(&claimed, fixture.answered(3, 1, &[("a", "b")])).await;
    let view = find(&fixture, &claimed).await;
    assert_eq!((view.finish_status, view.redials), (Some(FinishStatus::Answered), 1));
    assert_eq!(view.redial_planned_at, Some(at));
}

async fn all_rules_of_a_task_share_the_number_of_redials(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rules = [(FinishStatus::Busy, 1), (FinishStatus::PoweredOff, 2)];
    let id = fixture.running_task(redialling(&rules), 1).await;
    for (disposition, redialled) in
        [(Disposition::Busy, true), (Disposition::PoweredOff, true), (Disposition::PoweredOff, false)]
    {
        let claimed = fixture.claim(id, 1).await.remove(0);
        let finished = fixture.finish(&claimed, fixture.unanswered(disposition)).await;
        assert_eq!(matches!(finished, Finished::Redial { .. }), redialled, "{finished:?}");
        fixture.clock.advance(Duration::from_secs(600));
    }
}

async fn a_stale_ending_changes_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(&[(FinishStatus::Busy, 1)]), 2).await;
    let claimed = fixture.claim(id, 2).await;
    fixture.finish(&claimed[0], fixture.answered(30, 4, &[("a", "b")])).await;
    fixture.finish(&claimed[1], fixture.unanswered(Disposition::Busy)).await;
    let before = (fixture.task(id).await, find(&fixture, &claimed[0]).await, find(&fixture, &claimed[1]).await);

    for claimed in &claimed {
        fixture.clock.advance(Duration::from_secs(1));
        let finished = fixture.finish(claimed, fixture.answered(99, 9, &[("a", "c")])).await;
        assert_eq!(finished, Finished::Stale);
    }

    let after = (fixture.task(id).await, find(&fixture, &claimed[0]).await, find(&fixture, &claimed[1]).await);
    assert_eq!(after, before);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn an_ending_by_another_process_changes_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let before = find(&fixture, &claimed).await;

    for theirs in [
        Claimed { node: NodeId(fixture.node.get() + 1), ..claimed.clone() },
        Claimed { attempt_no: 2, ..claimed.clone() },
    ] {
        assert_eq!(fixture.finish(&theirs, fixture.answered(3, 1, &[("a", "b")])).await, Finished::Stale);
    }

    assert_eq!(find(&fixture, &claimed).await, before);
    assert_eq!(fixture.read(company::seats_in_use).await, 1);
}

async fn a_stopped_task_plans_no_redial(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(&[(FinishStatus::Busy, 5)]), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.command(id, Command::Stop).await;

    let finished = fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;

    assert_eq!(finished, Finished::Done { call_index: Some(0) });
    assert_eq!(find(&fixture, &claimed).await.redial_planned_at, None);
}

async fn a_deleted_task_plans_no_redial_and_still_counts(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(&[(FinishStatus::Busy, 5)]), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.write(move |db, company| task::delete(db, company, id, "tester", START)).await;

    let finished = fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;

    assert_eq!(finished, Finished::Done { call_index: Some(0) });
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_paused_task_still_plans_redials(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(&[(FinishStatus::Busy, 5)]), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.command(id, Command::Pause).await;

    let finished = fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;

    assert!(matches!(finished, Finished::Redial { .. }), "{finished:?}");
}

async fn talk_time_is_rounded_down_and_nought_where_nobody_answered(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    let claimed = fixture.claim(id, 2).await;
    let mut nearly_ten = fixture.answered(10, 3, &[("a", "b")]);
    nearly_ten.answered_at = nearly_ten.answered_at.map(|at| at.after(Duration::from_millis(1)));
    fixture.finish(&claimed[0], nearly_ten).await;
    // Somebody took the call, and no seat was free to talk to them.
    let mut lost = fixture.unanswered(Disposition::NoSeat);
    lost.answered_at = Some(START);
    lost.ended_at = START.after(Duration::from_secs(70));
    fixture.finish(&claimed[1], lost).await;

    assert_eq!(find(&fixture, &claimed[0]).await.duration_s, 9);
    assert_eq!(find(&fixture, &claimed[1]).await.duration_s, 0);
    assert_eq!(fixture.task(id).await.counters.by_talk_time, [1, 0, 0, 0]);
    assert_counts_are_facts(&store, fixture.company, id).await;
}
