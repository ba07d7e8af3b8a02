//! Signing in and out, sessions, and requests that come from elsewhere.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use hutong_accounts::csrf_token;
use hutong_domain::access::Role;

use crate::world::{PASSWORD, Reply, World};

async fn sign_in(world: &World, name: &str, password: &str, with: &[(&str, &str)]) -> Reply {
    let mut request = Request::post("/sign-in").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (header, value) in with {
        request = request.header(*header, *value);
    }
    let form =
        form_urlencoded::Serializer::new(String::new()).extend_pairs([("name", name), ("password", password)]).finish();
    world.send(request.body(Body::from(form)).unwrap()).await
}

#[tokio::test]
async fn the_first_start_says_how_the_first_admin_is_made() {
    let world = World::new().await;
    let page = world.send(Request::get("/sign-in").body(Body::empty()).unwrap()).await;
    page.shows("hutong user add admin --role admin").lacks("type=\"password\"");
    world.browser(Role::Admin).await;
    let page = world.send(Request::get("/sign-in").body(Body::empty()).unwrap()).await;
    page.shows("type=\"password\"").lacks("hutong user add");
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_the_page_for_it_and_back() {
    let world = World::new().await;
    let asked = world.path("overview");
    let page = world.send(Request::get(&asked).body(Body::empty()).unwrap()).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fc%2F1%2Foverview"));
    let part = world.send(Request::get(&asked).header("hx-request", "true").body(Body::empty()).unwrap()).await;
    assert_eq!((part.status, part.location()), (StatusCode::NO_CONTENT, "/sign-in?next=%2F"));
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_name_are_told_alike() {
    let world = World::new().await;
    world.browser(Role::Viewer).await;
    let wrong =
        [sign_in(&world, "viewer", "something else", &[]).await, sign_in(&world, "nobody", PASSWORD, &[]).await];
    for reply in wrong {
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        reply.shows("用户名或密码不正确");
        assert!(World::token_of(&reply).is_none());
    }
}

#[tokio::test]
async fn a_session_that_somebody_fixed_before_does_not_become_the_users() {
    let world = World::new().await;
    world.browser(Role::Viewer).await;
    let planted = "a-token-that-an-attacker-knows-0123456789";
    let reply = sign_in(&world, "viewer", PASSWORD, &[(COOKIE.as_str(), &format!("hutong={planted}"))]).await;
    let token = World::token_of(&reply).unwrap();
    assert_ne!(token, planted);
    let cookie = reply.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let with = |token: &str| {
        Request::get(world.path("overview")).header(COOKIE, format!("hutong={token}")).body(Body::empty())
    };
    assert_eq!(world.send(with(planted).unwrap()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.send(with(&token).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_before() {
    let world = World::new().await;
    let before = world.browser(Role::Viewer).await;
    let reply = sign_in(&world, "viewer", PASSWORD, &[(COOKIE.as_str(), &format!("hutong={}", before.token))]).await;
    assert!(World::token_of(&reply).is_some());
    assert_eq!(before.get(&world.path("overview")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_change_is_taken_from_a_page_of_the_session_only() {
    let world = World::new().await;
    let (mine, others) = (world.browser(Role::Viewer).await, world.browser(Role::Operator).await);
    let foreign = csrf_token(&others.token);
    for csrf in [None, Some(""), Some("AAAA"), Some(foreign.as_str())] {
        let refused = mine.post_with("/sign-out", "", csrf).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{csrf:?}");
        refused.shows("请求不是从本页面发出的");
    }
    assert_eq!(mine.get(&world.path("overview")).await.status, StatusCode::OK, "the session still lasts");
    let left = mine.post("/sign-out", "").await;
    assert_eq!((left.status, left.location()), (StatusCode::NO_CONTENT, "/sign-in"));
    assert_eq!(mine.get(&world.path("overview")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_page_of_somebody_else() {
    let world = World::new().await;
    world.browser(Role::Viewer).await;
    let from = [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://example.com")];
    for foreign in from {
        let reply = sign_in(&world, "viewer", PASSWORD, &[("host", "hutong.example"), foreign]).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{foreign:?}");
        assert!(World::token_of(&reply).is_none());
    }
    for own in [("sec-fetch-site", "same-origin"), ("origin", "https://hutong.example")] {
        let reply = sign_in(&world, "viewer", PASSWORD, &[("host", "hutong.example"), own]).await;
        assert!(World::token_of(&reply).is_some(), "{own:?}");
    }
}

#[tokio::test]
async fn a_company_that_the_user_does_not_reach_is_not_there() {
    let world = World::new().await;
    let theirs = format!("/c/{}/overview", world.theirs.company);
    let operator = world.browser(Role::Operator).await;
    assert_eq!(operator.get(&theirs).await.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.get("/c/9999/overview").await.html, operator.get(&theirs).await.html);
    assert_eq!(operator.get("/c/x/overview").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.browser(Role::Admin).await.get(&theirs).await.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_are_in_the_language_and_the_light_that_were_chosen() {
    let world = World::new().await;
    let viewer = world.browser(Role::Viewer).await;
    viewer.get(&world.path("overview")).await.shows("lang=\"zh-CN\"").shows("总览");
    let chosen = viewer.post("/look", "language=en&theme=dark").await;
    let mut cookies: Vec<_> =
        chosen.headers.get_all(SET_COOKIE).iter().map(|it| it.to_str().unwrap().to_owned()).collect();
    // They are set in no order.
    cookies.sort();
    assert!(
        cookies[0].starts_with("hutong_language=en;") && cookies[1].starts_with("hutong_theme=dark;"),
        "{cookies:?}"
    );
    let cookie = format!("hutong={}; hutong_language=en; hutong_theme=dark", viewer.token);
    let page =
        world.send(Request::get(world.path("overview")).header(COOKIE, cookie).body(Body::empty()).unwrap()).await;
    page.shows("lang=\"en\" data-theme=\"dark\"").shows("Overview");
}

#[tokio::test]
async fn no_page_lets_scripts_or_styles_stand_in_it() {
    let world = World::new().await;
    let page = world.browser(Role::Admin).await.get(&world.path("overview")).await;
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("style-src 'self';"), "{policy}");
    page.lacks(" style=\"").lacks("<style").lacks("<script>").lacks(" onclick");
}
