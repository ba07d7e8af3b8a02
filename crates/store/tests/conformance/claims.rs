//! Claims: which calls a look takes, in which order, and how it moves the task.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::NodeId;
use hutong_domain::line::LineDriver;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_domain::rules::Rules;
use hutong_domain::task::{Command, MoveReason, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::claim::{Look, Looked};
use hutong_store::finish::Finished;
use hutong_store::task::{self, NewTask, Settings};
use hutong_store::{call, node, robot};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{TaskLooked, publication, rules, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::{date, time};

conformance! {
    a_claim_says_everything_that_dialling_needs,
    a_task_goes_from_ready_over_running_to_done,
    a_task_without_numbers_pauses_until_some_come,
    a_task_pauses_outside_its_window_and_goes_on_in_it,
    a_task_pauses_outside_the_legal_hours,
    a_task_pauses_on_a_day_off,
    a_timed_task_begins_on_its_day,
    redials_that_are_due_come_before_new_numbers,
    a_task_waits_for_redials_that_are_not_due,
    a_task_speaks_the_version_it_was_made_with,
    a_look_sees_no_deleted_task_and_none_of_others,
    without_a_lease_nothing_is_claimed,
    a_task_has_work_exactly_when_a_look_would_change_something,
}

/// Busy numbers are called again, twice, ten minutes later.
fn redialling() -> Settings {
    let rule = RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 10 };
    Settings { redial_rules: vec![rule], ..settings() }
}

fn phones(looked: &TaskLooked) -> Vec<&str> {
    looked.claimed.iter().map(|claimed| claimed.customer_phone.as_str()).collect()
}

async fn has_work(fixture: &Fixture) -> bool {
    fixture.prospect(fixture.looking()).await.has_work
}

/// A look in an installation with these hours.
fn in_hours(fixture: &Fixture, hours: impl Into<Hours>) -> Look {
    Look { rules: Arc::new(Rules { hours: hours.into(), ..rules() }), ..fixture.looking() }
}

async fn a_claim_says_everything_that_dialling_needs(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;

    let looked = fixture.look(id).await;

    let [claimed] = looked.claimed.as_slice() else { panic!("{looked:?}") };
    assert_eq!((claimed.company, claimed.task, claimed.node), (fixture.company, id, fixture.node));
    assert_eq!((claimed.attempt_no, claimed.seated), (1, true));
    assert_eq!((claimed.customer_name.as_str(), claimed.customer_phone.as_str()), ("客户0000", "13800000000"));
    assert_eq!(claimed.properties["欠款"], "1200元");
    assert_eq!((claimed.line, claimed.driver), (fixture.line, LineDriver::Simulated));
    assert_eq!(claimed.caller_phone, "01088880000");
    assert_eq!((claimed.scene, claimed.scene_version), (fixture.scene(), 1));
    let call = claimed.call;
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!((view.status, view.started_at), (CallStatus::InProgress, Some(START)));
    assert_eq!(view.caller_phone.as_deref(), Some("01088880000"));
}

async fn a_task_goes_from_ready_over_running_to_done(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    assert_eq!(fixture.task(id).await.status, TaskStatus::Ready);

    let looked = fixture.look(id).await;
    assert_eq!(looked.moved(), Some((TaskStatus::Running, MoveReason::RoomToDial)));
    assert_eq!(phones(&looked), ["13800000000", "13800000001"]);
    let nothing_new = fixture.look(id).await;
    assert_eq!((nothing_new.moved(), nothing_new.claimed), (None, vec![]));

    for claimed in &looked.claimed {
        fixture.finish(claimed, fixture.unanswered(Disposition::Declined)).await;
    }
    let ended = fixture.look(id).await;

    assert_eq!(ended.moved(), Some((TaskStatus::Done, MoveReason::AllFinished)));
    let found = fixture.task(id).await;
    assert_eq!((found.status, found.ended_at), (TaskStatus::Done, Some(START)));
    let moves = fixture.read(move |db, company| task::moves(db, company, id, 2)).await;
    let kept: Vec<_> = moves.iter().map(|it| (it.actor.as_str(), it.reason.as_str())).collect();
    assert_eq!(kept, [("scheduler", "all_finished"), ("scheduler", "room_to_dial")]);
}

async fn a_task_without_numbers_pauses_until_some_come(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 0).await;
    assert_eq!(fixture.look(id).await.moved(), Some((TaskStatus::SystemPaused, MoveReason::NoNumbers)));

    fixture.import(id, hutong_testkit::fixture::customers(0, 1)).await;

    assert_eq!(fixture.look(id).await.claimed.len(), 1);
}

async fn a_task_pauses_outside_its_window_and_goes_on_in_it(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let hours = |from, until| DaySpan::new(time(from, 0, 0, 0), time(until, 0, 0, 0)).unwrap();
    let window = CallingWindow { working: hours(9, 18), rest: Some(hours(12, 14)) };
    let id = fixture.running_task(Settings { window, ..settings() }, 30).await;
    let mut taken = Vec::new();
    for (hour, status) in [
        (10, TaskStatus::Running),
        (12, TaskStatus::SystemPaused),
        (13, TaskStatus::SystemPaused),
        (14, TaskStatus::Running),
        (18, TaskStatus::SystemPaused),
        (33, TaskStatus::Running),
    ] {
        fixture.clock.set(START.after(Duration::from_secs(3600 * (hour - 10))));
        let looked = fixture.look_as(id, Look { starts_max: 1, ..fixture.looking() }).await;
        assert_eq!((hour, looked.status), (hour, Some(status)));
        assert_eq!(looked.claimed.len(), usize::from(status == TaskStatus::Running));
        taken.extend(looked.claimed);
    }
    assert_eq!(taken.len(), 3);
}

async fn a_task_pauses_outside_the_legal_hours(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let night = DaySpan::new(time(11, 0, 0, 0), time(12, 0, 0, 0)).unwrap();

    let looked = fixture.look_as(id, in_hours(&fixture, night)).await;

    assert_eq!(looked.moved(), Some((TaskStatus::SystemPaused, MoveReason::OutsideLegalHours)));
    assert_eq!(looked.claimed, []);
}

async fn a_task_pauses_on_a_day_off(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let days = DiallingDays { days_off: [fixture.clock.civil().date()].into(), ..DiallingDays::default() };

    let looked = fixture.look_as(id, in_hours(&fixture, Hours { days, ..rules().hours })).await;
    assert_eq!(looked.moved(), Some((TaskStatus::SystemPaused, MoveReason::DayOff)));
    assert_eq!(looked.claimed, []);

    fixture.clock.advance(Duration::from_secs(24 * 3600));
    let next_day = fixture.look(id).await;
    assert_eq!((next_day.status, next_day.claimed.len()), (Some(TaskStatus::Running), 1));
}

async fn a_timed_task_begins_on_its_day(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let timed = Settings { kind: TaskKind::Timed, start_date: date(2026, 5, 7), ..settings() };
    let id = fixture.insert_task(NewTask { settings: timed, ..fixture.new_task() }).await;
    fixture.import(id, hutong_testkit::fixture::customers(0, 1)).await;
    assert_eq!(fixture.look(id).await.moved(), None);

    fixture.clock.advance(Duration::from_secs(24 * 3600));
    let begun = fixture.look(id).await;

    let moves = [(TaskStatus::Ready, MoveReason::StartDateReached), (TaskStatus::Running, MoveReason::RoomToDial)];
    assert_eq!((begun.moves.as_slice(), begun.claimed.len()), (&moves[..], 1));
}

async fn redials_that_are_due_come_before_new_numbers(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(), 6).await;
    let first = fixture.claim(id, 3).await;
    // Finished in another order than imported: a redial is due by when its call ended.
    for n in [2, 0, 1] {
        fixture.clock.advance(Duration::from_secs(60));
        fixture.finish(&first[n], fixture.unanswered(Disposition::Busy)).await;
    }
    fixture.clock.advance(Duration::from_secs(9 * 60));

    let looked = fixture.look(id).await;

    let due = ["13800000002", "13800000000", "13800000003", "13800000004", "13800000005"];
    assert_eq!(phones(&looked), due);
    let attempts: Vec<_> = looked.claimed.iter().map(|claimed| claimed.attempt_no).collect();
    assert_eq!(attempts, [2, 2, 1, 1, 1]);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(phones(&fixture.look(id).await), ["13800000001"]);
}

async fn a_task_waits_for_redials_that_are_not_due(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(redialling(), 1).await;
    for redials in 0..2 {
        let claimed = fixture.claim(id, 1).await;
        assert_eq!(claimed[0].attempt_no, redials + 1);
        fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;
        let waiting = fixture.look(id).await;
        assert_eq!(waiting.moved(), Some((TaskStatus::SystemPaused, MoveReason::RedialsNotDue)));
        fixture.clock.advance(Duration::from_secs(600));
    }
    let claimed = fixture.claim(id, 1).await;
    let finished = fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;

    assert_eq!(finished, Finished::Done { call_index: Some(0) });
    assert_eq!(fixture.look(id).await.status, Some(TaskStatus::Done));
}

async fn a_task_speaks_the_version_it_was_made_with(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    fixture.write(|db, company| robot::publish(db, company, &publication(), START)).await;

    let claimed = fixture.claim(id, 1).await;

    assert_eq!(claimed[0].scene_version, 1);
}

async fn a_look_sees_no_deleted_task_and_none_of_others(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let other = theirs.running_task(settings(), 1).await;
    let deleted = ours.running_task(settings(), 1).await;
    ours.write(move |db, company| task::delete(db, company, deleted, "tester", START)).await;

    assert!(!has_work(&ours).await);
    assert_eq!(ours.look_at_all(ours.looking()).await, Looked::default());
    assert_eq!(theirs.task(other).await.status, TaskStatus::Ready);
}

async fn without_a_lease_nothing_is_claimed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let (node, nobody) = (fixture.node, NodeId(4711));
    assert_eq!(fixture.look_at_all(Look { node: nobody, ..fixture.looking() }).await, Looked::default());
    fixture.write(move |db, _| node::release(db, node)).await;

    assert_eq!(fixture.look_at_all(fixture.looking()).await, Looked::default());
    assert_eq!(fixture.task(id).await.status, TaskStatus::Ready);
}

async fn a_task_has_work_exactly_when_a_look_would_change_something(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    fixture.import(id, hutong_testkit::fixture::customers(0, 2)).await;
    assert!(!has_work(&fixture).await, "not started");
    fixture.command(id, Command::Start).await;
    assert!(has_work(&fixture).await, "ready");
    let first = fixture.look(id).await.claimed;
    assert!(!has_work(&fixture).await, "every seat is taken");
    fixture.finish(&first[0], fixture.answered(1, 1, &[("a", "b")])).await;
    assert!(has_work(&fixture).await, "a seat is free again");
    let second = fixture.look(id).await.claimed;
    fixture.finish(&second[0], fixture.answered(1, 1, &[("a", "b")])).await;
    assert!(has_work(&fixture).await, "all are finished");
    fixture.look(id).await;
    assert!(!has_work(&fixture).await, "done");
}
