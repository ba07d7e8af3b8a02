//! The demo's calls can be heard.

use hutong_e2e::Demo;
use hutong_e2e::wait::until;
use serde_json::{Value, json};

use crate::company::assert_recorded;

/// What a call has that was answered.
const ANSWERED: i64 = 0;

#[test]
fn the_running_task_of_the_demo_has_calls_to_listen_to() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&folder.path().join("data"), &[("HUTONG_DIALING__DRAIN_S", "0")]);
    let client = demo.client();
    let (company, task) = (demo.number("COMPANY_ID"), demo.number("RUNNING_TASK_ID"));
    // Some say nothing: the first who did is listened to.
    let spoke = |call: &Value| {
        let asked = json!({ "callInstanceId": call["callInstanceId"], "companyId": company });
        let detail = client.read("task/phoneLogInfo", &asked);
        detail["phoneLog"]["phoneLogs"].as_array().unwrap().iter().any(|row| row["speaker"] == "ME")
    };
    let call = until("a call can be listened to in which both spoke", || {
        let done = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task, "index": -1 }));
        let recorded = |call: &Value| call["finishStatus"] == ANSWERED && call["luyinOssUrl"].is_string();
        done.into_iter().find(|call| recorded(call) && spoke(call))
    });
    assert_recorded(&client, company, &call);
    assert!(demo.server.stop().status.success());
}
