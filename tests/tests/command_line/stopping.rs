//! How servers end: cleanly, and with every call handed to its outcome.

use hutong_e2e::server::ALL_DAY;
use hutong_e2e::wait::until;
use hutong_e2e::{Demo, Installation, Server, Tenant, program};
use serde_json::{Value, json};

/// A number that rings for half a minute.
const RINGS: &str = "13800138008";
/// A number that is busy, as is known within seconds.
const BUSY: &str = "13800138006";

/// Waits until so many calls are in progress on the company's line.
fn wait_for_calls(server: &Server, tenant: &Tenant, calls: i64) {
    let client = server.client(&tenant.credentials);
    until("calls are in progress", || {
        let lines = client.read("company/getPhones", &json!({ "companyId": tenant.company }));
        (lines[0]["usedConcurrencyQuota"] == calls).then_some(())
    });
}

/// Waits until the demo calls somebody.
fn wait_for_demo(demo: &Demo) {
    let client = demo.client();
    until("the demo makes calls", || {
        let seats = client.read("company/seat/statistics", &json!({ "companyId": demo.number("COMPANY_ID") }));
        seats["companyUsingCallSeat"].as_i64().is_some_and(|seats| seats > 0).then_some(())
    });
}

/// The finished calls of a task, which no server is needed for.
fn exported(installation: &Installation, task: i64) -> Vec<Value> {
    let printed = installation.run(&["export", "calls", "--task", &task.to_string(), "--format", "jsonl"]);
    printed.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn calls_that_outlive_the_time_for_stopping_are_hung_up_and_written_down() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve_with(&[("HUTONG_DIALING__DRAIN_S", "0")]);
    let client = server.client(&tenant.credentials);
    let task = tenant.running_task(&client, &json!({}), &[RINGS.to_owned(), BUSY.to_owned()]);
    wait_for_calls(&server, &tenant, 1);
    let stopped = server.stop();
    assert!(stopped.status.success(), "{}", stopped.log);
    let calls = exported(&installation, task);
    assert_eq!(calls.len(), 1, "nothing new is dialled once the server stops: {calls:?}");
    assert_eq!((&calls[0]["phone"], &calls[0]["finish_status"]), (&json!(RINGS), &json!(10)));
}

#[test]
fn calls_that_end_in_the_time_for_stopping_end_by_themselves() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 2);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    // Answered within seconds, and over as soon as it is.
    let numbers = ["13800138000", "13800138020", BUSY].map(str::to_owned);
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 2 }), &numbers);
    wait_for_calls(&server, &tenant, 2);
    let stopped = server.stop();
    assert!(stopped.status.success(), "{}", stopped.log);
    let calls = exported(&installation, task);
    let statuses: Vec<&Value> = calls.iter().map(|call| &call["finish_status"]).collect();
    assert_eq!(statuses, [0, 0], "both talk to their end, and the third is not dialled");

    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    until("the next server goes on", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (detail["status"] == 2).then_some(())
    });
    assert_eq!(exported(&installation, task).len(), 3);
}

#[test]
fn a_demo_that_is_stopped_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let demo = Demo::start(&data, &[("HUTONG_DIALING__DRAIN_S", "0")]);
    let settings = demo.settings().clone();
    wait_for_demo(&demo);
    let stopped = demo.server.stop();
    assert!(stopped.status.success(), "{}", stopped.log);
    let again = Demo::start(&data, &[]);
    for name in [
        "APP_KEY",
        "APP_SECRET",
        "COMPANY_ID",
        "DONE_TASK_ID",
        "RUNNING_TASK_ID",
        "CALL_INSTANCE_ID",
        "CONSOLE_USER",
        "CONSOLE_PASSWORD",
    ] {
        assert_eq!(Some(again.setting(name)), settings.get(name).map(String::as_str), "{name}");
    }
    let client = again.client();
    let asked = json!({ "companyId": again.number("COMPANY_ID"), "taskId": again.number("RUNNING_TASK_ID") });
    let lost = client.read("task/getTaskDetail", &asked)["lostCount"].clone();
    assert!(lost.as_i64().is_some_and(|lost| lost > 0), "what was in progress was hung up and counted: {lost}");
    let before = client.read("task/getTaskDetail", &asked)["doneCount"].as_i64().expect("a count");
    until("the running task produces calls", || {
        let done = client.read("task/getTaskDetail", &asked)["doneCount"].as_i64().expect("a count");
        (done > before).then_some(())
    });
}

#[test]
fn a_demo_without_a_data_folder_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = program::command();
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder.path()).env("HUTONG_DIALING__DRAIN_S", "0");
    let demo = Demo::start_in(&mut command, folder.path());
    assert!(demo.data().starts_with(folder.path()));
    wait_for_demo(&demo);
    let stopped = demo.server.stop();
    assert!(stopped.status.success(), "{}", stopped.log);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_server_ends_cleanly_from_the_moment_on_in_which_it_says_that_it_serves() {
    let installation = Installation::new();
    for _ in 0..10 {
        let stopped = installation.serve().stop();
        assert!(stopped.status.success(), "{}: {}", stopped.status, stopped.log);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stopped = Demo::start(&folder.path().join("data"), &[("HUTONG_DIALING__DRAIN_S", "0")]).server.stop();
    assert!(stopped.status.success(), "{}: {}", stopped.status, stopped.log);
}

#[test]
fn the_interrupt_key_ends_a_server_as_well() {
    let installation = Installation::new();
    let stopped = installation.serve().interrupt();
    assert!(stopped.status.success(), "{}: {}", stopped.status, stopped.log);
}

#[test]
fn a_second_server_on_a_data_folder_is_refused_and_the_first_goes_on() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let mut command = program::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(installation.data()).envs(ALL_DAY);
    let done = program::finish(&mut command);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stderr.contains("another hutong server uses this data folder"), "{}", done.stderr);
    assert_eq!(server.client(&tenant.credentials).get("company/getCompanys", &json!({}))["code"], 200);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let installation = Installation::new();
    let server = installation.serve();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let done = program::run(folder.path(), &["serve", "--listen", server.address()]);
    assert_eq!(done.code, Some(1), "the command was right, the port is taken: {}", done.stderr);
    assert!(done.stderr.contains(server.address()), "{}", done.stderr);
}
