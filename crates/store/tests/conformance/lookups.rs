//! A number across all tasks of a company.

use hutong_domain::call::CallStatus;
use hutong_domain::caps::Caps;
use hutong_domain::ids::{BlacklistGroupId, TaskId};
use hutong_domain::ledger::Verdict;
use hutong_domain::outcome::Disposition;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::rules::Rules;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::lookup::{self, Lookup};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customer, rules, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

use crate::singles::{place, single};

conformance! {
    a_number_is_found_in_every_task_of_its_company_and_in_no_other,
    what_holds_a_number_back_is_told,
    a_number_that_nobody_has_is_not_found,
}

const NUMBER: &str = "13800000001";

/// Puts a number on the company's blacklist.
pub(crate) async fn blacklist(fixture: &Fixture, mobile: &str) {
    let entry = NewEntry { mobile: mobile.to_owned(), name: String::new(), remark: "投诉".to_owned() };
    fixture.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, START)).await;
}

async fn look_up(fixture: &Fixture, number: &str, rules: Rules) -> Lookup {
    let (phone, now) = (PhoneNumber::parse(number).unwrap(), fixture.now());
    fixture.read(move |db, company| lookup::number(db, company, &phone, (&rules, now))).await
}

async fn task_with(fixture: &Fixture, number: &str) -> TaskId {
    let id = fixture.running_task(settings(), 0).await;
    fixture.import(id, vec![customer(number)]).await;
    id
}

async fn a_number_is_found_in_every_task_of_its_company_and_in_no_other(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let first = task_with(&fixture, NUMBER).await;
    let claimed = fixture.claim(first, 1).await.remove(0);
    fixture.finish(&claimed, fixture.answered(9, 2, &[("客户意向等级", "A级(较强)")])).await;
    let alone = place(&fixture, single(&fixture).await).await.unwrap();
    fixture.finish(&alone, fixture.unanswered(Disposition::Busy)).await;
    let second = task_with(&fixture, "+8613800000001").await;
    task_with(&other, NUMBER).await;

    let found = look_up(&fixture, NUMBER, rules()).await;

    let calls: Vec<_> = found.calls.iter().map(|call| (call.task, call.status, call.dialled)).collect();
    assert_eq!(
        calls,
        [(second, CallStatus::NotStarted, 0), (TaskId(0), CallStatus::Done, 1), (first, CallStatus::Done, 1)]
    );
    assert_eq!((found.calls[2].id, found.calls[2].call_index, found.calls[2].duration_s), (claimed.call, Some(0), 9));
    assert_eq!((found.today, found.today_by_all, found.is_whole), (2, 2, true));
    assert_eq!((found.blacklisted, found.busy, found.capped), (Vec::new(), None, None));
    assert_eq!(found.explained.len(), 1);
}

async fn what_holds_a_number_back_is_told(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let first = task_with(&fixture, NUMBER).await;
    let claimed = fixture.claim(first, 1).await.remove(0);
    let busy = look_up(&fixture, NUMBER, rules()).await.busy.unwrap();
    assert_eq!((busy.task, busy.call), (first, claimed.call));
    fixture.finish(&claimed, fixture.unanswered(Disposition::Busy)).await;
    let waiting = task_with(&fixture, NUMBER).await;
    blacklist(&fixture, NUMBER).await;

    let caps = Caps { per_day: Some(1), per_week: None };
    let found = look_up(&fixture, NUMBER, Rules { caps, ..rules() }).await;

    assert_eq!((found.today, found.caps_of_all), (1, caps));
    assert!(found.capped.is_some());
    let entry = &found.blacklisted[0];
    assert_eq!((entry.group_name.as_str(), entry.remark.as_str(), entry.since), ("默认分组", "投诉", START));
    let (call, task, explanation) = &found.explained[0];
    assert_eq!((*task, *call), (waiting, found.calls[0].id));
    assert_eq!(explanation.verdict, Verdict::Blacklisted { group: "默认分组".to_owned() });
}

async fn a_number_that_nobody_has_is_not_found(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    task_with(&fixture, NUMBER).await;
    let found = look_up(&fixture, "13800138000", rules()).await;
    assert_eq!((found.calls, found.today, found.explained), (Vec::new(), 0, Vec::new()));
}
