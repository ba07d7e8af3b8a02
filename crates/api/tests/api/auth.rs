//! Who gets in.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hutong_domain::moment::{Clock, Moment};
use hutong_store::key::{self, Edition};

use crate::world::{APP_KEY, Reply, SECRET, World, datetime, sign};

async fn signed(world: &World, app_key: &str, datetime: &str, sign: &str) -> Reply {
    let request = Request::get("/openapi/v1/company/getCompanys")
        .header("AppKey", app_key)
        .header("DATETIME", datetime)
        .header("Sign", sign);
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_signature_gets_in_and_nothing_like_one_does() {
    let world = World::new().await;
    let now = datetime(&world);
    let good = sign(APP_KEY, SECRET, &now);
    assert_eq!(signed(&world, APP_KEY, &now, &good).await.data()[0]["companyId"], world.company());
    assert_eq!(signed(&world, APP_KEY, &now, &format!(" {good} ")).await.code(), 200);
    signed(&world, "nobody", &now, &good).await.refused(401, "校验数据错误：");
    signed(&world, APP_KEY, &now, "AAAA").await.refused(401, "校验数据错误：");
    signed(&world, APP_KEY, &now, "not base64!").await.refused(401, "校验数据错误：");
    signed(&world, APP_KEY, &now, &sign(APP_KEY, "guess", &now)).await.refused(401, "校验数据错误：");
    let nothing = world.send(Request::get("/openapi/v1/company/getCompanys").body(Body::empty()).unwrap()).await;
    nothing.refused(401, "校验数据错误：缺少请求头 appkey");
}

#[tokio::test]
async fn the_clock_may_differ_by_three_minutes_either_way() {
    let world = World::new().await;
    let signed_at = datetime(&world);
    let sign = sign(APP_KEY, SECRET, &signed_at);
    let start = world.ours.clock.now();
    for (offset_s, code) in [(180, 200), (181, 408), (-180, 200), (-181, 408)] {
        world.ours.clock.set(Moment(start.ms() + offset_s * 1000));
        assert_eq!(signed(&world, APP_KEY, &signed_at, &sign).await.code(), code, "{offset_s}");
    }
    let unreadable = "2018-12-13 01:27:17";
    let reply = signed(&world, APP_KEY, unreadable, &crate::world::sign(APP_KEY, SECRET, unreadable)).await;
    reply.refused(408, "时间选择不对");
}

#[tokio::test]
async fn authentication_comes_before_parameters() {
    let world = World::new().await;
    let request = Request::get("/openapi/v1/task/getTasks?pageNum=0").body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.code(), 401);
    world.get("task/getTasks?pageNum=0").await.refused(412, "参数错误：");
}

#[tokio::test]
async fn a_password_has_to_be_right() {
    let world = World::new().await;
    let basic = |text: &str| {
        use base64::Engine as _;
        let password = base64::engine::general_purpose::STANDARD.encode(text);
        let request =
            Request::get("/openapi/v1/company/getCompanys").header("authorization", format!("basic {password}"));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(world.send(basic(&format!("{APP_KEY}:{SECRET}"))).await.code(), 200);
    for wrong in [format!("{APP_KEY}:"), format!("{APP_KEY}:{SECRET}x"), "nobody:x".to_owned(), "x".to_owned()] {
        assert_eq!(world.send(basic(&wrong)).await.code(), 401, "{wrong}");
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working_within_a_second() {
    let world = World::new().await;
    assert_eq!(world.get("company/getCompanys").await.code(), 200);
    let now = world.ours.now();
    world.ours.write(move |db, _| key::revoke(db, APP_KEY, now)).await;
    world.ours.clock.advance(Duration::from_secs(1));
    world.get("company/getCompanys").await.refused(401, "校验数据错误：");
}

#[tokio::test]
async fn a_key_makes_as_many_requests_a_second_as_it_may() {
    let world = World::new().await;
    world.add_key("slow", Edition::May2018, 2, &[world.ours.company]).await;
    let ask = || world.ask_as("slow", axum::http::Method::GET, "company/getCompanys", "");
    assert_eq!(ask().await.code(), 200);
    assert_eq!(ask().await.code(), 200);
    let reply = ask().await;
    assert_eq!(reply.status, 429);
    reply.refused(429, "请求过于频繁：");
    world.ours.clock.advance(Duration::from_secs(2));
    assert_eq!(ask().await.code(), 200);
}
