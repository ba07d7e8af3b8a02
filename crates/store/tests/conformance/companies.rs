//! Companies and the seats that they have.

use hutong_domain::ids::CompanyId;
use hutong_domain::retention::Keep;
use hutong_domain::rules::CompanyRules;
use hutong_store::company::{self, Company};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{SEATS, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    companies_are_listed_oldest_first,
    a_company_is_found_by_its_id,
    seats_in_use_are_those_of_the_company_alone,
}

async fn companies_are_listed_oldest_first(store: TestStore) {
    let (first, second) = (Fixture::new(&store).await, Fixture::with_seats(&store, 0).await);

    let listed = first.read(|db, _| company::all(db)).await;

    let known: Vec<_> = listed.iter().map(|it| (it.id, it.seats)).collect();
    assert_eq!(known, [(first.company, SEATS), (second.company, 0)]);
}

async fn a_company_is_found_by_its_id(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 3).await;

    let found = fixture.read(company::find).await;

    let expected = Company {
        id: fixture.company,
        name: "试用公司".to_owned(),
        seats: 3,
        rules: CompanyRules::default(),
        keep: Keep::default(),
        created_at: START,
    };
    assert_eq!(found, Some(expected.clone()));
    let keep = Keep { recordings_days: 1, transcripts_days: 2, numbers_days: 3 };
    fixture.write(move |db, id| company::set_keep(db, id, keep)).await;
    let kept = Company { keep, ..expected };
    assert_eq!(fixture.read(company::find).await, Some(kept.clone()));
    fixture.write(|db, id| company::rename(db, id, "改名公司")).await;
    assert_eq!(fixture.read(company::find).await, Some(Company { name: "改名公司".to_owned(), ..kept }));
    assert_eq!(fixture.read(|db, _| company::find(db, CompanyId(4711))).await, None);
}

async fn seats_in_use_are_those_of_the_company_alone(store: TestStore) {
    let (ours, theirs) = (Fixture::with_seats(&store, 2).await, Fixture::with_seats(&store, 5).await);
    for fixture in [&ours, &theirs] {
        let id = fixture.running_task(settings(), 10).await;
        fixture.look(id).await;
    }

    assert_eq!((ours.read(company::seats_in_use).await, theirs.read(company::seats_in_use).await), (2, 5));
}
