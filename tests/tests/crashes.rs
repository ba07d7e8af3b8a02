//! What a crash leaves behind: everything that was answered, and nothing by halves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Installation, Server};
use serde_json::{Value, json};

/// What a call ends with that was in progress when its server died.
const LOST: i64 = 10;

#[test]
fn a_call_in_progress_at_a_crash_is_lost_and_dialled_again_only_where_a_rule_says_so() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 2);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    // These numbers ring for half a minute: long enough to be killed in.
    let number = |number: &str| [number.to_owned()];
    let rule = json!({ "repeatCall": true, "repeatCallRule": [{ "phoneStatus": LOST, "times": 1, "interval": 120 }] });
    let forgotten = tenant.running_task(&client, &json!({}), &number("13800138008"));
    let redialled = tenant.running_task(&client, &rule, &number("13800148008"));
    until("both are dialled", || {
        let lines = client.read("company/getPhones", &json!({ "companyId": tenant.company }));
        (lines[0]["usedConcurrencyQuota"] == 2).then_some(())
    });
    server.kill();

    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    until("the one is lost", || {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": forgotten }));
        (done["list"][0]["finishStatus"] == LOST).then_some(())
    });
    let waiting = until("the other waits", || {
        let waiting = client.read("task/notDialedCustomerList", &json!({ "taskId": redialled }));
        (waiting["list"][0]["status"] == 3).then(|| waiting["list"][0].clone())
    });
    assert_eq!(waiting["calledTimes"], 1);
    let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": redialled }));
    assert_eq!(done["total"], 0, "a call that waits for a redial has not finished");
}

#[test]
fn an_import_that_a_crash_cuts_off_is_there_whole_or_not_at_all() {
    const NUMBERS: usize = 10_000;
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let numbers: Vec<String> = (0..NUMBERS).map(|n| format!("120{n:08}")).collect();
    // The more is asked meanwhile, the later the crash comes.
    for asked_before in [0, 4, 16, 64, 256] {
        let server = installation.serve();
        let client = server.client(&tenant.credentials);
        let task = client.write("task/createTask", &tenant.new_task(&client, &json!({})));
        let mut import = Request::post("/openapi/v1/task/importTaskCustomer", &tenant.import(&task, &numbers));
        let (name, value) = tenant.credentials.basic();
        import = import.header(&name, &value);
        let address = server.address().to_owned();
        let importing = std::thread::spawn(move || import.send(&address));
        for _ in 0..asked_before {
            let _ = client.get("company/getCompanys", &json!({}));
        }
        server.kill();
        let answered = importing.join().unwrap().is_ok_and(|answer| answer.json()["code"] == 200);

        let server = installation.serve();
        let client = server.client(&tenant.credentials);
        let asked = json!({ "companyId": tenant.company, "taskId": task });
        let total = client.read("task/getTaskDetail", &asked)["totalCount"].clone();
        assert!(total == NUMBERS || (total == 0 && !answered), "{total} of {NUMBERS}, answered: {answered}");
        let waiting = client.read("task/notDialedCustomerList", &json!({ "taskId": task }));
        assert_eq!(waiting["total"], total, "the count is what is there");
    }
}

#[test]
fn what_was_answered_is_there_after_a_crash() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let mut server = installation.serve();
    let crash = |server: Server| {
        server.kill();
        installation.serve()
    };
    let company = tenant.company;
    let write = |server: &Server, operation: &str, parameters: &Value| -> Value {
        server.client(&tenant.credentials).write(operation, parameters)
    };
    let new = tenant.new_task(&server.client(&tenant.credentials), &json!({}));
    let task = write(&server, "task/createTask", &new);
    server = crash(server);
    write(&server, "task/importTaskCustomer", &tenant.import(&task, &["13800138004".to_owned()]));
    server = crash(server);
    write(&server, "task/update", &json!({ "companyId": company, "taskId": task, "taskName": "改过的" }));
    server = crash(server);
    let group = write(&server, "company/blacklist/group/add", &json!({ "companyId": company, "name": "分组" }));
    server = crash(server);
    write(&server, "task/start", &json!({ "taskId": task }));
    server = crash(server);

    let client = server.client(&tenant.credentials);
    let groups = client.read("company/blacklist/group/list", &json!({ "companyId": company }));
    assert_eq!(groups[1]["blacklistInfoGroupId"], group);
    let detail = until("the task is done", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": company, "taskId": task }));
        (detail["status"] == 2).then_some(detail)
    });
    assert_eq!((&detail["jobName"], &detail["doneCount"]), (&json!("改过的"), &json!(1)));
}
