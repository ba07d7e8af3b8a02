//! Signing in, and what ends it, over a store in memory.

#![allow(clippy::unwrap_used, reason = "what cannot be prepared fails the test that asked for it")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hutong_accounts::keys::{self, KeySettings};
use hutong_accounts::{Accounts, Error, Refused, SignedIn, csrf_token, is_csrf_token};
use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::address::Networks;
use hutong_domain::audit::Actor;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Clock as _;
use hutong_domain::sign_in::{BadPassword, SessionRules};
use hutong_store::audit::{self, By, Filter};
use hutong_store::key::{Edition, Secret};
use hutong_store::vault::{KEY_BYTES, Vault};
use hutong_store::{Options, Store, Url, company};
use hutong_testkit::ManualClock;
use hutong_testkit::clock::START;

const PASSWORD: &str = "correct horse battery";

struct World {
    accounts: Accounts,
    store: Store,
    clock: ManualClock,
    company: CompanyId,
}

impl World {
    /// A company with an operator, anna.
    async fn new() -> Self {
        let store = Store::open(&Options::new(Url::Memory), START).unwrap();
        let company = store.write(CompanyId(0), |db| company::insert(db, "公司", 1, START)).await.unwrap();
        let clock = ManualClock::default();
        let accounts = Accounts::new(store.clone(), Arc::new(clock.clone()), SessionRules::default());
        let access = Access::new(Role::Operator, Reach::Companies([company].into()));
        accounts.add(&admin(), "Anna", access, secret(PASSWORD)).await.unwrap();
        Self { accounts, store, clock, company }
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, Refused> {
        self.accounts.sign_in(name, secret(password), address(), "Firefox").await
    }

    async fn is_signed_in(&self, token: &Secret) -> bool {
        self.accounts.session(&token.0).await.unwrap().is_some()
    }

    /// What the log has, oldest first.
    async fn log(&self) -> Vec<String> {
        let entries = self.store.read(|db| audit::list(db, &Filter::default(), 100)).await.unwrap();
        entries.iter().rev().map(|it| format!("{} {} {}", it.actor, it.action, it.object)).collect()
    }
}

fn admin() -> Actor {
    Actor::CommandLine("root".to_owned())
}

fn secret(text: &str) -> Secret {
    Secret(text.to_owned())
}

fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

#[tokio::test]
async fn who_signs_in_is_known_by_a_token_until_signing_out() {
    let world = World::new().await;
    let SignedIn { user, session, token } = world.sign_in(" ANNA ", PASSWORD).await.unwrap();
    assert_eq!((user.name.as_str(), user.access.role()), ("anna", Role::Operator));
    assert!(token.0.len() >= 43, "256 bits");
    let (found, user) = world.accounts.session(&token.0).await.unwrap().unwrap();
    assert_eq!((found.id, found.address.as_str(), found.agent.as_str()), (session, "192.0.2.7", "Firefox"));
    assert!(user.access.reaches(world.company) && !user.access.reaches(CompanyId(99)));
    assert!(world.accounts.session("guess").await.unwrap().is_none());
    let other = world.sign_in("anna", PASSWORD).await.unwrap();
    assert_ne!(other.token, token);
    assert_eq!(world.accounts.sessions("anna").await.unwrap().len(), 2);

    let anna = Actor::User("anna".to_owned());
    assert!(world.accounts.end_session(&anna, "anna", session).await.unwrap());
    assert!(!world.accounts.end_session(&anna, "anna", session).await.unwrap());
    assert!(!world.is_signed_in(&token).await && world.is_signed_in(&other.token).await);
    let expected = [
        "command line root user.create anna",
        "user anna user.sign_in anna",
        "user anna user.sign_in anna",
        "user anna user.sign_out anna",
    ];
    assert_eq!(world.log().await, expected);
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_not_for_ever() {
    let world = World::new().await;
    let token = world.sign_in("anna", PASSWORD).await.unwrap().token;
    // Every 25 minutes: 30 without a request end it, and so do 12 hours in all.
    for minutes in (25..12 * 60).step_by(25) {
        world.clock.advance(Duration::from_secs(25 * 60));
        assert!(world.is_signed_in(&token).await, "after {minutes} minutes");
    }
    world.clock.advance(Duration::from_secs(25 * 60));
    assert!(!world.is_signed_in(&token).await);
    let token = world.sign_in("anna", PASSWORD).await.unwrap().token;
    world.clock.advance(Duration::from_secs(30 * 60));
    assert!(!world.is_signed_in(&token).await);
}

#[tokio::test]
async fn another_password_and_a_disabled_user_end_sessions() {
    let world = World::new().await;
    let token = world.sign_in("anna", PASSWORD).await.unwrap().token;
    world.accounts.set_password(&admin(), "anna", secret("another password"), None).await.unwrap();
    assert!(!world.is_signed_in(&token).await);
    assert!(matches!(world.sign_in("anna", PASSWORD).await, Err(Refused::Wrong)));

    let token = world.sign_in("anna", "another password").await.unwrap().token;
    world.accounts.set_enabled(&admin(), "anna", false).await.unwrap();
    assert!(!world.is_signed_in(&token).await);
    assert!(matches!(world.sign_in("anna", "another password").await, Err(Refused::Wrong)));
    world.accounts.set_enabled(&admin(), "anna", true).await.unwrap();
    assert!(!world.is_signed_in(&token).await, "what has ended stays ended");
    world.sign_in("anna", "another password").await.unwrap();
}

#[tokio::test]
async fn another_role_counts_in_sessions_that_go_on() {
    let world = World::new().await;
    let token = world.sign_in("anna", PASSWORD).await.unwrap().token;
    world.accounts.set_role(&admin(), "anna", Role::Viewer).await.unwrap();
    let (_, user) = world.accounts.session(&token.0).await.unwrap().unwrap();
    assert_eq!(user.access, Access::new(Role::Viewer, Reach::Companies([world.company].into())));
    world.accounts.set_reach(&admin(), "anna", Reach::Companies(BTreeSet::new())).await.unwrap();
    let (_, user) = world.accounts.session(&token.0).await.unwrap().unwrap();
    assert!(!user.access.reaches(world.company));
}

#[tokio::test]
async fn who_changes_the_own_password_knows_the_old_one_and_stays_signed_in() {
    let world = World::new().await;
    let here = world.sign_in("anna", PASSWORD).await.unwrap().token;
    let elsewhere = world.sign_in("anna", PASSWORD).await.unwrap().token;
    let (session, user) = world.accounts.session(&here.0).await.unwrap().unwrap();
    let change = async |current: &str, new: &str| {
        world.accounts.change_password(&session, &user, (secret(current), secret(new)), address()).await
    };
    assert!(matches!(change("wrong", "another password").await, Err(Refused::Wrong)));
    let short = change(PASSWORD, "short").await;
    assert!(matches!(short, Err(Refused::Failed(Error::Password(BadPassword::TooShort)))), "{short:?}");
    assert!(world.is_signed_in(&elsewhere).await);
    change(PASSWORD, "another password").await.unwrap();
    assert!(world.is_signed_in(&here).await && !world.is_signed_in(&elsewhere).await);
    assert_eq!(world.log().await.last().unwrap(), "user anna user.password anna");
}

#[tokio::test]
async fn guessing_takes_time_whether_there_is_such_a_user_or_not() {
    let world = World::new().await;
    for name in ["anna", "nobody"] {
        for _ in 0..5 {
            assert!(matches!(world.sign_in(name, "guess").await, Err(Refused::Wrong)), "{name}");
        }
        let refused = world.sign_in(name, PASSWORD).await.unwrap_err();
        assert!(matches!(refused, Refused::Wait(wait) if wait == Duration::from_secs(1)), "{name}: {refused}");
        assert_eq!(refused.to_string(), "too many wrong passwords; try again in 1 s");
    }
    world.clock.advance(Duration::from_secs(1));
    world.sign_in("anna", PASSWORD).await.unwrap();
    // From then on it begins anew; and so it does where somebody else gives another password.
    for _ in 0..5 {
        assert!(matches!(world.sign_in("anna", "guess").await, Err(Refused::Wrong)));
    }
    assert!(matches!(world.sign_in("anna", PASSWORD).await, Err(Refused::Wait(_))));
    world.accounts.set_password(&admin(), "anna", secret("another password"), None).await.unwrap();
    world.sign_in("anna", "another password").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_that_come_at_the_same_time_are_counted_each() {
    let world = World::new().await;
    let guesses: Vec<_> = (0..20)
        .map(|n| {
            let accounts = world.accounts.clone();
            tokio::spawn(async move { accounts.sign_in("anna", secret(&format!("guess {n}")), address(), "").await })
        })
        .collect();
    let (mut wrong, mut waiting) = (0, 0);
    for guess in guesses {
        match guess.await.unwrap().unwrap_err() {
            Refused::Wrong => wrong += 1,
            Refused::Wait(_) => waiting += 1,
            Refused::Failed(error) => panic!("{error}"),
        }
    }
    assert_eq!((wrong, waiting), (5, 15));
}

#[tokio::test]
async fn another_process_knows_of_wrong_passwords_and_of_sessions() {
    let world = World::new().await;
    let other = Accounts::new(world.store.clone(), Arc::new(world.clock.clone()), SessionRules::default());
    let token = world.sign_in("anna", PASSWORD).await.unwrap().token;
    assert!(other.session(&token.0).await.unwrap().is_some());
    for _ in 0..5 {
        assert!(world.sign_in("anna", "guess").await.is_err());
    }
    let elsewhere = other.sign_in("anna", secret(PASSWORD), "192.0.2.8".parse().unwrap(), "").await;
    assert!(matches!(elsewhere, Err(Refused::Wait(_))));
}

#[tokio::test]
async fn what_cannot_be_a_user_is_refused_and_nothing_is_kept() {
    let world = World::new().await;
    let before = world.log().await;
    let all = || Access::new(Role::Viewer, Reach::All);
    let add = async |name: &str, access: Access, password: &str| {
        world.accounts.add(&admin(), name, access, secret(password)).await.unwrap_err()
    };
    assert!(matches!(add("a b", all(), PASSWORD).await, Error::Name(_)));
    assert!(matches!(add("bert", all(), "short").await, Error::Password(_)));
    assert!(matches!(add("ANNA", all(), PASSWORD).await, Error::NameTaken(_)));
    let elsewhere = Access::new(Role::Viewer, Reach::Companies([CompanyId(99)].into()));
    assert!(matches!(add("bert", elsewhere, PASSWORD).await, Error::UnknownCompany(CompanyId(99))));
    assert!(matches!(world.accounts.set_role(&admin(), "bert", Role::Admin).await, Err(Error::UnknownUser(_))));
    world.accounts.add(&admin(), "chef", Access::new(Role::Admin, Reach::All), secret(PASSWORD)).await.unwrap();
    let bound = world.accounts.set_reach(&admin(), "chef", Reach::Companies([world.company].into())).await;
    assert!(matches!(bound, Err(Error::AdminReachesAll(_))));
    assert_eq!(world.log().await.len(), before.len() + 1);
}

#[tokio::test]
async fn no_password_and_no_token_enters_the_store_or_its_log() {
    let world = World::new().await;
    let SignedIn { token, .. } = world.sign_in("anna", PASSWORD).await.unwrap();
    let rows = world.store.read(|db| {
        let texts = "SELECT password_hash FROM console_user UNION ALL SELECT token_digest FROM console_session
            UNION ALL SELECT COALESCE(before_value, '') || COALESCE(after_value, '') FROM audit_log";
        db.query(texts, &[], |row| row.text(0))
    });
    let rows = rows.await.unwrap();
    let (hash, digest, logged) = (&rows[0], &rows[1], &rows[2..]);
    assert!(hash.starts_with("$argon2id$") && digest.len() == 64);
    for row in &rows {
        assert!(!row.contains(PASSWORD) && !row.contains(&token.0));
    }
    assert!(logged.iter().all(|row| !row.contains("argon2") && !row.contains(digest.as_str())), "{logged:?}");
}

#[test]
fn a_page_of_another_session_cannot_change_anything_in_this_one() {
    let token = csrf_token("token");
    assert!(is_csrf_token("token", &token) && !is_csrf_token("other", &token));
    assert!(!is_csrf_token("token", "") && !is_csrf_token("token", "token") && !token.contains("token"));
}

#[tokio::test]
async fn keys_are_made_bound_rotated_and_revoked_with_a_row_each() {
    let world = World::new().await;
    let vault = Vault::new(&[7; KEY_BYTES]);
    let by = || By { actor: Actor::User("chef".to_owned()), at: world.clock.now() };
    let settings =
        || KeySettings { edition: Edition::May2018, requests_per_s: 0, allowed: "10.0.0.0/8".parse().unwrap() };
    let unknown = keys::create(&world.store, &vault, by(), [CompanyId(9)].into(), settings()).await;
    assert!(matches!(unknown, Err(Error::UnknownCompany(CompanyId(9)))));
    let (key, first) = keys::create(&world.store, &vault, by(), [world.company].into(), settings()).await.unwrap();
    let second = keys::rotate(&world.store, &vault, by(), &key, Duration::from_secs(3_600)).await.unwrap();
    assert_ne!(first, second);
    let kept = keys::find(&world.store, &key).await.unwrap();
    assert_eq!(vault.open(&kept.sealed_secret).unwrap(), second);
    let previous = kept.previous.unwrap();
    assert_eq!(vault.open(&previous.sealed_secret).unwrap(), first);
    assert_eq!(previous.until, world.clock.now().after(Duration::from_secs(3_600)));

    let other = world.store.write(CompanyId(0), |db| company::insert(db, "别的", 1, START)).await.unwrap();
    keys::bind(&world.store, by(), &key, [other].into()).await.unwrap();
    keys::unbind(&world.store, by(), &key, [world.company].into()).await.unwrap();
    let last = keys::unbind(&world.store, by(), &key, [other].into()).await;
    assert!(matches!(last, Err(Error::NoCompanyLeft(_))));
    assert_eq!(keys::find(&world.store, &key).await.unwrap().companies, [other]);
    keys::update(&world.store, by(), &key, KeySettings { allowed: Networks::default(), ..settings() }).await.unwrap();
    keys::revoke(&world.store, by(), &key).await.unwrap();
    let again = keys::rotate(&world.store, &vault, by(), &key, Duration::ZERO).await;
    assert!(matches!(again, Err(Error::UnknownKey(_))));
    let log = world.log().await;
    let actions: Vec<&str> = log.iter().skip(1).map(|row| row.split(' ').nth(2).unwrap()).collect();
    assert_eq!(actions, ["key.create", "key.rotate", "key.bind", "key.unbind", "key.update", "key.revoke"]);
    assert!(!format!("{:?}", world.store.read(|db| audit::list(db, &Filter::default(), 9)).await).contains(&second.0));
}

#[tokio::test]
async fn the_last_admin_who_can_sign_in_is_never_taken_away() {
    let World { accounts, .. } = World::new().await;
    let every = || Access::new(Role::Admin, Reach::All);
    accounts.add(&admin(), "root", every(), secret(PASSWORD)).await.unwrap();
    accounts.add(&admin(), "other", every(), secret(PASSWORD)).await.unwrap();
    accounts.set_enabled(&admin(), "other", false).await.unwrap();
    // Who is disabled cannot stand in.
    for refused in [
        accounts.set_enabled(&admin(), "root", false).await,
        accounts.set_role(&admin(), "root", Role::Operator).await.map(drop),
    ] {
        assert!(matches!(&refused, Err(Error::LastAdmin(name)) if name == "root"), "{refused:?}");
    }
    let root = accounts.find("root").await.unwrap();
    assert!(root.access.role() == Role::Admin && root.disabled_at.is_none());
    accounts.set_role(&admin(), "root", Role::Admin).await.unwrap();
    accounts.set_enabled(&admin(), "anna", false).await.unwrap();
    accounts.set_enabled(&admin(), "other", true).await.unwrap();
    accounts.set_enabled(&admin(), "root", false).await.unwrap();
    assert!(matches!(accounts.set_role(&admin(), "other", Role::Viewer).await, Err(Error::LastAdmin(_))));
}
