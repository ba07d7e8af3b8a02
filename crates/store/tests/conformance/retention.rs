//! Retention: words and numbers go when their days are over; counts, totals and the feed stay.

use std::time::Duration;

use hutong_domain::call::{CallStatus, Speaker, Understanding, Utterance};
use hutong_domain::dialogue::{Event, Opening};
use hutong_domain::ids::{CallId, CustomerId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::replay::Course;
use hutong_domain::task::Command;
use hutong_store::claim::{Claimed, Single};
use hutong_store::feed::FeedFilter;
use hutong_store::finish::Ending;
use hutong_store::retention::{Due, Round, round};
use hutong_store::{Store, call, callback, unheard, values, waiting};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customer, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

use jiff::civil::date;

use super::singles::place;
use super::{all, singles};

conformance! {
    words_go_when_their_days_are_over_and_results_stay,
    numbers_are_masked_when_their_days_are_over_and_the_feed_answers_every_index,
    what_waits_to_be_dialled_is_never_touched,
    numbers_of_a_stopped_task_are_masked_though_nobody_dialled_them,
    calls_placed_by_themselves_are_let_go_of_as_well,
    a_customer_who_was_called_again_is_kept_for_as_long_as_that_call,
    a_round_is_bounded_and_goes_on_where_the_last_one_ended,
    processes_share_the_work_and_do_nothing_twice,
    filters_find_the_same_calls_before_and_after,
    another_company_keeps_what_it_has,
    callbacks_that_were_given_up_go_with_the_numbers,
}

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn said(text: &str) -> Utterance {
    Utterance {
        speaker: Speaker::Customer,
        text: text.to_owned(),
        start_ms: 0,
        end_ms: 900,
        at: START,
        understanding: Some(Understanding::Unknown),
        node: "开场".to_owned(),
        latency: None,
        recogniser: None,
    }
}

/// A conversation with everything that may be kept of one.
pub(crate) fn conversation(fixture: &Fixture, text: &str) -> Ending {
    Ending {
        utterances: vec![said(text)],
        course: Some(Course {
            opening: Opening { seed: 1, now: date(2026, 11, 22).at(9, 0, 0, 0) },
            events: vec![Event::Answered, Event::heard(text)],
        }),
        ..fixture.answered(65, 4, &[("意向", "A级"), ("行业", text)])
    }
}

async fn view(fixture: &Fixture, call: CallId) -> call::CallView {
    fixture.read(move |db, company| call::find(db, company, call)).await.unwrap()
}

async fn phone_of(fixture: &Fixture, customer: CustomerId) -> (String, String, usize) {
    let found = fixture.read(move |db, company| call::customer(db, company, customer)).await.unwrap();
    (found.name, found.phone, found.properties.len())
}

fn before(at: Moment) -> Due {
    Due { transcripts_before: Some(at), numbers_before: Some(at) }
}

async fn let_go(fixture: &Fixture, due: Due) -> Round {
    fixture.write(move |db, company| round(db, company, due, 100)).await
}

/// A task with so many finished conversations, one a minute.
async fn conversed(fixture: &Fixture, numbers: usize) -> (TaskId, Vec<Claimed>) {
    let id = fixture.running_task(settings(), numbers).await;
    let mut claimed = Vec::new();
    for n in 0..numbers {
        let one = fixture.claim(id, 1).await.remove(0);
        fixture.clock.advance(Duration::from_secs(60));
        let ending = if n % 4 == 3 {
            fixture.unanswered(Disposition::Busy)
        } else {
            conversation(fixture, &format!("第{}句", n % 3))
        };
        fixture.finish(&one, ending).await;
        claimed.push(one);
    }
    (id, claimed)
}

async fn indexes(store: &Store, fixture: &Fixture, task: TaskId, filter: FeedFilter) -> Vec<i64> {
    let (_, page) = store.feed(fixture.company, task, filter, all()).await.unwrap().unwrap();
    assert_eq!(page.total, i64::try_from(page.rows.len()).unwrap());
    page.rows.iter().map(|row| row.call_index).collect()
}

fn everything() -> FeedFilter {
    FeedFilter { after: -1, ..FeedFilter::default() }
}

async fn words_go_when_their_days_are_over_and_results_stay(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (id, claimed) = conversed(&fixture, 3).await;
    let until = fixture.now();
    let was = view(&fixture, claimed[0].call).await;

    let first = let_go(&fixture, Due { transcripts_before: Some(until), numbers_before: None }).await;

    // The last one ended at that moment, and not before it.
    assert_eq!((first.transcripts, first.numbers, first.texts, first.more), (2, 0, 2, false));
    let is = view(&fixture, claimed[0].call).await;
    let record = is.record.clone().unwrap();
    assert_eq!(record.utterances, []);
    let pairs = |view: &call::CallView| -> Vec<(String, String)> {
        let results = view.record.clone().unwrap().results;
        results.into_iter().map(|result| (result.name, result.value)).collect()
    };
    assert_eq!(pairs(&is), pairs(&was));
    assert_eq!(call::CallView { record: None, ..is }, call::CallView { record: None, ..was });
    assert_eq!(view(&fixture, claimed[2].call).await.record.unwrap().utterances, [said("第2句")]);
    let course = "SELECT COUNT(*) FROM call_record WHERE company_id = ?1 AND course IS NOT NULL";
    assert_eq!(fixture.read(move |db, company| db.query_int(course, values![company])).await, 1);
    let texts = fixture.read(|db, company| unheard::list(db, company, None, 10)).await;
    assert_eq!(texts.len(), 1);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn numbers_are_masked_when_their_days_are_over_and_the_feed_answers_every_index(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (id, claimed) = conversed(&fixture, 8).await;
    let was = store.feed(fixture.company, id, everything(), all()).await.unwrap().unwrap().1;

    let done = let_go(&fixture, Due { transcripts_before: None, numbers_before: Some(fixture.now().after(DAY)) }).await;

    assert_eq!((done.numbers, done.transcripts), (8, 0));
    let is = store.feed(fixture.company, id, everything(), all()).await.unwrap().unwrap().1;
    assert_eq!(is.total, was.total);
    for (was, mut is) in was.rows.into_iter().zip(is.rows) {
        assert_eq!(is.customer_phone, hutong_domain::phone::mask(&was.customer_phone));
        assert!(is.customer_phone.contains("****") && is.customer_name.is_empty());
        is.customer_phone.clone_from(&was.customer_phone);
        is.customer_name.clone_from(&was.customer_name);
        assert_eq!(is, was, "nothing else of a row changes");
    }
    for claimed in claimed {
        let found = view(&fixture, claimed.call).await;
        assert_eq!(found.properties, "{}");
        let (name, phone, properties) = phone_of(&fixture, found.customer).await;
        assert_eq!((name.as_str(), properties), ("", 0));
        assert_eq!(phone, format!("removed-{}", found.customer));
    }
    assert_counts_are_facts(&store, fixture.company, id).await;
    // The number may be imported again: nobody knows any more that it was there.
    let phone = "13800138001";
    assert_eq!(fixture.import(id, vec![customer(phone)]).await.inserted, 1);
}

async fn what_waits_to_be_dialled_is_never_touched(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 5).await;
    let claimed = fixture.claim(id, 2).await;
    fixture.finish(&claimed[0], conversation(&fixture, "啥")).await;
    fixture.clock.advance(DAY * 400);
    let waits = || async { fixture.read(move |db, company| waiting::page(db, company, id, START, all())).await };
    let waiting = waits().await;

    let done = let_go(&fixture, before(fixture.now())).await;

    assert_eq!((done.numbers, done.transcripts), (1, 1));
    assert_eq!(waits().await, waiting);
    let going_on = view(&fixture, claimed[1].call).await;
    assert_eq!((going_on.status, going_on.customer_phone), (CallStatus::InProgress, claimed[1].customer_phone.clone()));
    assert_counts_are_facts(&store, fixture.company, id).await;
    // What was dialled meanwhile goes on as if nothing had been.
    fixture.finish(&claimed[1], conversation(&fixture, "啥")).await;
    assert_eq!(let_go(&fixture, before(fixture.now().after(DAY))).await.numbers, 1);
}

async fn numbers_of_a_stopped_task_are_masked_though_nobody_dialled_them(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 5).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, conversation(&fixture, "啥")).await;
    fixture.command(id, Command::Stop).await;
    assert_eq!(let_go(&fixture, before(fixture.now())).await.numbers, 0, "it has just been stopped");

    let done = let_go(&fixture, before(fixture.now().after(DAY))).await;

    assert_eq!(done.numbers, 5);
    let rows = fixture.read(move |db, company| waiting::page(db, company, id, START, all())).await.rows;
    assert_eq!(rows.len(), 4, "they are still listed");
    assert!(rows.iter().all(|row| row.customer_phone.contains("****") && row.customer_name.is_empty()), "{rows:?}");
    assert_eq!(let_go(&fixture, before(fixture.now().after(DAY))).await, Round::default());
    assert_counts_are_facts(&store, fixture.company, id).await;
}

/// A call placed by itself, to a customer who is new or known.
async fn single(fixture: &Fixture, phone: &str, known: Option<CustomerId>) -> Claimed {
    let fresh = singles::single(fixture).await;
    let single = Single {
        customer: customer(phone),
        customer_id: known.unwrap_or(fresh.customer_id),
        known_customer: known.is_some(),
        ..fresh
    };
    place(fixture, single).await.unwrap()
}

async fn calls_placed_by_themselves_are_let_go_of_as_well(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut calls = Vec::new();
    for phone in ["13800138000", "13800138020", "13800138021"] {
        let claimed = single(&fixture, phone, None).await;
        fixture.clock.advance(Duration::from_secs(60));
        fixture.finish(&claimed, conversation(&fixture, "啥")).await;
        calls.push(claimed.call);
    }

    let first = let_go(&fixture, before(fixture.now())).await;

    assert_eq!((first.transcripts, first.numbers), (2, 2));
    assert_eq!(view(&fixture, calls[0]).await.customer_phone, "138****8000");
    assert_eq!(view(&fixture, calls[2]).await.customer_phone, "13800138021");
    assert_eq!(let_go(&fixture, before(fixture.now())).await.numbers, 0, "nothing is done twice");
    assert_eq!(let_go(&fixture, before(fixture.now().after(DAY))).await.numbers, 1);
    assert_eq!(view(&fixture, calls[2]).await.record.unwrap().utterances, []);
}

async fn a_customer_who_was_called_again_is_kept_for_as_long_as_that_call(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (_, claimed) = conversed(&fixture, 1).await;
    let first = view(&fixture, claimed[0].call).await;
    let again = single(&fixture, &first.customer_phone, Some(first.customer)).await;
    fixture.clock.advance(DAY);
    fixture.finish(&again, conversation(&fixture, "啥")).await;

    let_go(&fixture, before(fixture.now())).await;

    assert!(view(&fixture, first.id).await.customer_phone.contains("****"));
    assert_eq!(phone_of(&fixture, first.customer).await.1, first.customer_phone);
    let_go(&fixture, before(fixture.now().after(DAY))).await;
    assert_eq!(phone_of(&fixture, first.customer).await.1, format!("removed-{}", first.customer));
}

async fn a_round_is_bounded_and_goes_on_where_the_last_one_ended(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (first, _) = conversed(&fixture, 7).await;
    let (second, _) = conversed(&fixture, 4).await;
    let due = before(fixture.now().after(DAY));
    let mut rounds = Vec::new();
    loop {
        let round = fixture.write(move |db, company| round(db, company, due, 3)).await;
        assert!(round.transcripts <= 3 && round.numbers <= 3, "{round:?}");
        rounds.push((round.transcripts, round.numbers));
        if !round.more {
            break;
        }
    }
    assert_eq!(rounds, [(3, 3), (3, 3), (3, 3), (2, 2)]);
    for id in [first, second] {
        assert_counts_are_facts(&store, fixture.company, id).await;
    }
}

async fn processes_share_the_work_and_do_nothing_twice(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    conversed(&fixture, 30).await;
    let due = before(fixture.now().after(DAY));
    let other = store.place().open().unwrap();
    let company = fixture.company;
    let work = |store: Store| async move {
        let mut done = (0, 0);
        for _ in 0..30 {
            let round = store.write(company, move |db| round(db, company, due, 2)).await.unwrap();
            done = (done.0 + round.transcripts, done.1 + round.numbers);
        }
        done
    };

    let (ours, theirs) = futures::future::join(work((*store).clone()), work(other)).await;

    assert_eq!((ours.0 + theirs.0, ours.1 + theirs.1), (30, 30));
}

async fn filters_find_the_same_calls_before_and_after(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (id, _) = conversed(&fixture, 12).await;
    let filters = [
        everything(),
        FeedFilter { duration_s: Some((60, 70)), ..everything() },
        FeedFilter { results: vec![("行业".to_owned(), vec!["第1句".to_owned()])], ..everything() },
    ];
    let mut was = Vec::new();
    for filter in &filters {
        was.push(indexes(&store, &fixture, id, filter.clone()).await);
    }
    assert!(was.iter().all(|found| !found.is_empty()));

    let_go(&fixture, before(fixture.now().after(DAY))).await;

    let fresh = store.place().open().unwrap();
    for (filter, was) in filters.iter().zip(&was) {
        assert_eq!(&indexes(&store, &fixture, id, filter.clone()).await, was);
        assert_eq!(&indexes(&fresh, &fixture, id, filter.clone()).await, was, "by a process that knew nothing of it");
    }
}

async fn another_company_keeps_what_it_has(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let (_, claimed) = conversed(&theirs, 2).await;
    conversed(&ours, 2).await;
    let was = view(&theirs, claimed[0].call).await;

    let_go(&ours, before(ours.now().after(DAY))).await;

    assert_eq!(view(&theirs, claimed[0].call).await, was);
}

async fn callbacks_that_were_given_up_go_with_the_numbers(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let now = fixture.now();
    let insert =
        "INSERT INTO callback (company_id, kind, subject_id, seq, task_id, place, detail, direction, customer_phone,
             called_at, created_at, given_up_at)
        VALUES (?2, 0, ?1, 0, 0, 0, '{}', 0, '13800138000', ?3, ?3, ?3)";
    fixture
        .write(move |db, company| {
            db.execute(insert, values![1_i64, company, now])?;
            db.execute(insert, values![2_i64, company, now.after(DAY)])
        })
        .await;

    let done = let_go(&fixture, before(now.after(DAY))).await;

    assert_eq!(done.callbacks, 1);
    let span = (Moment(0), now.after(DAY * 2));
    let left = fixture.read(move |db, company| callback::given_up(db, company, None, false, span, all())).await;
    assert_eq!(left.total, 1);
}
