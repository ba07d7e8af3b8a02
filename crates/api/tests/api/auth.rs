//! Who gets in.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hutong_api::{Limits, Peer};
use hutong_domain::address::Networks;
use hutong_domain::moment::{Clock, Moment};
use hutong_store::key::{self, Edition, Secret};
use hutong_store::vault::{KEY_BYTES, Vault};

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

fn basic(secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{APP_KEY}:{secret}")))
}

/// Asks with this secret, signed and as a password, which have to be answered alike.
async fn code_with(world: &World, secret: &str) -> i64 {
    let now = datetime(world);
    let signed = signed(world, APP_KEY, &now, &sign(APP_KEY, secret, &now)).await;
    let request = Request::get("/openapi/v1/company/getCompanys").header("authorization", basic(secret));
    let by_password = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(signed.code(), by_password.code(), "{secret}");
    signed.code()
}

#[tokio::test]
async fn after_a_rotation_both_secrets_are_good_until_the_old_one_ends() {
    let world = World::new().await;
    assert_eq!((code_with(&world, SECRET).await, code_with(&world, "newer").await), (200, 401));
    let sealed = Vault::new(&[7; KEY_BYTES]).seal(&Secret("newer".to_owned())).unwrap();
    let (now, until) = (world.ours.now(), world.ours.now().after(Duration::from_secs(60)));
    world.ours.write(move |db, _| key::rotate(db, APP_KEY, &sealed, until, now)).await;
    world.ours.clock.advance(Duration::from_secs(1));
    assert_eq!((code_with(&world, SECRET).await, code_with(&world, "newer").await), (200, 200));
    assert_eq!(code_with(&world, "other").await, 401);
    // To the moment, though the key was read a moment before.
    world.ours.clock.set(Moment(until.ms() - 1));
    assert_eq!(code_with(&world, SECRET).await, 200);
    world.ours.clock.set(until);
    assert_eq!((code_with(&world, SECRET).await, code_with(&world, "newer").await), (401, 200));
    world.ours.write(move |db, _| key::revoke(db, APP_KEY, now)).await;
    world.ours.clock.advance(Duration::from_secs(1));
    assert_eq!((code_with(&world, SECRET).await, code_with(&world, "newer").await), (401, 401));
}

#[tokio::test]
async fn it_is_known_to_the_minute_when_each_secret_was_last_used() {
    let world = World::new().await;
    let uses = async || {
        // What is kept beside the request has its turn on this thread.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let found = world.ours.read(|db, _| key::find(db, APP_KEY)).await.unwrap();
        (found.used_at, found.previous.and_then(|previous| previous.used_at))
    };
    let start = world.ours.now();
    assert_eq!((code_with(&world, "guess").await, uses().await), (401, (None, None)));
    assert_eq!((code_with(&world, SECRET).await, uses().await), (200, (Some(start), None)));
    world.ours.clock.advance(Duration::from_secs(59));
    assert_eq!((code_with(&world, SECRET).await, uses().await), (200, (Some(start), None)));
    world.ours.clock.advance(Duration::from_secs(1));
    let minute = world.ours.now();
    assert_eq!((code_with(&world, SECRET).await, uses().await), (200, (Some(minute), None)));

    let sealed = Vault::new(&[7; KEY_BYTES]).seal(&Secret("newer".to_owned())).unwrap();
    let until = minute.after(Duration::from_secs(600));
    world.ours.write(move |db, _| key::rotate(db, APP_KEY, &sealed, until, minute)).await;
    world.ours.clock.advance(Duration::from_secs(60));
    let (old, new) = (world.ours.now(), world.ours.now().after(Duration::from_secs(5)));
    assert_eq!((code_with(&world, SECRET).await, uses().await), (200, (None, Some(old))));
    world.ours.clock.set(new);
    assert_eq!((code_with(&world, "newer").await, uses().await), (200, (Some(new), Some(old))));
}

/// Asks from this address, with these headers.
async fn from(world: &World, peer: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get("/openapi/v1/company/getCompanys").header("authorization", basic(SECRET));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !peer.is_empty() {
        request = request.extension(Peer(peer.parse().unwrap()));
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

async fn allow(world: &World, list: &'static str) {
    let allowed: Networks = list.parse().unwrap();
    world.ours.write(move |db, _| key::update(db, APP_KEY, Edition::May2018, 0, &allowed)).await;
    world.ours.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn a_key_is_used_from_where_it_may_be_and_from_nowhere_else() {
    let trusted_proxies = "10.0.0.0/8".parse().unwrap();
    let world = World::with_limits(Limits { trusted_proxies, ..Limits::default() }).await;
    assert_eq!(from(&world, "203.0.113.9", &[]).await.code(), 200);
    allow(&world, "192.0.2.0/24,2001:db8::7").await;
    let check = async |peer: &str, headers: &[(&str, &str)], code: i64| {
        let reply = from(&world, peer, headers).await;
        assert_eq!(reply.code(), code, "{peer} {headers:?}: {}", reply.body);
    };
    check("192.0.2.77", &[], 200).await;
    check("::ffff:192.0.2.77", &[], 200).await;
    check("2001:db8::7", &[], 200).await;
    check("2001:db8::8", &[], 403).await;
    check("", &[], 403).await;
    // Only a proxy that is trusted is believed, and not about what it was told itself.
    check("203.0.113.9", &[("X-Forwarded-For", "192.0.2.77"), ("X-Real-IP", "192.0.2.77")], 403).await;
    check("10.0.0.1", &[("X-Forwarded-For", "192.0.2.77")], 200).await;
    check("10.0.0.1", &[("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "192.0.2.77")], 200).await;
    check("10.0.0.1", &[("X-Forwarded-For", "192.0.2.77, 203.0.113.9")], 403).await;
    check("10.0.0.1", &[("X-Real-IP", "192.0.2.77")], 200).await;
    check("10.0.0.1", &[("X-Forwarded-For", "unknown"), ("X-Real-IP", "192.0.2.77")], 403).await;
    check("10.0.0.1", &[], 403).await;

    let refused = from(&world, "203.0.113.9", &[]).await;
    refused.refused(403, "权限不足：当前密钥不允许从该地址（203.0.113.9）访问");
    let stranger = Request::get("/openapi/v1/company/getCompanys").header("authorization", basic("guess"));
    let stranger = stranger.extension(Peer("203.0.113.9".parse().unwrap())).body(Body::empty()).unwrap();
    assert_eq!(world.send(stranger).await.code(), 401, "who does not know the secret learns nothing of addresses");
    allow(&world, "").await;
    check("203.0.113.9", &[], 200).await;
}
