//! Callbacks: written with what they report, sent by one process at a time, listed when they were given up.

use std::time::Duration;

use hutong_domain::address::Networks;
use hutong_domain::audit::Actor;
use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::{CallId, CompanyId, NodeId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::{Command, TaskStatus};
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::callback::delivery::{self, Attempt, Batch, Due, Verdict};
use hutong_store::callback::{self, CallbackName, GivenUp, Resend, State, Which};
use hutong_store::finish::finish;
use hutong_store::regrade::Judgement;
use hutong_store::robot::{self, Publication};
use hutong_store::scenes::Scenes;
use hutong_store::{Error, Page, PageRequest, key, node};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    what_is_told_is_written_with_the_end_of_the_call,
    a_company_without_an_address_is_told_nothing,
    a_task_is_told_when_it_pauses_or_ends,
    intent_levels_changed_by_hand_are_told_where_that_is_wanted,
    the_callbacks_of_a_task_come_in_the_order_of_its_calls,
    what_was_not_taken_comes_again_when_it_is_due,
    one_process_at_a_time_sends_for_a_company,
    an_address_that_is_taken_away_takes_what_waits_with_it,
    the_keys_of_a_batch_are_the_valid_ones_oldest_first,
    callbacks_given_up_are_listed_in_the_order_of_their_calls,
    callbacks_given_up_are_found_by_task_and_time,
    another_companys_callbacks_are_not_listed,
    what_was_given_up_is_sent_once_more,
    old_callbacks_are_forgotten_once_they_are_over,
}

const EVER: (Moment, Moment) = (Moment(0), Moment(i64::MAX));
const HOUR: Duration = Duration::from_secs(3600);

async fn told(fixture: &Fixture, manual_changes: bool) {
    fixture
        .write(move |db, company| {
            Subject::ALL.into_iter().try_for_each(|subject| {
                let url = format!("https://crm.example.com/{}", subject.name());
                let address = Address { subject, url, content_type: ContentType::Text, manual_changes, app_key: None };
                address::set(db, company, &address, START)
            })
        })
        .await;
}

async fn batch(fixture: &Fixture, now: Moment) -> Batch {
    fixture.read(move |db, company| delivery::batch(db, company, now, 100)).await
}

async fn due(fixture: &Fixture) -> Vec<Due> {
    batch(fixture, fixture.now()).await.due
}

/// Finished calls of a company that is told of them; with the name of each.
async fn finished(fixture: &Fixture, count: u32) -> (TaskId, Vec<CallbackName>) {
    told(fixture, false).await;
    let task = fixture.running_task(settings(), usize::try_from(count).unwrap()).await;
    let mut names = Vec::new();
    for claimed in fixture.claim(task, count).await {
        fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
        names.push(CallbackName { kind: CallbackKind::Call, subject: claimed.call.get(), seq: 0 });
    }
    (task, names)
}

fn attempt(name: CallbackName, number: u32, verdict: Verdict) -> Attempt {
    let answer = "error".to_owned();
    Attempt { name, number, at: START, verdict, http_status: Some(200), answer }
}

async fn record(fixture: &Fixture, attempts: Vec<Attempt>) {
    fixture.write(move |db, company| delivery::record(db, company, &attempts)).await;
}

async fn what_is_told_is_written_with_the_end_of_the_call(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    told(&fixture, false).await;
    let task = fixture.running_task(settings(), 2).await;
    let claimed = fixture.claim(task, 2).await;

    // A transaction that fails takes the callback with it.
    let (lost, ending) = (claimed[0].clone(), fixture.unanswered(Disposition::Busy));
    let failed: Result<(), Error> = store
        .write(fixture.company, move |db| {
            finish(db, &lost, &ending)?;
            Err(Error::Closed)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(due(&fixture).await, []);

    fixture.finish(&claimed[1], fixture.unanswered(Disposition::Busy)).await;

    let [told] = due(&fixture).await.try_into().unwrap();
    assert_eq!(told.name, CallbackName { kind: CallbackKind::Call, subject: claimed[1].call.get(), seq: 0 });
    assert_eq!((told.task, told.company, told.attempts, told.was_delivered), (task, fixture.company, 0, false));
    assert_eq!(store.read(delivery::waiting).await.unwrap().0, 1);
    let (company, now) = (fixture.company, fixture.now());
    assert_eq!(store.read(move |db| delivery::companies(db, now)).await.unwrap(), [company]);
}

async fn a_company_without_an_address_is_told_nothing(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    told(&other, true).await;
    let task = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(task, 1).await;
    fixture.finish(&claimed[0], fixture.unanswered(Disposition::Busy)).await;
    fixture.command(task, Command::Stop).await;

    let listed = fixture.read(|db, company| callback::list(db, company, Which::All, all())).await;

    assert_eq!(listed.total, 0);
}

async fn a_task_is_told_when_it_pauses_or_ends(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    told(&fixture, false).await;
    let task = fixture.running_task(settings(), 3).await;
    fixture.command(task, Command::Pause).await;
    fixture.command(task, Command::Start).await;
    fixture.command(task, Command::Stop).await;

    let told = due(&fixture).await;

    let moves: Vec<_> = told.iter().map(|due| (due.name.kind, due.name.subject, due.detail.status)).collect();
    let of_task = |status| (CallbackKind::Task, task.get(), Some(status));
    assert_eq!(moves, [of_task(TaskStatus::UserPaused), of_task(TaskStatus::Stopped)]);
    assert!(told[0].name.seq < told[1].name.seq);
    assert_eq!(told[1].detail.moved_at, Some(fixture.now().ms()));
}

async fn intent_levels_changed_by_hand_are_told_where_that_is_wanted(store: TestStore) {
    let mut fixture = Fixture::new(&store).await;
    let yaml = BUILT_IN[0].yaml;
    let publication = Publication::of(&Scene::parse(yaml).unwrap(), yaml);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
    let scenes = Scenes::new(store.clone());
    let task = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(task, 1).await;
    let results = [("客户意向等级", "A级(较强)"), ("客户关注点", "询问价格")];
    fixture.finish(&claimed[0], fixture.answered(9, 3, &results)).await;
    let judge = |name: &str, values: &[&str]| Judgement {
        call: claimed[0].call,
        name: name.to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        by: "质检员".to_owned(),
        actor: Actor::Hutong,
        note: String::new(),
        at: START,
    };

    for (manual_changes, expected) in [(false, 0), (true, 1)] {
        told(&fixture, manual_changes).await;
        for judgement in [judge("客户意向等级", &["B级(一般)"]), judge("客户关注点", &[])] {
            store.regrade(&scenes, fixture.company, judgement).await.unwrap();
        }
        assert_eq!(due(&fixture).await.len(), expected, "{manual_changes}");
    }

    let [told] = due(&fixture).await.try_into().unwrap();
    assert_eq!((told.name.kind, told.name.subject), (CallbackKind::ManualChange, claimed[0].call.get()));
    assert_eq!((told.detail.result.as_str(), told.detail.values), ("客户意向等级", vec!["B级(一般)".to_owned()]));
}

async fn the_callbacks_of_a_task_come_in_the_order_of_its_calls(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (task, names) = finished(&fixture, 5).await;
    fixture.command(task, Command::Stop).await;

    let order: Vec<_> = due(&fixture).await.iter().map(|due| due.name).collect();

    assert_eq!(order[..5], names);
    // What the task did after its calls comes after them.
    assert_eq!((order.len(), order[5].kind), (6, CallbackKind::Task));
    // Those that come again are put in order among those that are new.
    let soon = START.after(Duration::from_secs(10));
    record(&fixture, vec![attempt(names[1], 1, Verdict::Again(soon)), attempt(names[0], 1, Verdict::Again(soon))])
        .await;
    assert_eq!(batch(&fixture, soon).await.due.iter().map(|due| due.name).collect::<Vec<_>>(), order);
    assert_eq!(due(&fixture).await.iter().map(|due| due.name).collect::<Vec<_>>(), order[2..]);
}

async fn what_was_not_taken_comes_again_when_it_is_due(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (_, names) = finished(&fixture, 2).await;
    let later = START.after(HOUR);

    record(&fixture, vec![attempt(names[0], 1, Verdict::Again(later)), attempt(names[1], 1, Verdict::Delivered)]).await;

    assert_eq!(due(&fixture).await, []);
    let [again] = batch(&fixture, later).await.due.try_into().unwrap();
    assert_eq!((again.name, again.attempts), (names[0], 1));
    assert_eq!(store.read(move |db| delivery::companies(db, later)).await.unwrap(), [fixture.company]);
    assert_eq!(store.read(|db| delivery::companies(db, START)).await.unwrap(), Vec::<CompanyId>::new());
    let listed = fixture.read(|db, company| callback::list(db, company, Which::All, all())).await.rows;
    let states: Vec<State> = listed.iter().map(|listed| listed.state).collect();
    assert!(states.contains(&State::Waiting(later)) && states.contains(&State::Delivered(START)), "{states:?}");
    assert_eq!((listed[0].http_status, listed[0].answer.as_deref()), (Some(200), Some("error")));
    // Another process that sent it as well changes nothing of what is over.
    record(&fixture, vec![attempt(names[1], 1, Verdict::Again(later))]).await;
    assert_eq!(batch(&fixture, later).await.due.len(), 1);
}

async fn take(of: &Fixture, node: NodeId, now: Moment) -> bool {
    of.write(move |db, company| delivery::take_lane(db, company, node, now)).await
}

async fn one_process_at_a_time_sends_for_a_company(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let lease = START.after(Duration::from_secs(15));
    let nodes = fixture.write(move |db, _| Ok([node::register(db, START, lease)?, node::register(db, START, lease)?]));
    let [first, second] = nodes.await;

    assert!(take(&fixture, first, START).await);
    assert!(take(&fixture, first, START).await, "it has the lane already");
    assert!(!take(&fixture, second, START).await);
    assert!(take(&other, second, START).await, "another company's lane");
    // A process that is gone holds nothing.
    assert!(take(&fixture, second, lease.after(Duration::from_millis(1))).await);
    fixture.write(move |db, company| delivery::leave_lane(db, company, first)).await;
    assert!(!take(&fixture, first, START).await, "what it left was not its own any more");
    fixture.write(move |db, company| delivery::leave_lane(db, company, second)).await;
    assert!(take(&fixture, first, START).await);
}

async fn an_address_that_is_taken_away_takes_what_waits_with_it(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (task, _) = finished(&fixture, 2).await;
    fixture.command(task, Command::Stop).await;

    assert!(fixture.write(|db, company| address::remove(db, company, Subject::Calls, START)).await);

    assert_eq!(due(&fixture).await.iter().map(|due| due.name.kind).collect::<Vec<_>>(), [CallbackKind::Task]);
    let addresses = fixture.read(address::of_company).await;
    assert_eq!(addresses.iter().map(|address| address.subject).collect::<Vec<_>>(), [Subject::Tasks]);
    assert!(!fixture.write(|db, company| address::remove(db, company, Subject::Calls, START)).await);
    let listed = fixture.read(|db, company| callback::list(db, company, Which::GivenUp, all())).await;
    assert_eq!(listed.total, 2);
    assert_eq!(listed.rows[0].state, State::GivenUp(START));
}

async fn the_keys_of_a_batch_are_the_valid_ones_oldest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    finished(&fixture, 1).await;
    for (name, age) in [("newer", 1), ("revoked", 3), ("oldest", 2)] {
        let key = key::AppKey {
            app_key: name.to_owned(),
            sealed_secret: "sealed".to_owned(),
            edition: key::Edition::August2019,
            requests_per_s: 0,
            companies: vec![fixture.company],
            created_at: START.before(HOUR * age),
            revoked_at: None,
            allowed: Networks::default(),
            previous: None,
            rotated_at: None,
            used_at: None,
        };
        fixture.write(move |db, _| key::insert(db, &key)).await;
    }
    assert!(fixture.write(|db, _| key::revoke(db, "revoked", START)).await);

    let keys = batch(&fixture, START).await.keys;

    assert_eq!(keys.iter().map(|key| key.app_key.as_str()).collect::<Vec<_>>(), ["oldest", "newer"]);
}

/// Calls whose callbacks were given up; in the order in which they finished.
async fn given_up(fixture: &Fixture, count: u32) -> (TaskId, Vec<CallId>) {
    let (task, names) = finished(fixture, count).await;
    record(fixture, names.iter().map(|name| attempt(*name, 28, Verdict::GivenUp)).collect()).await;
    (task, names.iter().map(|name| CallId(name.subject)).collect())
}

async fn listed(fixture: &Fixture, task: Option<TaskId>, inbound: bool, span: (Moment, Moment)) -> Vec<CallId> {
    let Page { total, rows } =
        fixture.read(move |db, company| callback::given_up(db, company, task, inbound, span, all())).await;
    assert_eq!(total, i64::try_from(rows.len()).unwrap());
    rows.into_iter().map(|row| row.call).collect()
}

async fn callbacks_given_up_are_listed_in_the_order_of_their_calls(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (task, mut calls) = given_up(&fixture, 4).await;
    calls.sort();

    assert_eq!(listed(&fixture, None, false, EVER).await, calls);

    let second = fixture.read(|db, company| callback::given_up(db, company, None, false, EVER, page(2, 3))).await;
    assert_eq!(second.total, 4);
    let [GivenUp { call, task: of, customer_phone, called_at }] = second.rows.try_into().unwrap();
    assert_eq!((call, of, called_at), (calls[3], task, START));
    assert!(customer_phone.starts_with('1'), "{customer_phone}");
}

async fn callbacks_given_up_are_found_by_task_and_time(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let ((first, of_first), (second, of_second)) = (given_up(&fixture, 2).await, given_up(&fixture, 1).await);

    let sorted = |mut calls: Vec<CallId>| {
        calls.sort();
        calls
    };
    assert_eq!(listed(&fixture, Some(first), false, EVER).await, sorted(of_first));
    assert_eq!(listed(&fixture, Some(second), false, EVER).await, of_second);
    assert_eq!(listed(&fixture, None, true, EVER).await, []);
    assert_eq!(listed(&fixture, None, false, (START, START)).await, []);
    assert_eq!(listed(&fixture, None, false, (START, Moment(START.ms() + 1))).await.len(), 3);
}

async fn another_companys_callbacks_are_not_listed(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    given_up(&theirs, 1).await;

    assert_eq!(listed(&ours, None, false, EVER).await, []);
    assert_eq!(due(&ours).await, []);
    assert_eq!(listed(&theirs, None, false, EVER).await.len(), 1);
}

async fn what_was_given_up_is_sent_once_more(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let ((first, _), (second, of_second)) = (given_up(&fixture, 2).await, given_up(&fixture, 1).await);
    let resend = |what| fixture.write(move |db, company| callback::resend(db, company, what));

    assert_eq!(resend(Resend::GivenUpOf(first)).await, 2);
    let mut again = due(&fixture).await;
    // That a task is done is told as well.
    again.retain(|due| due.name.kind == CallbackKind::Call);
    assert_eq!(again.iter().map(|due| (due.task, due.attempts)).collect::<Vec<_>>(), [(first, 0); 2]);
    assert_eq!(resend(Resend::GivenUp).await, 1);
    assert_eq!(listed(&fixture, None, false, EVER).await, []);
    // What was delivered is sent again for its call, and says so.
    let name = CallbackName { kind: CallbackKind::Call, subject: of_second[0].get(), seq: 0 };
    record(&fixture, vec![attempt(name, 1, Verdict::Delivered)]).await;
    assert_eq!(resend(Resend::Call(of_second[0])).await, 1);
    let again: Vec<Due> = due(&fixture).await.into_iter().filter(|due| due.task == second).collect();
    assert_eq!((again.len(), again[0].was_delivered), (1, true));
    assert_eq!(resend(Resend::Call(CallId(999_999))).await, 0);
    let of = |which| {
        fixture.read(move |db, company| callback::list(db, company, which, PageRequest { number: 1, size: 100 }))
    };
    record(&fixture, vec![attempt(name, 1, Verdict::Delivered)]).await;
    assert_eq!(of(Which::Delivered).await.rows.iter().map(|it| it.name).collect::<Vec<_>>(), [name]);
    let one = fixture.read(move |db, company| callback::find(db, company, name)).await.unwrap();
    assert_eq!(of(Which::Delivered).await.rows, [one]);
    let batch = fixture.read(move |db, company| delivery::one(db, company, name)).await;
    assert_eq!(batch.due.iter().map(|due| (due.name, due.was_delivered)).collect::<Vec<_>>(), [(name, true)]);
    assert_eq!(resend(Resend::One(name)).await, 1);
    assert_eq!(of(Which::Delivered).await.total, 0);
    let nobodys = CallbackName { subject: 999_999, ..name };
    assert_eq!(resend(Resend::One(nobodys)).await, 0);
    assert_eq!(fixture.read(move |db, company| callback::find(db, company, nobodys)).await, None);
}

async fn old_callbacks_are_forgotten_once_they_are_over(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (_, names) = finished(&fixture, 3).await;
    let after = Moment(START.ms() + 1);
    record(&fixture, vec![attempt(names[0], 1, Verdict::Delivered), attempt(names[1], 28, Verdict::GivenUp)]).await;
    let forget = |before, limit| fixture.write(move |db, company| callback::forget(db, company, before, limit));

    assert_eq!(forget(START, 100).await, 0);
    assert_eq!(forget(after, 1).await, 1);
    assert_eq!(forget(after, 100).await, 1);
    assert_eq!(forget(after, 100).await, 0);
    assert_eq!(due(&fixture).await.iter().map(|due| due.name).collect::<Vec<_>>(), names[2..]);
}
