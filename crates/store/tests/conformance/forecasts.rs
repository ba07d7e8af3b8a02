//! What forecasts are made from.

use std::time::Duration;

use hutong_domain::call::FinishStatus;
use hutong_domain::forecast::{CallInProgress, Line, PlannedRedials, SAMPLES_MIN, Sample};
use hutong_domain::ids::TaskId;
use hutong_domain::moment::Clock;
use hutong_domain::outcome::{Disposition, Response};
use hutong_domain::pacing::History;
use hutong_domain::redial::{RedialRule, Used};
use hutong_domain::task::{Command, TaskStatus};
use hutong_store::forecast::{self, Basis, Question, SAMPLES_MAX, Source};
use hutong_store::line;
use hutong_store::task::Settings;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customers, first_number, new_line, rules, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    what_is_left_of_a_task_is_told,
    redials_that_are_due_together_are_counted_together,
    a_tasks_own_attempts_show_what_callees_do,
    the_latest_attempts_are_looked_at_without_choosing_by_outcome,
    a_task_with_few_attempts_is_judged_by_those_of_its_company,
    nobody_else_is_looked_at,
}

async fn of_latest(fixture: &Fixture, task: TaskId, samples_max: usize) -> Option<Basis> {
    let question = Question { now: fixture.clock.now(), rules: rules(), samples_max };
    fixture.read(move |db, company| forecast::of_task(db, company, task, &question)).await
}

async fn of(fixture: &Fixture, task: TaskId) -> Option<Basis> {
    of_latest(fixture, task, SAMPLES_MAX).await
}

async fn basis(fixture: &Fixture, task: TaskId) -> Basis {
    of(fixture, task).await.unwrap()
}

fn busy(times: u32) -> Settings {
    let rule = RedialRule { status: FinishStatus::Busy, times, interval_minutes: 10 };
    Settings { redial_rules: vec![rule], ..settings() }
}

fn of_callee(redials: u32) -> Used {
    Used { callee: redials, caller: 0 }
}

async fn what_is_left_of_a_task_is_told(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let other = fixture.running_task(settings(), 1).await;
    fixture.claim(other, 1).await;
    let id = fixture.running_task(Settings { quota: 3, in_progress_max: 4, ..busy(2) }, 7).await;
    let claimed = fixture.claim(id, 3).await;
    fixture.answer(&claimed[2]).await;
    fixture.clock.advance(Duration::from_secs(5));
    fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;
    fixture.finish(&claimed[1], fixture.answered(4, 2, &[])).await;

    let found = basis(&fixture, id).await;
    let campaign = &found.campaign;
    assert_eq!((campaign.now, campaign.status), (fixture.now(), TaskStatus::Running));
    assert_eq!((campaign.fresh, campaign.waiting(), campaign.numbers()), (4, 5, 6));
    let due = fixture.now().after(Duration::from_secs(600));
    assert_eq!(campaign.redials, [PlannedRedials { due, calls: 1, used: of_callee(1) }]);
    let talks =
        CallInProgress { since: START, answered_at: Some(START), seated: true, used: of_callee(0), line: Some(0) };
    assert_eq!(campaign.in_progress, [talks]);
    assert_eq!((campaign.seats, found.seats_of_others, campaign.quota, campaign.in_progress_max), (5, 1, 3, 4));
    assert_eq!((campaign.redial_rules.len(), campaign.lines.as_slice()), (1, &[Line::default()][..]));
    assert_eq!((found.task.id, campaign.hours.legal), (id, rules().hours.legal));

    // Its redial is in progress: one redial is used.
    fixture.clock.advance(Duration::from_secs(600));
    fixture.claim(id, 1).await;
    let campaign = basis(&fixture, id).await.campaign;
    assert_eq!((campaign.fresh, campaign.redials.len(), campaign.in_progress.len()), (4, 0, 2));
    assert_eq!((campaign.in_progress[0].used, campaign.in_progress[0].answered_at), (of_callee(1), None));
}

async fn redials_that_are_due_together_are_counted_together(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(busy(2), 6).await;
    for (calls, pause_s) in [(2, 60), (3, 0)] {
        for claimed in fixture.claim(id, calls).await {
            fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
        }
        fixture.clock.advance(Duration::from_secs(pause_s));
    }
    let due = |s: u64| START.after(Duration::from_secs(600 + s));
    let planned = |s, calls, redials| PlannedRedials { due: due(s), calls, used: of_callee(redials) };
    assert_eq!(basis(&fixture, id).await.campaign.redials, [planned(0, 2, 1), planned(60, 3, 1)]);

    // The first two are busy again.
    fixture.clock.set(due(0));
    for claimed in fixture.claim(id, 2).await {
        fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
    }
    let campaign = basis(&fixture, id).await.campaign;
    assert_eq!(campaign.redials, [planned(60, 3, 1), planned(600, 2, 2)]);
    assert_eq!((campaign.fresh, campaign.numbers()), (1, 6));
}

async fn a_tasks_own_attempts_show_what_callees_do(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let id = fixture.running_task(busy(1), 50).await;
    let claimed = fixture.claim(id, 40).await;
    fixture.clock.advance(Duration::from_secs(3));
    for claimed in &claimed[..30] {
        fixture.finish(claimed, fixture.unanswered(Disposition::Busy)).await;
    }
    fixture.answer(&claimed[39]).await;
    fixture.clock.advance(Duration::from_secs(4));
    for claimed in &claimed[30..39] {
        fixture.finish(claimed, fixture.answered(5, 2, &[])).await;
    }
    fixture.clock.set(START.after(Duration::from_secs(3600)));
    let redial = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&redial, fixture.unanswered(Disposition::Vacant)).await;

    let found = basis(&fixture, id).await;
    let no_answer = Sample {
        disposition: Disposition::Busy,
        ring_ms: 3000,
        talk_ms: 0,
        talk_goes_on: false,
        hour: 10,
        is_redial: false,
    };
    let answer = Sample { disposition: Disposition::Answered, ring_ms: 2000, talk_ms: 5000, ..no_answer };
    let vacant = Sample { disposition: Disposition::Vacant, ring_ms: 0, hour: 11, is_redial: true, ..no_answer };
    let talks = Sample { ring_ms: 3_000, talk_ms: 3_597_000, talk_goes_on: true, ..answer };
    let expected = [vec![no_answer; 30], vec![answer; 9], vec![vacant, talks]].concat();
    assert_eq!((found.source, found.samples), (Source::Task, expected));
    let (answered, unanswered) = (Response::Answered, Response::Unanswered);
    let responses = [vec![unanswered; 30], vec![answered; 9], vec![unanswered, answered]].concat();
    assert_eq!(found.campaign.history, responses.into_iter().fold(History::default(), History::record));
}

async fn the_latest_attempts_are_looked_at_without_choosing_by_outcome(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    // Of four numbers, so many wait for a redial and the others finish: more of either than are looked at.
    for waiting_of_four in [1, 3] {
        let id = fixture.running_task(busy(1), 80).await;
        for (n, claimed) in fixture.claim(id, 80).await.iter().enumerate() {
            fixture.clock.advance(Duration::from_secs(1));
            let disposition = if n % 4 < waiting_of_four { Disposition::Busy } else { Disposition::Vacant };
            fixture.finish(claimed, fixture.unanswered(disposition)).await;
        }
        let samples = of_latest(&fixture, id, 40).await.unwrap().samples;
        let all = of(&fixture, id).await.unwrap().samples;
        assert_eq!((samples.len(), all.len()), (40, 80));
        assert_eq!(samples, all[40..], "the latest of all");
        fixture.command(id, Command::Stop).await;
    }
}

async fn a_task_with_few_attempts_is_judged_by_those_of_its_company(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    // Not started: it would take part in the claims.
    let new = fixture.insert_task(fixture.new_task()).await;
    fixture.import(new, customers(first_number(new), 1)).await;
    let nothing = basis(&fixture, new).await;
    assert_eq!((nothing.source, nothing.samples.len()), (Source::Company, 0));

    let end = async |id, calls, disposition| {
        for claimed in fixture.claim(id, calls).await {
            fixture.finish(&claimed, fixture.unanswered(disposition)).await;
        }
    };
    let old = fixture.running_task(settings(), 2 * SAMPLES_MIN).await;
    let few = u32::try_from(SAMPLES_MIN).unwrap() - 1;
    end(old, few, Disposition::Busy).await;
    end(old, 1, Disposition::Interrupted).await;
    let of_both = async || {
        let (new, old) = (basis(&fixture, new).await, basis(&fixture, old).await);
        [(new.source, new.samples.len()), (old.source, old.samples.len())]
    };
    assert_eq!(of_both().await, [(Source::Company, SAMPLES_MIN); 2], "what we broke off says nothing");
    end(old, 1, Disposition::Busy).await;
    assert_eq!(of_both().await, [(Source::Company, SAMPLES_MIN + 1), (Source::Task, SAMPLES_MIN + 1)]);
    let new = basis(&fixture, new).await.campaign;
    assert_eq!(new.history, History::default(), "how many answer it is still to learn");
}

async fn nobody_else_is_looked_at(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let busy_task = theirs.running_task(settings(), 60).await;
    for _ in 0..4 {
        for claimed in theirs.claim(busy_task, 10).await {
            theirs.finish(&claimed, theirs.unanswered(Disposition::Busy)).await;
        }
    }
    theirs.claim(busy_task, 5).await;
    let quiet = ours.running_task(settings(), 1).await;
    let found = basis(&ours, quiet).await;
    assert_eq!((found.samples.len(), found.seats_of_others, found.campaign.in_progress.len()), (0, 0, 0));
    assert_eq!(of(&ours, busy_task).await, None);

    // Lines that carry no calls out are none; what a line will be valid from is told.
    let company = ours.company;
    let (disabled, later) = (new_line(company), new_line(company));
    let valid_from = Some(START.after(Duration::from_secs(60)));
    let lines = ours
        .write(move |db, _| {
            let disabled = line::insert(db, &line::Line { enabled: false, ..disabled.clone() })?;
            let later = line::Line { valid_from, channels: Some(8), ..later.clone() };
            Ok(vec![disabled, line::insert(db, &later)?])
        })
        .await;
    let task = ours.insert_task(hutong_store::task::NewTask { lines, ..ours.new_task() }).await;
    let campaign = basis(&ours, task).await.campaign;
    assert_eq!(campaign.lines, [Line { channels: Some(8), valid_from, ..Line::default() }]);
    assert_eq!((campaign.status, campaign.numbers()), (TaskStatus::NotStarted, 0));
}
