//! Rules that hold whatever the task: frequency caps, one call per number, paces and breakers of lines, company hours.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::caps::Caps;
use hutong_domain::ids::BlacklistGroupId;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::pace::Pace;
use hutong_domain::redial::RedialRule;
use hutong_domain::rules::{CompanyRules, Rules};
use hutong_domain::task::{Command, MoveReason, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::claim::{self, Claimed, Look};
use hutong_store::finish::Finished;
use hutong_store::line::{self, Line};
use hutong_store::task::{NewTask, Settings};
use hutong_store::{company, number};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{all_day, customers, new_line, rules, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::time;

conformance! {
    a_number_in_another_call_is_put_off_and_dialled_when_that_has_ended,
    a_number_that_was_dialled_often_enough_waits_for_another_day,
    a_company_counts_its_own_attempts_and_the_installation_those_of_all,
    a_task_with_capped_numbers_only_pauses_until_they_may_be_dialled,
    calls_start_on_a_line_at_its_pace,
    a_line_that_fails_is_left_alone_and_tried_with_one_call,
    a_task_whose_lines_are_in_arrears_waits_for_a_person,
    another_line_takes_over_from_one_that_fails,
    failures_of_our_side_have_redials_of_their_own,
    a_task_dials_beyond_its_seats_only_once_it_knows_who_answers,
    a_company_calls_in_its_own_hours,
    a_look_says_when_time_alone_will_change_something,
    a_claimed_call_may_be_dialled_until_it_is_ended_or_blacklisted,
    a_process_is_told_what_it_holds,
}

/// A started task over the numbers that end in 0 and up.
async fn task_over(fixture: &Fixture, settings: Settings, numbers: usize) -> hutong_domain::ids::TaskId {
    let id = fixture.insert_task(NewTask { settings, ..fixture.new_task() }).await;
    fixture.import(id, customers(0, numbers)).await;
    fixture.command(id, Command::Start).await;
    id
}

fn phones(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|claimed| &claimed.customer_phone[7..]).collect()
}

async fn finish_all(fixture: &Fixture, claimed: &[Claimed], disposition: Disposition) {
    for claimed in claimed {
        fixture.finish(claimed, fixture.unanswered(disposition)).await;
    }
}

fn hours(from: i8, until: i8) -> DaySpan {
    DaySpan::new(time(from, 0, 0, 0), time(until, 0, 0, 0)).unwrap()
}

/// So many seconds after the beginning of the test.
fn after(seconds: u64) -> Moment {
    START.after(Duration::from_secs(seconds))
}

async fn a_number_in_another_call_is_put_off_and_dialled_when_that_has_ended(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let (id, other) = (task_over(&ours, settings(), 2).await, task_over(&theirs, settings(), 1).await);
    let first = theirs.look(other).await.claimed;

    let looked = ours.look(id).await;

    assert_eq!((phones(&looked.claimed), looked.postponed, looked.again), (vec!["0001"], 1, true));
    assert_eq!(ours.look(id).await.wakes, Some(after(30)));
    finish_all(&theirs, &first, Disposition::Busy).await;
    assert_eq!(ours.look(id).await.claimed, []);
    ours.clock.set(after(30));
    assert_eq!(phones(&ours.look(id).await.claimed), ["0000"]);
}

async fn a_number_that_was_dialled_often_enough_waits_for_another_day(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 5, interval_minutes: 0 };
    let id = task_over(&fixture, Settings { redial_rules: vec![rule], ..settings() }, 1).await;
    let caps = Caps { per_day: Some(2), per_week: Some(3) };
    let look = || Look { rules: Arc::new(Rules { caps, ..rules() }), ..fixture.looking() };
    let hour = 3600;
    // From ten o'clock on: twice on the first day, once on the second, and then not before a week has gone.
    for (at, dialled) in
        [(0, true), (0, true), (0, false), (14 * hour, true), (14 * hour, false), (6 * 24 * hour, false)]
    {
        fixture.clock.set(after(at));
        let claimed = fixture.look_as(id, look()).await.claimed;
        assert_eq!((at, claimed.len()), (at, usize::from(dialled)));
        finish_all(&fixture, &claimed, Disposition::Busy).await;
    }
    fixture.clock.set(after((6 * 24 + 14) * hour));
    assert_eq!(fixture.look_as(id, look()).await.claimed.len(), 1);
}

async fn a_company_counts_its_own_attempts_and_the_installation_those_of_all(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let capped = CompanyRules { caps: Caps { per_day: Some(1), per_week: None }, ..CompanyRules::default() };
    ours.write(move |db, id| company::update(db, id, 10, &capped)).await;
    let dial = async |fixture: &Fixture, caps: Caps| {
        let id = task_over(fixture, settings(), 1).await;
        let look = Look { rules: Arc::new(Rules { caps, ..rules() }), ..fixture.looking() };
        let claimed = fixture.look_as(id, look).await.claimed;
        finish_all(fixture, &claimed, Disposition::Busy).await;
        fixture.command(id, Command::Stop).await;
        claimed.len()
    };
    let twice = Caps { per_day: Some(3), per_week: None };
    let mut dialled = Vec::new();
    for fixture in [&theirs, &ours, &ours, &theirs, &theirs] {
        dialled.push(dial(fixture, twice).await);
    }
    assert_eq!(dialled, [1, 1, 0, 1, 0]);
    assert_eq!(dial(&theirs, Caps::default()).await, 1);
}

async fn a_task_with_capped_numbers_only_pauses_until_they_may_be_dialled(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let capped = CompanyRules { caps: Caps { per_day: Some(1), per_week: None }, ..CompanyRules::default() };
    fixture.write(move |db, id| company::update(db, id, 10, &capped)).await;
    let first = task_over(&fixture, settings(), 3).await;
    let claimed = fixture.look(first).await.claimed;
    finish_all(&fixture, &claimed, Disposition::Busy).await;
    let second = task_over(&fixture, settings(), 3).await;

    assert_eq!(fixture.look(second).await.postponed, 3);
    let paused = fixture.look(second).await;

    assert_eq!(paused.moved(), Some((TaskStatus::SystemPaused, MoveReason::CapsReached)));
    let midnight = after(14 * 3600);
    assert_eq!(paused.wakes, Some(midnight));
    fixture.clock.set(midnight);
    assert_eq!(fixture.look(second).await.claimed.len(), 3);
}

async fn calls_start_on_a_line_at_its_pace(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let pace = Pace { per_s: 2, ramp: Duration::ZERO };
    let line = fixture.line;
    fixture
        .write(move |db, company| {
            line::update(db, &Line { id: line, pace: Some(pace), ..new_line(company) })?;
            assert_eq!(line::find(db, line)?.map(|line| line.pace), Some(Some(pace)));
            Ok(())
        })
        .await;
    let id = task_over(&fixture, settings(), 9).await;
    let mut started = Vec::new();
    for _ in 0..6 {
        let looked = fixture.look(id).await;
        started.push((fixture.now().since(START).as_millis(), looked.claimed.len()));
        fixture.clock.set(looked.wakes.unwrap());
    }
    let per_second = |second| started.iter().filter(|it| it.0 / 1000 == second).map(|it| it.1).sum::<usize>();
    assert!(per_second(0) <= 3 && per_second(1) == 2 && per_second(2) <= 2, "{started:?}");
}

async fn a_line_that_fails_is_left_alone_and_tried_with_one_call(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let id = task_over(&fixture, settings(), 50).await;
    let failed = fixture.look(id).await.claimed;
    finish_all(&fixture, &failed, Disposition::LineFailed).await;

    let paused = fixture.look(id).await;
    assert_eq!(paused.moved(), Some((TaskStatus::SystemPaused, MoveReason::NoUsableLine)));
    assert_eq!(paused.wakes, Some(after(30)));

    fixture.clock.set(after(30));
    let trial = fixture.look(id).await;
    assert_eq!((trial.status, trial.claimed.len()), (Some(TaskStatus::Running), 1));
    finish_all(&fixture, &trial.claimed, Disposition::LineFailed).await;
    assert_eq!(fixture.look(id).await.wakes, Some(after(90)));

    fixture.clock.set(after(90));
    let trial = fixture.look(id).await.claimed;
    assert!(fixture.answer(&trial[0]).await);
    // It works: known at the answer, not at the end of the call.
    assert_eq!(fixture.look(id).await.claimed.len(), 4);
}

async fn a_task_whose_lines_are_in_arrears_waits_for_a_person(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let id = task_over(&fixture, settings(), 50).await;
    let claimed = fixture.look(id).await.claimed;
    finish_all(&fixture, &claimed, Disposition::LineInArrears).await;

    let held = fixture.look(id).await;
    assert_eq!(held.moved(), Some((TaskStatus::LineInArrears, MoveReason::LineInArrears)));
    fixture.clock.set(after(3600));
    assert_eq!(fixture.look(id).await.claimed, []);

    fixture.clock.set(after(60));
    fixture.command(id, Command::Start).await;
    assert_eq!(fixture.look(id).await.claimed.len(), 5);
}

async fn another_line_takes_over_from_one_that_fails(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let other = fixture.write(|db, company| line::insert(db, &new_line(company))).await;
    let new = NewTask { lines: vec![fixture.line, other], ..fixture.new_task() };
    let id = fixture.insert_task(new).await;
    fixture.import(id, customers(0, 100)).await;
    fixture.command(id, Command::Start).await;
    for _ in 0..5 {
        let claimed = fixture.look(id).await.claimed;
        for claimed in claimed {
            let disposition = if claimed.line == other { Disposition::Busy } else { Disposition::LineFailed };
            fixture.finish(&claimed, fixture.unanswered(disposition)).await;
        }
    }
    let claimed = fixture.look(id).await.claimed;
    assert_eq!(claimed.iter().filter(|claimed| claimed.line == other).count(), 5);
}

async fn failures_of_our_side_have_redials_of_their_own(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = |status, times| RedialRule { status, times, interval_minutes: 0 };
    let redial_rules = vec![rule(FinishStatus::CallerUnavailable, 2), rule(FinishStatus::Busy, 1)];
    let id = task_over(&fixture, Settings { redial_rules, ..settings() }, 1).await;
    use Disposition::{Busy, LineFailed};
    let mut ended = Vec::new();
    for disposition in [LineFailed, Busy, LineFailed, LineFailed] {
        let claimed = fixture.look(id).await.claimed;
        ended.push(fixture.finish(&claimed[0], fixture.unanswered(disposition)).await);
    }
    let redial = Finished::Redial { at: START };
    assert_eq!(ended, [redial, redial, redial, Finished::Done { call_index: Some(0) }]);
}

async fn a_task_dials_beyond_its_seats_only_once_it_knows_who_answers(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10).await;
    let id = task_over(&fixture, Settings { quota: 10, in_progress_max: 20, ..settings() }, 2000).await;
    let mut beyond = Vec::new();
    for _ in 0..40 {
        let claimed = fixture.look(id).await.claimed;
        beyond.push(claimed.iter().filter(|claimed| !claimed.seated).count());
        finish_all(&fixture, &claimed, Disposition::RangOut).await;
    }
    assert_eq!((beyond[0], beyond[39]), (0, 10), "{beyond:?}");

    // Then everybody answers: calls are lost, and no more is dialled than there are seats.
    let claimed = fixture.look(id).await.claimed;
    let mut lost = 0;
    for claimed in &claimed {
        lost += usize::from(!fixture.answer(claimed).await);
    }
    assert_eq!(lost, 10);
    for claimed in &claimed {
        fixture.finish(claimed, fixture.answered(1, 1, &[("a", "b")])).await;
    }
    assert!(fixture.look(id).await.claimed.iter().all(|claimed| claimed.seated));
}

async fn a_company_calls_in_its_own_hours(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let from_eleven = CompanyRules { legal: Some(hours(11, 12)), ..CompanyRules::default() };
    fixture.write(move |db, id| company::update(db, id, 10, &from_eleven)).await;
    let id = task_over(&fixture, settings(), 1).await;

    let paused = fixture.look(id).await;

    assert_eq!(paused.moved(), Some((TaskStatus::SystemPaused, MoveReason::OutsideLegalHours)));
    assert_eq!(paused.wakes, Some(after(3600)));
    fixture.clock.set(after(3600));
    let claimed = fixture.look(id).await.claimed;
    assert_eq!((claimed.len(), claimed[0].dial_before), (1, after(7200)));
}

async fn a_look_says_when_time_alone_will_change_something(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 10 };
    let window = CallingWindow { working: hours(9, 18), rest: Some(hours(12, 13)) };
    let id = task_over(&fixture, Settings { window, redial_rules: vec![rule], ..settings() }, 1).await;
    assert_eq!(fixture.prospect(fixture.looking()).await.wakes, Some(after(2 * 3600)));
    let claimed = fixture.look(id).await.claimed;
    finish_all(&fixture, &claimed, Disposition::Busy).await;
    assert_eq!(fixture.look(id).await.wakes, Some(after(600)));
    fixture.clock.set(after(2 * 3600));
    assert_eq!(fixture.look(id).await.wakes, Some(after(3 * 3600)));
    assert_eq!(fixture.prospect(fixture.looking()).await.wakes, Some(after(3 * 3600)));
    fixture.command(id, Command::Pause).await;
    assert_eq!(fixture.prospect(fixture.looking()).await.wakes, None);
}

async fn a_claimed_call_may_be_dialled_until_it_is_ended_or_blacklisted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id =
        task_over(&fixture, Settings { window: CallingWindow { working: all_day(), rest: None }, ..settings() }, 2);
    let claimed = fixture.look(id.await).await.claimed;
    let may_dial = async |claimed: &Claimed| {
        let claimed = claimed.clone();
        fixture.read(move |db, _| claim::may_dial(db, &claimed)).await
    };
    assert!(may_dial(&claimed[0]).await && may_dial(&claimed[1]).await);
    let entry = NewEntry { mobile: claimed[0].customer_phone.clone(), name: String::new(), remark: String::new() };
    fixture.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, START)).await;
    fixture.finish(&claimed[1], fixture.unanswered(Disposition::Interrupted)).await;
    assert!(!may_dial(&claimed[0]).await && !may_dial(&claimed[1]).await);
}

async fn a_process_is_told_what_it_holds(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = task_over(&fixture, settings(), 2).await;
    let claimed = fixture.look(id).await.claimed;
    let phone = claimed[1].customer_phone.clone();
    fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;
    let (node, call) = (fixture.node, claimed[1].call);
    let held = |before| fixture.read(move |db, _| claim::held_by(db, node, before));
    assert_eq!(held(START).await, []);
    assert_eq!(held(after(1)).await, [(call, 1)]);
    let found = fixture.read(move |db, _| claim::find_held(db, node, (call, 1))).await.unwrap();
    assert_eq!((found.claimed.call, &found.claimed.customer_phone), (call, &phone));
    fixture.finish(&found.claimed, fixture.unanswered(Disposition::Interrupted)).await;
    assert_eq!(fixture.read(move |db, _| claim::find_held(db, node, (call, 1))).await, None);
    assert!(fixture.read(move |db, _| number::busy(db, &[&phone])).await.is_empty());
}
