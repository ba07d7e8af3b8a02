//! Keys, callbacks and the request signer.

use axum::http::StatusCode;
use hutong_accounts::keys;
use hutong_domain::access::Role;
use hutong_domain::callback::CallbackKind;
use hutong_store::PageRequest;
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::callback::{self, Which};
use hutong_store::key::{self, AppKey, Secret};
use hutong_testkit::clock::START;
use hutong_testkit::receiver::{Answer, Receiver};

use crate::world::{Browser, World};

const ALL: PageRequest = PageRequest { number: 1, size: 100 };

/// The key that is made by the form, and its secret.
async fn made(world: &World, admin: &Browser<'_>) -> (AppKey, String) {
    let reply =
        admin.post(&world.path("integration/keys"), "edition=2018-05&requests_per_s=20&allowed=10.0.0.0/8").await;
    assert_eq!(reply.status, StatusCode::OK);
    let between = |id: &str| {
        let at = format!("<code id=\"{id}\">");
        reply.html.split(at.as_str()).nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let key = keys::find(&world.ours.store, &between("made-key")).await.unwrap();
    (key, between("made-secret"))
}

async fn set_address(world: &World, url: &str) {
    let address = Address {
        subject: Subject::Calls,
        url: url.to_owned(),
        content_type: ContentType::Json,
        manual_changes: true,
        app_key: None,
    };
    world.ours.write(move |db, company| address::set(db, company, &address, START)).await;
}

#[tokio::test]
async fn a_key_is_made_shown_once_changed_and_revoked() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let (key, secret) = made(&world, &admin).await;
    assert_eq!((key.requests_per_s, key.allowed.to_string().as_str()), (20, "10.0.0.0/8"));
    assert_eq!(key.companies, [world.ours.company]);
    let page = world.path(&format!("integration/keys/{}", key.app_key));
    admin.get(&page).await.shows("有效").shows("10.0.0.0/8").lacks(&secret);
    admin.get(&world.path("integration")).await.shows(&key.app_key).lacks(&secret);
    admin.post(&page, "edition=2019-08&requests_per_s=0&allowed=").await.shows("已保存");
    let changed = keys::find(&world.ours.store, &key.app_key).await.unwrap();
    assert!(changed.edition == key::Edition::August2019 && changed.allowed.is_empty() && changed.requests_per_s == 0);
    let rotated = admin.post(&format!("{page}/rotate"), "hours=24").await;
    rotated.shows("id=\"new-secret\"").lacks(&secret);
    let ours_and_theirs = format!("company={}&company={}", world.ours.company, world.theirs.company);
    admin.post(&format!("{page}/companies"), &ours_and_theirs).await.shows("绑定的公司已更改");
    assert_eq!(keys::find(&world.ours.store, &key.app_key).await.unwrap().companies.len(), 2);
    admin.post(&format!("{page}/revoke"), "").await.shows("已作废");
    assert!(keys::find(&world.ours.store, &key.app_key).await.unwrap().revoked_at.is_some());
    assert_eq!(admin.post(&page, "edition=2018-05").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_at_its_field() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    for (form, field) in [
        ("edition=2030&requests_per_s=1", "edition-problem"),
        ("edition=2018-05&requests_per_s=-1", "requests_per_s-problem"),
        ("edition=2018-05&allowed=somewhere", "allowed-problem"),
    ] {
        let refused = admin.post(&world.path("integration/keys"), form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        refused.shows(field);
    }
    assert!(world.ours.store.read(key::all).await.unwrap().is_empty());
    let (key, _) = made(&world, &admin).await;
    let page = world.path(&format!("integration/keys/{}", key.app_key));
    for (path, form, field) in [
        ("rotate", "hours=2161", "hours-problem"),
        ("rotate", "hours=-1", "hours-problem"),
        ("companies", "", "company-problem"),
        ("companies", "company=9999", "company-problem"),
    ] {
        let refused = admin.post(&format!("{page}/{path}"), form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {form}");
        refused.shows(field);
    }
    assert_eq!(keys::find(&world.ours.store, &key.app_key).await.unwrap(), key, "nothing has changed");
    let theirs = format!("/c/{}/integration/keys/{}", world.theirs.company, key.app_key);
    assert_eq!(admin.get(&theirs).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_admins_manage_keys_and_callbacks() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let (key, _) = made(&world, &admin).await;
    set_address(&world, "http://127.0.0.1:9/").await;
    let page = format!("integration/keys/{}", key.app_key);
    for role in [Role::Viewer, Role::Operator] {
        let browser = world.browser(role).await;
        browser.get(&world.path("integration")).await.lacks(&key.app_key).lacks("integration/callbacks/");
        browser.get(&world.path("integration/signer")).await.lacks(&key.app_key);
        for path in [
            "integration/keys",
            page.as_str(),
            &format!("{page}/companies"),
            &format!("{page}/rotate"),
            &format!("{page}/revoke"),
            "integration/callbacks/calls",
            "integration/callbacks/calls/unset",
            "integration/callbacks/calls/test",
            "integration/deliveries/resend",
            "integration/deliveries/0-1-0/resend",
        ] {
            let reply = browser.post(&world.path(path), "edition=2018-05&url=http://example.com&hours=0").await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(keys::find(&world.ours.store, &key.app_key).await.unwrap(), key);
}

#[tokio::test]
async fn an_address_is_set_tried_and_taken_away() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let (key, secret) = made(&world, &admin).await;
    let mut receiver = Receiver::start(|_| Answer::ok());
    let page = world.path("integration/callbacks/calls");
    for (url, field) in [("ftp://example.com", "url-problem"), ("", "url-problem")] {
        let refused = admin.post(&page, &format!("url={url}&content_type=json")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.shows(field);
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("url", receiver.url().as_str()), ("content_type", "json"), ("app_key", &key.app_key)])
        .finish();
    admin.post(&page, &form).await.shows("已保存");
    let known = world.ours.write(address::of_company).await;
    assert_eq!((known.len(), known[0].app_key.as_deref()), (1, Some(key.app_key.as_str())));
    let tested = admin.post(&format!("{page}/test"), "").await;
    tested.shows("<dd>200</dd>").shows(" ms");
    let received = receiver.next().await;
    assert!(received.body.contains("\"test\":true") && !received.body.contains("CALL_INSTANCE_RESULT"));
    for (name, value) in hutong_api::sign(&key.app_key, &Secret(secret), world.ours.now()) {
        assert_eq!(received.header(name), value);
    }
    assert!(receiver.try_next().is_none());
    let gone = admin.post(&format!("{page}/unset"), "").await;
    assert_eq!(gone.location(), world.path("integration"));
    assert!(world.ours.write(address::of_company).await.is_empty());
    assert_eq!(admin.post(&format!("{page}/test"), "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_told_is_listed_with_its_request_and_sent_once_more() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    set_address(&world, "http://127.0.0.1:9/").await;
    let (_, calls) = world.finished_task().await;
    let listed = world.ours.write(|db, company| callback::list(db, company, Which::All, ALL)).await;
    let of_call = listed.rows.iter().find(|it| it.name.subject == calls[0].get()).unwrap();
    assert_eq!(of_call.name.kind, CallbackKind::Call);
    let list = admin.get(&world.path("integration/deliveries")).await;
    list.shows(&of_call.name.to_string()).shows("等待发送");
    admin.get(&world.path("integration/deliveries?which=delivered")).await.shows("没有回调记录");
    let page = world.path(&format!("integration/deliveries/0-{}-0", calls[0]));
    admin.get(&page).await.shows("CALL_INSTANCE_RESULT").shows("Idempotency-Key").shows("POST http://127.0.0.1:9/");
    let viewer = world.browser(Role::Viewer).await;
    viewer.get(&page).await.lacks("CALL_INSTANCE_RESULT").lacks("/resend").lacks("127.0.0.1:9");
    // An address may have a token in it.
    viewer.get(&world.path("integration")).await.shows("已设置").lacks("127.0.0.1:9");
    world.ours.write(|db, company| address::remove(db, company, Subject::Calls, START)).await;
    admin.get(&world.path("integration/deliveries?which=given-up")).await.shows(&of_call.name.to_string());
    admin.post(&format!("{page}/resend"), "").await.shows("等待发送").shows("将再次发送");
    let others = format!("/c/{}/integration/deliveries/0-{}-0", world.theirs.company, calls[0]);
    assert_eq!(admin.get(&others).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.post(&format!("{others}/resend"), "").await.status, StatusCode::NOT_FOUND);
    admin.post(&world.path("integration/deliveries/resend"), "").await;
    let given_up = world.ours.write(|db, company| callback::list(db, company, Which::GivenUp, ALL)).await;
    assert_eq!(given_up.total, 0);
}

#[tokio::test]
async fn a_request_is_signed_as_the_api_checks_it_and_the_secret_is_not_given_back() {
    let world = World::new().await;
    let viewer = world.browser(Role::Viewer).await;
    let path = world.path("integration/signer");
    let form = "app_key=key&secret=s3cret-of-somebody&at=2018-12-13T09:27:17&path=/openapi/v1/company/getCompanys";
    let page = viewer.post(&path, form).await;
    let at = hutong_domain::moment::Moment(1_544_664_437_000);
    let signed = hutong_api::sign("key", &Secret("s3cret-of-somebody".to_owned()), at);
    page.shows("Thu, 13 Dec 2018 01:27:17 GMT").shows("http://hutong.example/openapi/v1/company/getCompanys");
    assert!(page.html.replace("&#43;", "+").contains(&signed[2].1), "{}", page.html);
    page.lacks("s3cret-of-somebody");
    for (form, field) in [
        ("app_key=&secret=s&path=/x", "app_key-problem"),
        ("app_key=k%27k&secret=s&path=/x", "app_key-problem"),
        ("app_key=k&secret=&path=/x", "secret-problem"),
        ("app_key=k&secret=s&path=x", "path-problem"),
        ("app_key=k&secret=s&path=/x%27%3Brm", "path-problem"),
        ("app_key=k&secret=s&path=/x&at=soon", "at-problem"),
    ] {
        let refused = viewer.post(&path, form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        refused.shows(field).lacks("<h3>curl");
    }
}
