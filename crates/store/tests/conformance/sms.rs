//! Text message templates.

use hutong_domain::ids::SmsTemplateId;
use hutong_store::{Page, sms, values};
use hutong_testkit::clock::START;
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::{all, page};

conformance! {
    templates_are_listed_newest_first,
    templates_are_listed_by_their_status,
    a_template_belongs_to_its_company,
}

async fn insert(fixture: &Fixture, name: &'static str) -> SmsTemplateId {
    fixture.write(move |db, company| sms::insert(db, company, name, "您好，{姓名}", START)).await
}

async fn listed(fixture: &Fixture, status: Option<i64>) -> (i64, Vec<SmsTemplateId>) {
    let Page { total, rows } = fixture.read(move |db, company| sms::page(db, company, status, all())).await;
    (total, rows.into_iter().map(|row| row.id).collect())
}

async fn templates_are_listed_newest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (b, a) = (insert(&fixture, "b").await, insert(&fixture, "a").await);

    assert_eq!(listed(&fixture, None).await, (2, vec![a, b]));
    let second = fixture.read(|db, company| sms::page(db, company, None, page(2, 1))).await;
    let row = &second.rows[0];
    assert_eq!((second.total, row.id, row.name.as_str()), (2, b, "b"));
    assert_eq!((row.content.as_str(), row.status, row.created_at), ("您好，{姓名}", 1, START));
    assert_eq!(fixture.read(|db, company| sms::page(db, company, None, page(3, 1))).await.rows, []);
}

async fn templates_are_listed_by_their_status(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (usable, refused) = (insert(&fixture, "a").await, insert(&fixture, "b").await);
    fixture
        .write(move |db, company| {
            db.execute(
                "UPDATE sms_template SET status = 2 WHERE company_id = ?1 AND id = ?2",
                values![company, refused],
            )
        })
        .await;

    assert_eq!(listed(&fixture, Some(1)).await, (1, vec![usable]));
    assert_eq!(listed(&fixture, Some(2)).await, (1, vec![refused]));
    assert_eq!(listed(&fixture, Some(3)).await, (0, vec![]));
}

async fn a_template_belongs_to_its_company(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = insert(&theirs, "a").await;

    assert!(theirs.read(move |db, company| sms::exists(db, company, id)).await);
    assert!(!ours.read(move |db, company| sms::exists(db, company, id)).await);
    assert!(!theirs.read(|db, company| sms::exists(db, company, SmsTemplateId(4711))).await);
    assert_eq!(listed(&ours, None).await, (0, vec![]));
}
