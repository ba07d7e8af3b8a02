//! The audit log.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use hutong_domain::access::Role;
use hutong_domain::audit::{Action, Actor};
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::audit::{self, By, Filter, Object};
use hutong_testkit::clock::START;
use serde_json::json;

use crate::world::World;

async fn note(world: &World, company: CompanyId, actor: Actor, before: i64, after: i64, at: Moment) {
    let by = By { actor, at };
    let note = move |db: &mut hutong_store::Db| {
        let sides = (Some(json!({ "seats": before, "trunk": { "ring_s": 45 } })), Some(json!({ "seats": after })));
        by.note(db, Action::CompanyUpdate, &Object::Company(company), sides.0, sides.1)
    };
    world.ours.store.write(company, note).await.unwrap();
}

#[tokio::test]
async fn what_changed_stands_side_by_side_and_is_filtered() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let (ours, theirs) = (world.ours.company, world.theirs.company);
    note(&world, ours, Actor::Key("K1".to_owned()), 111, 222, START).await;
    note(&world, theirs, Actor::User("bob".to_owned()), 333, 444, START).await;
    let page = admin.get("/audit").await;
    page.shows("<del>111</del>").shows("<ins>222</ins>").shows("trunk.ring_s").shows("公司 · 更改").shows("密钥 K1");
    admin.get(&format!("/audit?company={theirs}")).await.shows("<ins>444</ins>").lacks("<ins>222</ins>");
    admin.get("/audit?actor=key").await.shows("<ins>222</ins>").lacks("<ins>444</ins>");
    admin.get("/audit?action=user.").await.shows("用户 · 登录").lacks("<ins>222</ins>");
    let day = START.civil(&hutong_testkit::clock::zone()).date();
    let on = format!("/audit?since={day}&until={day}");
    admin.get(&on).await.shows("<ins>222</ins>");
    admin.get(&format!("/audit?until={}", day.yesterday().unwrap())).await.lacks("<ins>222</ins>");
    admin.get("/audit?since=soon").await.shows("since-problem").lacks("<ins>222</ins>");
}

#[tokio::test]
async fn long_logs_are_read_page_by_page_and_exported_whole() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    for seats in 0..600 {
        note(&world, world.ours.company, Actor::Hutong, 10_000 + seats, 20_000 + seats, START).await;
    }
    let filter = Filter { actor: Some("hutong".to_owned()), ..Filter::default() };
    let all = world.ours.store.read(move |db| audit::list(db, &filter, 1000)).await.unwrap();
    let page = admin.get("/audit?actor=hutong").await;
    page.shows("<ins>20599</ins>").shows("<ins>20550</ins>").lacks("<ins>20549</ins>");
    let next = format!("/audit?actor=hutong&before={}", all[49].id);
    page.shows(&next.replace('&', "&#38;"));
    admin.get(&next).await.shows("<ins>20549</ins>").shows("<ins>20500</ins>").lacks("<ins>20550</ins>");
    let file = admin.get("/audit.csv?actor=hutong").await;
    assert!(file.headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
    let text = file.html.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (601, "id,at,actor,action,kind,object,company,before,after"));
    for (line, entry) in lines[1..].iter().zip(&all) {
        assert!(line.starts_with(&format!("{},", entry.id)), "{line}");
    }
    assert_eq!(admin.get("/audit.csv?since=soon").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_others_wrote_is_no_part_of_the_page() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let script = "<script>alert(1)</script>";
    note(&world, world.ours.company, Actor::User(script.to_owned()), 1, 2, START).await;
    let asked = form_urlencoded::Serializer::new(String::new()).extend_pairs([("actor", script)]).finish();
    admin.get(&format!("/audit?{asked}")).await.lacks(script).shows("script&#62;");
    admin.get("/audit").await.lacks(script).shows("&#60;script&#62;");
}
