//! What robots did not understand, and numbers that are never called again.

use hutong_domain::audit::Actor;
use hutong_domain::call::{Speaker, Understanding, Utterance};
use hutong_domain::dialogue::{Event, Opening};
use hutong_domain::ids::{BlacklistGroupId, CallId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::replay::Course;
use hutong_store::audit::{self, By, Filter};
use hutong_store::claim::Claimed;
use hutong_store::finish::{Ending, Finished};
use hutong_store::unheard::{self, UNHEARD_PER_SCENE_MAX, Unheard};
use hutong_store::{blacklist, past_calls, values};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customer, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::date;
use serde_json::json;

conformance! {
    what_was_not_understood_is_counted_once_for_each_text_and_node,
    what_is_handled_is_forgotten_until_it_is_said_again,
    a_scene_keeps_a_bounded_number_of_texts_the_most_frequent_ones,
    another_company_sees_nothing_of_it,
    a_customer_who_asked_for_it_is_never_called_again,
    a_number_that_is_blacklisted_already_stays_as_it_is,
    a_stale_ending_blacklists_nothing_and_teaches_nothing,
    past_conversations_are_read_in_pages_the_latest_first,
}

fn unknown(node: &str, text: &str) -> Utterance {
    Utterance {
        speaker: Speaker::Customer,
        text: text.to_owned(),
        start_ms: 0,
        end_ms: 900,
        at: START,
        understanding: Some(Understanding::Unknown),
        node: node.to_owned(),
        latency: None,
        recogniser: None,
    }
}

async fn finish(fixture: &Fixture, claimed: &Claimed, utterances: Vec<Utterance>) {
    fixture.finish(claimed, Ending { utterances, ..fixture.answered(9, 3, &[("意向", "A")]) }).await;
}

async fn list(fixture: &Fixture, limit: i64) -> Vec<Unheard> {
    fixture.read(move |db, company| unheard::list(db, company, None, limit)).await
}

fn brief(unheard: &[Unheard]) -> Vec<(&str, &str, i64)> {
    unheard.iter().map(|it| (it.node.as_str(), it.text.as_str(), it.times)).collect()
}

async fn what_was_not_understood_is_counted_once_for_each_text_and_node(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let claimed = fixture.claim(id, 3).await;
    finish(&fixture, &claimed[0], vec![unknown("开场", "有没有APP？"), unknown("开场", "有没有 app")]).await;
    finish(&fixture, &claimed[1], vec![unknown("开场", "有没有app"), unknown("介绍", "有没有app")]).await;
    finish(&fixture, &claimed[2], Vec::new()).await;

    let kept = list(&fixture, 10).await;

    assert_eq!(brief(&kept), [("开场", "有没有app", 2), ("介绍", "有没有app", 1)]);
    assert_eq!((kept[0].last_call, kept[0].last_at), (claimed[1].call, fixture.now()));
    assert_eq!((kept[0].scene, kept[0].scene_name.as_str(), kept[0].scene_version), (fixture.scene(), "回访话术", 1));
    assert_eq!(list(&fixture, 1).await.len(), 1);
    assert_eq!(fixture.read(unheard::counts).await, [(fixture.scene(), (2, 3))].into());
}

async fn what_is_handled_is_forgotten_until_it_is_said_again(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    let claimed = fixture.claim(id, 2).await;
    let said = || vec![unknown("开场", "啥"), unknown("介绍", "啥"), unknown("介绍", "哈")];
    finish(&fixture, &claimed[0], said()).await;
    let scene = fixture.scene();

    let gone = fixture.write(move |db, company| unheard::handled(db, &anna(), company, Some(scene), " 啥？")).await;

    assert_eq!((gone, brief(&list(&fixture, 10).await)), (2, vec![("介绍", "哈", 1)]));
    let gone = fixture.write(move |db, company| unheard::handled(db, &anna(), company, None, "没有的")).await;
    assert_eq!(gone, 0);
    let filter = Filter { action: Some("scene.learn".to_owned()), ..Filter::default() };
    let log = fixture.read(move |db, _| audit::list(db, &filter, 9)).await;
    let [entry] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((entry.actor.as_str(), entry.after.clone()), ("user anna", Some(json!({ "texts": 2 }))));
    finish(&fixture, &claimed[1], said()).await;
    assert_eq!(list(&fixture, 10).await.len(), 3);
}

fn anna() -> By {
    By { actor: Actor::User("anna".to_owned()), at: START }
}

async fn a_scene_keeps_a_bounded_number_of_texts_the_most_frequent_ones(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 3).await;
    let claimed = fixture.claim(id, 3).await;
    let twice = || unknown("开场", "两次");
    finish(&fixture, &claimed[0], vec![twice()]).await;
    let many = (0..UNHEARD_PER_SCENE_MAX).map(|n| unknown("开场", &format!("第{n}句")));
    finish(&fixture, &claimed[1], many.chain([twice()]).collect()).await;
    let later = fixture.clock.advance(std::time::Duration::from_secs(1));

    finish(&fixture, &claimed[2], vec![unknown("介绍", "新的")]).await;

    let kept = list(&fixture, UNHEARD_PER_SCENE_MAX * 2).await;
    assert_eq!(i64::try_from(kept.len()).unwrap(), UNHEARD_PER_SCENE_MAX);
    assert_eq!((kept[0].text.as_str(), kept[0].times), ("两次", 2));
    assert_eq!((kept[1].text.as_str(), kept[1].last_at), ("新的", later));
}

async fn another_company_sees_nothing_of_it(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = theirs.running_task(settings(), 1).await;
    let claimed = theirs.claim(id, 1).await;
    finish(&theirs, &claimed[0], vec![unknown("开场", "啥")]).await;

    assert_eq!(list(&ours, 10).await, []);
    assert_eq!(ours.write(|db, company| unheard::handled(db, &anna(), company, None, "啥")).await, 0);
    assert_eq!(list(&theirs, 10).await.len(), 1);
}

async fn a_customer_who_asked_for_it_is_never_called_again(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let phone = "13800009999";
    let (first, second) =
        (fixture.insert_task(fixture.new_task()).await, fixture.insert_task(fixture.new_task()).await);
    for id in [first, second] {
        fixture.import(id, vec![customer(phone)]).await;
        fixture.command(id, hutong_domain::task::Command::Start).await;
    }
    let looked = fixture.look_at_all(fixture.looking()).await;
    assert_eq!(looked.claimed.len(), 1, "a number is in one call at a time");
    let claimed = looked.claimed[0].clone();

    let ending = Ending { do_not_call: true, ..fixture.answered(9, 3, &[("意向", "A")]) };
    let finished = fixture.finish(&claimed, ending).await;

    assert_eq!(finished, Finished::Done { call_index: Some(0) });
    let listed =
        fixture.read(|db, company| blacklist::page(db, company, BlacklistGroupId::DEFAULT, crate::all())).await.rows;
    assert_eq!((listed.len(), listed[0].mobile.as_str()), (1, phone));
    assert_eq!(listed[0].remark, format!("客户要求不再拨打（通话 {}）", claimed.call));
    // The number was put off in the other task while the first call went on.
    fixture.clock.advance(std::time::Duration::from_secs(3_600));
    let looked = fixture.look_at_all(fixture.looking()).await;
    assert_eq!((looked.claimed.len(), looked.blacklisted.len()), (0, 1));
    fixture.finish(&looked.blacklisted[0], fixture.unanswered(Disposition::Blacklisted)).await;
    for id in [first, second] {
        assert_counts_are_facts(&store, fixture.company, id).await;
    }
}

async fn a_number_that_is_blacklisted_already_stays_as_it_is(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let known = blacklist::NewEntry {
        mobile: claimed.customer_phone.clone(),
        name: "张三".to_owned(),
        remark: "投诉".to_owned(),
    };
    fixture.write(move |db, company| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &known, START)).await;

    fixture.finish(&claimed, Ending { do_not_call: true, ..fixture.answered(9, 3, &[("意向", "A")]) }).await;

    let listed =
        fixture.read(|db, company| blacklist::page(db, company, BlacklistGroupId::DEFAULT, crate::all())).await;
    assert_eq!((listed.total, listed.rows[0].remark.as_str()), (1, "投诉"));
}

async fn a_stale_ending_blacklists_nothing_and_teaches_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, fixture.unanswered(Disposition::Interrupted)).await;
    let late = Ending {
        do_not_call: true,
        utterances: vec![unknown("开场", "啥")],
        ..fixture.answered(9, 3, &[("意向", "A")])
    };

    assert_eq!(fixture.finish(&claimed, late).await, Finished::Stale);

    let phone = claimed.customer_phone;
    assert!(!fixture.read(move |db, company| blacklist::contains(db, company, &phone)).await);
    assert_eq!(list(&fixture, 10).await, []);
}

async fn past_conversations_are_read_in_pages_the_latest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 7).await;
    let claimed = fixture.claim(id, 7).await;
    let opening = Opening { seed: u64::MAX, now: date(2026, 5, 1).at(9, 30, 0, 0) };
    let course = Course { opening, events: vec![Event::Answered, Event::heard("喂"), Event::HungUp] };
    for (n, claimed) in claimed.iter().enumerate() {
        let ending = match n {
            2 => fixture.unanswered(Disposition::Busy),
            // One that was kept without its course.
            4 => fixture.answered(9, 3, &[("意向", "A")]),
            _ => Ending { course: Some(course.clone()), ..fixture.answered(9, 3, &[("意向", "A")]) },
        };
        fixture.finish(claimed, ending).await;
        fixture.clock.advance(std::time::Duration::from_secs(60));
    }
    let read = async |below: i64, since: Moment, limit: i64| {
        let page = fixture.read(move |db, company| past_calls::page(db, (company, id), below, since, limit)).await;
        page.iter().map(|call| call.call_index).collect::<Vec<_>>()
    };

    assert_eq!(read(i64::MAX, Moment(0), 3).await, [6, 5, 3]);
    assert_eq!(read(3, Moment(0), 3).await, [1, 0]);
    assert_eq!(read(i64::MAX, START.after(std::time::Duration::from_secs(300)), 9).await, [6, 5]);
    let page = fixture.read(move |db, company| past_calls::page(db, (company, id), 1, Moment(0), 9)).await;
    let kept = &page[0].kept;
    assert_eq!((page[0].id, page[0].scene_version, &kept.course), (claimed[0].call, 1, &course));
    assert_eq!((kept.talk_ms, kept.chat_rounds, kept.results.len()), (9_000, 3, 1));
    assert_eq!(kept.variables["欠款"], "1200元");
    assert_eq!(kept.variables["客户名称"], claimed[0].customer_name);
    assert_eq!(kept.variables["联系方式"], claimed[0].customer_phone);
    let (scene, other) = (fixture.scene(), hutong_domain::ids::SceneId(4711));
    assert_eq!(fixture.read(move |db, company| past_calls::tasks_of(db, company, scene)).await, [id]);
    assert_eq!(fixture.read(move |db, company| past_calls::tasks_of(db, company, other)).await, []);
    let scene_of = |call: CallId| {
        fixture.read(move |db, company| {
            let sql = "SELECT scene_id FROM call_record WHERE company_id = ?1 AND id = ?2";
            db.query_int(sql, values![company, call])
        })
    };
    assert_eq!(scene_of(claimed[0].call).await, scene.get());
}
