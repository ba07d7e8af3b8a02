//! Blacklists: groups, and the numbers in them.

use hutong_domain::ids::{BlacklistEntryId, BlacklistGroupId};
use hutong_store::blacklist::{self, Group, GroupChange, NewEntry, Wanted};
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    groups_are_listed_oldest_first_without_the_default_one,
    a_name_is_given_to_one_group_of_a_company,
    a_group_is_renamed_and_keeps_its_remark_unless_given_another,
    only_an_empty_group_is_deleted,
    the_default_group_is_always_there_and_never_changed,
    a_number_is_added_once_to_a_group,
    the_numbers_of_a_group_are_listed_newest_first,
    numbers_are_looked_for_within_a_group,
    a_group_is_read_through_from_its_beginning,
    a_number_is_blacklisted_as_long_as_one_group_has_it,
    the_groups_of_another_company_are_out_of_reach,
}

async fn insert(fixture: &Fixture, name: &'static str) -> Option<BlacklistGroupId> {
    fixture.write(move |db, company| blacklist::insert_group(db, company, name, "备注", START)).await
}

async fn rename(
    fixture: &Fixture,
    id: BlacklistGroupId,
    name: &'static str,
    remark: Option<&'static str>,
) -> GroupChange {
    fixture.write(move |db, company| blacklist::update_group(db, company, id, name, remark)).await
}

async fn delete(fixture: &Fixture, id: BlacklistGroupId) -> GroupChange {
    fixture.write(move |db, company| blacklist::delete_group(db, company, id)).await
}

async fn add(fixture: &Fixture, group: BlacklistGroupId, mobile: &'static str) -> bool {
    let entry = NewEntry { mobile: mobile.to_owned(), name: "张三".to_owned(), remark: "投诉".to_owned() };
    fixture.write(move |db, company| blacklist::add(db, company, group, &entry, START)).await.1
}

async fn remove(fixture: &Fixture, group: BlacklistGroupId, mobile: &'static str) -> bool {
    fixture.write(move |db, company| blacklist::remove(db, company, group, mobile)).await
}

async fn contains(fixture: &Fixture, mobile: &'static str) -> bool {
    fixture.read(move |db, company| blacklist::contains(db, company, mobile)).await
}

async fn exists(fixture: &Fixture, id: BlacklistGroupId) -> bool {
    fixture.read(move |db, company| blacklist::group_exists(db, company, id)).await
}

fn group(id: BlacklistGroupId, name: &str, remark: &str) -> Group {
    Group { id, name: name.to_owned(), remark: remark.to_owned() }
}

async fn groups_are_listed_oldest_first_without_the_default_one(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    assert_eq!(fixture.read(blacklist::groups).await, []);
    let (b, a) = (insert(&fixture, "b").await.unwrap(), insert(&fixture, "a").await.unwrap());

    assert_eq!(fixture.read(blacklist::groups).await, [group(b, "b", "备注"), group(a, "a", "备注")]);
}

async fn a_name_is_given_to_one_group_of_a_company(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let first = insert(&fixture, "投诉").await.unwrap();
    assert_eq!(insert(&fixture, "投诉").await, None);
    let second = insert(&fixture, "别的").await.unwrap();

    assert_eq!(rename(&fixture, second, "投诉", None).await, GroupChange::NameTaken);
    assert_eq!(rename(&fixture, first, "投诉", None).await, GroupChange::Done);

    assert!(insert(&other, "投诉").await.is_some());
}

async fn a_group_is_renamed_and_keeps_its_remark_unless_given_another(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = insert(&fixture, "旧").await.unwrap();

    rename(&fixture, id, "新", None).await;
    assert_eq!(fixture.read(blacklist::groups).await, [group(id, "新", "备注")]);
    rename(&fixture, id, "新", Some("")).await;
    assert_eq!(fixture.read(blacklist::groups).await, [group(id, "新", "")]);
    assert_eq!(rename(&fixture, BlacklistGroupId(4711), "x", None).await, GroupChange::Unknown);
}

async fn only_an_empty_group_is_deleted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = insert(&fixture, "投诉").await.unwrap();
    add(&fixture, id, "13800000001").await;
    assert_eq!(delete(&fixture, id).await, GroupChange::NotEmpty);
    remove(&fixture, id, "13800000001").await;

    assert_eq!(delete(&fixture, id).await, GroupChange::Done);

    assert_eq!(delete(&fixture, id).await, GroupChange::Unknown);
    assert!(!exists(&fixture, id).await);
    assert_ne!(insert(&fixture, "投诉").await, Some(id), "an id is never given again");
}

async fn the_default_group_is_always_there_and_never_changed(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    assert!(exists(&fixture, BlacklistGroupId::DEFAULT).await);
    assert!(!exists(&fixture, BlacklistGroupId(0)).await);

    assert_eq!(rename(&fixture, BlacklistGroupId::DEFAULT, "x", None).await, GroupChange::Unknown);
    assert_eq!(delete(&fixture, BlacklistGroupId::DEFAULT).await, GroupChange::Unknown);

    assert!(add(&fixture, BlacklistGroupId::DEFAULT, "13800000001").await);
}

async fn a_number_is_added_once_to_a_group(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = insert(&fixture, "投诉").await.unwrap();
    let entry = NewEntry { mobile: "13800000001".to_owned(), name: String::new(), remark: String::new() };
    let add = move |db: &mut hutong_store::Db, company| blacklist::add(db, company, id, &entry, START);

    let (first, new) = fixture.write(add.clone()).await;
    assert_eq!((first, new, true), (first, true, fixture.write(add).await == (first, false)));

    let listed = fixture.read(move |db, company| blacklist::page(db, company, id, all())).await;
    assert_eq!(listed.total, 1);
}

async fn the_numbers_of_a_group_are_listed_newest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (id, other) = (insert(&fixture, "a").await.unwrap(), insert(&fixture, "b").await.unwrap());
    for mobile in ["13800000003", "13800000001", "13800000002"] {
        add(&fixture, id, mobile).await;
    }
    add(&fixture, other, "13800000009").await;
    let mut listed = Vec::new();
    for number in 1..=3 {
        let found = fixture.read(move |db, company| blacklist::page(db, company, id, page(number, 2))).await;
        assert_eq!(found.total, 3);
        listed.extend(found.rows);
    }

    let mobiles: Vec<_> = listed.iter().map(|entry| entry.mobile.as_str()).collect();
    assert_eq!(mobiles, ["13800000002", "13800000001", "13800000003"]);
    assert_eq!((listed[0].name.as_str(), listed[0].remark.as_str(), listed[0].created_at), ("张三", "投诉", START));
}

async fn a_number_is_blacklisted_as_long_as_one_group_has_it(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = insert(&fixture, "a").await.unwrap();
    add(&fixture, id, "13800000001").await;
    add(&fixture, BlacklistGroupId::DEFAULT, "13800000001").await;
    assert!(contains(&fixture, "13800000001").await);
    assert!(!contains(&fixture, "1380000000").await && !contains(&other, "13800000001").await);

    assert!(remove(&fixture, id, "13800000001").await);
    assert!(contains(&fixture, "13800000001").await);
    assert!(!remove(&fixture, id, "13800000001").await);
    assert!(remove(&fixture, BlacklistGroupId::DEFAULT, "13800000001").await);

    assert!(!contains(&fixture, "13800000001").await);
}

async fn the_groups_of_another_company_are_out_of_reach(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = insert(&theirs, "投诉").await.unwrap();
    add(&theirs, BlacklistGroupId::DEFAULT, "13800000001").await;

    assert!(!exists(&ours, id).await);
    assert_eq!(rename(&ours, id, "x", None).await, GroupChange::Unknown);
    assert_eq!(delete(&ours, id).await, GroupChange::Unknown);
    assert!(!remove(&ours, BlacklistGroupId::DEFAULT, "13800000001").await);
    let listed = ours.read(|db, company| blacklist::page(db, company, BlacklistGroupId::DEFAULT, all())).await;
    assert_eq!(listed.total, 0);
    assert_eq!(theirs.read(blacklist::groups).await, [group(id, "投诉", "备注")]);
}

async fn found(fixture: &Fixture, group: BlacklistGroupId, wanted: Wanted) -> (i64, Vec<String>) {
    let found = fixture.read(move |db, company| blacklist::search(db, company, group, &wanted, page(1, 2))).await;
    (found.total, found.rows.into_iter().map(|entry| entry.mobile).collect())
}

async fn numbers_are_looked_for_within_a_group(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let group = insert(&fixture, "a").await.unwrap();
    for mobile in ["13800138000", "13800138001", "13800138002", "1008%"] {
        assert!(add(&fixture, group, mobile).await);
    }
    add(&fixture, BlacklistGroupId::DEFAULT, "13800138003").await;
    add(&other, BlacklistGroupId::DEFAULT, "13800138004").await;
    let part = |text: &str| Wanted::Part(text.to_owned());
    let whole =
        |phones: &[&str], text: &str| Wanted::Whole(phones.iter().map(|it| (*it).into()).collect(), text.into());

    assert_eq!(found(&fixture, group, part("0013800")).await, (3, vec!["13800138002".into(), "13800138001".into()]));
    assert_eq!(found(&fixture, group, part("8%")).await, (1, vec!["1008%".into()]));
    assert_eq!(found(&fixture, group, part("张")).await.0, 4);
    assert_eq!(found(&fixture, group, part("投诉")).await.0, 4);
    assert_eq!(found(&fixture, group, whole(&[], "138")).await.0, 0, "no part of a number");
    let spelled = whole(&["+8613800138000", "13800138000"], "13800138000");
    assert_eq!(found(&fixture, group, spelled).await, (1, vec!["13800138000".into()]));
    assert_eq!(found(&fixture, group, whole(&["13800138000"], "张")).await.0, 4);
}

async fn a_group_is_read_through_from_its_beginning(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let group = insert(&fixture, "a").await.unwrap();
    for mobile in ["13800138000", "13800138001", "13800138002"] {
        add(&fixture, group, mobile).await;
    }
    add(&fixture, BlacklistGroupId::DEFAULT, "13800138000").await;
    let (mut read, mut last) = (Vec::new(), BlacklistEntryId(0));
    loop {
        let rows = fixture.read(move |db, company| blacklist::after(db, company, group, last, 2)).await;
        let Some(entry) = rows.last() else { break };
        last = entry.id;
        read.extend(rows.into_iter().map(|entry| entry.mobile));
    }
    assert_eq!(read, ["13800138000", "13800138001", "13800138002"]);
    let known = fixture.read(move |db, company| blacklist::known(db, company, group, &["13800138000", "13800138009"]));
    assert_eq!(known.await, 1);
    let counts = fixture.read(blacklist::counts).await;
    assert_eq!((counts.len(), counts[&group], counts[&BlacklistGroupId::DEFAULT]), (2, 3, 1));
}
