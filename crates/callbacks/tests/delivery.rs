//! Delivering callbacks to receivers that do what receivers do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hutong_callbacks::{Callbacks, Draft, Letter, Letters, NoLetter, Settings};
use hutong_domain::callback::{CallbackKind, pause_after};
use hutong_domain::outcome::Disposition;
use hutong_domain::task::Command;
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::callback::delivery::Due;
use hutong_store::callback::{self, CallbackName, Listed, State, Which};
use hutong_store::key::AppKey;
use hutong_store::{PageRequest, node};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use hutong_testkit::receiver::{Answer, Receiver, Request};
use hutong_testkit::{Fixture, TestStore, conformance};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

conformance! {
    callbacks_of_a_task_arrive_once_and_in_the_order_of_its_calls,
    what_is_not_taken_is_sent_again_until_it_is,
    a_callback_is_given_up_after_its_last_attempt,
    what_is_not_taken_does_not_hold_back_what_follows,
    a_receiver_that_says_nothing_holds_back_its_own_company_alone,
    private_addresses_are_refused_however_they_are_called,
    a_sender_that_was_cut_off_sends_again_what_it_had_not_recorded,
    two_senders_do_not_send_the_same,
    an_address_says_what_it_wants_to_be_told_and_how,
    what_has_no_address_any_more_is_given_up,
}

/// Answers come at once here, or never.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(500);

/// The name of the callback, and how often it was tried.
struct Names;

impl Letters for Names {
    fn drafts(&self, due: Vec<(Due, Option<Arc<AppKey>>)>) -> BoxFuture<'_, Result<Vec<Option<Draft>>, NoLetter>> {
        let draft = |(due, _): (Due, Option<Arc<AppKey>>)| -> Option<Draft> {
            Some(Box::new(move |now| {
                let body = format!("{} after {}", due.name, due.attempts);
                Ok(Letter { body, headers: vec![("datetime", now.ms().to_string())] })
            }))
        };
        Box::pin(std::future::ready(Ok(due.into_iter().map(draft).collect())))
    }
}

/// Something that sends callbacks.
struct Sender {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Sender {
    fn start(fixture: &Fixture, private_addresses: bool) -> Self {
        let (stop, stopped) = oneshot::channel();
        let node = fixture.node;
        let settings = Settings {
            private_addresses,
            in_flight_max: 100,
            tasks_at_once: 4,
            keep: None,
            look: Duration::from_millis(5),
            answer_time_max: ANSWER_TIME_MAX,
        };
        let clock = Arc::new(fixture.clock.clone());
        let callbacks =
            Callbacks::new(fixture.store.clone(), clock, Arc::new(Names), Arc::new(move || node), settings).unwrap();
        let running = tokio::spawn(callbacks.run(async move {
            let _ = stopped.await;
        }));
        Self { stop, running }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap();
    }

    /// As a process ends that is killed.
    async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

async fn told(fixture: &Fixture, url: &str) {
    let url = url.to_owned();
    fixture
        .write(move |db, company| {
            Subject::ALL.into_iter().try_for_each(|subject| {
                let (url, content_type) = (url.clone(), ContentType::Json);
                let address = Address { subject, url, content_type, manual_changes: false, app_key: None };
                address::set(db, company, &address, START)
            })
        })
        .await;
}

/// Finishes so many calls of a new task; their callbacks.
async fn finish(fixture: &Fixture, count: u32) -> Vec<String> {
    let task = fixture.running_task(settings(), usize::try_from(count).unwrap()).await;
    let mut names = Vec::new();
    for claimed in fixture.claim(task, count).await {
        fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
        let name = CallbackName { kind: CallbackKind::Call, subject: claimed.call.get(), seq: 0 };
        names.push(name.to_string());
    }
    assert_eq!(names.len(), usize::try_from(count).unwrap(), "the company has seats for all of them");
    names
}

async fn listed(fixture: &Fixture) -> Vec<Listed> {
    let page = PageRequest { number: 1, size: 1000 };
    fixture.read(move |db, company| callback::list(db, company, Which::All, page)).await.rows
}

/// Waits until what is kept of the company's callbacks fits.
async fn until(fixture: &Fixture, fits: impl Fn(&[Listed]) -> bool) -> Vec<Listed> {
    let mut look = tokio::time::interval(Duration::from_millis(2));
    loop {
        let rows = listed(fixture).await;
        if fits(&rows) {
            return rows;
        }
        look.tick().await;
    }
}

async fn delivered(fixture: &Fixture, count: usize) {
    until(fixture, |rows| rows.iter().filter(|row| matches!(row.state, State::Delivered(_))).count() == count).await;
}

async fn callbacks_of_a_task_arrive_once_and_in_the_order_of_its_calls(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 300).await;
    let mut receiver = Receiver::start(|_| Answer::ok());
    told(&fixture, &receiver.url()).await;
    let sender = Sender::start(&fixture, true);

    let mut expected = finish(&fixture, 30).await;
    expected.extend(finish(&fixture, 230).await);

    // That the first task is done is told as well; each task has its own order.
    let mut came = Vec::new();
    while came.len() < 260 {
        came.extend(receiver.names(1).await.into_iter().filter(|name| name.starts_with("call")));
    }
    let (first, second) = expected.split_at(30);
    for task in [first, second] {
        let order: Vec<&String> = came.iter().filter(|name| task.contains(name)).collect();
        assert_eq!(order, task.iter().collect::<Vec<_>>());
    }
    until(&fixture, |rows| rows.iter().all(|row| matches!(row.state, State::Delivered(_)) && row.attempts == 1)).await;
    sender.stop().await;
}

async fn what_is_not_taken_is_sent_again_until_it_is(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let elsewhere = Receiver::start(|_| Answer::ok());
    let says = |status, body: &str| Answer::Says(status, body.to_owned());
    let mut answers = vec![
        says(200, "error"),
        says(500, "success"),
        Answer::Points(302, elsewhere.url()),
        Answer::Points(307, elsewhere.url()),
        Answer::Half,
        Answer::Garbage,
        Answer::HangsUp,
        Answer::Endless,
        Answer::Nothing,
        says(200, "{\"code\":500}"),
        says(200, ""),
        Answer::ok(),
    ];
    let attempts = answers.len();
    let (url, mut receiver) = {
        answers.reverse();
        let receiver = Receiver::start(move |_| answers.pop().unwrap());
        (receiver.url(), receiver)
    };
    told(&fixture, &url).await;
    let [name] = finish(&fixture, 1).await.try_into().unwrap();
    let sender = Sender::start(&fixture, true);

    for attempt in 1..=attempts {
        let Request { path, body, .. } = receiver.next().await;
        assert_eq!((path.as_str(), body), ("/callback", format!("{name} after {}", attempt - 1)));
        let rows = until(&fixture, |rows| rows[0].attempts == i64::try_from(attempt).unwrap()).await;
        if attempt < attempts {
            let pause = pause_after(u32::try_from(attempt).unwrap()).unwrap();
            assert_eq!(rows[0].state, State::Waiting(fixture.now().after(pause)), "{rows:?}");
            assert!(rows[0].answer.is_some(), "{rows:?}");
            // A moment before, nothing comes.
            fixture.clock.advance(pause);
        } else {
            assert_eq!(rows[0].state, State::Delivered(fixture.now()));
        }
    }
    sender.stop().await;
    let mut elsewhere = elsewhere;
    assert!(receiver.try_next().is_none() && elsewhere.try_next().is_none(), "redirects are not followed");
}

async fn a_callback_is_given_up_after_its_last_attempt(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut receiver = Receiver::start(|_| Answer::Says(200, "error".to_owned()));
    told(&fixture, &receiver.url()).await;
    finish(&fixture, 1).await;
    let sender = Sender::start(&fixture, true);

    for attempt in 1..=28 {
        receiver.next().await;
        until(&fixture, |rows| rows[0].attempts == attempt).await;
        fixture.clock.advance(pause_after(u32::try_from(attempt).unwrap()).unwrap_or(Duration::from_secs(86_400)));
    }

    let rows = listed(&fixture).await;
    assert!(matches!(rows[0].state, State::GivenUp(_)), "{rows:?}");
    assert_eq!((rows[0].http_status, rows[0].answer.as_deref()), (Some(200), Some("error")));
    sender.stop().await;
    assert!(receiver.try_next().is_none());
}

async fn what_is_not_taken_does_not_hold_back_what_follows(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut failed = BTreeMap::new();
    // Everything fails once, but for the second one.
    let mut receiver = Receiver::start(move |request| {
        let name = request.header("idempotency-key").to_owned();
        let seen: &mut usize = failed.entry(name).or_default();
        *seen += 1;
        let fails = *seen == 1 && !request.body.starts_with("call-2-");
        if fails { Answer::Says(200, "error".to_owned()) } else { Answer::ok() }
    });
    told(&fixture, &receiver.url()).await;
    let names = finish(&fixture, 4).await;
    let sender = Sender::start(&fixture, true);

    assert_eq!(receiver.names(4).await, names);
    until(&fixture, |rows| rows.iter().all(|row| row.attempts == 1)).await;
    fixture.clock.advance(Duration::from_secs(10));

    // The next round has the same order.
    let again: Vec<String> = names.iter().filter(|name| *name != "call-2-0").cloned().collect();
    assert_eq!(receiver.names(again.len()).await, again);
    delivered(&fixture, 4).await;
    sender.stop().await;
}

async fn a_receiver_that_says_nothing_holds_back_its_own_company_alone(store: TestStore) {
    let (dead, alive) = (Fixture::with_seats(&store, 50).await, Fixture::with_seats(&store, 50).await);
    let mut silent = Receiver::start(|_| Answer::Nothing);
    let mut receiver = Receiver::start(|_| Answer::ok());
    told(&dead, &silent.url()).await;
    told(&alive, &receiver.url()).await;
    finish(&dead, 20).await;
    let sender = Sender::start(&dead, true);
    silent.next().await;

    let names = finish(&alive, 20).await;

    assert_eq!(receiver.names(20).await, names);
    delivered(&alive, 20).await;
    let attempts: i64 = listed(&dead).await.iter().map(|row| row.attempts).sum();
    assert!(attempts < 20, "a receiver that says nothing is asked one by one");
    sender.kill().await;
}

async fn private_addresses_are_refused_however_they_are_called(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut receiver = Receiver::start(|_| Answer::ok());
    let port = receiver.port();
    let sender = Sender::start(&fixture, false);
    for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"] {
        told(&fixture, &format!("http://{host}:{port}/")).await;
        let [name] = finish(&fixture, 1).await.try_into().unwrap();
        let of_name = |rows: &[Listed]| rows.iter().find(|row| row.name.to_string() == name).cloned();
        let rows = until(&fixture, |rows| of_name(rows).is_some_and(|row| row.attempts == 1)).await;
        let answer = of_name(&rows).unwrap().answer.unwrap();
        assert!(answer.contains("private address"), "{host}: {answer}");
    }
    sender.stop().await;
    assert!(receiver.try_next().is_none());
}

async fn a_sender_that_was_cut_off_sends_again_what_it_had_not_recorded(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut first = true;
    let mut receiver =
        Receiver::start(move |_| if std::mem::take(&mut first) { Answer::Nothing } else { Answer::ok() });
    told(&fixture, &receiver.url()).await;
    let names = finish(&fixture, 5).await;
    let sender = Sender::start(&fixture, true);
    receiver.next().await;
    sender.kill().await;

    // The lane is held by a process that is gone; this one is the same, so it need not wait for the lease.
    let sender = Sender::start(&fixture, true);

    assert_eq!(receiver.names(5).await, names);
    delivered(&fixture, 5).await;
    sender.stop().await;
}

async fn two_senders_do_not_send_the_same(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let lease = START.after(Duration::from_secs(86_400));
    let node = fixture.write(move |db, _| node::register(db, START, lease)).await;
    let mut other = Fixture::of_company(&store, fixture.company).await;
    other.node = node;
    let mut receiver = Receiver::start(|_| Answer::ok());
    told(&fixture, &receiver.url()).await;
    let senders = [Sender::start(&fixture, true), Sender::start(&other, true)];

    let mut expected = Vec::new();
    for _ in 0..10 {
        expected.extend(finish(&fixture, 3).await);
    }

    until(&fixture, |rows| rows.len() >= 30 && rows.iter().all(|row| matches!(row.state, State::Delivered(_)))).await;
    for sender in senders {
        sender.stop().await;
    }
    let total = listed(&fixture).await.len();
    let mut came = receiver.names(total).await;
    assert!(receiver.try_next().is_none(), "more than {total}");
    came.retain(|name| name.starts_with("call"));
    came.sort();
    expected.sort();
    assert_eq!(came, expected);
}

async fn what_has_no_address_any_more_is_given_up(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    told(&fixture, "http://127.0.0.1:9/").await;
    finish(&fixture, 2).await;
    fixture.write(|db, company| address::remove(db, company, Subject::Calls, START)).await;
    assert_eq!(fixture.write(|db, company| callback::resend(db, company, callback::Resend::GivenUp)).await, 2);

    let sender = Sender::start(&fixture, true);

    let rows = until(&fixture, |rows| rows.iter().all(|row| matches!(row.state, State::GivenUp(_)))).await;
    assert!(rows.iter().all(|row| row.answer.as_deref() == Some("there is no address any more")), "{rows:?}");
    sender.stop().await;
}

async fn an_address_says_what_it_wants_to_be_told_and_how(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut receiver = Receiver::start(|_| Answer::ok());
    let base = receiver.url();
    let of_tasks = Address {
        subject: Subject::Tasks,
        url: format!("{base}/tasks?tenant=1"),
        content_type: ContentType::Text,
        manual_changes: false,
        app_key: None,
    };
    fixture.write(move |db, company| address::set(db, company, &of_tasks, START)).await;
    let sender = Sender::start(&fixture, true);
    let task = fixture.running_task(settings(), 1).await;
    for claimed in fixture.claim(task, 1).await {
        fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
    }
    fixture.command(task, Command::Stop).await;

    let request = receiver.next().await;

    assert_eq!(request.path, "/callback/tasks?tenant=1");
    assert_eq!(request.header("content-type"), "text/plain;charset=utf-8");
    assert_eq!(request.header("datetime"), START.ms().to_string());
    assert!(request.header("user-agent").starts_with("hutong/"));
    assert!(request.header("idempotency-key").starts_with("task-"), "{request:?}");
    delivered(&fixture, 1).await;
    sender.stop().await;
    assert!(receiver.try_next().is_none());
}
