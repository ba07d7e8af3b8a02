//! The audit log: rows in the transaction of the change, and how they are found.

use hutong_domain::audit::{Action, Actor, SIDE_BYTES_MAX};
use hutong_domain::ids::{BlacklistGroupId, CompanyId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::task::Command;
use hutong_store::audit::{self, By, Entry, Filter, Object};
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::finish::Ending;
use hutong_store::{Db, Error, Store, company, line, task};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{new_line, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use serde_json::json;

conformance! {
    a_change_is_kept_with_what_differs,
    a_change_that_was_refused_or_changed_nothing_leaves_no_row,
    a_row_goes_with_the_transaction_of_its_change,
    secrets_and_numbers_of_customers_do_not_enter_the_log,
    a_row_has_a_bounded_size,
    changes_are_found_by_company_actor_action_and_time,
    the_log_is_paged_by_id_newest_first,
    when_somebody_last_did_something_is_known,
    who_asks_never_to_be_called_again_is_blacklisted_by_hutong,
}

fn by(actor: Actor, later_ms: i64) -> By {
    By { actor, at: Moment(START.ms() + later_ms) }
}

fn key(name: &str) -> By {
    by(Actor::Key(name.to_owned()), 0)
}

async fn list(store: &Store, filter: Filter) -> Vec<Entry> {
    store.read(move |db| audit::list(db, &filter, 100)).await.unwrap()
}

async fn all(store: &Store) -> Vec<Entry> {
    list(store, Filter::default()).await
}

/// What was put on a blacklist.
async fn note(store: &Store, by: By, company: i64, action: Action) {
    let noted = store.write(CompanyId(company), move |db| {
        let group = Object::BlacklistGroup(CompanyId(company), BlacklistGroupId::DEFAULT);
        by.note(db, action, &group, None, Some(json!({ "added": 1 })))
    });
    noted.await.unwrap();
}

async fn a_change_is_kept_with_what_differs(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    let (company, by) = (fixture.company, key("k"));
    let changed = by.clone();
    fixture
        .write(move |db, company| {
            by.change(db, Action::TaskStart, &Object::Task(company, id), |db| {
                task::command(db, company, id, Command::Start, "tester", by.at)
            })
        })
        .await;
    let entry = all(&store).await.swap_remove(0);
    assert_eq!((entry.at, entry.actor.as_str()), (changed.at, "key k"));
    assert_eq!((entry.action.as_str(), entry.kind.as_str(), entry.object), ("task.start", "task", id.to_string()));
    assert_eq!(entry.company, Some(company));
    assert_eq!((entry.before, entry.after), (Some(json!({ "status": 0 })), Some(json!({ "status": 3 }))));

    // Lines are the task's own, though they are kept elsewhere; documents are compared by what is in them.
    let mut other = settings();
    other.extras.sms_type = Some(2);
    let other_line = fixture.write(|db, company| line::insert(db, &new_line(company))).await;
    fixture
        .write(move |db, company| {
            task::command(db, company, id, Command::Pause, "tester", START)?;
            key("k").change(db, Action::TaskUpdate, &Object::Task(company, id), |db| {
                task::update(db, company, id, &other, Some(&[other_line]), START)
            })
        })
        .await;
    let entry = all(&store).await.swap_remove(0);
    let after = entry.after.unwrap();
    assert_eq!(after["lines"], json!([other_line]));
    assert_eq!(after.as_object().unwrap().len(), 2, "{after}");
}

async fn a_change_that_was_refused_or_changed_nothing_leaves_no_row(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    for command in [Command::Pause, Command::Update] {
        fixture
            .write(move |db, company| {
                key("k").change(db, Action::TaskPause, &Object::Task(company, id), |db| match command {
                    Command::Update => task::update(db, company, id, &settings(), None, START),
                    other => task::command(db, company, id, other, "tester", START),
                })
            })
            .await;
    }
    assert_eq!(all(&store).await, []);
}

async fn a_row_goes_with_the_transaction_of_its_change(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let company = fixture.company;
    let failed: Result<(), Error> = fixture
        .store
        .write(company, move |db| {
            key("k").change(db, Action::CompanyUpdate, &Object::Company(company), |db| {
                company::update(db, company, 99, &Default::default())
            })?;
            Err(Error::Closed)
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(all(&store).await, []);
    assert_ne!(fixture.read(company::find).await.unwrap().seats, 99);
}

async fn secrets_and_numbers_of_customers_do_not_enter_the_log(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let entry = NewEntry { mobile: "13800138000".to_owned(), name: "王".to_owned(), remark: "先生".to_owned() };
    fixture
        .write(move |db, company| {
            let (id, _) = blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, START)?;
            key("k").made(db, Action::BlacklistAdd, &Object::BlacklistEntry(company, id))
        })
        .await;
    let change_password = |sealed: &str| {
        let settings = json!({ "server": "trunk.example", "password": sealed }).to_string();
        move |db: &mut Db, company| {
            let line = line::of_company(db, company)?.remove(0);
            let line = line::Line { settings: settings.clone(), ..line };
            key("k").change(db, Action::LineUpdate, &Object::Line(company, line.id), |db| line::update(db, &line))
        }
    };
    fixture.write(change_password("sealed-one")).await;
    fixture.write(change_password("sealed-two")).await;

    let entries = all(&store).await;
    let password = &entries[0].after.as_ref().unwrap()["settings"];
    assert!(password["password"].as_str().unwrap().starts_with("sealed "), "that it is another one is to be seen");
    assert_eq!(entries[2].after, Some(json!({ "group_id": -1, "mobile": "138****8000" })));
    let text = format!("{entries:?}");
    for hidden in ["13800138000", "王", "先生", "sealed-one", "sealed-two"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

async fn a_row_has_a_bounded_size(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let new = hutong_store::task::NewTask {
        settings: task::Settings { remark: "备注".repeat(SIDE_BYTES_MAX), ..settings() },
        ..fixture.new_task()
    };
    fixture
        .write(move |db, company| {
            let id = task::insert(db, &new, START)?;
            key("k").made(db, Action::TaskCreate, &Object::Task(company, id))
        })
        .await;
    let after = all(&store).await.swap_remove(0).after.unwrap();
    assert!(after.to_string().len() <= SIDE_BYTES_MAX);
    assert_eq!(after["name"], "回访");
    assert!(after["remark"].as_str().unwrap().ends_with('…'));
}

async fn changes_are_found_by_company_actor_action_and_time(store: TestStore) {
    let user = |name: &str, later_ms| by(Actor::User(name.to_owned()), later_ms);
    note(&store, user("anna", 1), 1, Action::BlacklistAdd).await;
    note(&store, user("anna.b", 2), 2, Action::BlacklistGroupCreate).await;
    note(&store, by(Actor::Key("a%".to_owned()), 3), 1, Action::TaskImport).await;
    note(&store, by(Actor::Hutong, 4), 1, Action::BlacklistAdd).await;
    let found = async |filter| -> Vec<i64> {
        list(&store, filter).await.iter().map(|entry| entry.at.ms() - START.ms()).collect()
    };
    let actor = |text: &str| Filter { actor: Some(text.to_owned()), ..Filter::default() };
    let action = |text: &str| Filter { action: Some(text.to_owned()), ..Filter::default() };
    let moment = |later_ms| Some(Moment(START.ms() + later_ms));
    assert_eq!(found(Filter::default()).await, [4, 3, 2, 1]);
    assert_eq!(found(Filter { company: Some(CompanyId(2)), ..Filter::default() }).await, [2]);
    assert_eq!(found(actor("user")).await, [2, 1]);
    assert_eq!(found(actor("user anna")).await, [1], "a name is not the beginning of another");
    assert_eq!(found(actor("key")).await, [3]);
    assert!(found(actor("key %")).await.is_empty());
    assert_eq!(found(actor("hutong")).await, [4]);
    assert_eq!(found(action("blacklist")).await, [4, 2, 1]);
    assert_eq!(found(action("blacklist.group")).await, [2]);
    assert!(found(action("%")).await.is_empty());
    assert_eq!(found(Filter { since: moment(2), until: moment(4), ..Filter::default() }).await, [3, 2]);
    let all_at_once = Filter { company: Some(CompanyId(1)), since: moment(2), ..actor("hutong") };
    assert_eq!(found(Filter { action: Some("black".to_owned()), ..all_at_once }).await, [4]);
}

async fn the_log_is_paged_by_id_newest_first(store: TestStore) {
    for n in 0..5 {
        note(&store, by(Actor::Hutong, n), 1, Action::BlacklistAdd).await;
    }
    let mut seen = Vec::new();
    let mut before_id = None;
    loop {
        let filter = Filter { before_id, ..Filter::default() };
        let page = store.read(move |db| audit::list(db, &filter, 2)).await.unwrap();
        let Some(last) = page.last() else { break };
        before_id = Some(last.id);
        seen.extend(page.iter().map(|entry| entry.at.ms() - START.ms()));
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    // An id is never given twice, whatever is deleted.
    store.write(CompanyId(0), |db| db.execute("DELETE FROM audit_log", &[])).await.unwrap();
    note(&store, by(Actor::Hutong, 0), 1, Action::BlacklistAdd).await;
    assert_eq!(all(&store).await[0].id, 6);
}

async fn when_somebody_last_did_something_is_known(store: TestStore) {
    let anna = Actor::User("anna".to_owned());
    for later_ms in [0, 5] {
        note(&store, by(anna.clone(), later_ms), 3, Action::UserSignIn).await;
    }
    note(&store, by(Actor::User("bob".to_owned()), 9), 3, Action::UserSignIn).await;
    let last = async |action| {
        let anna = anna.clone();
        store.read(move |db| audit::last(db, &anna, action)).await.unwrap()
    };
    assert_eq!(last(Action::UserSignIn).await, Some(Moment(START.ms() + 5)));
    assert_eq!(last(Action::UserSignOut).await, None);
}

async fn who_asks_never_to_be_called_again_is_blacklisted_by_hutong(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.look(id).await.claimed.swap_remove(0);
    let ending = Ending { do_not_call: true, ..fixture.unanswered(Disposition::Busy) };
    fixture.finish(&claimed, ending).await;
    let entries = all(&store).await;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].actor.as_str(), entries[0].action.as_str()), ("hutong", "blacklist.add"));
    assert_eq!(entries[0].company, Some(fixture.company));
}
