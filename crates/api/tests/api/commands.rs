//! What is to happen.

use std::time::Duration;

use axum::http::Method;
use hutong_domain::moment::{Clock, Moment};
use hutong_domain::task::TaskStatus;
use hutong_testkit::clock::zone;
use hutong_testkit::fixture::settings;
use serde_json::{Value, json};

use crate::world::{DAY_OFF, World, customer_list};

fn new_task(world: &World, changes: Value) -> Value {
    let mut task = json!({
        "companyId": world.company(),
        "taskName": "测试API任务",
        "taskType": 2,
        "userPhoneIds": world.ours.line.get().to_string(),
        "robotDefId": world.ours.robot.id.get(),
        "encryptionPhone": true,
    });
    for (name, value) in changes.as_object().unwrap() {
        task[name] = value.clone();
    }
    task
}

async fn create(world: &World, changes: Value) -> i64 {
    world.post("task/createTask", new_task(world, changes)).await.data().as_i64().unwrap()
}

#[tokio::test]
async fn a_task_is_made_with_defaults() {
    let world = World::new().await;
    let id = create(&world, json!({})).await;
    let detail = world.get(&format!("task/getTaskDetail?companyId={}&taskId={id}", world.company())).await;
    let detail = detail.data();
    assert_eq!(detail["startDate"], "2026-05-06");
    assert_eq!((&detail["workingStartTime"], &detail["workingEndTime"]), (&json!("09:00:00"), &json!("20:00:00")));
    assert_eq!((&detail["status"], &detail["totalCount"]), (&json!(0), &json!(0)));
    assert_eq!(detail["callPhones"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_window_beyond_the_legal_hours_is_cut_and_the_answer_says_so() {
    let world = World::new().await;
    let task = new_task(&world, json!({"workingStartTime": "8:00", "workingEndTime": "22:00"}));
    let reply = world.post("task/createTask", task).await;
    assert!(reply.data().is_i64());
    assert!(reply.msg().starts_with("操作成功：拨打时段已按"), "{}", reply.msg());
}

#[tokio::test]
async fn a_task_that_breaks_a_rule_is_refused_by_name() {
    let world = World::new().await;
    let check = async |changes: Value, code: i64, beginning: &str| {
        world.post("task/createTask", new_task(&world, changes)).await.refused(code, beginning);
    };
    check(json!({"taskName": ""}), 412, "参数错误：taskName").await;
    check(json!({"taskName": null}), 412, "参数错误：").await;
    check(json!({"taskType": 3}), 412, "参数错误：taskType").await;
    check(json!({"taskType": 1}), 412, "参数错误：缺少必填参数 startDate").await;
    check(json!({"workingStartTime": "25:00"}), 412, "参数错误：workingStartTime").await;
    check(json!({"workingStartTime": "20:00", "workingEndTime": "23:00"}), 412, "参数错误：workingStartTime").await;
    check(json!({"breakStartTime": "12:00"}), 412, "参数错误：缺少必填参数 breakEndTime").await;
    check(json!({"userPhoneIds": []}), 412, "参数错误：缺少必填参数 userPhoneIds").await;
    check(json!({"userPhoneIds": [9999]}), 404, "资源未找到：线路 9999 不存在").await;
    check(json!({"userPhoneIds": [world.theirs.line.get()]}), 404, "资源未找到：线路").await;
    check(json!({"callType": 0}), 412, "参数错误：callType").await;
    check(json!({"robotDefId": 9999}), 404, "资源未找到：机器人").await;
    check(json!({"sceneDefId": 9999}), 412, "参数错误：sceneDefId").await;
    check(json!({"sceneRecordId": 9999}), 412, "参数错误：sceneRecordId").await;
    check(json!({"concurrencyQuota": 0}), 412, "参数错误：concurrencyQuota").await;
    check(json!({"concurrencyQuota": 2, "phoneNum": 5}), 412, "参数错误：phoneNum").await;
    check(json!({"repeatCall": true}), 412, "参数错误：缺少必填参数 repeatCallRule").await;
    let rule = json!([{"phoneStatus": 0, "times": 1, "interval": 1}]);
    check(json!({"repeatCallRule": rule}), 412, "参数错误：repeatCallRule[0].phoneStatus").await;
    check(json!({"smsTemplateId": 9999}), 404, "资源未找到：短信模板").await;
    check(json!({"companyId": world.theirs.company.get()}), 403, "权限不足：").await;
}

#[tokio::test]
async fn a_task_starts_pauses_goes_on_and_stops() {
    let world = World::new().await;
    let id = create(&world, json!({})).await;
    let command = async |name: &str| world.post(&format!("task/{name}"), json!({"taskId": id})).await;
    command("pause").await.refused(412, "参数错误：任务当前状态为未开始，不能暂停");
    assert_eq!(command("start").await.msg(), "启动成功");
    assert_eq!(command("start").await.code(), 200);
    assert_eq!(command("pause").await.msg(), "执行成功");
    assert_eq!(command("start").await.code(), 200);
    assert_eq!(command("stop").await.msg(), "执行成功");
    command("start").await.refused(412, "参数错误：任务当前状态为已终止，不能启动");
    assert_eq!(command("delete").await.msg(), "删除成功");
    for name in ["start", "pause", "stop", "delete"] {
        command(name).await.refused(412, "参数错误：任务已删除");
    }
    let listed = async |query: &str| {
        let reply = world.get(&format!("task/getTasks?companyId={}{query}", world.company())).await;
        reply.data()["total"].as_i64().unwrap()
    };
    assert_eq!(listed("").await, 0);
    assert_eq!(listed("&needAll=true").await, 1);
    world.post("task/start", json!({"taskId": 9999})).await.refused(404, "资源未找到：");
}

#[tokio::test]
async fn an_operation_that_changes_something_answers_post_only() {
    let world = World::new().await;
    let id = create(&world, json!({})).await;
    let reply = world.get(&format!("task/start?taskId={id}")).await;
    reply.refused(412, "参数错误：请求方法 应为 POST，收到 GET");
    assert_eq!(world.ours.task(hutong_domain::ids::TaskId(id)).await.status, TaskStatus::NotStarted);
    // A form is as good as JSON.
    let body = format!("taskId={id}");
    assert_eq!(world.ask_as(crate::world::APP_KEY, Method::POST, "task/start", &body).await.code(), 200);
}

#[tokio::test]
async fn a_task_is_changed_until_it_runs() {
    let world = World::new().await;
    let id = create(&world, json!({"remark": "旧"})).await;
    let update = async |changes: Value| {
        let mut body = json!({"companyId": world.company(), "taskId": id});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        world.post("task/update", body).await
    };
    assert_eq!(update(json!({"taskName": "新名称", "concurrencyQuota": 3})).await.msg(), "修改成功");
    let task = world.ours.task(hutong_domain::ids::TaskId(id)).await;
    assert_eq!((task.settings.name.as_str(), task.settings.remark.as_str()), ("新名称", "旧"));
    assert_eq!((task.settings.quota, task.settings.in_progress_max), (3, 3));
    update(json!({"robotDefId": 9999})).await.refused(412, "参数错误：robotDefId");
    update(json!({"callType": 0})).await.refused(412, "参数错误：callType");
    world.post("task/start", json!({"taskId": id})).await;
    update(json!({"taskName": "更新"})).await.refused(412, "参数错误：任务当前状态为可运行，不能修改");
}

#[tokio::test]
async fn an_import_counts_what_went_in_and_what_did_not() {
    let world = World::new().await;
    let id = create(&world, json!({})).await;
    let list = customer_list(&world, 3).await;
    let import = async |list: Value| {
        let body = json!({"companyId": world.company(), "taskId": id.to_string(), "customerInfoList": list});
        world.post("/openapi/v2/task/importTaskCustomer", body).await
    };
    let mut with_failures = list.as_array().unwrap().clone();
    with_failures.push(list[0].clone());
    with_failures.push(json!({"name": "无号码", "phone": "abc"}));
    let reply = import(json!(with_failures)).await;
    assert_eq!((&reply.data()["successNum"], &reply.data()["repeatNum"]), (&json!(3), &json!(1)));
    assert_eq!(reply.data()["placeFailNum"], 1);
    assert_eq!(
        reply.data()["msg"],
        "本次导入：5个客户，预计导入成功：4个客户，成功导入：3个客户，重复：1个客户，话术变量错误：1个客户"
    );
    // The same again adds nothing.
    assert_eq!(import(list.clone()).await.data()["repeatNum"], 3);
    assert_eq!(world.ours.task(hutong_domain::ids::TaskId(id)).await.counters.total, 3);
    import(json!([])).await.refused(412, "参数错误：customerInfoList");
    import(json!(vec![json!({}); 10_001])).await.refused(412, "参数错误：customerInfoList");
    let v1 = json!({"companyId": world.company(), "taskId": id, "customerInfoList": list});
    let reply = world.post("task/importTaskCustomer", v1).await;
    assert_eq!((reply.code(), reply.msg(), reply.data()), (200, "操作成功", &Value::Null));
}

#[tokio::test]
async fn an_import_without_the_scenes_variables_fails_each_customer() {
    let world = World::new().await;
    let id = create(&world, json!({})).await;
    let body = json!({"companyId": world.company(), "taskId": id, "customerInfoList": [{"name": "a", "phone": "13800138000"}]});
    let reply = world.post("/openapi/v2/task/importTaskCustomer", body).await;
    assert_eq!((&reply.data()["successNum"], &reply.data()["placeFailNum"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_number_is_called_at_once() {
    let world = World::new().await;
    let variables = customer_list(&world, 1).await[0]["properties"].clone();
    let call = json!({
        "companyId": world.company(), "mobile": "17751279857", "robotDefId": world.ours.robot.id.get(),
        "userName": "不弃", "variables": variables.to_string(),
    });
    let reply = world.post("task/singleCallByMobile", call.clone()).await;
    assert_eq!(reply.msg(), "外呼成功");
    let claimed = world.dialled.try_recv().unwrap();
    assert_eq!((json!(claimed.call.get()), claimed.customer_phone.as_str()), (reply.data().clone(), "17751279857"));
    let without =
        json!({"companyId": world.company(), "mobile": "17751279857", "robotDefId": world.ours.robot.id.get()});
    world.post("task/singleCallByMobile", without).await.refused(412, "参数错误：缺少必填参数 variables.");
    world.post("company/addBlackList", json!({"companyId": world.company(), "mobile": "17751279857"})).await;
    world.post("task/singleCallByMobile", call.clone()).await.refused(412, "参数错误：该号码在公司黑名单中");
    world.ours.clock.advance(Duration::from_secs(11 * 3600));
    world
        .post("task/singleCallByMobile", call.clone())
        .await
        .refused(412, "参数错误：当前时间 21:00:00 不在允许外呼的时段");
    let holiday = Moment::from_civil(DAY_OFF.at(10, 0, 0, 0), &zone());
    world.ours.clock.advance(holiday.since(world.ours.clock.now()));
    world.post("task/singleCallByMobile", call).await.refused(412, "参数错误：2026-06-01 为不外呼的日期");
}

#[tokio::test]
async fn a_customer_is_called_at_once() {
    let world = World::new().await;
    let (_, calls) = world.finished_task().await;
    let reply = world.get(&format!("task/phoneLogInfo?callInstanceId={}", calls[0])).await;
    let customer = reply.data()["sceneInstance"]["customerId"].clone();
    let variables = customer_list(&world, 1).await[0]["properties"].clone();
    let call = json!({
        "customerId": customer, "companyId": world.company(), "robotDefId": world.ours.robot.id.get(),
        "variables": variables,
    });
    let reply = world.post("task/call", call.clone()).await;
    assert_eq!(reply.msg(), "外呼成功");
    assert_eq!(world.dialled.try_recv().unwrap().customer_phone, "13800000000");
    world.dialled.close();
    let stopped = world.post("task/call", call).await;
    assert_eq!(stopped.status, 503);
    stopped.refused(503, "服务暂不可用：");
    let unknown = json!({"customerId": 9999, "companyId": world.company(), "robotDefId": 1});
    world.post("task/call", unknown).await.refused(404, "资源未找到：客户 9999 不存在");
}

#[tokio::test]
async fn no_seat_no_call() {
    let world = World::new().await;
    let task = world.ours.running_task(settings(), 10).await;
    assert_eq!(world.ours.claim(task, 10).await.len(), 10);
    let variables = customer_list(&world, 1).await[0]["properties"].clone();
    let call = json!({
        "companyId": world.company(), "mobile": "17751279857", "robotDefId": world.ours.robot.id.get(),
        "variables": variables,
    });
    world.post("task/singleCallByMobile", call).await.refused(412, "参数错误：公司没有空闲的AI坐席");
}
