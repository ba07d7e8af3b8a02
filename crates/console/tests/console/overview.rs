//! The overview: its figures are the store's, and it stays true by itself.

use axum::body::Body;
use axum::http::header::COOKIE;
use axum::http::{Request, StatusCode};
use futures::StreamExt as _;
use hutong_domain::access::Role;
use hutong_domain::ids::CompanyId;
use hutong_store::line::{self, Line};
use hutong_store::{Db, company};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use tower::ServiceExt as _;

use crate::world::World;

#[tokio::test]
async fn it_shows_what_goes_on_and_what_came_of_the_day() {
    let world = World::new().await;
    world.finished_task().await;
    let running = world.ours.running_task(settings(), 5).await;
    assert_eq!(world.ours.look(running).await.claimed.len(), 5);
    let page = world.browser(Role::Viewer).await.get(&world.path("overview")).await;
    page.shows("<dt>进行中的通话</dt><dd>5 ").shows("<dd>5 <small>/ 10</small>");
    // Dialled, and answered of them: three calls of the finished task, and those that go on.
    page.shows("<dt>今日拨打</dt><dd>8</dd>").shows("<dt>今日接听</dt><dd>1 <small>12.5 %</small></dd>");
    page.shows("aria-label=\"A级\"").lacks("class=\"badge warn\"");
}

#[tokio::test]
async fn a_task_without_a_usable_line_needs_somebody() {
    let world = World::new().await;
    let running = world.ours.running_task(settings(), 5).await;
    switch_off(&world).await;
    world.ours.look(running).await;
    let page = world.browser(Role::Viewer).await.get(&world.path("overview")).await;
    page.shows("无可用线路").shows(&format!("/c/{}/tasks/{running}", world.ours.company)).shows("已停用");
}

#[tokio::test]
async fn names_of_tasks_and_companies_run_no_script() {
    let world = World::new().await;
    let script = "<script>alert(1)</script>";
    world.ours.store.write(CompanyId(0), move |db| company::insert(db, script, 1, START)).await.unwrap();
    let running =
        world.ours.running_task(hutong_store::task::Settings { name: script.to_owned(), ..settings() }, 1).await;
    switch_off(&world).await;
    world.ours.look(running).await;
    let page = world.browser(Role::Admin).await.get(&world.path("overview")).await;
    page.lacks(script);
    assert_eq!(page.html.matches("&#60;script&#62;alert(1)").count(), 2, "{}", page.html);
}

async fn switch_off(world: &World) {
    let off = |db: &mut Db, company| {
        let line = line::of_company(db, company)?.remove(0);
        line::update(db, &Line { enabled: false, ..line })
    };
    world.ours.write(off).await;
}

#[tokio::test]
async fn what_changes_is_sent_until_the_session_or_the_server_ends() {
    let world = World::new().await;
    let viewer = world.browser(Role::Viewer).await;
    let open = || async {
        let request = Request::get(world.path("overview/live")).header(COOKIE, format!("hutong={}", viewer.token));
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body().into_data_stream()
    };
    let mut events = open().await;
    let first = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: now") && first.contains("<dt>进行中的通话</dt><dd>0"), "{first}");
    let running = world.ours.running_task(settings(), 2).await;
    world.ours.look(running).await;
    let then = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(then.contains("<dt>进行中的通话</dt><dd>2"), "{then}");
    viewer.post("/sign-out", "").await;
    let last = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(last.starts_with("event: ended"), "{last}");
    assert!(events.next().await.is_none());

    let again = world.browser(Role::Viewer).await;
    let request = Request::get(world.path("overview/live")).header(COOKIE, format!("hutong={}", again.token));
    let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    assert!(events.next().await.is_some());
    world.stop.send(true).unwrap();
    assert!(events.next().await.is_none(), "a server that stops lets go of its pages");
}
