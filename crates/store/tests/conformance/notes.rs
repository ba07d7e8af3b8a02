//! What people note about calls.

use std::time::Duration;

use hutong_domain::audit::Actor;
use hutong_domain::ids::CallId;
use hutong_domain::note::NewNote;
use hutong_store::audit::{self, By};
use hutong_store::note::{self, Note, Outcome};
use hutong_store::retention::{self, Due};
use hutong_store::{call, forget};
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::singles::{place, single};

conformance! {
    a_note_takes_the_place_of_the_one_before_and_the_log_does_not_repeat_it,
    nothing_is_noted_of_what_is_not_kept_any_more,
    a_person_who_is_forgotten_leaves_no_note,
    a_call_is_read_once,
}

fn anna(fixture: &Fixture) -> By {
    By { actor: Actor::User("anna".to_owned()), at: fixture.now() }
}

async fn set(fixture: &Fixture, call: CallId, words: &str, tags: &[&str]) -> Outcome {
    let (new, by) = (NewNote::parse(words, tags.iter().copied()).unwrap(), anna(fixture));
    fixture.write(move |db, company| note::set(db, company, call, &new, &by)).await
}

async fn find(fixture: &Fixture, call: CallId) -> Option<Note> {
    fixture.read(move |db, company| note::find(db, company, call)).await
}

/// A finished call.
async fn finished(fixture: &Fixture) -> CallId {
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, fixture.answered(9, 2, &[("客户意向等级", "A级(较强)")])).await;
    claimed.call
}

async fn rows(fixture: &Fixture, action: &str) -> Vec<audit::Entry> {
    let filter = audit::Filter { action: Some(action.to_owned()), ..audit::Filter::default() };
    fixture.read(move |db, _| audit::list(db, &filter, 100)).await
}

async fn a_note_takes_the_place_of_the_one_before_and_the_log_does_not_repeat_it(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let call = finished(&fixture).await;
    assert_eq!(set(&fixture, call, "下周再联系", &["重点", "回访"]).await, Outcome::Done);
    let tags = vec!["重点".to_owned(), "回访".to_owned()];
    let noted = Note { note: "下周再联系".to_owned(), tags, by: "user anna".to_owned(), at: fixture.now() };
    assert_eq!(find(&fixture, call).await, Some(noted.clone()));
    let many = fixture.read(move |db, company| note::of_calls(db, company, &[call, CallId(0)])).await;
    assert_eq!(many, [(call, noted)].into());

    // The same once more is no change; another company has no such call.
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(set(&fixture, call, "下周再联系", &["重点", "回访"]).await, Outcome::Done);
    assert_eq!(set(&other, call, "偷看", &[]).await, Outcome::Unknown);
    assert_eq!(rows(&fixture, "call.note").await.len(), 1);
    set(&fixture, call, "不用联系了", &["重点"]).await;
    set(&fixture, call, "", &[]).await;

    assert_eq!(find(&fixture, call).await, None);
    let log = rows(&fixture, "call.note").await;
    assert_eq!(log.len(), 3);
    assert_eq!(log[1].after.as_ref().unwrap()["tags"], serde_json::json!(["重点"]));
    assert!(!format!("{log:?}").contains("联系"), "{log:?}");
}

async fn nothing_is_noted_of_what_is_not_kept_any_more(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let of_task = finished(&fixture).await;
    let placed = place(&fixture, single(&fixture).await).await.unwrap();
    fixture.finish(&placed, fixture.answered(9, 2, &[])).await;
    fixture.clock.advance(Duration::from_secs(1));
    for call in [of_task, placed.call] {
        assert_eq!(set(&fixture, call, "记一下", &[]).await, Outcome::Done);
    }
    let due = Due { transcripts_before: Some(fixture.now()), numbers_before: None };
    fixture.write(move |db, company| retention::round(db, company, due, 100)).await;

    for call in [of_task, placed.call] {
        assert_eq!(find(&fixture, call).await, None);
        assert_eq!(set(&fixture, call, "再记一下", &[]).await, Outcome::LetGo);
        assert_eq!(find(&fixture, call).await, None);
    }
    let later = finished(&fixture).await;
    assert_eq!(set(&fixture, later, "记一下", &[]).await, Outcome::Done);
}

async fn a_person_who_is_forgotten_leaves_no_note(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let call = finished(&fixture).await;
    set(&fixture, call, "住在三楼", &[]).await;
    let now = fixture.now();
    let forgotten = fixture.write(move |db, company| forget::forget_calls(db, company, &[call], 900, now)).await;
    assert_eq!(forgotten.unwrap().calls, 1);
    assert_eq!(find(&fixture, call).await, None);
}

async fn a_call_is_read_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let call = finished(&fixture).await;
    let first = fixture.now();
    let mut read = Vec::new();
    for _ in 0..2 {
        let by = anna(&fixture);
        read.push(fixture.write(move |db, company| note::mark_read(db, company, call, &by)).await);
        fixture.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(read, [true, false]);
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!((view.read_at, rows(&fixture, "call.read").await.len()), (Some(first), 1));
}
