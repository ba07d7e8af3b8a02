//! What happened, as it is asked for.

use axum::http::Method;
use hutong_store::key::Edition;
use serde_json::{Value, json};

use crate::world::World;

/// The keys of an object, sorted.
/// In the order of the alphabet: that of the answer depends on what else is compiled with the tests.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn tasks_are_listed_newest_first() {
    let world = World::new().await;
    let first = world.running_task(1).await;
    let (second, _) = world.finished_task().await;
    let reply = world.get(&format!("task/getTasks?companyId={}", world.company())).await;
    assert_eq!(reply.msg(), "操作成功");
    let page = reply.data();
    let ids: Vec<_> = page["list"].as_array().unwrap().iter().map(|task| task["callJobId"].as_i64().unwrap()).collect();
    assert_eq!(ids, [second.get(), first.get()]);
    assert_eq!(
        (&page["total"], &page["pages"], &page["startRow"], &page["endRow"]),
        (&json!(2), &json!(1), &json!(1), &json!(2))
    );
    let task = &page["list"][0];
    assert_eq!((&task["doneCount"], &task["calledCount"], &task["busyCount"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!(task["callPhones"][0]["phone"], "01088880000");
}

#[tokio::test]
async fn tasks_are_found_by_name_day_and_state() {
    let world = World::new().await;
    world.running_task(1).await;
    let total = async |filter: &str| {
        let reply = world.get(&format!("task/getTasks?companyId={}&{filter}", world.company())).await;
        reply.data()["total"].as_i64().unwrap()
    };
    assert_eq!(total("taskName=%E8%AE%BF").await, 1);
    assert_eq!(total("jobName=%25").await, 0);
    assert_eq!(total("createDate=2026-05-06").await, 1);
    assert_eq!(total("createDate=2026-05-05").await, 0);
    assert_eq!(total("status=3").await, 1);
    assert_eq!(total("status=2").await, 0);
    assert_eq!(total("pageNum=9").await, 1);
    let page = async |query: &str| world.get(&format!("task/getTasks?companyId={}&{query}", world.company())).await;
    page("status=11").await.refused(412, "参数错误：status 应为 0 到 10 的任务状态，收到 11");
    page("createDate=today").await.refused(412, "参数错误：createDate 应为 yyyy-MM-dd 格式的日期，收到 \"today\"");
    page("pageNum=0").await.refused(412, "参数错误：pageNum 应为正整数，收到 \"0\"");
    assert_eq!(page("pageSize=2147483647").await.data()["pageSize"], 1000);
    world.get("task/getTasks").await.refused(412, "参数错误：缺少必填参数 companyId");
}

#[tokio::test]
async fn a_task_is_described_with_its_statistics() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let path = format!("task/getTaskDetail?companyId={}&taskId={task}", world.company());
    let reply = world.get(&path).await;
    let detail = reply.data();
    assert_eq!(detail["durationStat"][1], json!({"name": "10-59s", "value": 1}));
    assert_eq!(detail["durationStat"].as_array().unwrap().len(), 4);
    assert_eq!(detail["chatRoundStat"][0], json!({"name": "0-9次", "value": 1}));
    assert_eq!(detail["finishStatusStat"][1], json!({"name": "空号", "finishStatus": 4, "value": 1}));
    assert_eq!(detail["extraStat"]["客户关注点"], json!([{"name": "位置", "value": 1}]));
    assert_eq!(detail["extraStat"]["客户意向等级"][0], json!({"name": "D级(需筛选)", "value": 2}));
    let defs = detail["resultDefs"].as_array().unwrap();
    assert!(defs.iter().any(|def| def["name"] == "客户意向等级" && def["values"][0].is_string()), "{defs:?}");
    // Without a task, the newest is meant.
    let newest = world.get(&format!("task/getTaskDetail?companyId={}&taskId=", world.company())).await;
    assert_eq!(newest.data()["callJobId"], task.get());
    let unknown = world.get(&format!("task/getTaskDetail?companyId={}&taskId=9999", world.company())).await;
    unknown.refused(404, "资源未找到：任务 9999 不存在");
}

#[tokio::test]
async fn a_company_without_tasks_has_no_newest_one() {
    let world = World::new().await;
    world.get(&format!("task/getTaskDetail?companyId={}", world.company())).await.refused(404, "资源未找到：");
}

#[tokio::test]
async fn finished_calls_are_followed_by_index() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let page = async |query: &str| world.get(&format!("task/queryDoneTaskPhones?callJobId={task}&{query}")).await;
    let first = page("pageSize=2").await;
    let data = first.data();
    assert_eq!((&data["startRow"], &data["endRow"], &data["total"]), (&json!(0), &json!(1), &json!(3)));
    let call = &data["list"][0];
    assert_eq!(call["callInstanceId"], calls[0].get());
    assert_eq!((&call["duration"], &call["durationSeconds"]), (&json!("27秒"), &json!(27)));
    assert_eq!(call["endTime"], "2026-05-06 10:00:00");
    assert_eq!(call["secondaryCallTime"], "1970-01-01 00:00:00");
    assert_eq!(call["resultList"][0], json!({"name": "客户意向等级", "value": "A级(较强)"}));
    assert!(call["luyinOssUrl"].is_null());
    let rest = page("index=1").await;
    assert_eq!(rest.data()["list"][0]["callIndex"], 2);
    assert_eq!(page("durationLeft=20&durationRight=30").await.data()["total"], 1);
    assert_eq!(page("chatRoundLeft=3").await.data()["total"], 0);
    assert_eq!(page("finishStatus=4").await.data()["list"][0]["callIndex"], 2);
    page("finishStatus=12").await.refused(412, "参数错误：finishStatus");
    page("durationLeft=5&durationRight=4").await.refused(412, "参数错误：durationLeft");
}

#[tokio::test]
async fn finished_calls_are_asked_for_with_a_json_body_in_a_get() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let body = json!({
        "callJobId": task.get().to_string(),
        "resultQueryList": [{"name": "客户意向等级", "value": "A"}, {"name": "客户关注点", "value": "位置"}],
    });
    for method in [Method::GET, Method::POST] {
        let path = "task/queryDoneTaskPhones?callJobId=9999";
        let reply = world.ask_as(crate::world::APP_KEY, method, path, &body.to_string()).await;
        assert_eq!(reply.data()["total"], 1);
    }
}

#[tokio::test]
async fn waiting_calls_are_listed_in_the_order_of_dialling() {
    let world = World::new().await;
    let task = world.running_task(3).await;
    let reply = world.get(&format!("task/notDialedCustomerList?taskId={task}&pageSize=2")).await;
    let page = reply.data();
    assert_eq!(page["total"], 3);
    let call = &page["list"][0];
    assert_eq!(call["customerTelephone"], "13800000000");
    assert_eq!((&call["status"], &call["calledTimes"], &call["corpName"]), (&json!(0), &json!(0), &json!("试用公司")));
    world.get("task/notDialedCustomerList?taskId=9999").await.refused(404, "资源未找到：");
}

#[tokio::test]
async fn a_call_is_described_with_what_was_said() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let path = format!("task/phoneLogInfo?callInstanceId={}", calls[0]);
    let reply = world.get(&path).await;
    assert_eq!(reply.msg(), "获取成功");
    let lines = &reply.data()["phoneLog"]["phoneLogs"];
    assert_eq!((&lines[0]["speaker"], &lines[0]["userMean"]), (&json!("AI"), &Value::Null));
    assert_eq!((&lines[1]["speaker"], &lines[1]["userMean"]), (&json!("ME"), &json!("~")));
    assert_eq!(lines[2]["userMeanDetail"], r#"[{"score":0.92,"answer":"拒绝","ask":"不考虑","knowledgeBaseId":7}]"#);
    assert_eq!((&lines[3]["userMean"], &lines[3]["aiUnknown"]), (&json!("AI_UNKNOWN"), &json!(true)));
    let call = &reply.data()["sceneInstance"];
    assert_eq!((&call["callJobId"], &call["duration"], &call["callType"]), (&json!(task.get()), &json!(27), &json!(1)));
    assert_eq!((&call["hangUp"], &call["readStatus"]), (&json!(1), &json!(0)));
    let result = &reply.data()["taskResult"][0];
    assert_eq!((&result["resultName"], &result["resultValue"]), (&json!("客户意向等级"), &json!("A级(较强)")));
    let unanswered = world.get(&format!("task/phoneLogInfo?callInstanceId={}", calls[1])).await;
    assert_eq!(unanswered.data()["phoneLog"]["phoneLogs"], json!([]));
    assert_eq!(unanswered.data()["taskResult"].as_array().unwrap().len(), 1);
    world.get("task/phoneLogInfo?callInstanceId=99999").await.refused(404, "资源未找到：通话 99999 不存在");
}

#[tokio::test]
async fn each_edition_gets_its_own_spelling() {
    let world = World::new().await;
    world.add_key("newer", Edition::August2019, 0, &[world.ours.company]).await;
    let (task, calls) = world.finished_task().await;
    let ask = async |path: String| world.ask_as("newer", Method::GET, &path, "").await.body;
    let done = ask(format!("task/queryDoneTaskPhones?callJobId={task}")).await;
    assert_eq!(done["data"]["list"][0]["duration"], "27");
    let call = ask(format!("task/phoneLogInfo?callInstanceId={}", calls[0])).await;
    assert_eq!(call["data"]["phoneLog"]["phoneLogs"][3]["aiUnknown"], 1);
}

#[tokio::test]
async fn answers_have_the_fields_of_the_document() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let reply = world.get(&format!("task/getTasks?companyId={}", world.company())).await;
    assert_eq!(keys(&reply.body), ["code", "data", "errorStackTrace", "requestId", "resultMsg"]);
    assert!(reply.body["requestId"].is_string());
    let item = &reply.data()["list"][0];
    for field in ["breakStartTime", "breakEndTime", "remark", "sceneDefName", "totalCount", "fromUnavailableCount"] {
        assert!(item.get(field).is_some(), "{field}");
    }
    let reply = world.get(&format!("task/phoneLogInfo?callInstanceId={}", calls[1])).await;
    let call = &reply.data()["sceneInstance"];
    for field in ["userLuyinOssUrl", "properties", "handlePerson", "trackResult", "robotDefId", "sceneRecordId"] {
        assert!(call.get(field).is_some(), "{field}");
    }
    assert_eq!(call["callJobId"], task.get());
}
