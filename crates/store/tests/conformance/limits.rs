//! Claims: never more than seats, quota, channels and the blacklist allow.

use hutong_domain::ids::{BlacklistGroupId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::task::{MoveReason, TaskStatus};
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::claim::{Claimed, Look};
use hutong_store::line::{self, Line};
use hutong_store::task::{NewTask, Settings};
use hutong_store::{company, robot};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customers, new_line, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    no_more_calls_are_claimed_than_the_company_has_seats,
    tasks_of_a_company_share_its_seats,
    a_task_queues_when_every_seat_is_taken,
    a_seat_comes_back_when_its_call_ends,
    a_quota_limits_a_task,
    an_elastic_task_uses_idle_seats_beyond_its_quota,
    overdialled_calls_start_without_a_seat,
    a_look_claims_no_more_than_it_was_asked_for,
    channels_limit_what_a_line_carries,
    calls_spread_over_the_lines_by_their_share_in_use,
    lines_that_cannot_be_used_carry_nothing,
    a_blacklisted_number_is_claimed_apart_and_holds_no_seat,
    a_number_on_another_companys_blacklist_is_called,
}

/// A started task with so many numbers and these limits.
async fn limited(fixture: &Fixture, quota: u32, in_progress_max: u32) -> TaskId {
    fixture.running_task(Settings { quota, in_progress_max, ..settings() }, 100).await
}

async fn seats_in_use(fixture: &Fixture) -> i64 {
    fixture.read(company::seats_in_use).await
}

/// A started task with 100 numbers that dials on these lines.
async fn on_lines(fixture: &Fixture, lines: Vec<Line>) -> (TaskId, Vec<LineId>) {
    let lines = fixture
        .write(move |db, _| lines.iter().map(|it| line::insert(db, it)).collect::<hutong_store::Result<Vec<_>>>())
        .await;
    let id = fixture.insert_task(NewTask { lines: lines.clone(), ..fixture.new_task() }).await;
    fixture.import(id, customers(0, 100)).await;
    fixture.command(id, hutong_domain::task::Command::Start).await;
    (id, lines)
}

fn on_line(claimed: &[Claimed], line: LineId) -> usize {
    claimed.iter().filter(|claimed| claimed.line == line).count()
}

async fn no_more_calls_are_claimed_than_the_company_has_seats(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 4).await;
    let id = limited(&fixture, 10, 10).await;

    let looked = fixture.look(id).await;

    assert_eq!(looked.claimed.len(), 4);
    assert!(looked.claimed.iter().all(|claimed| claimed.seated));
    assert_eq!(seats_in_use(&fixture).await, 4);
    assert_eq!(fixture.look(id).await.claimed, []);
}

async fn tasks_of_a_company_share_its_seats(store: TestStore) {
    let (fixture, other) = (Fixture::with_seats(&store, 5).await, Fixture::with_seats(&store, 5).await);
    let (first, second) = (limited(&fixture, 3, 3).await, limited(&fixture, 3, 3).await);
    let theirs = limited(&other, 5, 5).await;

    let claimed = fixture.look_at_all(fixture.looking()).await.claimed;
    let of = |task| claimed.iter().filter(|claimed| claimed.task == task).count();
    assert_eq!((of(first), of(second)), (3, 2));
    assert_eq!(other.look(theirs).await.claimed.len(), 5);
}

async fn a_task_queues_when_every_seat_is_taken(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    let first = limited(&fixture, 2, 2).await;
    let claimed = fixture.look(first).await.claimed;
    let second = limited(&fixture, 2, 2).await;

    let queued = fixture.look(second).await;
    assert_eq!(queued.moved(), Some((TaskStatus::Queued, MoveReason::NoSeat)));
    assert_eq!(queued.claimed, []);

    fixture.finish(&claimed[0], fixture.unanswered(Disposition::Declined)).await;
    let running = fixture.look(second).await;
    assert_eq!(running.moved(), Some((TaskStatus::Running, MoveReason::RoomToDial)));
    assert_eq!(running.claimed.len(), 1);
}

async fn a_seat_comes_back_when_its_call_ends(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 3).await;
    let id = limited(&fixture, 3, 3).await;
    let claimed = fixture.look(id).await.claimed;
    fixture.finish(&claimed[0], fixture.answered(9, 3, &[("a", "b")])).await;
    fixture.finish(&claimed[1], fixture.unanswered(Disposition::Vacant)).await;

    assert_eq!(seats_in_use(&fixture).await, 1);
    assert_eq!(fixture.look(id).await.claimed.len(), 2);
}

async fn a_quota_limits_a_task(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10).await;
    let id = limited(&fixture, 3, 3).await;

    assert_eq!(fixture.look(id).await.claimed.len(), 3);
    assert_eq!(fixture.look(id).await.claimed, []);
}

async fn an_elastic_task_uses_idle_seats_beyond_its_quota(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10).await;
    limited(&fixture, 4, 4).await;
    let elastic = Settings { quota: 2, in_progress_max: 2, elastic: true, ..settings() };
    let elastic = fixture.running_task(elastic, 100).await;

    let claimed = fixture.look(elastic).await.claimed;

    assert_eq!(claimed.len(), 6);
    assert!(claimed.iter().all(|claimed| claimed.seated));
    assert_eq!(seats_in_use(&fixture).await, 10);
    assert_eq!(fixture.look(elastic).await.claimed, []);
}

async fn overdialled_calls_start_without_a_seat(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let id = limited(&fixture, 10, 20).await;

    let claimed = fixture.look(id).await.claimed;

    let seated: Vec<_> = claimed.iter().map(|claimed| claimed.seated).collect();
    assert_eq!(seated, [[true; 5], [false; 5]].concat());
    assert_eq!(seats_in_use(&fixture).await, 5);
}

async fn a_look_claims_no_more_than_it_was_asked_for(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 10).await;
    let id = limited(&fixture, 10, 10).await;
    let look = || Look { starts_max: 4, ..fixture.looking() };

    for (claims, again) in [(4, true), (4, true), (2, false), (0, false)] {
        let looked = fixture.look_as(id, look()).await;
        assert_eq!((looked.claimed.len(), looked.again), (claims, again));
    }
}

async fn channels_limit_what_a_line_carries(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let line = Line { channels: Some(3), ..new_line(fixture.company) };
    let (id, lines) = on_lines(&fixture, vec![line]).await;

    let claimed = fixture.look(id).await.claimed;
    assert_eq!(claimed.len(), 3);
    assert_eq!(fixture.look(id).await.claimed, []);
    let in_use = fixture.read(line::channels_in_use).await;
    assert_eq!((in_use.len(), in_use[&lines[0]]), (1, 3));

    fixture.finish(&claimed[2], fixture.unanswered(Disposition::Busy)).await;
    assert_eq!(fixture.look(id).await.claimed.len(), 1);
}

async fn calls_spread_over_the_lines_by_their_share_in_use(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let with = |channels| Line { channels: Some(channels), ..new_line(fixture.company) };
    let (id, lines) = on_lines(&fixture, vec![with(2), with(8)]).await;

    let half = fixture.claim(id, 5).await;
    assert_eq!(lines.iter().map(|line| on_line(&half, *line)).collect::<Vec<_>>(), [1, 4]);
    let rest = fixture.claim(id, 100).await;
    assert_eq!(lines.iter().map(|line| on_line(&rest, *line)).collect::<Vec<_>>(), [1, 4]);
}

async fn lines_that_cannot_be_used_carry_nothing(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 100).await;
    let line = || new_line(fixture.company);
    let (before, after) = (Moment(START.ms() - 1), Moment(START.ms() + 1));
    let inbound = hutong_domain::line::LineUse::Inbound;
    let unusable = vec![
        Line { enabled: false, ..line() },
        Line { valid_until: Some(before), ..line() },
        Line { valid_from: Some(after), ..line() },
        Line { line_use: Some(inbound), ..line() },
        Line { channels: Some(0), ..line() },
    ];
    let (id, _) = on_lines(&fixture, unusable).await;
    assert_eq!(fixture.look(id).await.moved(), Some((TaskStatus::Running, MoveReason::NoChannel)));

    let usable = Line { valid_from: Some(START), valid_until: Some(START), channels: Some(1), ..line() };
    let (id, _) = on_lines(&fixture, vec![usable]).await;
    assert_eq!(fixture.look(id).await.claimed.len(), 1);
}

async fn blacklist(fixture: &Fixture, mobile: &'static str) {
    let entry = NewEntry { mobile: mobile.to_owned(), name: String::new(), remark: String::new() };
    fixture.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, START)).await;
}

async fn a_blacklisted_number_is_claimed_apart_and_holds_no_seat(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 2).await;
    blacklist(&fixture, "13800000000").await;
    let id = limited(&fixture, 2, 2).await;

    let looked = fixture.look(id).await;

    let phones = |claimed: &[Claimed]| claimed.iter().map(|it| it.customer_phone.clone()).collect::<Vec<_>>();
    assert_eq!(phones(&looked.blacklisted), ["13800000000"]);
    assert_eq!(phones(&looked.claimed), ["13800000001"]);
    assert!(!looked.blacklisted[0].seated);
    assert_eq!(seats_in_use(&fixture).await, 1);
    fixture.finish(&looked.blacklisted[0], fixture.unanswered(Disposition::Blacklisted)).await;
    assert_eq!(phones(&fixture.look(id).await.claimed), ["13800000002"]);
}

async fn a_number_on_another_companys_blacklist_is_called(store: TestStore) {
    let (ours, theirs) = (Fixture::with_seats(&store, 2).await, Fixture::new(&store).await);
    blacklist(&theirs, "13800000000").await;
    // Another company's scenes and robots are no concern either.
    theirs.write(|db, company| robot::publish(db, company, &hutong_testkit::fixture::publication(), START)).await;
    let id = limited(&ours, 2, 2).await;

    let looked = ours.look(id).await;

    assert_eq!((looked.claimed.len(), looked.blacklisted.len()), (2, 0));
}
