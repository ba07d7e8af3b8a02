//! The server on PostgreSQL: alone, with another one beside it, and when one of two dies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use hutong_e2e::follower::{Follower, check_counts, check_feed};
use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Server, Tenant};
use hutong_testkit::postgres;
use serde_json::json;
use tempfile::TempDir;

/// The key of the installation, which its servers share.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// Numbers of a task.
const NUMBERS: usize = 120;
/// Calls in progress at once.
const SEATS: u32 = 60;
/// What a call ends with that was in progress when its server died.
const LOST: i64 = 10;

/// An installation whose store is on a PostgreSQL server of its own.
struct Cluster {
    installation: Installation,
    // The data folder of a second server.
    second: TempDir,
    url: String,
    // Dropped last: everybody else uses it.
    _postgres: postgres::Server,
}

impl Cluster {
    fn new() -> Self {
        let postgres = postgres::Server::start(&[]);
        let url = postgres.url();
        let installation = Installation::with_environment(&[("HUTONG_STORE__URL", &url), ("HUTONG_KEY", KEY)]);
        Self { installation, second: tempfile::tempdir().unwrap(), url, _postgres: postgres }
    }

    /// Two servers, each of which can make half of the calls only.
    fn two_servers(&self) -> [Server; 2] {
        let half = (SEATS / 2).to_string();
        let more = [("HUTONG_DIALING__CALLS_MAX", half.as_str()), ("HUTONG_LOG__LEVEL", "debug")];
        let environment = [&[("HUTONG_STORE__URL", self.url.as_str()), ("HUTONG_KEY", KEY)], &more[..]].concat();
        [self.installation.serve_with(&more), Server::serve(self.second.path(), &environment)]
    }
}

fn numbers() -> Vec<String> {
    (0..NUMBERS).map(|n| format!("120{n:08}")).collect()
}

fn running_task(tenant: &Tenant, client: &Client) -> i64 {
    tenant.running_task(client, &json!({ "concurrencyQuota": SEATS }), &numbers())
}

/// Follows the feed of a task over these numbers to its end, by asking the clients in turn.
fn follow(tenant: &Tenant, numbers: &[String], clients: &[Client], follower: &mut Follower) {
    let task = follower.task();
    let mut turn = clients.iter().cycle();
    until("the task is done", || {
        let client = turn.next()?;
        let more = follower.poll(client);
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (!more && detail["status"] == 2).then_some(())
    });
    while follower.poll(&clients[0]) {}
    check_feed(&follower.calls, numbers);
    for client in clients {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        check_counts(&detail, &follower.calls);
    }
}

#[test]
fn a_server_on_postgresql_works_from_the_import_to_the_feed() {
    let cluster = Cluster::new();
    let tenant = cluster.installation.tenant("公司", SEATS);
    let server = cluster.installation.serve();
    let client = server.client(&tenant.credentials);
    // Those that are over within seconds, see docs/sandbox.md.
    let cases = [0, 2, 3, 4, 5, 6, 7, 9, 10, 20, 22, 26];
    let numbers: Vec<String> = cases.iter().map(|case| format!("138001380{case:02}")).collect();
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": SEATS }), &numbers);
    let again = Request::post("/openapi/v2/task/importTaskCustomer", &tenant.import(&json!(task), &numbers));
    assert_eq!(client.send(again).json()["data"]["repeatNum"], numbers.len());
    follow(&tenant, &numbers, &[client], &mut Follower::new(task));
    assert!(!cluster.installation.data().join("hutong.db").exists(), "nothing is kept in a file");
    let exported = cluster.installation.run(&["export", "calls", "--task", &task.to_string(), "--format", "jsonl"]);
    assert_eq!(exported.lines().count(), numbers.len());
    assert!(server.stop().status.success());
}

#[test]
fn two_servers_share_a_task_and_call_every_number_once() {
    let cluster = Cluster::new();
    let tenant = cluster.installation.tenant("公司", SEATS);
    let servers = cluster.two_servers();
    let clients = servers.each_ref().map(|server| server.client(&tenant.credentials));
    let task = running_task(&tenant, &clients[0]);
    let mut follower = Follower::new(task);
    follow(&tenant, &numbers(), &clients, &mut follower);
    assert_eq!(follower.with_status(LOST), 0, "no call is lost while both live");
    let ended: Vec<usize> = servers.into_iter().map(|server| ended_calls(&server.stop().log)).collect();
    assert!(ended.iter().all(|ended| *ended > 0), "both make calls: {ended:?}");
    assert_eq!(ended.iter().sum::<usize>(), NUMBERS, "every call is made by one of them: {ended:?}");
}

#[test]
fn when_one_of_two_servers_dies_the_other_ends_its_calls_and_goes_on() {
    let cluster = Cluster::new();
    let tenant = cluster.installation.tenant("公司", SEATS);
    let [survivor, victim] = cluster.two_servers();
    let client = survivor.client(&tenant.credentials);
    let task = running_task(&tenant, &client);
    let mut follower = Follower::new(task);
    until("both are at work", || {
        follower.poll(&client);
        (ended_calls(&survivor.log()) > 0 && ended_calls(&victim.log()) > 0).then_some(())
    });
    victim.kill();
    follow(&tenant, &numbers(), &[client], &mut follower);
    let lost = follower.with_status(LOST);
    assert!((1..=usize::try_from(SEATS / 2).unwrap()).contains(&lost), "{lost} calls were lost");
}

/// The calls that a server has brought to their end, by its log.
fn ended_calls(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" ended call=") && line.contains("finished=")).count()
}
