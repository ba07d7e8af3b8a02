//! A call: what its page shows, and what people make of it.

use axum::http::StatusCode;
use hutong_domain::access::Role;
use hutong_domain::call::{Match, Speaker, Understanding, Utterance};
use hutong_domain::ids::CallId;
use hutong_store::audit::{self, Filter};
use hutong_store::finish::Ending;
use hutong_store::{call, note, regrade};
use hutong_testkit::fixture::settings;

use crate::world::World;

const SCRIPT: &str = "<script>alert(1)</script>";

/// A finished call in which this was said.
async fn told(world: &World, words: &str) -> CallId {
    let task = world.ours.running_task(settings(), 1).await;
    let claimed = world.ours.look(task).await.claimed;
    world.ours.answer(&claimed[0]).await;
    let ending = world.ours.answered(27, 2, &[("客户意向等级", "A级(较强)")]);
    let at = ending.answered_at.unwrap();
    let line = |speaker, text: &str, start_ms, understanding| Utterance {
        speaker,
        text: text.to_owned(),
        start_ms,
        end_ms: start_ms + 800,
        at,
        understanding,
        node: "开场".to_owned(),
        latency: None,
        recogniser: None,
    };
    let hit = Match { name: "拒绝".to_owned(), sample: "不考虑".to_owned(), score: 0.92, knowledge: None };
    let utterances = vec![
        line(Speaker::Robot, "您好", 0, None),
        line(Speaker::Customer, words, 61_500, Some(Understanding::Matched(hit))),
    ];
    world.ours.finish(&claimed[0], Ending { utterances, ..ending }).await;
    claimed[0].call
}

#[tokio::test]
async fn it_shows_what_was_said_and_concluded_and_tried() {
    let world = World::new().await;
    let call = told(&world, "不考虑").await;
    let page = world.browser(Role::Operator).await.get(&world.path(&format!("calls/{call}"))).await;
    page.shows("<time>1:01</time>").shows("不考虑").shows("拒绝 0.92").shows("A级(较强)").shows("已接听");
    page.shows("没有录音。").shows("<dt>通话时长</dt><dd>0:27</dd>").shows("改判");
    let (attempts, known) = world
        .ours
        .read(move |db, company| {
            Ok((hutong_store::ledger::attempts(db, company, call)?, call::find(db, company, call)?.unwrap()))
        })
        .await;
    page.shows(&attempts[0].line_name).shows(&known.customer_phone);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing_and_sees_no_whole_number() {
    let world = World::new().await;
    let call = told(&world, "不考虑").await;
    let viewer = world.browser(Role::Viewer).await;
    let page = viewer.get(&world.path(&format!("calls/{call}"))).await;
    let known = world.ours.read(move |db, company| call::find(db, company, call)).await.unwrap();
    page.shows(&hutong_domain::phone::mask(&known.customer_phone)).lacks(&known.customer_phone);
    page.lacks("/results\"").lacks("/note\"");
    for (path, form) in [("results", "name=客户意向等级&value=D级(需筛选)"), ("note", "tags=x&note=y")] {
        let refused = viewer.post(&world.path(&format!("calls/{call}/{path}")), form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        refused.shows("您的角色没有这项权限");
    }
    let (judged, noted) = world
        .ours
        .read(move |db, company| Ok((regrade::of_call(db, company, call)?, note::find(db, company, call)?)))
        .await;
    assert_eq!((judged, noted), (vec![], None));
}

#[tokio::test]
async fn a_result_is_judged_otherwise_and_who_did_it_is_kept() {
    let world = World::new().await;
    let call = told(&world, "不考虑").await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("calls/{call}/results"));
    let refused = operator.post(&path, "name=客户意向等级&value=Z级").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows("不能是“Z级”").shows("A级(较强)");
    let none = operator.post(&path, "name=客户意向等级&value=").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    none.shows("客户意向等级不能为空");
    let other = "B级(一般)";
    let done = operator.post(&path, &format!("name=客户意向等级&value={other}&note={SCRIPT}")).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.html);
    done.shows(&format!("A级(较强) → {other}")).lacks(SCRIPT).lacks("role=\"alert\"");
    let judged = world.ours.read(move |db, company| regrade::of_call(db, company, call)).await;
    assert_eq!((judged.len(), judged[0].by.as_str(), judged[0].became[0].value.as_str()), (1, "operator", other));
    let kept = world
        .ours
        .read(|db, _| audit::list(db, &Filter { actor: Some("user operator".to_owned()), ..Filter::default() }, 10))
        .await;
    assert!(kept.iter().any(|entry| entry.object == call.to_string()), "{kept:?}");
}

#[tokio::test]
async fn what_was_said_and_noted_runs_no_script() {
    let world = World::new().await;
    let call = told(&world, SCRIPT).await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("calls/{call}"));
    let noted = operator.post(&format!("{path}/note"), &format!("tags={SCRIPT}\"&note=</textarea>{SCRIPT}")).await;
    // A tag is shorter than that.
    assert_eq!(noted.status, StatusCode::UNPROCESSABLE_ENTITY);
    let noted = operator.post(&format!("{path}/note"), &format!("tags=急 <b>\"&note=</textarea>{SCRIPT}")).await;
    assert_eq!(noted.status, StatusCode::OK, "{}", noted.html);
    operator.get(&path).await.lacks(SCRIPT).lacks("<b>").shows("value=\"急 &#60;b&#62;&#34;\"");
    let kept = world.ours.read(move |db, company| note::find(db, company, call)).await.unwrap();
    assert_eq!((kept.tags, kept.by.as_str()), (vec!["急".to_owned(), "<b>\"".to_owned()], "user operator"));
}

#[tokio::test]
async fn the_first_to_open_it_marks_it_as_read() {
    let world = World::new().await;
    let call = told(&world, "不考虑").await;
    let viewer = world.browser(Role::Viewer).await;
    let path = world.path(&format!("calls/{call}"));
    viewer.get(&path).await.shows("hx-trigger=\"load\"");
    assert_eq!(viewer.post(&format!("{path}/read"), "").await.status, StatusCode::NO_CONTENT);
    viewer.get(&path).await.lacks("hx-trigger=\"load\"");
    assert!(world.ours.read(move |db, company| call::find(db, company, call)).await.unwrap().read_at.is_some());
}

#[tokio::test]
async fn keys_lead_to_the_calls_before_and_after() {
    let world = World::new().await;
    let (_, calls) = world.finished_task().await;
    let viewer = world.browser(Role::Viewer).await;
    let middle = viewer.get(&world.path(&format!("calls/{}", calls[1]))).await;
    let link = |call: CallId| format!("/c/{}/calls/{call}\"", world.ours.company);
    middle.shows(&format!("{} data-key=\"k\"", link(calls[0]))).shows(&format!("{} data-key=\"j\"", link(calls[2])));
    viewer.get(&world.path(&format!("calls/{}", calls[0]))).await.lacks("data-key=\"k\"").shows("data-key=\"j\"");
}

#[tokio::test]
async fn a_call_of_somebody_else_is_not_there() {
    let world = World::new().await;
    let call = told(&world, "不考虑").await;
    let theirs = format!("/c/{}/calls/{call}", world.theirs.company);
    let admin = world.browser(Role::Admin).await;
    assert_eq!(admin.get(&theirs).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(&world.path("calls/99999")).await.status, StatusCode::NOT_FOUND);
    admin.get(&world.path("calls/x")).await.shows("没有这个页面");
}
