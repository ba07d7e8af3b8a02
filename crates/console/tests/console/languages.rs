//! What is refused is told in the language of the page, wherever in the product it is found wrong.

use axum::http::StatusCode;
use hutong_domain::access::Role;

use crate::world::World;

/// Sends a form by a Chinese and by an English browser, and looks for what each is told, and for nothing of the other.
async fn told(world: &World, path: &str, form: &[(&str, &str)], zh: &str, en: &str) {
    let path = world.path(path);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let browser = world.browser(Role::Admin).await;
    let reply = browser.post(&path, &form).await;
    assert!(!reply.status.is_server_error(), "{}", reply.status);
    reply.shows(zh).lacks(en);
    browser.in_english().post(&path, &form).await.shows(en).lacks(zh);
}

#[tokio::test]
async fn problems_of_a_scene() {
    let world = World::new().await;
    let scene = "hutong: 1\nname: 试\nrobot: { name: 机 }\nnodes: [{ name: 始, say: 好。, next: 终 }]\nresults: []\n";
    let check = "scenes/draft/check";
    for (document, zh, en) in [
        (scene, "没有节点“终”", "unknown node `终`"),
        (scene, "话术必须有结论“客户意向等级”", "every scene must conclude a result"),
        ("hutong: 1\nnam: 试\n", "没有字段 nam；可用的有 hutong、name、", "unknown field `nam`, expected one of"),
        ("hutong: 1\n", "缺少字段 name", "missing field `name`"),
    ] {
        told(&world, check, &[("document", document)], zh, en).await;
    }
}

#[tokio::test]
async fn problems_of_a_trunk() {
    let world = World::new().await;
    let fields = [("name", "主线"), ("phone", "02100000000"), ("kind", "6"), ("driver", "sip")];
    let with = |field: (&'static str, &'static str)| [fields.as_slice(), &[field]].concat();
    let server = ("应为主机名或地址", "server must be a host or an address");
    told(&world, "lines", &with(("server", "no host")), server.0, server.1).await;
    let account = [with(("server", "trunk.example")), vec![("register", "1")]].concat();
    told(&world, "lines", &account, "必须填写账号", "user must be given together with").await;
}

#[tokio::test]
async fn problems_of_the_networks_of_a_key() {
    let world = World::new().await;
    for (allowed, zh, en) in [
        ("somewhere", "“somewhere”不是地址或网段", "is neither an address nor a range"),
        ("10.1.2.3/8", "要写网段请写 10.0.0.0/8", "write 10.0.0.0/8 for the range"),
    ] {
        told(&world, "integration/keys", &[("edition", "2018-05"), ("allowed", allowed)], zh, en).await;
    }
}

#[tokio::test]
async fn problems_of_the_address_of_callbacks() {
    let world = World::new().await;
    let form = [("url", "ftp://crm.example.com"), ("content_type", "json")];
    told(&world, "integration/callbacks/calls", &form, "回调只能用 http:// 或 https://", "callbacks go over http://")
        .await;
}

#[tokio::test]
async fn refusals_of_the_api() {
    let world = World::new().await;
    let task = world.finished_task().await.0;
    let admin = world.browser(Role::Admin).await;
    admin.post(&world.path(&format!("tasks/{task}/command/stop")), "").await;
    let again = format!("tasks/{task}/command/start");
    told(&world, &again, &[], "不能启动", "cannot be started").await;
    let long = "长".repeat(51);
    let name = [("name", long.as_str()), ("remark", "")];
    told(&world, "numbers/groups", &name, "1 到 50 个字符", "name has to be 1 to 50 characters").await;
}

#[tokio::test]
async fn what_has_to_hold_before_a_server_takes_traffic() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    admin.get("/installation").await.shows("读数据库").lacks("store reads");
    let page = admin.in_english().get("/installation").await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("store reads").lacks("读数据库");
}
