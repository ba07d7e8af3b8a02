//! The promise that integrators build on: a client that asks with the greatest index that it has seen gets
//! every finished call once, in order, across crashes of the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use hutong_e2e::follower::{Follower, check_counts, check_feed};
use hutong_e2e::wait::until;
use hutong_e2e::{Installation, Server, Tenant};
use serde_json::json;

/// Numbers of the task: some are over in a moment, some ring for half a minute.
const NUMBERS: usize = 300;
/// Calls in progress at once: a crash loses so many at most.
const SEATS: u32 = 100;
/// The server is killed when the client has seen so many calls; at last when little is left but numbers
/// that ring.
const KILLED_AT: [usize; 3] = [20, 140, 280];
/// What a call ends with that was in progress when its server died.
const LOST: i64 = 10;

/// A task over [`NUMBERS`] numbers that runs.
fn running_task(tenant: &Tenant, server: &Server) -> (i64, Vec<String>) {
    let numbers: Vec<String> = (0..NUMBERS).map(|n| format!("120{n:08}")).collect();
    let more = json!({ "concurrencyQuota": SEATS });
    (tenant.running_task(&server.client(&tenant.credentials), &more, &numbers), numbers)
}

#[test]
fn a_client_that_follows_the_feed_gets_every_call_once_across_crashes() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", SEATS);
    let mut server = installation.serve();
    let (task, numbers) = running_task(&tenant, &server);
    let mut follower = Follower::new(task);
    for seen_before in KILLED_AT {
        let client = server.client(&tenant.credentials);
        until("calls come in before the crash", || {
            follower.poll(&client);
            (follower.calls.len() >= seen_before).then_some(())
        });
        let lost_before = follower.with_status(LOST);
        server.kill();
        server = installation.serve();
        let client = server.client(&tenant.credentials);
        until("what was in progress at the crash is over", || {
            follower.poll(&client);
            (follower.with_status(LOST) > lost_before).then_some(())
        });
    }
    let client = server.client(&tenant.credentials);
    until("the task is done", || {
        let more = follower.poll(&client);
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (!more && detail["status"] == 2).then_some(())
    });
    while follower.poll(&client) {}

    check_feed(&follower.calls, &numbers);
    let lost = follower.with_status(LOST);
    assert!(lost <= KILLED_AT.len() * usize::try_from(SEATS).unwrap(), "{lost} calls were lost");
    let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
    check_counts(&detail, &follower.calls);
    let waiting = client.read("task/notDialedCustomerList", &json!({ "taskId": task }));
    assert_eq!(waiting["total"], 0);
    let seats = client.read("company/seat/statistics", &json!({ "companyId": tenant.company }));
    assert_eq!(seats["companyUsingCallSeat"], 0, "no seat is kept by a call that is over");
}

#[test]
fn sandbox_numbers_end_as_the_page_about_them_says() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 20);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let cases: Vec<i64> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 22, 23, 24, 25, 26, 27].into();
    let numbers: Vec<String> = cases.iter().map(|case| format!("138001380{case:02}")).collect();
    let blacklisted = "13900000011".to_owned();
    client.write("company/addBlackList", &json!({ "companyId": tenant.company, "mobile": blacklisted }));
    let all = [numbers, vec![blacklisted.clone()]].concat();
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 20 }), &all);
    until("the task is done", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (detail["status"] == 2).then_some(())
    });
    let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
    check_feed(&calls, &all);
    for call in calls {
        let number = call["customerTelephone"].as_str().unwrap();
        let status = match number.strip_prefix("138001380").map(|case| case.parse::<i64>().unwrap()) {
            None => 11,
            Some(case @ (0..=10 | 22)) => case,
            Some(_) => 0,
        };
        assert_eq!(call["finishStatus"], status, "{number}");
    }
}
