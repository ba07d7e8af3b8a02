//! A number is forgotten: nothing of it is left, and everything is counted as before.

use std::time::Duration;

use hutong_domain::audit::Actor;
use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::ids::{BlacklistGroupId, CallId, CompanyId};
use hutong_domain::outcome::Disposition;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::Command;
use hutong_store::audit::By;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::feed::FeedFilter;
use hutong_store::finish::Ending;
use hutong_store::forget::{
    Blacklisted, Forgotten, Outcome, Traces, Wanted, forget_calls, forget_rest, in_progress, removals, removed, traces,
};
use hutong_store::recording::{self, LeftOver, Standing};
use hutong_store::task::Settings;
use hutong_store::{IdKind, call, values};
use hutong_testkit::fixture::{customer, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

use super::all;
use super::retention::conversation;

conformance! {
    nothing_is_left_of_a_number_that_is_forgotten,
    the_wish_not_to_be_called_outlives_the_rest,
    a_call_that_waits_finishes_as_blacklisted_and_is_counted,
    a_number_of_a_stopped_task_goes_without_being_counted,
    nothing_is_changed_while_a_call_is_in_progress,
    a_number_of_another_company_stays_there,
    a_number_is_forgotten_by_somebody_everywhere_or_in_one_company,
    recordings_are_remembered_until_nobody_has_them,
    a_recording_that_is_left_over_of_a_forgotten_number_is_thrown_away,
}

const PHONE: &str = "13800138000";

fn spellings() -> Vec<String> {
    vec![PHONE.to_owned(), format!("+86{PHONE}")]
}

async fn found(fixture: &Fixture, company: Option<CompanyId>) -> Vec<Traces> {
    fixture.read(move |db, _| traces(db, &spellings(), company)).await
}

async fn forget(fixture: &Fixture, blacklisted: Blacklisted) -> Option<Forgotten> {
    let Traces { company, calls, customers } = found(fixture, Some(fixture.company)).await.remove(0);
    let first_id = fixture.store.reserve(IdKind::CallResult, calls.len().max(1)).await.unwrap();
    let now = fixture.now();
    let mut forgotten = fixture.write(move |db, _| forget_calls(db, company, &calls, first_id, now)).await?;
    forgotten.add(fixture.write(move |db, _| forget_rest(db, company, &spellings(), &customers, blacklisted)).await);
    Some(forgotten)
}

/// How often the number stands anywhere in the texts of the store, as it is or within a text.
async fn times_kept(fixture: &Fixture) -> i64 {
    let places = [
        "customer WHERE strpos(phone, ?1) > 0 OR strpos(name, ?1) > 0 OR strpos(properties, ?1) > 0",
        "call WHERE strpos(customer_phone, ?1) > 0 OR strpos(customer_name, ?1) > 0",
        "call_record WHERE strpos(utterances, ?1) > 0 OR strpos(COALESCE(course, ''), ?1) > 0",
        "dialled_number WHERE strpos(phone, ?1) > 0",
        "blacklist_entry WHERE strpos(mobile, ?1) > 0 OR strpos(remark, ?1) > 0",
        "callback WHERE strpos(customer_phone, ?1) > 0",
        "unheard WHERE strpos(text, ?1) > 0",
        "regrade WHERE strpos(note, ?1) > 0",
    ];
    fixture
        .read(move |db, _| {
            let count = |place: &str| db.query_int(&format!("SELECT COUNT(*) FROM {place}"), values![PHONE]);
            Ok(places.map(count).into_iter().collect::<hutong_store::Result<Vec<i64>>>()?.iter().sum())
        })
        .await
}

/// A task in which the number is the first of three, with a conversation in which it is said.
async fn conversed(fixture: &Fixture) -> (hutong_domain::ids::TaskId, CallId) {
    let id = fixture.running_task(settings(), 0).await;
    let mut person = customer(PHONE);
    person.properties.insert("备注".to_owned(), format!("也是{PHONE}"));
    fixture.import(id, vec![person, customer("13800138020"), customer("13800138021")]).await;
    for claimed in fixture.claim(id, 3).await {
        fixture.clock.advance(Duration::from_secs(1));
        let words = format!("我的号码是{}", claimed.customer_phone);
        let ending = Ending {
            recording: Some(format!("2026/11/22/1/{}-1.wav", claimed.call)),
            customer_recording: Some(format!("2026/11/22/1/{}-1-customer.wav", claimed.call)),
            do_not_call: true,
            ..conversation(fixture, &words)
        };
        // What is concluded is counted, and stays.
        let ending = Ending { results: fixture.answered(1, 1, &[("意向", "A级")]).results, ..ending };
        fixture.finish(&claimed, ending).await;
    }
    let find = "SELECT id FROM call WHERE task_id = ?1 AND customer_phone = ?2";
    let call = fixture.read(move |db, _| db.query_int(find, values![id, PHONE])).await;
    (id, CallId(call))
}

async fn nothing_is_left_of_a_number_that_is_forgotten(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (id, call) = conversed(&fixture).await;
    let company = fixture.company;
    fixture
        .write(move |db, company| {
            db.execute(
                "INSERT INTO callback (company_id, kind, subject_id, seq, task_id, place, detail, direction,
                     customer_phone, called_at, created_at)
                 VALUES (?1, 0, ?2, 0, 0, 0, '{}', 0, ?3, 0, 0)",
                values![company, call, PHONE],
            )
        })
        .await;
    assert_eq!(times_kept(&fixture).await, 7, "one row of each kind");
    let filter = || FeedFilter { after: -1, ..FeedFilter::default() };
    let was = store.feed(company, id, filter(), all()).await.unwrap().unwrap().1;

    let forgotten = forget(&fixture, Blacklisted::Remove).await.unwrap();

    let recordings = vec![format!("2026/11/22/1/{call}-1.wav")];
    let expected = Forgotten {
        customers: 1,
        calls: 1,
        waiting: 0,
        transcripts: 1,
        recordings,
        blacklisted: 1,
        dialled_days: 1,
        callbacks: 1,
        texts: 1,
    };
    assert_eq!(forgotten, expected);
    assert_eq!(times_kept(&fixture).await, 0);
    let is = store.feed(company, id, filter(), all()).await.unwrap().unwrap().1;
    assert_eq!((is.total, is.rows.len()), (was.total, was.rows.len()));
    for (was, is) in was.rows.iter().zip(&is.rows) {
        assert_eq!(
            (is.call_index, is.id, is.duration_s, &is.results),
            (was.call_index, was.id, was.duration_s, &was.results)
        );
        if is.id == call {
            assert_eq!((&*is.customer_phone, &*is.customer_name, &is.recording), ("***********", "", &None));
        } else {
            assert_eq!(is, was);
        }
    }
    assert_counts_are_facts(&store, company, id).await;
    assert!(found(&fixture, None).await.iter().all(|it| it.calls.is_empty() && it.customers.is_empty()));
    let again = forget(&fixture, Blacklisted::Remove).await.unwrap();
    assert_eq!(again, Forgotten::default(), "there is nothing more to forget");
}

async fn the_wish_not_to_be_called_outlives_the_rest(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    conversed(&fixture).await;

    let forgotten = forget(&fixture, Blacklisted::KeepNumber).await.unwrap();

    assert_eq!(forgotten.blacklisted, 1);
    assert_eq!(times_kept(&fixture).await, 1, "the number on the blacklist");
    let page = fixture.read(|db, company| blacklist::page(db, company, BlacklistGroupId::DEFAULT, all())).await;
    let entry = page.rows.into_iter().find(|entry| entry.mobile == PHONE).unwrap();
    assert_eq!((entry.name.as_str(), entry.remark.as_str()), ("", ""));
    assert!(fixture.read(|db, company| blacklist::contains(db, company, PHONE)).await);
}

async fn a_call_that_waits_finishes_as_blacklisted_and_is_counted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let redialling = Settings { redial_rules: vec![rule], ..settings() };
    let fresh = fixture.running_task(settings(), 0).await;
    let redialled = fixture.running_task(redialling, 0).await;
    let people = || vec![customer(PHONE), customer("13800138020")];
    fixture.import(redialled, people()).await;
    let claimed = fixture.claim(redialled, 1).await.remove(0);
    assert_eq!(claimed.customer_phone, PHONE);
    fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
    fixture.import(fresh, people()).await;

    let forgotten = forget(&fixture, Blacklisted::KeepNumber).await.unwrap();

    assert_eq!((forgotten.calls, forgotten.waiting), (2, 2));
    assert_eq!(times_kept(&fixture).await, 0);
    for id in [redialled, fresh] {
        let counters = fixture.task(id).await.counters;
        assert_eq!((counters.done, counters.finished_with(FinishStatus::Blacklisted)), (1, 1));
        assert_counts_are_facts(&store, fixture.company, id).await;
    }
    let view = fixture.read(move |db, company| call::find(db, company, claimed.call)).await.unwrap();
    assert_eq!((view.status, view.call_index, view.redials), (CallStatus::Done, Some(0), 0));
    fixture.clock.advance(Duration::from_secs(3600));
    for id in [redialled, fresh] {
        let dialled = fixture.claim(id, 9).await;
        let numbers: Vec<&str> = dialled.iter().map(|it| it.customer_phone.as_str()).collect();
        assert_eq!(numbers.iter().filter(|number| **number != "13800138020").count(), 0, "{numbers:?}");
        for claimed in &dialled {
            fixture.finish(claimed, fixture.unanswered(Disposition::Vacant)).await;
        }
    }
}

async fn a_number_of_a_stopped_task_goes_without_being_counted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 0).await;
    fixture.import(id, vec![customer(PHONE), customer("13800138020")]).await;
    fixture.command(id, Command::Stop).await;

    let forgotten = forget(&fixture, Blacklisted::KeepNumber).await.unwrap();

    assert_eq!((forgotten.calls, forgotten.waiting), (1, 0));
    assert_eq!(times_kept(&fixture).await, 0);
    assert_eq!(fixture.task(id).await.counters.done, 0);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn nothing_is_changed_while_a_call_is_in_progress(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 0).await;
    fixture.import(id, vec![customer(PHONE)]).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let kept = times_kept(&fixture).await;

    let busy = fixture.read(|db, _| in_progress(db, &spellings(), None)).await.unwrap();
    assert_eq!((busy.company, busy.call), (fixture.company, claimed.call));
    let elsewhere = Some(CompanyId(fixture.company.get() + 1));
    assert_eq!(fixture.read(move |db, _| in_progress(db, &spellings(), elsewhere)).await, None);
    assert_eq!(forget(&fixture, Blacklisted::Remove).await, None);
    assert_eq!(times_kept(&fixture).await, kept);

    fixture.finish(&claimed, conversation(&fixture, "好")).await;
    assert_eq!(fixture.read(|db, _| in_progress(db, &spellings(), None)).await, None);
    assert_eq!(forget(&fixture, Blacklisted::Remove).await.unwrap().calls, 1);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_number_of_another_company_stays_there(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let (_, call) = conversed(&theirs).await;
    let entry = NewEntry { mobile: PHONE.to_owned(), name: "a".to_owned(), remark: "b".to_owned() };
    let now = ours.now();
    ours.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, now)).await;
    let was = theirs.read(move |db, company| call::find(db, company, call)).await;

    let forgotten = forget(&ours, Blacklisted::Remove).await.unwrap();

    assert_eq!(forgotten, Forgotten { blacklisted: 1, ..Forgotten::default() });
    assert_eq!(theirs.read(move |db, company| call::find(db, company, call)).await, was);
    assert!(theirs.read(|db, company| blacklist::contains(db, company, PHONE)).await);
    let everywhere = found(&ours, None).await;
    assert_eq!(everywhere.iter().map(|it| it.calls.len()).collect::<Vec<_>>(), [0, 1]);
}

async fn a_number_is_forgotten_by_somebody_everywhere_or_in_one_company(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    conversed(&ours).await;
    conversed(&theirs).await;
    let by = By { actor: Actor::User("admin".to_owned()), at: ours.now() };
    let phone = PhoneNumber::parse(PHONE).unwrap();
    let forget = async |company| Wanted::new(&phone, company, Blacklisted::Remove).forget(&store, &by).await.unwrap();

    let Outcome::Done(forgotten) = forget(Some(ours.company)).await else { panic!("it is in no call") };
    assert_eq!((forgotten.calls, forgotten.customers), (1, 1));
    assert_eq!(found(&ours, None).await.iter().map(|it| it.calls.len()).collect::<Vec<_>>(), [0, 1]);
    let Outcome::Done(forgotten) = forget(None).await else { panic!("it is in no call") };
    assert_eq!((forgotten.calls, forgotten.customers), (1, 1));
    let Outcome::Done(forgotten) = forget(None).await else { panic!("it is in no call") };
    assert_eq!(forgotten, Forgotten::default());

    let task = ours.running_task(settings(), 0).await;
    ours.import(task, vec![customer(PHONE)]).await;
    let claimed = ours.claim(task, 1).await.remove(0);
    let refused = Outcome::InProgress { company: ours.company, call: Some(claimed.call) };
    assert_eq!(forget(None).await, refused);
    assert_eq!(forget(Some(ours.company)).await, refused);
}

async fn recordings_are_remembered_until_nobody_has_them(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (_, call) = conversed(&fixture).await;
    forget(&fixture, Blacklisted::Remove).await.unwrap();

    let kept = fixture.read(|db, _| removals(db, 10)).await;

    assert_eq!(kept.iter().map(|it| it.name.clone()).collect::<Vec<_>>(), [format!("2026/11/22/1/{call}-1.wav")]);
    assert_eq!(kept[0].since, fixture.now());
    let removal = kept[0].clone();
    fixture.write(move |db, _| removed(db, &removal)).await;
    assert_eq!(fixture.read(|db, _| removals(db, 10)).await, []);
}

async fn a_recording_that_is_left_over_of_a_forgotten_number_is_thrown_away(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 0).await;
    fixture.import(id, vec![customer(PHONE)]).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, fixture.unanswered(Disposition::Interrupted)).await;
    forget(&fixture, Blacklisted::Remove).await.unwrap();
    let left_over = LeftOver {
        company: fixture.company,
        call: claimed.call,
        attempt_no: claimed.attempt_no,
        both: "2026/11/22/1/1-1.wav".to_owned(),
        customer: "2026/11/22/1/1-1-customer.wav".to_owned(),
    };
    let now = fixture.now();

    let standing = fixture.write(move |db, _| recording::settle(db, &left_over, now)).await;

    assert_eq!(standing, Standing::Unnamed);
}
