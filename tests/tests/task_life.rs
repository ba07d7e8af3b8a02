//! The life of tasks as an integrator sees it: what each command does, and what happens by itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Server, Tenant};
use serde_json::{Value, json};

/// A number that answers after some seconds.
const ANSWERS: &str = "13800138000";
/// A number that rings for half a minute.
const RINGS: &str = "13800138008";
/// A number that is busy, as is known within seconds.
const BUSY: &str = "13800138006";
/// A number that does not exist, as is known within seconds.
const VACANT: &str = "13800138004";

/// A company on a server.
struct World {
    client: Client,
    tenant: Tenant,
    // Dropped in this order: the server ends before its data goes.
    _server: Server,
    _installation: Installation,
}

impl World {
    fn new(seats: u32) -> Self {
        let installation = Installation::new();
        let tenant = installation.tenant("公司", seats);
        let server = installation.serve();
        Self { client: server.client(&tenant.credentials), tenant, _server: server, _installation: installation }
    }

    fn running_task(&self, more: &Value, numbers: &[&str]) -> i64 {
        let numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
        self.tenant.running_task(&self.client, more, &numbers)
    }

    fn import(&self, task: i64, numbers: &[&str]) {
        let numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
        self.client.write("task/importTaskCustomer", &self.tenant.import(&json!(task), &numbers));
    }

    fn command(&self, command: &str, task: i64) {
        self.client.write(&format!("task/{command}"), &json!({ "taskId": task }));
    }

    fn detail(&self, task: i64) -> Value {
        self.client.read("task/getTaskDetail", &json!({ "companyId": self.tenant.company, "taskId": task }))
    }

    fn wait_for_status(&self, task: i64, status: i64) -> Value {
        until(&format!("task {task} has status {status}"), || {
            let detail = self.detail(task);
            (detail["status"] == status).then_some(detail)
        })
    }

    fn wait_for_calls_in_progress(&self, calls: i64) {
        until(&format!("{calls} calls are in progress"), || {
            let lines = self.client.read("company/getPhones", &json!({ "companyId": self.tenant.company }));
            (lines[0]["usedConcurrencyQuota"] == calls).then_some(())
        });
    }

    fn done(&self, task: i64) -> Vec<Value> {
        self.client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }))
    }

    fn waiting(&self, task: i64) -> Vec<Value> {
        self.client.all("task/notDialedCustomerList", &json!({ "taskId": task }))
    }

    fn names_of_tasks(&self, filter: &Value) -> Vec<String> {
        let mut asked = filter.clone();
        asked["companyId"] = json!(self.tenant.company);
        let tasks = self.client.all("task/getTasks", &asked);
        tasks.iter().map(|task| task["jobName"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_timed_task_whose_day_has_come_starts_by_itself() {
    let world = World::new(1);
    let timed = |date: &str| {
        let new = world.tenant.new_task(&world.client, &json!({ "taskType": 1, "startDate": date }));
        let task = world.client.write("task/createTask", &new).as_i64().unwrap();
        world.import(task, &[VACANT]);
        task
    };
    let later = timed("2099-01-01");
    let now = timed("2018-01-01");
    world.wait_for_status(now, 2);
    assert_eq!(world.detail(later)["status"], 0);
    assert_eq!(world.detail(later)["startDate"], "2099-01-01");
}

#[test]
fn a_paused_task_dials_nothing_new_and_goes_on_when_it_is_started() {
    let world = World::new(1);
    let task = world.running_task(&json!({}), &[ANSWERS, VACANT]);
    world.wait_for_calls_in_progress(1);
    world.command("pause", task);
    assert_eq!(world.detail(task)["status"], 4);
    // What was in progress ends by itself.
    until("one call is over", || (world.detail(task)["doneCount"] == 1).then_some(()));
    assert_eq!((world.detail(task)["status"].clone(), world.waiting(task).len()), (json!(4), 1));
    world.command("start", task);
    let detail = world.wait_for_status(task, 2);
    assert_eq!(detail["doneCount"], 2);
}

#[test]
fn a_stopped_task_finishes_nothing_that_was_not_dialled() {
    let world = World::new(1);
    let task = world.running_task(&json!({}), &[ANSWERS, VACANT, RINGS]);
    world.wait_for_calls_in_progress(1);
    world.command("stop", task);
    until("the call in progress is over", || (world.detail(task)["doneCount"] == 1).then_some(()));
    assert_eq!(world.detail(task)["status"], 6);
    let waiting = world.waiting(task);
    assert_eq!(waiting.len(), 2);
    for call in waiting {
        assert_eq!((&call["status"], &call["calledTimes"]), (&json!(0), &json!(0)));
        let detail = world.client.read("task/phoneLogInfo", &json!({ "callInstanceId": call["callInstanceId"] }));
        assert_eq!(detail["sceneInstance"]["status"], 0);
        assert_eq!(detail["taskResult"], json!([]));
    }
    assert_eq!(world.client.post("task/start", &json!({ "taskId": task }))["code"], 412);
}

#[test]
fn numbers_come_into_a_running_task_and_reopen_no_finished_one() {
    let world = World::new(3);
    let running = world.running_task(&json!({ "concurrencyQuota": 2 }), &[RINGS]);
    world.wait_for_calls_in_progress(1);
    world.import(running, &[VACANT]);
    until("the new number is called", || (world.detail(running)["doneCount"] == 1).then_some(()));
    assert_eq!(world.done(running)[0]["customerTelephone"], VACANT);

    let finished = world.running_task(&json!({}), &[VACANT]);
    world.wait_for_status(finished, 2);
    world.import(finished, &[BUSY]);
    let detail = world.detail(finished);
    assert_eq!((&detail["status"], &detail["totalCount"], &detail["doneCount"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(world.waiting(finished).len(), 1);
}

#[test]
fn a_busy_number_is_redialled_as_the_rule_says_and_counts_once() {
    let world = World::new(1);
    let rule = json!({ "repeatCall": true, "repeatCallRule": [{ "phoneStatus": 6, "times": 2, "interval": 0 }] });
    let task = world.running_task(&rule, &[BUSY]);
    let detail = world.wait_for_status(task, 2);
    for (count, value) in [("totalCount", 1), ("doneCount", 1), ("unavailableCount", 1), ("busyCount", 1)] {
        assert_eq!(detail[count], value, "{count}");
    }
    let done = world.done(task);
    assert_eq!(done.len(), 1);
    assert_eq!((&done[0]["secondaryCallTimes"], &done[0]["callIndex"]), (&json!(2), &json!(0)));
    let planned = done[0]["secondaryCallTime"].as_str().unwrap();
    assert!(planned.starts_with("1970-01-01 ") && !planned.ends_with(" 00:00:00"), "{planned}");
}

#[test]
fn a_number_that_waits_for_its_redial_is_not_finished() {
    let world = World::new(1);
    let rule = json!({ "repeatCall": true, "repeatCallRule": [{ "phoneStatus": 6, "times": 1, "interval": 120 }] });
    let task = world.running_task(&rule, &[BUSY]);
    let detail = world.wait_for_status(task, 5);
    assert_eq!((&detail["totalCount"], &detail["doneCount"]), (&json!(1), &json!(0)));
    let waiting = world.waiting(task);
    assert_eq!((&waiting[0]["status"], &waiting[0]["calledTimes"]), (&json!(3), &json!(1)));
    assert_eq!(waiting[0]["callerPhone"], "02180000001");
    assert_eq!(world.done(task), Vec::<Value>::new());
}

#[test]
fn outside_of_its_window_and_in_its_break_a_task_is_paused_by_the_system() {
    let world = World::new(1);
    let closed = json!({ "workingStartTime": "00:00:00", "workingEndTime": "00:00:01" });
    let resting = json!({ "breakStartTime": "00:00:00", "breakEndTime": "23:59:58" });
    for more in [closed, resting] {
        let task = world.running_task(&more, &[VACANT]);
        world.wait_for_status(task, 5);
        assert_eq!(world.waiting(task).len(), 1);
        world.command("pause", task);
        assert_eq!(world.detail(task)["status"], 4);
    }
}

#[test]
fn a_task_without_seats_waits_in_the_queue_and_then_runs() {
    let world = World::new(1);
    let first = world.running_task(&json!({}), &[ANSWERS]);
    world.wait_for_calls_in_progress(1);
    let second = world.running_task(&json!({}), &[VACANT]);
    world.wait_for_status(second, 7);
    world.wait_for_status(first, 2);
    world.wait_for_status(second, 2);
}

#[test]
fn a_deleted_task_is_seen_only_by_those_who_ask_for_all() {
    let world = World::new(1);
    let task = world.running_task(&json!({ "taskName": "删除的" }), &[RINGS]);
    world.wait_for_calls_in_progress(1);
    world.command("delete", task);
    assert_eq!(world.names_of_tasks(&json!({})), Vec::<String>::new());
    assert_eq!(world.names_of_tasks(&json!({ "needAll": true })), ["删除的"]);
    assert_eq!(world.client.post("task/start", &json!({ "taskId": task }))["code"], 412);
}

#[test]
fn names_are_found_by_any_part_letter_by_letter() {
    let world = World::new(1);
    for name in ["五一100%回访", "五一100回访", "a_b", "aXb", "A_B"] {
        let new = world.tenant.new_task(&world.client, &json!({ "taskName": name }));
        world.client.write("task/createTask", &new);
    }
    let found = |part: &str| world.names_of_tasks(&json!({ "taskName": part }));
    assert_eq!(found("100%"), ["五一100%回访"]);
    assert_eq!(found("a_b"), ["a_b"]);
    assert_eq!(found("回访"), ["五一100回访", "五一100%回访"], "newest first");
    assert_eq!(found("%"), ["五一100%回访"]);
    assert_eq!(found("'; --"), Vec::<String>::new());
}

#[test]
fn a_changed_task_dials_as_it_was_changed() {
    let world = World::new(5);
    let task = world.client.write("task/createTask", &world.tenant.new_task(&world.client, &json!({})));
    let change = json!({
        "companyId": world.tenant.company, "taskId": task, "taskName": "改过的", "workingStartTime": "00:00",
        "workingEndTime": "00:00:01", "breakStartTime": "", "remark": "新备注",
    });
    world.client.write("task/update", &change);
    let id = task.as_i64().unwrap();
    world.import(id, &[VACANT]);
    world.command("start", id);
    let detail = world.wait_for_status(id, 5);
    assert_eq!((&detail["jobName"], &detail["remark"]), (&json!("改过的"), &json!("新备注")));
    assert_eq!(detail["workingEndTime"], "00:00:01");
}

#[test]
fn a_call_by_itself_belongs_to_no_task() {
    let world = World::new(1);
    let (robot, scene, voice) = world.tenant.robot(&world.client);
    let asked = json!({
        "companyId": world.tenant.company, "mobile": VACANT, "robotDefId": robot, "userName": "不弃",
        "variables": { "地址": "杭州" },
    });
    let call = world.client.write("task/singleCallByMobile", &asked);
    // The only seat is taken until it is over.
    assert_eq!(world.client.post("task/singleCallByMobile", &asked)["code"], 412);
    let detail = until("the call is over", || {
        let detail = world.client.read("task/phoneLogInfo", &json!({ "callInstanceId": call }));
        (detail["sceneInstance"]["status"] == 2).then_some(detail)
    });
    let instance = &detail["sceneInstance"];
    let expect = [
        ("callJobId", json!(0)),
        ("callType", json!(2)),
        ("finishStatus", json!(4)),
        ("jobName", json!("")),
        ("customerName", json!("不弃")),
        ("customerTelephone", json!(VACANT)),
        ("robotDefId", json!(robot)),
        ("sceneDefId", json!(scene)),
        ("sceneRecordId", json!(voice)),
        ("duration", json!(0)),
    ];
    for (name, value) in expect {
        assert_eq!(instance[name], value, "{name}");
    }
    assert!(instance["properties"].as_str().unwrap().contains("杭州"), "{instance}");
    assert_eq!(detail["taskResult"][0]["resultValue"], "D级(需筛选)");
    assert_eq!(world.names_of_tasks(&json!({ "needAll": true })), Vec::<String>::new());
}

#[test]
fn a_level_is_found_in_every_wording() {
    let world = World::new(1);
    let task = world.running_task(&json!({}), &[VACANT]);
    world.wait_for_status(task, 2);
    let total = |value: &str| {
        let query = json!({ "callJobId": task, "resultQueryList": [{ "name": "客户意向等级", "value": value }] });
        world.client.post("task/queryDoneTaskPhones", &query)["data"]["total"].clone()
    };
    for wording in ["D级(需筛选)", "D", "D级(用户忙)"] {
        assert_eq!(total(wording), 1, "{wording}");
    }
    assert_eq!(total("A"), 0);
}
