//! Users of the console, their sessions, and the wrong passwords that are counted.

use std::time::Duration;

use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::ids::{CompanyId, SessionId, UserId};
use hutong_domain::moment::Moment;
use hutong_domain::sign_in::{FORGOTTEN_AFTER, SessionRules, Subject};
use hutong_store::user::{self, NewUser, PasswordHash, User};
use hutong_store::{Db, Result, Store, session, sign_in};
use hutong_testkit::clock::START;
use hutong_testkit::{TestStore, conformance};

conformance! {
    a_user_is_read_back_with_its_companies,
    a_name_is_taken_once,
    a_user_is_changed_and_disabled,
    admins_that_are_enabled_are_known,
    a_session_is_found_by_its_token_until_it_ends,
    a_session_ends_with_its_user,
    a_user_has_no_more_sessions_than_it_may,
    wrong_passwords_of_a_name_and_of_an_address_are_counted_apart,
    a_right_password_takes_back_what_was_counted_for_it,
    wrong_passwords_are_forgotten_and_their_rows_bounded,
}

const RULES: SessionRules =
    SessionRules { idle_max: Duration::from_secs(1_800), lifetime_max: Duration::from_secs(43_200) };

fn later(seconds: u64) -> Moment {
    START.after(Duration::from_secs(seconds))
}

async fn write<T: Send + 'static>(store: &Store, work: impl FnMut(&mut Db) -> Result<T> + Send + 'static) -> T {
    store.write(CompanyId(0), work).await.unwrap()
}

async fn add(store: &Store, name: &str, access: Access) -> Option<UserId> {
    let new = NewUser { name: name.to_owned(), access, password: PasswordHash("$argon2id$1".to_owned()) };
    write(store, move |db| user::insert(db, &new, START)).await
}

async fn find(store: &Store, name: &'static str) -> User {
    store.read(move |db| user::find(db, name)).await.unwrap().unwrap()
}

fn operator() -> Access {
    Access::new(Role::Operator, Reach::Companies([CompanyId(2), CompanyId(1)].into()))
}

async fn a_user_is_read_back_with_its_companies(store: TestStore) {
    let id = add(&store, "anna", operator()).await.unwrap();
    add(&store, "admin", Access::new(Role::Admin, Reach::All)).await.unwrap();
    add(&store, "nobody", Access::new(Role::Viewer, Reach::Companies([].into()))).await.unwrap();

    let anna = find(&store, "anna").await;
    assert_eq!((anna.id, &anna.access, anna.disabled_at), (id, &operator(), None));
    assert_eq!((anna.created_at, anna.password_changed_at), (START, START));
    assert_eq!(store.read(move |db| user::find_by_id(db, id)).await.unwrap(), Some(anna));
    assert!(!find(&store, "nobody").await.access.reaches(CompanyId(1)), "bound to nothing is not bound to all");
    let names: Vec<String> = store.read(user::all).await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["admin", "anna", "nobody"]);
    assert_eq!(store.read(|db| user::find(db, "Anna")).await.unwrap(), None);
    let hash = store.read(move |db| user::password(db, id)).await.unwrap();
    assert_eq!(hash, Some(PasswordHash("$argon2id$1".to_owned())));
    assert_eq!(format!("{hash:?}"), "Some(***)");
}

async fn a_name_is_taken_once(store: TestStore) {
    assert!(add(&store, "anna", operator()).await.is_some());
    assert_eq!(add(&store, "anna", Access::new(Role::Admin, Reach::All)).await, None);
    assert_eq!(find(&store, "anna").await.access, operator());
}

async fn a_user_is_changed_and_disabled(store: TestStore) {
    let id = add(&store, "anna", operator()).await.unwrap();
    let access = Access::new(Role::Viewer, Reach::All);
    let wanted = access.clone();
    write(&store, move |db| user::set_access(db, id, &wanted)).await;
    write(&store, move |db| user::set_password(db, id, &PasswordHash("$2".to_owned()), later(5))).await;
    write(&store, move |db| user::set_disabled(db, id, Some(later(6)))).await;
    write(&store, move |db| user::set_disabled(db, id, Some(later(7)))).await;
    let anna = find(&store, "anna").await;
    assert_eq!((anna.access, anna.password_changed_at, anna.disabled_at), (access, later(5), Some(later(6))));
    write(&store, move |db| user::set_disabled(db, id, None)).await;
    assert_eq!(find(&store, "anna").await.disabled_at, None);
}

async fn begin(store: &Store, user: UserId, token: &'static str, now: Moment) -> SessionId {
    write(store, move |db| session::begin(db, user, token, ("192.0.2.7", "Firefox"), (&RULES, now))).await
}

async fn lasts(store: &Store, token: &'static str, now: Moment) -> bool {
    store.read(move |db| session::find(db, token, &RULES, now)).await.unwrap().is_some()
}

async fn admins_that_are_enabled_are_known(store: TestStore) {
    let admin = || Access::new(Role::Admin, Reach::All);
    let first = add(&store, "first", admin()).await.unwrap();
    let second = add(&store, "second", admin()).await.unwrap();
    add(&store, "viewer", Access::new(Role::Viewer, Reach::All)).await.unwrap();
    assert_eq!(write(&store, user::enabled_admins_locked).await, [first, second]);
    write(&store, move |db| user::set_disabled(db, first, Some(START))).await;
    assert_eq!(write(&store, user::enabled_admins_locked).await, [second]);
}

async fn a_session_is_found_by_its_token_until_it_ends(store: TestStore) {
    let user = add(&store, "anna", operator()).await.unwrap();
    let id = begin(&store, user, "token", START).await;
    let found = store.read(|db| session::find(db, "token", &RULES, later(1))).await.unwrap().unwrap();
    assert_eq!((found.id, found.user, found.began_at, found.seen_at), (id, user, START, START));
    assert_eq!((found.address.as_str(), found.agent.as_str()), ("192.0.2.7", "Firefox"));
    assert!(!lasts(&store, "Token", later(1)).await);
    let kept = "SELECT COUNT(*) FROM console_session WHERE token_digest = 'token'";
    assert_eq!(store.read(move |db| db.query_int(kept, &[])).await.unwrap(), 0, "the token itself is not kept");

    // It lasts for as long as it is used, but for no more than half a day.
    assert!(!lasts(&store, "token", later(1_800)).await);
    write(&store, move |db| session::seen(db, id, later(1_700))).await;
    assert!(lasts(&store, "token", later(3_499)).await);
    write(&store, move |db| session::seen(db, id, later(43_100))).await;
    assert!(lasts(&store, "token", later(43_199)).await && !lasts(&store, "token", later(43_200)).await);

    let stranger = add(&store, "bert", operator()).await.unwrap();
    assert!(!write(&store, move |db| session::end(db, stranger, id)).await, "it is another user's");
    assert!(write(&store, move |db| session::end(db, user, id)).await);
    assert!(!lasts(&store, "token", later(1)).await);
}

async fn a_session_ends_with_its_user(store: TestStore) {
    let user = add(&store, "anna", operator()).await.unwrap();
    begin(&store, user, "one", START).await;
    let two = begin(&store, user, "two", START).await;
    assert_eq!(write(&store, move |db| session::end_all(db, user, Some(two))).await, 1);
    assert!(!lasts(&store, "one", later(1)).await && lasts(&store, "two", later(1)).await);
    // Even where somebody forgets to end it.
    write(&store, move |db| user::set_disabled(db, user, Some(START))).await;
    assert!(!lasts(&store, "two", later(1)).await);
}

async fn a_user_has_no_more_sessions_than_it_may(store: TestStore) {
    let user = add(&store, "anna", operator()).await.unwrap();
    begin(&store, user, "idle", START).await;
    let used = begin(&store, user, "used", START).await;
    write(&store, move |db| session::seen(db, used, later(60))).await;
    for n in 1..session::SESSIONS_OF_USER_MAX {
        let token: &'static str = format!("{n}").leak();
        begin(&store, user, token, later(30)).await;
    }
    let sessions = store.read(move |db| session::of_user(db, user, &RULES, later(61))).await.unwrap();
    assert_eq!(i64::try_from(sessions.len()), Ok(session::SESSIONS_OF_USER_MAX));
    assert_eq!(sessions[0].id, used, "the one that was used last is first");
    assert!(!lasts(&store, "idle", later(61)).await && lasts(&store, "1", later(61)).await);
    // What has come to its end is forgotten when somebody signs in.
    begin(&store, user, "new", later(10_000)).await;
    let kept = store.read(|db| db.query_int("SELECT COUNT(*) FROM console_session", &[])).await.unwrap();
    assert_eq!(kept, 1);
}

fn subjects(name: &str, address: &str) -> [Subject; 2] {
    [Subject::Name(name.to_owned()), Subject::Address(address.parse().unwrap())]
}

/// For how long whoever tries has to wait.
async fn attempt(store: &Store, subjects: [Subject; 2], now: Moment) -> Option<u64> {
    write(store, move |db| sign_in::attempt(db, &subjects, now)).await.err().map(|wait| wait.as_secs())
}

async fn wrong_passwords_of_a_name_and_of_an_address_are_counted_apart(store: TestStore) {
    for _ in 0..5 {
        assert_eq!(attempt(&store, subjects("anna", "192.0.2.7"), START).await, None);
    }
    assert_eq!(attempt(&store, subjects("anna", "192.0.2.7"), START).await, Some(1));
    assert_eq!(attempt(&store, subjects("anna", "192.0.2.8"), START).await, Some(1), "from wherever");
    assert_eq!(attempt(&store, subjects("anna", "192.0.2.8"), later(1)).await, None);
    assert_eq!(attempt(&store, subjects("anna", "192.0.2.8"), later(1)).await, Some(2));
    // Whoever is kept waiting is not counted: 5 so far from the first address.
    for n in 0..15 {
        assert_eq!(attempt(&store, subjects(&format!("guess{n}"), "192.0.2.7"), later(1)).await, None);
    }
    assert_eq!(attempt(&store, subjects("bert", "192.0.2.7"), later(1)).await, Some(1));
    assert_eq!(attempt(&store, subjects("bert", "192.0.2.9"), later(1)).await, None);
}

async fn a_right_password_takes_back_what_was_counted_for_it(store: TestStore) {
    let anna = || subjects("anna", "192.0.2.7");
    for n in 0..30 {
        assert_eq!(attempt(&store, anna(), later(n)).await, None, "{n}");
        write(&store, move |db| sign_in::succeeded(db, &anna(), later(n))).await;
    }
    for _ in 0..5 {
        assert_eq!(attempt(&store, anna(), later(30)).await, None);
    }
    assert_eq!(attempt(&store, anna(), later(30)).await, Some(1));
    write(&store, move |db| sign_in::forget(db, &Subject::Name("anna".to_owned()))).await;
    assert_eq!(attempt(&store, anna(), later(30)).await, None);
}

async fn wrong_passwords_are_forgotten_and_their_rows_bounded(store: TestStore) {
    for _ in 0..6 {
        attempt(&store, subjects("anna", "192.0.2.7"), START).await;
    }
    // One after another in time, more than there may be.
    let many =
        "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
        INSERT INTO sign_in_failure (subject, failures, last_at, open_at)
        SELECT 'name ' || n, 1, ?1 + n, 0 FROM numbers";
    write(&store, |db| db.execute(many, hutong_store::values![START.ms(), sign_in::SUBJECTS_MAX + 500])).await;
    attempt(&store, subjects("bert", "192.0.2.8"), later(60)).await;
    let count = || store.read(|db| db.query_int("SELECT COUNT(*) FROM sign_in_failure", &[]));
    assert_eq!(count().await.unwrap(), sign_in::SUBJECTS_MAX);
    let now = later(61).after(FORGOTTEN_AFTER);
    assert_eq!(attempt(&store, subjects("anna", "192.0.2.7"), now).await, None);
    assert_eq!(count().await.unwrap(), 2);
}
