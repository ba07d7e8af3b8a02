//! Tenants are walls: another company's key gets 403 or 404 from every operation, and changes nothing.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn another_companys_key_gets_nowhere() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let customer = world.get(&format!("task/phoneLogInfo?callInstanceId={}", calls[0])).await;
    let customer = customer.data()["sceneInstance"]["customerId"].clone();
    let stranger = world.theirs.company;
    world.add_key("stranger", hutong_store::key::Edition::May2018, 0, &[stranger]).await;
    // Everything that an operation may ask for, of our company; then with the stranger's company for an alibi.
    let mut everything = json!({
        "companyId": world.company(), "taskId": task.get(), "callJobId": task.get(), "callInstanceId": calls[0].get(),
        "customerId": customer, "sceneDefId": world.ours.scene().get(), "robotDefId": world.ours.robot.id.get(),
        "mobile": "13800138000", "name": "名", "blacklistInfoGroupId": 1, "blacklist": [{"mobile": "13800138000"}],
        "startDate": "2026-01-01", "endDate": "2026-12-31", "taskName": "名", "taskType": 2,
        "userPhoneIds": [world.ours.line.get()], "customerInfoList": [{"name": "a", "phone": "13800138000"}],
    });
    let before = state(&world).await;
    let document = world.send(axum::http::Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap()).await;
    let paths = document.body["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths.len(), 30);
    for alibi in [false, true] {
        if alibi {
            everything["companyId"] = json!(stranger.get());
        }
        for path in &paths {
            let reply = world.ask_as("stranger", Method::POST, path, &everything.to_string()).await;
            let names_ours = !alibi || !only_about_the_company(path);
            if names_ours && path != "/openapi/v1/company/getCompanys" {
                assert!(matches!(reply.code(), 403 | 404), "{path} (alibi: {alibi}): {}", reply.body);
            }
        }
    }
    assert_eq!(state(&world).await, before);
}

/// Operations that name nothing but a company and new things.
fn only_about_the_company(path: &str) -> bool {
    path.starts_with("/openapi/v1/company/")
        || matches!(path, "/openapi/v1/sms/template/list" | "/openapi/v1/task/getTasks")
}

async fn state(world: &World) -> Value {
    let company = world.company();
    let mut state = Vec::new();
    for path in [
        format!("task/getTasks?companyId={company}&needAll=true"),
        format!("company/blacklist/group/list?companyId={company}"),
        format!("company/blacklist/info/page?companyId={company}&blacklistInfoGroupId=-1"),
        format!("company/seat/statistics?companyId={company}"),
    ] {
        state.push(world.get(&path).await.data().clone());
    }
    json!(state)
}
