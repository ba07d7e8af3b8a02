//! Application keys, and the secrets that they keep.

use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_store::key::{self, AppKey, Edition, Secret};
use hutong_store::vault::Vault;
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_key_is_read_back_with_its_companies_in_order,
    a_key_exists_once_and_a_failed_one_leaves_nothing,
    a_key_is_revoked_once_and_stays_readable,
    keys_are_listed_oldest_first,
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
