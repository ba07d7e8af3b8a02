//! Managing users, and one's own account.

use axum::http::StatusCode;
use hutong_domain::access::{Reach, Role};
use hutong_domain::audit::Actor;
use hutong_store::audit::{self, Filter};

use crate::world::{PASSWORD, World};

async fn log(world: &World) -> Vec<String> {
    let entries = world.ours.store.read(|db| audit::list(db, &Filter::default(), 100)).await.unwrap();
    entries.iter().map(|it| format!("{} {} {}", it.actor, it.action, it.object)).collect()
}

#[tokio::test]
async fn an_admin_makes_a_user_with_a_password_that_is_shown_once() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let ours = world.ours.company;
    let made = admin.post("/users", &format!("name=Anna&role=operator&reach=some&company={ours}&generate=1")).await;
    assert_eq!(made.status, StatusCode::OK);
    let password = made.html.split("<code id=\"made-password\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(password.len(), 24);
    let anna = world.accounts.find("anna").await.unwrap();
    assert_eq!((anna.access.role(), anna.access.reach()), (Role::Operator, &Reach::Companies([ours].into())));
    assert!(log(&world).await.contains(&"user admin user.create anna".to_owned()));
    let address = std::net::Ipv4Addr::LOCALHOST.into();
    assert!(world.accounts.sign_in("anna", hutong_store::key::Secret(password.clone()), address, "").await.is_ok());
    admin.get("/users").await.shows("/users/anna").shows("操作员").lacks(&password);
    admin.get("/users/anna").await.shows("操作员").lacks(&password);
}

#[tokio::test]
async fn what_is_wrong_with_a_new_user_is_told_at_its_field_and_makes_none() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    for (form, field) in [
        ("name=a%20b&role=viewer&reach=all&password=correct-horse-battery", "name-problem"),
        ("name=admin&role=viewer&reach=all&password=correct-horse-battery", "name-problem"),
        ("name=bob&role=viewer&reach=all&password=short", "password-problem"),
        ("name=bob&role=root&reach=all&password=correct-horse-battery", "role-problem"),
        ("name=bob&role=viewer&reach=some&password=correct-horse-battery", "company-problem"),
        ("name=bob&role=viewer&reach=some&company=9999&password=correct-horse-battery", "company-problem"),
    ] {
        let refused = admin.post("/users", form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        refused.shows(field).shows("aria-invalid=\"true\"").lacks("correct-horse");
    }
    assert!(world.accounts.find("bob").await.is_err());
}

#[tokio::test]
async fn only_admins_see_users_and_change_them() {
    let world = World::new().await;
    world.browser(Role::Viewer).await;
    for role in [Role::Viewer, Role::Operator] {
        let browser = world.browser(role).await;
        for page in ["/users", "/users/new", "/users/viewer", "/audit", "/audit.csv", "/companies", "/installation"] {
            let reply = browser.get(page).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{page}");
        }
        for path in [
            "/users",
            "/users/viewer/role",
            "/users/viewer/companies",
            "/users/viewer/password",
            "/users/viewer/enabled",
            "/users/viewer/sessions/1/end",
            "/companies",
            &format!("/companies/{}", world.ours.company),
        ] {
            let form = "name=x&role=admin&reach=all&password=correct-horse-battery&enabled=false&seats=9";
            let reply = browser.post(path, form).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
        }
        browser.get(&world.path("overview")).await.lacks("href=\"/users\"").lacks("href=\"/audit\"");
    }
}

#[tokio::test]
async fn a_user_gets_another_role_other_companies_and_another_password() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let viewer = world.browser(Role::Viewer).await;
    admin.post("/users/viewer/role", "role=operator").await.shows("角色已更改");
    admin.post("/users/viewer/companies", "reach=all").await.shows("可见公司已更改");
    let found = world.accounts.find("viewer").await.unwrap();
    assert_eq!((found.access.role(), found.access.reach()), (Role::Operator, &Reach::All));
    assert_eq!(viewer.get("/me").await.status, StatusCode::OK, "its session lasts");
    let set = admin.post("/users/viewer/password", "password=another-password").await;
    set.shows("密码已更改").lacks("another-password");
    assert_eq!(viewer.get("/me").await.status, StatusCode::SEE_OTHER, "its sessions have ended");
    let refused = admin.post("/users/viewer/password", "password=short").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows("password-problem");
}

#[tokio::test]
async fn whoever_is_disabled_is_signed_out_and_the_last_admin_stays() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let viewer = world.browser(Role::Viewer).await;
    admin.post("/users/viewer/enabled", "enabled=false").await.shows("已停用");
    assert_eq!(viewer.get("/me").await.status, StatusCode::SEE_OTHER);
    admin.post("/users/viewer/enabled", "enabled=true").await.shows("已启用");
    for (path, form, field) in
        [("role", "role=viewer", "role-problem"), ("enabled", "enabled=false", "enabled-problem")]
    {
        let refused = admin.post(&format!("/users/admin/{path}"), form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.shows(field).shows("最后一个");
    }
    assert_eq!(admin.get("/users/nobody").await.status, StatusCode::NOT_FOUND);
    admin.post("/users/admin/role", "role=admin").await.shows("角色已更改");
    admin.post("/users/viewer/role", "role=admin").await.shows("角色已更改");
    assert_eq!(admin.post("/users/admin/role", "role=viewer").await.location(), "/", "no page for it any more");
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let viewer = world.browser(Role::Viewer).await;
    let session = world.accounts.sessions("viewer").await.unwrap()[0].id;
    admin.get("/users/viewer").await.shows("127.0.0.1").shows(&format!("/users/viewer/sessions/{session}/end"));
    admin.post(&format!("/users/viewer/sessions/{session}/end"), "").await.shows("会话已结束");
    assert_eq!(viewer.get("/me").await.status, StatusCode::SEE_OTHER);
    let again = admin.post(&format!("/users/viewer/sessions/{session}/end"), "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn everybody_changes_their_own_password_with_the_one_that_they_have() {
    let world = World::new().await;
    let (here, elsewhere) = (world.browser(Role::Viewer).await, world.browser(Role::Viewer).await);
    here.get("/me").await.shows("观察员").lacks("管理用户");
    let form = |current: &str, password: &str, again: &str| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("current", current), ("password", password), ("again", again)])
            .finish()
    };
    for (current, password, again, field) in [
        ("wrong", "another-password", "another-password", "current-problem"),
        (PASSWORD, "another-password", "another-passwort", "again-problem"),
        (PASSWORD, "short", "short", "password-problem"),
    ] {
        let refused = here.post("/me/password", &form(current, password, again)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused.shows(field);
    }
    here.post("/me/password", &form(PASSWORD, "another-password", "another-password")).await.shows("密码已更改");
    assert_eq!(here.get("/me").await.status, StatusCode::OK, "the session in which it is changed stays");
    assert_eq!(elsewhere.get("/me").await.status, StatusCode::SEE_OTHER);
    let own = world.accounts.sessions("viewer").await.unwrap()[0].id;
    let left = here.post(&format!("/me/sessions/{own}/end"), "").await;
    assert_eq!(left.location(), "/sign-in");
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else_as_their_own() {
    let world = World::new().await;
    let (viewer, operator) = (world.browser(Role::Viewer).await, world.browser(Role::Operator).await);
    let theirs = world.accounts.sessions("operator").await.unwrap()[0].id;
    assert_eq!(viewer.post(&format!("/me/sessions/{theirs}/end"), "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.get("/me").await.status, StatusCode::OK);
    let actor = Actor::User("viewer".to_owned());
    assert!(!world.accounts.end_session(&actor, "viewer", theirs).await.unwrap());
}
