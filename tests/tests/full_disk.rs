//! The disk of the store is full: what cannot be written is refused, nothing is lost or damaged, and everything goes on by
//! itself once there is room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::collections::BTreeSet;
use std::path::Path;

use hutong_e2e::http::Request;
use hutong_e2e::small_disk::{self, SmallDisk};
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Tenant};
use serde_json::json;

const DISK_MIB: usize = 64;

/// Whether the store is whole, as SQLite sees it.
fn check_integrity(data: &Path) {
    let store = rusqlite::Connection::open(data.join("hutong.db")).unwrap();
    let found: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("139{n:08}")).collect()
}

/// Imports one batch after another until one is refused; how many went in.
fn import_until_refused(tenant: &Tenant, client: &Client, task: i64) -> u32 {
    for batch in 0..1000 {
        let import = tenant.import(&json!(task), &numbers(100 * batch..100 * (batch + 1)));
        let answer = client.post("task/importTaskCustomer", &import);
        if answer["code"] != 200 {
            assert_eq!((&answer["code"], &answer["data"]), (&json!(500), &json!(null)), "{answer}");
            return batch * 100;
        }
    }
    panic!("the disk takes everything");
}

#[test]
fn a_full_disk_refuses_writes_and_the_campaign_goes_on_when_there_is_room() {
    if let Err(reason) = small_disk::is_possible() {
        eprintln!("SKIPPED: this machine mounts no disk for a test (it takes root, and util-linux): {reason}");
        return;
    }
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 5);
    let mount = tempfile::tempdir().unwrap();
    let environment = [("HUTONG_DISK__FREE_MIB_MIN", "4")];
    let disk = SmallDisk::serve(mount.path(), mount.path(), DISK_MIB, installation.data(), &environment);
    let client = disk.server.client(&tenant.credentials);
    let ready = || Request::get("/readyz").send(disk.server.address()).unwrap();
    assert_eq!(ready().status, 200, "{}", String::from_utf8_lossy(&ready().body));
    let waiting = client.write("task/createTask", &tenant.new_task(&client, &json!({}))).as_i64().unwrap();
    let called: Vec<String> = (0..10).map(|n| format!("1370000{n:04}")).collect();
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 5 }), &called);

    disk.fill();
    let imported = import_until_refused(&tenant, &client, waiting);
    until("the log says why", || disk.server.log().contains("database or disk is full").then_some(()));
    let report = until("readiness sees it", || {
        let answer = ready();
        (answer.status == 503).then(|| String::from_utf8(answer.body).unwrap())
    });
    assert!(report.contains("disk: data has 0 MiB free of the 4"), "{report}");
    let read = client.get("task/getTasks", &json!({ "companyId": tenant.company }));
    assert_eq!(read["code"], 200, "reading goes on: {read}");
    until("calls that have ended wait for the store", || {
        disk.server.log().contains("waits for the store").then_some(())
    });

    disk.make_room();
    until("the server is ready again", || (ready().status == 200).then_some(()));
    until("another import is taken", || {
        let import = tenant.import(&json!(waiting), &numbers(imported..imported + 100));
        (client.post("task/importTaskCustomer", &import)["code"] == 200).then_some(())
    });
    let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": waiting }));
    assert_eq!(detail["totalCount"], imported + 100, "what was answered is there, once: {detail}");
    let done = until("all calls are over", || {
        let done = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (done.len() == called.len()).then_some(done)
    });
    let dialled: BTreeSet<&str> = done.iter().filter_map(|call| call["customerTelephone"].as_str()).collect();
    assert_eq!(dialled, called.iter().map(String::as_str).collect(), "each number once");
    check_integrity(disk.folder());
    assert!(disk.server.stop().status.success());
}
