//! Calls read back: the view of one call, with what was said and concluded.

use std::time::Duration;

use hutong_domain::call::{
    CallKind, CallStatus, FinishStatus, HungUpBy, Match, Speaker, TurnLatency, Understanding, Utterance,
};
use hutong_domain::ids::CallId;
use hutong_domain::moment::Moment;
use hutong_store::call::{self, CallView};
use hutong_store::finish::Ending;
use hutong_store::{IdKind, finish, waiting};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{result, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_waiting_call_is_shown_with_its_task_and_customer,
    a_finished_call_is_shown_with_all_that_was_said_and_concluded,
    a_call_of_another_company_is_not_found,
    utterances_and_results_have_ids_of_their_own,
}

async fn find(fixture: &Fixture, call: CallId) -> CallView {
    fixture.read(move |db, company| call::find(db, company, call)).await.unwrap()
}

fn transcript() -> Vec<Utterance> {
    let said = |speaker, text: &str, start_ms, understanding| Utterance {
        speaker,
        text: text.to_owned(),
        start_ms,
        end_ms: start_ms + 800,
        at: Moment(START.ms() + start_ms),
        understanding,
        node: "开场".to_owned(),
        latency: (speaker == Speaker::Robot).then_some(TurnLatency { pause_ms: 700, recognition_ms: 80, ours_ms: 3 }),
        recogniser: (speaker == Speaker::Customer).then(|| "funasr".to_owned()),
    };
    let matched = Match { name: "拒绝".to_owned(), sample: "不考虑".to_owned(), score: 0.92, knowledge: Some(3) };
    vec![
        said(Speaker::Robot, "您好，\"请问\"…", 0, None),
        said(Speaker::Customer, "喂\n", 1000, Some(Understanding::NotNeeded)),
        said(Speaker::Customer, "不考虑 😀", 2000, Some(Understanding::Matched(matched))),
        said(Speaker::Customer, "啊？", 3000, Some(Understanding::Unknown)),
    ]
}

async fn a_waiting_call_is_shown_with_its_task_and_customer(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let waiting = fixture.read(move |db, company| waiting::page(db, company, id, START, crate::all())).await;

    let view = find(&fixture, waiting.rows[0].id).await;

    assert_eq!((view.company, view.task, view.kind), (fixture.company, id, CallKind::Task));
    assert_eq!((view.task_name.as_deref(), view.working_start.as_deref()), (Some("回访"), Some("00:00:00")));
    assert_eq!((view.customer_name.as_str(), view.customer_phone.as_str()), ("客户0000", "13800000000"));
    assert_eq!(view.properties, r#"{"欠款":"1200元"}"#);
    assert_eq!((view.status, view.finish_status, view.call_index), (CallStatus::NotStarted, None, None));
    assert_eq!((view.duration_s, view.chat_rounds, view.redials), (0, 0, 0));
    assert_eq!((view.started_at, view.ended_at, view.redial_planned_at), (None, None, None));
    assert_eq!((view.hung_up_by, view.recording, view.customer_recording), (None, None, None));
    assert_eq!((view.robot, view.scene, view.voice), (fixture.robot.id, fixture.scene(), fixture.voice()));
    assert_eq!((view.voice_name.as_str(), view.record), ("女声", None));
    assert_eq!((view.created_at, view.modified_at), (START, START));
}

async fn a_finished_call_is_shown_with_all_that_was_said_and_concluded(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let ended_at = fixture.clock.advance(Duration::from_secs(40));
    let ending = Ending {
        utterances: transcript(),
        hung_up_by: Some(HungUpBy::Robot),
        recording: Some("2026/11/22/7/1-1.wav".to_owned()),
        customer_recording: Some("2026/11/22/7/1-1-customer.wav".to_owned()),
        ..fixture.answered(27, 4, &[("客户意向等级", "A级(较强)"), ("行业", "金融"), ("行业", "地产")])
    };

    fixture.finish(&claimed, ending.clone()).await;

    let view = find(&fixture, claimed.call).await;
    assert_eq!(
        (view.status, view.finish_status, view.call_index),
        (CallStatus::Done, Some(FinishStatus::Answered), Some(0))
    );
    assert_eq!((view.duration_s, view.chat_rounds, view.hung_up_by), (27, 4, Some(HungUpBy::Robot)));
    assert_eq!((view.started_at, view.ended_at, view.modified_at), (Some(START), Some(ended_at), ended_at));
    assert_eq!((view.recording, view.customer_recording), (ending.recording, ending.customer_recording));
    let record = view.record.unwrap();
    assert_eq!((&record.utterances, &record.results), (&ending.utterances, &ending.results));
    assert!(record.first_utterance_id > 0 && record.first_result_id > 0);
    assert_eq!((record.created_at, record.modified_at), (ended_at, ended_at));
}

async fn a_call_of_another_company_is_not_found(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = theirs.running_task(settings(), 1).await;
    let call = theirs.claim(id, 1).await[0].call;

    for call in [call, CallId(4711)] {
        assert_eq!(ours.read(move |db, company| call::find(db, company, call)).await, None);
    }
}

async fn utterances_and_results_have_ids_of_their_own(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 30).await;
    let mut used = std::collections::BTreeSet::new();
    for claimed in fixture.claim(id, 10).await {
        let utterances = transcript();
        let ending = Ending { utterances, ..fixture.answered(1, 1, &[("a", "b")]) };
        fixture.finish(&claimed, ending).await;
        let record = find(&fixture, claimed.call).await.record.unwrap();
        for n in 0..4 {
            assert!(used.insert(record.first_utterance_id + n), "an utterance's id was given twice");
        }
    }
    // A caller that reserves by itself gets what it asked for.
    let first = store.reserve(IdKind::CallResult, 2).await.unwrap();
    let ending = Ending {
        results: vec![result("a", "b"), result("a", "c")],
        first_result_id: first,
        ..fixture.answered(1, 1, &[])
    };
    let claimed = fixture.claim(id, 1).await.remove(0);
    let call = claimed.call;
    fixture.write(move |db, _| finish::finish(db, &claimed, &ending)).await;
    assert_eq!(find(&fixture, call).await.record.unwrap().first_result_id, first);
}
