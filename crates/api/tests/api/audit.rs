//! Every change through the API stands in the audit log, once.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use hutong_store::audit::{self, Entry, Filter};
use hutong_store::key::Edition;
use serde_json::{Value, json};

use crate::world::{APP_KEY, World, customer_list};

/// The operations that change something: what only reads answers GET as well.
pub(crate) async fn changing_operations(world: &World) -> BTreeSet<String> {
    let document = world.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await.body;
    let paths = document["paths"].as_object().unwrap();
    paths.iter().filter(|(_, item)| item["get"].is_null()).map(|(path, _)| path.clone()).collect()
}

/// The log, newest first.
pub(crate) async fn log(world: &World) -> Vec<Entry> {
    world.ours.read(|db, _| audit::list(db, &Filter::default(), 1000)).await
}

/// Fills in what earlier answers said: `"$task"` is the id that is kept under that name.
pub(crate) fn filled(body: &Value, known: &Value) -> Value {
    let mut body = body.clone();
    for value in body.as_object_mut().unwrap().values_mut() {
        if let Some(name) = value.as_str().and_then(|text| text.strip_prefix('$')) {
            *value = known[name].clone();
        }
    }
    body
}

/// Requests of every operation that changes something, in an order in which each can be done; with what the log has to say
/// of it, and the name under which the id that it answers is kept.
pub(crate) fn script(company: i64) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let task = |more: Value| {
        let mut body = json!({ "companyId": company, "taskId": "$task" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let group = |more: Value| {
        let mut body = json!({ "companyId": company, "blacklistInfoGroupId": "$group" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let new = json!({
        "companyId": company, "taskName": "测试", "taskType": 2, "userPhoneIds": "$lines", "robotDefId": "$robot",
    });
    let number = json!({
        "companyId": company, "mobile": "13800138007", "robotDefId": "$robot", "variables": "$variables",
    });
    let customer = json!({
        "companyId": company, "customerId": "$customer", "robotDefId": "$robot", "variables": "$variables",
    });
    vec![
        ("v1/task/createTask", new, "task.create", "task"),
        ("v1/task/update", task(json!({ "taskName": "新名称" })), "task.update", ""),
        ("v1/task/importTaskCustomer", task(json!({ "customerInfoList": "$two" })), "task.import", ""),
        ("v2/task/importTaskCustomer", task(json!({ "customerInfoList": "$three" })), "task.import", ""),
        ("v1/task/start", task(json!({})), "task.start", ""),
        ("v1/task/pause", task(json!({})), "task.pause", ""),
        ("v1/task/stop", task(json!({})), "task.stop", ""),
        ("v1/task/delete", task(json!({})), "task.delete", ""),
        ("v1/task/singleCallByMobile", number, "call.place", ""),
        ("v1/task/call", customer, "call.place", ""),
        ("v1/company/addBlackList", json!({ "companyId": company, "mobile": "13800138000" }), "blacklist.add", ""),
        (
            "v1/company/blacklist/group/add",
            json!({ "companyId": company, "name": "投诉" }),
            "blacklist.group.create",
            "group",
        ),
        ("v1/company/blacklist/group/edit", group(json!({ "name": "投诉客户" })), "blacklist.group.update", ""),
        (
            "v1/company/addBlackList/batch",
            group(json!({ "blacklist": [{ "mobile": "13800138000" }] })),
            "blacklist.add",
            "",
        ),
        ("v1/company/blacklist/info/delete", group(json!({ "mobile": "13800138000" })), "blacklist.remove", ""),
        ("v1/company/blacklist/group/delete", group(json!({})), "blacklist.group.delete", ""),
    ]
}

/// What the requests of the script ask for, and what a key of another company sends.
pub(crate) async fn known(world: &World) -> Value {
    let (_, calls) = world.finished_task().await;
    let call = world.get(&format!("task/phoneLogInfo?callInstanceId={}", calls[0])).await;
    let three = customer_list(world, 3).await;
    world.add_key("stranger", Edition::May2018, 0, &[world.theirs.company]).await;
    json!({
        "lines": [world.ours.line.get()], "robot": world.ours.robot.id.get(), "variables": three[0]["properties"],
        "customer": call.data()["sceneInstance"]["customerId"], "two": [three[0], three[1]], "three": three,
        // Before there is one, a stranger asks for something that nobody has.
        "task": 9999, "group": 9999,
    })
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_one_row_and_a_refused_one_none() {
    let world = World::new().await;
    let mut known = known(&world).await;
    let script = script(world.company());
    let covered: BTreeSet<String> = script.iter().map(|(path, ..)| format!("/openapi/{path}")).collect();
    assert_eq!(
        covered,
        changing_operations(&world).await,
        "an operation that changes something has to stand in the script"
    );
    for (rows, (path, body, action, kept_as)) in script.iter().enumerate() {
        let (path, body) = (format!("/openapi/{path}"), filled(body, &known));
        let refused = world.ask_as("stranger", Method::POST, &path, &body.to_string()).await;
        assert!(matches!(refused.code(), 403 | 404), "{path}: {}", refused.body);
        let refused = world.post(&path, json!({ "companyId": world.company() })).await;
        assert!(matches!(refused.code(), 404 | 412), "{path}: {}", refused.body);
        assert_eq!(log(&world).await.len(), rows, "{path}: what was refused leaves nothing");

        let done = world.post(&path, body).await;
        let data = done.data().clone();
        let log = log(&world).await;
        assert_eq!(log.len(), rows + 1, "{path} leaves one row");
        let entry = &log[0];
        assert_eq!((entry.action.as_str(), entry.actor.as_str()), (*action, "key isv-key"), "{path}");
        assert_eq!((entry.company, entry.at), (Some(world.ours.company), world.ours.now()), "{path}");
        assert!(entry.before.is_some() || entry.after.is_some(), "{path}: {entry:?}");
        if !kept_as.is_empty() {
            known[*kept_as] = data;
        }
        world.ours.clock.advance(std::time::Duration::from_secs(1));
    }
}

/// What the log says of the newest change.
async fn newest(world: &World) -> (String, Option<Value>, Option<Value>) {
    let entry = log(world).await.swap_remove(0);
    (format!("{} {} {}", entry.action, entry.kind, entry.object), entry.before, entry.after)
}

#[tokio::test]
async fn the_log_says_what_was_and_what_is() {
    let world = World::new().await;
    let known = known(&world).await;
    let script = script(world.company());
    let body = |path: &str, known: &Value| filled(&script.iter().find(|step| step.0 == path).unwrap().1, known);
    let mut known = known;
    known["task"] = world.post("task/createTask", body("v1/task/createTask", &known)).await.data().clone();
    let id = known["task"].clone();
    let (what, before, after) = newest(&world).await;
    assert_eq!((what, before), (format!("task.create task {id}"), None));
    let after = after.unwrap();
    assert_eq!((&after["name"], &after["status"], &after["lines"]), (&json!("测试"), &json!(0), &known["lines"]));

    world.post("task/update", body("v1/task/update", &known)).await.data();
    let (_, before, after) = newest(&world).await;
    assert_eq!((before, after), (Some(json!({ "name": "测试" })), Some(json!({ "name": "新名称" }))));
    // What changes nothing leaves no row, and neither does an import that is sent twice.
    let rows = log(&world).await.len();
    world.post("task/update", body("v1/task/update", &known)).await.data();
    assert_eq!(log(&world).await.len(), rows);
    for _ in 0..2 {
        world.post("task/importTaskCustomer", body("v1/task/importTaskCustomer", &known)).await;
    }
    assert_eq!(log(&world).await.len(), rows + 1);
    let (_, before, after) = newest(&world).await;
    assert_eq!((before, after), (None, Some(json!({ "imported": 2, "repeated": 0, "unusable": 0 }))));
    world.post("task/start", json!({ "taskId": id })).await.data();
    assert_eq!(newest(&world).await.2, Some(json!({ "status": 3 })));
}

#[tokio::test]
async fn a_number_stands_in_the_log_without_its_middle_and_secrets_not_at_all() {
    let world = World::new().await;
    let known = known(&world).await;
    for (path, body, ..) in script(world.company()) {
        world.post(&format!("/openapi/{path}"), filled(&body, &known)).await;
    }
    let text = format!("{:?}", log(&world).await);
    assert!(text.contains("138****8000") && text.contains("138****8007"), "{text}");
    assert!(!text.contains("13800138"), "{text}");
    assert!(!text.contains(crate::world::SECRET) && text.contains(APP_KEY), "{text}");
}
