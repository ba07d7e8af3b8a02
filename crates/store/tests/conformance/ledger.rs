//! The ledger of a number.

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::caps::{Cap, Caps};
use hutong_domain::ids::{BlacklistGroupId, CompanyId, TaskId};
use hutong_domain::ledger::{CallFacts, SeatFacts, Verdict, explain};
use hutong_domain::moment::Clock;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Meaning, Signals};
use hutong_domain::redial::RedialRule;
use hutong_domain::rules::Rules;
use hutong_domain::task::{Command, MoveReason, TaskStatus};
use hutong_store::finish::Ending;
use hutong_store::ledger::{self, Attempt, Ledger};
use hutong_store::number::{self, Busy};
use hutong_store::task::Settings;
use hutong_store::{Store, blacklist};
use hutong_testkit::clock::{START, zone};
use hutong_testkit::fixture::{first_number, rules, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    numbers_that_wait_know_what_is_before_them,
    a_redial_and_its_attempts_are_told,
    a_finished_number_tells_its_outcome,
    what_the_line_reported_stays_with_the_attempt,
    what_forbids_a_number_is_told,
    a_queued_task_tells_its_place,
    another_companys_number_is_not_known,
}

/// The number that a fixture imports in this place.
fn phone(n: usize) -> String {
    format!("138{n:08}")
}

async fn of(fixture: &Fixture, task: TaskId, n: usize, caps: Caps) -> Option<Ledger> {
    let rules = Rules { caps, ..rules() };
    let (company, now, phone) = (fixture.company, fixture.clock.now(), phone(first_number(task) + n));
    fixture.store.read(move |db| ledger::of_number(db, company, task, &phone, (&rules, now))).await.unwrap()
}

async fn ledger(fixture: &Fixture, task: TaskId, n: usize) -> Ledger {
    of(fixture, task, n, Caps::default()).await.unwrap()
}

async fn verdict(fixture: &Fixture, task: TaskId, n: usize) -> Verdict {
    explain(&ledger(fixture, task, n).await.facts).verdict
}

async fn numbers_that_wait_know_what_is_before_them(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 3).await;
    let id = fixture.running_task(Settings { quota: 3, in_progress_max: 3, ..settings() }, 6).await;
    for n in 0..6 {
        let found = ledger(&fixture, id, n).await;
        assert_eq!((found.facts.call, found.facts.before), (CallFacts::Fresh { not_before: Moment(0) }, n as u64));
        assert_eq!((found.customer_name, found.attempts), (format!("客户{n:04}"), vec![]));
    }
    assert_eq!(verdict(&fixture, id, 2).await, Verdict::DialledNow);
    assert_eq!(verdict(&fixture, id, 3).await, Verdict::InLine { before: 3 });

    fixture.claim(id, 2).await;
    assert_eq!(verdict(&fixture, id, 0).await, Verdict::InProgress { since: START });
    let found = ledger(&fixture, id, 3).await.facts;
    assert_eq!((found.before, found.seats), (1, SeatFacts { free: 1, held: 2, queued: None }));
    assert_eq!((found.task.status, found.task.moved), (TaskStatus::Running, Some(MoveReason::RoomToDial)));
}

async fn a_redial_and_its_attempts_are_told(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 2, interval_minutes: 10 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 2).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let ended_at = fixture.clock.advance(Duration::from_secs(5));
    fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;

    let due = ended_at.after(Duration::from_secs(600));
    let found = ledger(&fixture, id, 0).await;
    assert_eq!(explain(&found.facts).verdict, Verdict::RedialDueAt { at: due, redials: 0, redials_max: 2 });
    let attempt = Attempt {
        line: fixture.line,
        number: 1,
        line_name: found.facts.lines[0].name.clone(),
        claimed_at: START,
        answered_at: None,
        ended_at: Some(ended_at),
        disposition: Some(Disposition::Busy),
        signals: None,
    };
    assert_eq!(found.attempts, [attempt]);

    fixture.clock.advance(Duration::from_secs(600));
    assert_eq!(ledger(&fixture, id, 0).await.facts.before, 0, "a redial that is due comes first");
    assert_eq!(ledger(&fixture, id, 1).await.facts.before, 1);
}

async fn a_finished_number_tells_its_outcome(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, fixture.answered(9, 2, &[])).await;

    let finished =
        Verdict::Finished { status: FinishStatus::Answered, call_index: Some(0), redials: 0, redials_max: 0 };
    assert_eq!(verdict(&fixture, id, 0).await, finished);
}

async fn what_the_line_reported_stays_with_the_attempt(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let reports = [
        Signals {
            ended: Ended::Refused,
            sip_code: Some(503),
            q850_cause: Some(38),
            early_media: EarlyMedia::Announcement(Meaning::PoweredOff),
            setup_ms: Some(812),
            ring_ms: Some(u32::MAX),
        },
        Signals::new(Ended::TrunkDead),
        Signals { sip_code: Some(200), early_media: EarlyMedia::Other, ..Signals::new(Ended::Answered) },
    ];
    for (n, (claimed, signals)) in fixture.claim(id, 3).await.iter().zip(reports).enumerate() {
        let disposition = signals.disposition();
        let ending = Ending { signals: Some(signals), ..fixture.unanswered(disposition) };
        fixture.finish(claimed, ending).await;
        let attempt = ledger(&fixture, id, n).await.attempts.remove(0);
        assert_eq!((attempt.disposition, attempt.signals), (Some(disposition), Some(signals)));
    }
}

async fn what_forbids_a_number_is_told(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let (company, entry) =
        (fixture.company, |n| blacklist::NewEntry { mobile: phone(n), name: String::new(), remark: String::new() });
    write(&store, company, move |db| {
        blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry(0), START)?;
        let group = blacklist::insert_group(db, company, "投诉", "", START)?.unwrap();
        blacklist::add(db, company, group, &entry(1), START)?;
        let busy = Busy { company, task: TaskId(99), call: hutong_domain::ids::CallId(99), since: START };
        number::take(db, &phone(2), &busy, START.civil(&zone()).date()).map(|_| ())
    })
    .await;

    assert_eq!(verdict(&fixture, id, 0).await, Verdict::Blacklisted { group: "默认分组".to_owned() });
    assert_eq!(verdict(&fixture, id, 1).await, Verdict::Blacklisted { group: "投诉".to_owned() });
    assert_eq!(verdict(&fixture, id, 2).await, Verdict::NumberBusyElsewhere { task: TaskId(99) });
    let caps = Caps { per_day: Some(1), per_week: None };
    let capped = of(&fixture, id, 2, caps).await.unwrap().facts.capped.unwrap();
    assert_eq!(capped.which, Cap::PerDay);
}

async fn write<T: Send + 'static>(
    store: &Store,
    company: CompanyId,
    work: impl FnMut(&mut hutong_store::Db) -> hutong_store::Result<T> + Send + 'static,
) -> T {
    store.write(company, work).await.unwrap()
}

async fn a_queued_task_tells_its_place(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 1).await;
    let first = fixture.running_task(settings(), 2).await;
    fixture.claim(first, 1).await;
    let mut queued = Vec::new();
    for _ in 0..2 {
        fixture.clock.advance(Duration::from_secs(1));
        queued.push(fixture.running_task(settings(), 1).await);
        assert_eq!(fixture.look(queued[queued.len() - 1]).await.status, Some(TaskStatus::Queued));
    }
    let (third, second) = (queued[0], queued[1]);
    assert_eq!(verdict(&fixture, third, 0).await, Verdict::NoSeat { held: 0, queued: Some(1) });
    assert_eq!(verdict(&fixture, second, 0).await, Verdict::NoSeat { held: 0, queued: Some(2) });
    assert_eq!(verdict(&fixture, first, 1).await, Verdict::NoSeat { held: 1, queued: None });
    fixture.command(third, Command::Pause).await;
    assert_eq!(verdict(&fixture, third, 0).await, Verdict::TaskPausedByUser);
    assert_eq!(verdict(&fixture, second, 0).await, Verdict::NoSeat { held: 0, queued: Some(1) });
}

async fn another_companys_number_is_not_known(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = theirs.running_task(settings(), 1).await;
    assert!(of(&theirs, id, 0, Caps::default()).await.is_some());
    assert_eq!(of(&ours, id, 0, Caps::default()).await, None);
    assert_eq!(of(&theirs, id, 1, Caps::default()).await, None);
}
