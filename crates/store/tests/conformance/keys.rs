//! Application keys, and the secrets that they keep.

use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_store::key::{self, AppKey, Edition, PreviousSecret, Secret};
use hutong_store::vault::Vault;
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_key_is_read_back_with_its_companies_in_order,
    a_key_exists_once_and_a_failed_one_leaves_nothing,
    a_key_is_revoked_once_and_stays_readable,
    keys_are_listed_oldest_first,
    a_key_is_bound_elsewhere_and_changed,
    a_key_keeps_its_secret_before_until_then,
    a_revoked_key_is_not_changed_any_more,
    the_use_of_a_secret_is_kept_with_it,
}

fn new_key(name: &str, companies: &[i64]) -> AppKey {
    AppKey {
        app_key: name.to_owned(),
        sealed_secret: Vault::new(&[7; 32]).seal(&Secret("s3cret".to_owned())).unwrap(),
        edition: Edition::August2019,
        requests_per_s: 50,
        companies: companies.iter().copied().map(CompanyId).collect(),
        created_at: START,
        revoked_at: None,
        previous: None,
        allowed: Networks::default(),
        rotated_at: None,
        used_at: None,
    }
}

async fn insert(fixture: &Fixture, key: AppKey) -> hutong_store::Result<()> {
    fixture.store.write(fixture.company, move |db| key::insert(db, &key)).await
}

async fn find(fixture: &Fixture, name: &'static str) -> Option<AppKey> {
    fixture.read(move |db, _| key::find(db, name)).await
}

async fn a_key_is_read_back_with_its_companies_in_order(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for (name, edition) in [("eins", Edition::May2018), ("Eins", Edition::August2019)] {
        insert(&fixture, AppKey { edition, ..new_key(name, &[3, 1, 2]) }).await.unwrap();
    }

    let found = find(&fixture, "eins").await.unwrap();

    assert_eq!((found.app_key.as_str(), found.edition, found.requests_per_s), ("eins", Edition::May2018, 50));
    assert_eq!(found.companies, [1, 2, 3].map(CompanyId));
    assert_eq!((found.created_at, found.revoked_at), (START, None));
    let secret = Vault::new(&[7; 32]).open(&found.sealed_secret).unwrap();
    assert_eq!(secret, Secret("s3cret".to_owned()));
    assert_eq!(find(&fixture, "EINS").await, None);
}

async fn a_key_exists_once_and_a_failed_one_leaves_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, new_key("eins", &[1])).await.unwrap();

    assert!(insert(&fixture, new_key("eins", &[2])).await.is_err());
    // The second company is the one that fails, after the key was written.
    assert!(insert(&fixture, new_key("zwei", &[2, 2])).await.is_err());

    assert_eq!(find(&fixture, "eins").await.unwrap().companies, [CompanyId(1)]);
    assert_eq!(find(&fixture, "zwei").await, None);
}

async fn a_key_is_revoked_once_and_stays_readable(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, new_key("eins", &[1])).await.unwrap();
    let revoke = |db: &mut hutong_store::Db, _| key::revoke(db, "eins", START);

    assert!(fixture.write(revoke).await);
    assert!(!fixture.write(revoke).await);
    assert!(!fixture.write(|db, _| key::revoke(db, "zwei", START)).await);

    assert_eq!(find(&fixture, "eins").await.unwrap().revoked_at, Some(START));
}

async fn keys_are_listed_oldest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    for (name, later_ms) in [("c", 1), ("b", 0), ("a", 2)] {
        let created_at = hutong_domain::moment::Moment(START.ms() + later_ms);
        insert(&fixture, AppKey { created_at, ..new_key(name, &[]) }).await.unwrap();
    }

    let listed = fixture.read(|db, _| key::all(db)).await;

    assert_eq!(listed.iter().map(|key| key.app_key.as_str()).collect::<Vec<_>>(), ["b", "c", "a"]);
}

async fn a_key_is_bound_elsewhere_and_changed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let allowed: Networks = "10.0.0.0/8,2001:db8::1".parse().unwrap();
    insert(&fixture, AppKey { allowed: allowed.clone(), ..new_key("eins", &[1]) }).await.unwrap();
    insert(&fixture, new_key("zwei", &[1])).await.unwrap();
    assert_eq!(find(&fixture, "eins").await.unwrap().allowed, allowed);

    let other = |db: &mut hutong_store::Db, _| {
        let bound = key::set_companies(db, "eins", &[CompanyId(3), CompanyId(2)].into())?;
        Ok(bound && key::update(db, "eins", Edition::May2018, 7, &Networks::default())?)
    };
    assert!(fixture.write(other).await);

    let found = find(&fixture, "eins").await.unwrap();
    assert_eq!(found.companies, [2, 3].map(CompanyId));
    assert_eq!((found.edition, found.requests_per_s, found.allowed), (Edition::May2018, 7, Networks::default()));
    assert_eq!(find(&fixture, "zwei").await.unwrap(), new_key_like(&find(&fixture, "zwei").await.unwrap()));
}

/// A key as it was made, with the sealed text of this one.
fn new_key_like(key: &AppKey) -> AppKey {
    AppKey { sealed_secret: key.sealed_secret.clone(), ..new_key(&key.app_key, &[1]) }
}

async fn a_key_keeps_its_secret_before_until_then(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, AppKey { sealed_secret: "first".to_owned(), ..new_key("eins", &[1]) }).await.unwrap();
    let (until, now) = (START.after(std::time::Duration::from_secs(9)), START);
    for (secret, before) in [("second", "first"), ("third", "second")] {
        assert!(fixture.write(move |db, _| key::rotate(db, "eins", secret, until, now)).await);
        let found = find(&fixture, "eins").await.unwrap();
        let previous = PreviousSecret { sealed_secret: before.to_owned(), until, used_at: None };
        assert_eq!((found.sealed_secret.as_str(), found.previous), (secret, Some(previous)));
        assert_eq!((found.rotated_at, found.companies), (Some(now), vec![CompanyId(1)]));
    }
}

async fn a_revoked_key_is_not_changed_any_more(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, new_key("eins", &[1])).await.unwrap();
    fixture.write(|db, _| key::revoke(db, "eins", START)).await;
    let before = find(&fixture, "eins").await;
    for name in ["eins", "unknown"] {
        assert!(!fixture.write(move |db, _| key::rotate(db, name, "x", START, START)).await);
        assert!(!fixture.write(move |db, _| key::set_companies(db, name, &[CompanyId(2)].into())).await);
        assert!(!fixture.write(move |db, _| key::update(db, name, Edition::May2018, 1, &Networks::default())).await);
    }
    assert_eq!(find(&fixture, "eins").await, before);
}

async fn the_use_of_a_secret_is_kept_with_it(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    insert(&fixture, AppKey { sealed_secret: "first".to_owned(), ..new_key("eins", &[1]) }).await.unwrap();
    let later = |seconds| START.after(std::time::Duration::from_secs(seconds));
    let uses = async || {
        let found = find(&fixture, "eins").await.unwrap();
        (found.used_at, found.previous.and_then(|previous| previous.used_at))
    };
    assert_eq!(uses().await, (None, None));
    fixture.write(move |db, _| key::used(db, "eins", "first", later(1))).await;
    assert_eq!(uses().await, (Some(later(1)), None));
    fixture.write(move |db, _| key::rotate(db, "eins", "second", later(99), later(2))).await;
    assert_eq!(uses().await, (None, Some(later(1))));
    // Whoever took it for the current one a moment ago means the same secret.
    fixture.write(move |db, _| key::used(db, "eins", "first", later(3))).await;
    fixture.write(move |db, _| key::used(db, "eins", "second", later(4))).await;
    fixture.write(move |db, _| key::used(db, "eins", "unknown", later(5))).await;
    assert_eq!(uses().await, (Some(later(4)), Some(later(3))));
}
