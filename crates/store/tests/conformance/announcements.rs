//! Carriers' announcements.

use hutong_domain::ids::CompanyId;
use hutong_domain::outcome::Meaning;
use hutong_store::announcement::{self, ANNOUNCEMENTS_MAX, Announcement, AnnouncementId};
use hutong_store::{Error, Store};
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    announcements_are_kept_until_they_are_removed,
    an_installation_keeps_no_more_than_its_bound,
    a_meaning_that_nobody_knows_is_named,
}

/// Adds an announcement with the meaning's own name.
async fn add(store: &Store, meaning: Meaning) -> Option<AnnouncementId> {
    let insert = move |db: &mut _| announcement::insert(db, meaning.label(), meaning, meaning.name(), START);
    store.write(CompanyId(0), insert).await.unwrap()
}

async fn announcements_are_kept_until_they_are_removed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let mut expected = Vec::new();
    for meaning in Meaning::ALL {
        let id = add(&fixture.store, *meaning).await.unwrap();
        let (name, fingerprint) = (meaning.label().to_owned(), meaning.name().to_owned());
        expected.push(Announcement { id, name, meaning: *meaning, fingerprint, created_at: START });
    }
    assert_eq!(fixture.store.read(announcement::all).await.unwrap(), expected);

    let second = expected.remove(1).id;
    let remove = move |db: &mut _| announcement::remove(db, second);
    assert!(fixture.store.write(CompanyId(0), remove).await.unwrap());
    assert!(!fixture.store.write(CompanyId(0), remove).await.unwrap());
    assert_eq!(fixture.store.read(announcement::all).await.unwrap(), expected);
}

async fn an_installation_keeps_no_more_than_its_bound(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let fill = |db: &mut _| {
        for _ in 0..ANNOUNCEMENTS_MAX {
            announcement::insert(db, "", Meaning::Vacant, "", START)?;
        }
        Ok(())
    };
    fixture.store.write(CompanyId(0), fill).await.unwrap();
    assert_eq!(add(&fixture.store, Meaning::Busy).await, None);
}

async fn a_meaning_that_nobody_knows_is_named(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = add(&fixture.store, Meaning::Busy).await.unwrap().0;
    let break_it = |db: &mut hutong_store::Db| db.execute("UPDATE announcement SET meaning = 'asleep'", &[]);
    fixture.store.write(CompanyId(0), break_it).await.unwrap();
    let Err(Error::Corrupt { column, id: row, found }) = fixture.store.read(announcement::all).await else {
        panic!("it was read");
    };
    assert_eq!((column, row, found.as_str()), ("announcement.meaning", id, "asleep"));
}
