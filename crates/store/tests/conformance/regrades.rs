//! Regrading by hand: the new value counts everywhere at once, and the old one is kept.

use std::time::Duration;

use futures::future::join_all;
use hutong_domain::audit::Actor;
use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::regrading::{BY_HAND, Refused};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_store::claim::Claimed;
use hutong_store::feed::FeedFilter;
use hutong_store::regrade::{self, Judgement, Outcome};
use hutong_store::robot::{self, Publication};
use hutong_store::scenes::Scenes;
use hutong_store::{Store, call, task};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{result, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_judgement_counts_everywhere_at_once_and_the_old_value_is_kept,
    a_filter_of_another_process_knows_of_a_judgement,
    a_snapshot_of_before_a_judgement_is_not_spoilt_by_it,
    a_result_of_several_values_is_set_as_a_whole,
    ids_of_results_stay_or_are_new,
    what_the_scene_does_not_define_is_refused,
    a_call_that_has_not_finished_is_refused,
    a_confirmed_value_keeps_its_rule,
    judgements_at_once_leave_one_value_and_true_counts,
    a_call_by_itself_is_judged_too,
}

const LEVEL: &str = "客户意向等级";
const FOCUS: &str = "客户关注点";

/// A company whose robot speaks a real scene.
pub(crate) async fn with_scene(store: &Store) -> (Fixture, Scenes) {
    let mut fixture = Fixture::with_seats(store, 100).await;
    let yaml = BUILT_IN[0].yaml;
    let publication = Publication::of(&Scene::parse(yaml).unwrap(), yaml);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
    (fixture, Scenes::new(store.clone()))
}

/// So many finished calls with level A.
async fn finished(fixture: &Fixture, count: u32) -> (TaskId, Vec<Claimed>) {
    let id = fixture.running_task(settings(), usize::try_from(count).unwrap()).await;
    let claimed = fixture.claim(id, count).await;
    for claimed in &claimed {
        fixture.finish(claimed, fixture.answered(9, 3, &[(LEVEL, "A级(较强)"), (FOCUS, "询问价格")])).await;
    }
    (id, claimed)
}

fn judgement(call: CallId, name: &str, values: &[&str]) -> Judgement {
    Judgement {
        call,
        name: name.to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        by: "质检员".to_owned(),
        actor: Actor::User("anna".to_owned()),
        note: "听过录音".to_owned(),
        at: START.after(Duration::from_secs(3_600)),
    }
}

pub(crate) async fn judge(fixture: &Fixture, scenes: &Scenes, call: CallId, name: &str, values: &[&str]) -> Outcome {
    fixture.store.regrade(scenes, fixture.company, judgement(call, name, values)).await.unwrap()
}

/// The indexes of the calls that have this value.
async fn with_value(store: &Store, company: CompanyId, id: TaskId, name: &str, value: &str) -> Vec<i64> {
    let results = vec![(name.to_owned(), vec![value.to_owned()])];
    let filter = FeedFilter { after: -1, results, ..FeedFilter::default() };
    let page = store.feed(company, id, filter, crate::all()).await.unwrap().unwrap().1;
    assert_eq!(page.total, i64::try_from(page.rows.len()).unwrap());
    page.rows.iter().map(|row| row.call_index).collect()
}

async fn count_of(fixture: &Fixture, id: TaskId, name: &str, value: &str) -> i64 {
    let counts = fixture.read(move |db, company| task::result_counts(db, company, id)).await;
    counts.iter().find(|count| count.name == name && count.value == value).map_or(0, |count| count.calls)
}

async fn a_judgement_counts_everywhere_at_once_and_the_old_value_is_kept(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 5).await;
    let (company, call) = (fixture.company, claimed[2].call);
    assert_eq!(with_value(&store, company, id, LEVEL, "A级(较强)").await, [0, 1, 2, 3, 4]);
    assert_eq!(with_value(&store, company, id, LEVEL, "B级(一般)").await, Vec::<i64>::new());

    let outcome = judge(&fixture, &scenes, call, LEVEL, &["B级(一般)"]).await;

    assert_eq!(outcome, Outcome::Done { was: vec![result(LEVEL, "A级(较强)")] });
    assert_eq!(with_value(&store, company, id, LEVEL, "A级(较强)").await, [0, 1, 3, 4]);
    assert_eq!(with_value(&store, company, id, LEVEL, "B级(一般)").await, [2]);
    assert_eq!(count_of(&fixture, id, LEVEL, "A级(较强)").await, 4);
    assert_eq!(count_of(&fixture, id, LEVEL, "B级(一般)").await, 1);
    assert_counts_are_facts(&store, company, id).await;
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    let record = view.record.unwrap();
    assert_eq!((record.results[0].value.as_str(), record.results[0].rule.as_deref()), ("B级(一般)", Some(BY_HAND)));
    assert_eq!(record.results[1], result(FOCUS, "询问价格"));
    assert_eq!(view.modified_at, START.after(Duration::from_secs(3_600)));

    // Back again: what no call has is not listed, and the first value is not lost.
    judge(&fixture, &scenes, call, LEVEL, &["C级(很少)"]).await;
    judge(&fixture, &scenes, call, LEVEL, &["A级(较强)"]).await;
    assert_eq!(with_value(&store, company, id, LEVEL, "A级(较强)").await, [0, 1, 2, 3, 4]);
    assert_eq!(count_of(&fixture, id, LEVEL, "B级(一般)").await, 0);
    assert_counts_are_facts(&store, company, id).await;
    let history = fixture.read(move |db, company| regrade::of_call(db, company, call)).await;
    let values: Vec<_> = history.iter().map(|it| (it.was[0].value.as_str(), it.became[0].value.as_str())).collect();
    assert_eq!(values, [("A级(较强)", "B级(一般)"), ("B级(一般)", "C级(很少)"), ("C级(很少)", "A级(较强)")]);
    assert_eq!((history[0].by.as_str(), history[0].note.as_str()), ("质检员", "听过录音"));
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    let originals = regrade::originals(&view.record.unwrap().results, &history);
    assert_eq!(originals, [result(LEVEL, "A级(较强)"), result(FOCUS, "询问价格")]);
}

async fn a_filter_of_another_process_knows_of_a_judgement(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 4).await;
    let (other, company) = (store.place().open().unwrap(), fixture.company);
    for value in ["A级(较强)", "B级(一般)"] {
        with_value(&other, company, id, LEVEL, value).await;
    }

    for (n, claimed) in claimed.iter().enumerate() {
        judge(&fixture, &scenes, claimed.call, LEVEL, &["B级(一般)"]).await;

        let judged: Vec<i64> = (0..=i64::try_from(n).unwrap()).collect();
        assert_eq!(with_value(&other, company, id, LEVEL, "B级(一般)").await, judged);
        let rest: Vec<i64> = (i64::try_from(n).unwrap() + 1..4).collect();
        assert_eq!(with_value(&other, company, id, LEVEL, "A级(较强)").await, rest);
    }
}

async fn a_snapshot_of_before_a_judgement_is_not_spoilt_by_it(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 2).await;
    let company = fixture.company;
    judge(&fixture, &scenes, claimed[0].call, LEVEL, &["B级(一般)"]).await;
    with_value(&store, company, id, LEVEL, "A级(较强)").await;

    // As it looks to a reader whose snapshot is older than what the filter has seen.
    fixture
        .write(move |db, company| {
            let back = "UPDATE task SET last_regrade = 0 WHERE company_id = ?1 AND id = ?2";
            db.execute(back, hutong_store::values![company, id])
        })
        .await;

    assert_eq!(with_value(&store, company, id, LEVEL, "A级(较强)").await, [1]);
    assert_eq!(with_value(&store, company, id, LEVEL, "B级(一般)").await, [0]);
}

async fn a_result_of_several_values_is_set_as_a_whole(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 1).await;
    let (company, call) = (fixture.company, claimed[0].call);
    let check = async |values: &[&str]| {
        judge(&fixture, &scenes, call, FOCUS, values).await;
        for value in ["询问价格", "位置", "能否贷款"] {
            let expected = if values.contains(&value) { vec![0] } else { vec![] };
            assert_eq!(with_value(&store, company, id, FOCUS, value).await, expected, "{value} of {values:?}");
        }
        assert_counts_are_facts(&store, company, id).await;
    };
    check(&["询问价格", "位置"]).await;
    check(&["能否贷款", "位置"]).await;
    check(&[]).await;
    check(&["询问价格"]).await;
}

async fn ids_of_results_stay_or_are_new(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (_, claimed) = finished(&fixture, 3).await;
    let call = claimed[0].call;
    let ids = async || {
        let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
        let record = view.record.unwrap();
        (record.first_result_id, record.results.len())
    };
    let before = ids().await;
    judge(&fixture, &scenes, call, LEVEL, &["B级(一般)"]).await;
    assert_eq!(ids().await, before);

    judge(&fixture, &scenes, call, FOCUS, &["询问价格", "位置"]).await;

    let (first, count) = ids().await;
    assert_eq!(count, 3);
    for other in &claimed {
        let other = other.call;
        let view = fixture.read(move |db, company| call::find(db, company, other)).await.unwrap();
        let record = view.record.unwrap();
        let taken = record.first_result_id..record.first_result_id + 2;
        assert!(other == call || (first..first + 3).all(|id| !taken.contains(&id)), "an id was given twice");
    }
}

async fn what_the_scene_does_not_define_is_refused(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 1).await;
    let call = claimed[0].call;

    let outcome = judge(&fixture, &scenes, call, LEVEL, &["B"]).await;
    let Outcome::Refused(Refused::UnknownValue { allowed, .. }) = &outcome else { panic!("{outcome:?}") };
    assert!(allowed.contains(&"B级(一般)".to_owned()), "{allowed:?}");
    let outcome = judge(&fixture, &scenes, call, "别的", &["B"]).await;
    assert!(matches!(&outcome, Outcome::Refused(Refused::UnknownResult { .. })), "{outcome:?}");
    assert_eq!(judge(&fixture, &scenes, CallId(4711), LEVEL, &["B级(一般)"]).await, Outcome::Unknown);
    let other = Fixture::new(&store).await;
    assert_eq!(judge(&other, &scenes, call, LEVEL, &["B级(一般)"]).await, Outcome::Unknown);

    assert_eq!(fixture.read(move |db, company| regrade::of_call(db, company, call)).await, []);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_call_that_has_not_finished_is_refused(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    let call = fixture.claim(id, 1).await[0].call;

    let outcome = judge(&fixture, &scenes, call, LEVEL, &["B级(一般)"]).await;

    assert_eq!(outcome, Outcome::NotFinished(CallStatus::InProgress));
}

async fn a_confirmed_value_keeps_its_rule(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 1).await;
    let call = claimed[0].call;

    judge(&fixture, &scenes, call, LEVEL, &["A级(较强)"]).await;

    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!(view.record.unwrap().results[0], result(LEVEL, "A级(较强)"));
    assert_eq!(fixture.read(move |db, company| regrade::of_call(db, company, call)).await.len(), 1);
    assert_counts_are_facts(&store, fixture.company, id).await;
}

pub(crate) async fn judgements_at_once_leave_one_value_and_true_counts(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (id, claimed) = finished(&fixture, 3).await;
    let (other, company) = (store.place().open().unwrap(), fixture.company);
    let levels = ["A级(较强)", "B级(一般)", "C级(很少)", "D级(需筛选)"];
    let judged = (0..48).map(|n| {
        let judgement = judgement(claimed[n % 3].call, LEVEL, &[levels[n * 7 % 4]]);
        let store = if n % 2 == 0 { &*store } else { &other };
        store.regrade(&scenes, company, judgement)
    });

    for outcome in join_all(judged).await {
        assert!(matches!(outcome, Ok(Outcome::Done { .. })), "{outcome:?}");
    }

    assert_counts_are_facts(&store, company, id).await;
    let mut indexes = Vec::new();
    for level in levels {
        let found = with_value(&store, company, id, LEVEL, level).await;
        assert_eq!(with_value(&other, company, id, LEVEL, level).await, found);
        indexes.extend(found);
    }
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2]);
    let call = claimed[0].call;
    let history = fixture.read(move |db, company| regrade::of_call(db, company, call)).await;
    assert_eq!(history.len(), 16);
    assert!(history.windows(2).all(|pair| pair[0].became == pair[1].was), "each judgement follows the one before");
}

async fn a_call_by_itself_is_judged_too(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let single = crate::singles::single(&fixture).await;
    let claimed = crate::singles::place(&fixture, single).await.unwrap();
    fixture.finish(&claimed, fixture.answered(7, 2, &[(LEVEL, "A级(较强)")])).await;

    let outcome = judge(&fixture, &scenes, claimed.call, LEVEL, &["B级(一般)"]).await;

    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let call = claimed.call;
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    assert_eq!(view.record.unwrap().results[0].value, "B级(一般)");
}
