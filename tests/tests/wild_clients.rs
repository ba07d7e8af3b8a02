//! What clients in the wild send, made with `curl`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::process::Command;

use hutong_e2e::client::now;
use hutong_e2e::{Credentials, Installation, Server, Tenant, program};
use serde_json::{Value, json};

struct World {
    // Dropped first: the server ends before its data goes.
    server: Server,
    tenant: Tenant,
    _installation: Installation,
}

impl World {
    fn new() -> Self {
        let installation = Installation::new();
        let tenant = installation.tenant("公司", 5);
        Self { server: installation.serve(), tenant, _installation: installation }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// The answer to a request that `curl` makes, with HTTP Basic.
    fn curl(&self, arguments: &[&str]) -> Value {
        let Credentials { key, secret } = &self.tenant.credentials;
        self.curl_as(&["-u", &format!("{key}:{secret}")], arguments)
    }

    /// The answer to a request that `curl` makes with these options.
    fn curl_as(&self, who: &[&str], arguments: &[&str]) -> Value {
        let done = program::finish(Command::new("curl").args(["-sS", "--max-time", "60"]).args(who).args(arguments));
        assert_eq!(done.code, Some(0), "curl {arguments:?}: {}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
    }

    /// A new task; its id.
    fn task(&self) -> i64 {
        let client = self.server.client(&self.tenant.credentials);
        client.write("task/createTask", &self.tenant.new_task(&client, &json!({}))).as_i64().unwrap()
    }

    fn total(&self, task: i64) -> Value {
        let client = self.server.client(&self.tenant.credentials);
        let asked = json!({ "companyId": self.tenant.company, "taskId": task });
        client.read("task/getTaskDetail", &asked)["totalCount"].clone()
    }
}

fn check_done(answer: &Value) {
    assert_eq!(answer["code"], 200, "{answer}");
}

#[test]
fn http_basic_is_enough_for_people_and_tools() {
    let world = World::new();
    let url = world.url(&format!("/openapi/v1/task/getTasks?companyId={}", world.tenant.company));
    check_done(&world.curl(&[&url]));
    assert_eq!(world.curl_as(&["-u", "nobody:nothing"], &[&url])["code"], 401);
}

#[test]
fn names_of_headers_may_be_written_in_any_case() {
    let world = World::new();
    let url = world.url("/openapi/v1/company/getCompanys");
    let signed = world.tenant.credentials.signed_at(now());
    for spelling in
        [str::to_uppercase, str::to_lowercase, |name: &str| format!("{}{}", &name[..1].to_uppercase(), &name[1..])]
    {
        let headers: Vec<String> = signed.iter().map(|(name, value)| format!("{}: {value}", spelling(name))).collect();
        let options: Vec<&str> = headers.iter().flat_map(|header| ["-H", header.as_str()]).collect();
        check_done(&world.curl_as(&options, &[&url]));
    }
}

#[test]
fn a_time_is_signed_as_new_and_old_javas_write_it() {
    let world = World::new();
    let url = world.url("/openapi/v1/company/getCompanys");
    let utc = now().to_zoned(jiff::tz::TimeZone::UTC);
    for format in ["%a, %d %b %Y %H:%M:%S GMT", "%a, %-d %b %Y %H:%M:%S UTC", "%a, %d %b %Y %H:%M:%S +0000"] {
        let signed = world.tenant.credentials.signed(&utc.strftime(format).to_string());
        let headers = signed.map(|(name, value)| format!("{name}:   {value}  "));
        let options: Vec<&str> = headers.iter().flat_map(|header| ["-H", header.as_str()]).collect();
        check_done(&world.curl_as(&options, &[&url]));
    }
}

#[test]
fn a_get_may_have_a_body_whatever_it_is_called() {
    let world = World::new();
    let task = world.task();
    let url = world.url("/openapi/v1/task/queryDoneTaskPhones");
    let body = format!("{{\"callJobId\": \"{task}\", \"index\": -1, \"pageSize\": 3, \"encryptionPhone\": true}}");
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = world.curl(&["-X", "GET", "-H", &format!("Content-Type: {kind}"), "-d", &body, &url]);
        check_done(&answer);
        assert_eq!(answer["data"]["pageSize"], 3);
    }
    let waiting = world.url("/openapi/v1/task/notDialedCustomerList?pageSize=4");
    let answer = world.curl(&["-X", "GET", "-d", &format!("{{\"taskId\": {task}}}"), &waiting]);
    assert_eq!(answer["data"]["pageSize"], 4, "body and query are merged: {answer}");
}

#[test]
fn a_form_is_as_good_as_json() {
    let world = World::new();
    let client = world.server.client(&world.tenant.credentials);
    let (robot, _, _) = world.tenant.robot(&client);
    let url = world.url("/openapi/v1/task/createTask");
    let company = format!("companyId={}", world.tenant.company);
    let line = format!("userPhoneIds={}", world.tenant.line);
    let robot = format!("robotDefId={robot}");
    let answer = world.curl(&[
        "--data-urlencode",
        &company,
        "--data-urlencode",
        "taskName=表单 & 任务",
        "--data-urlencode",
        "taskType=2",
        "--data-urlencode",
        &line,
        "--data-urlencode",
        &robot,
        "--data-urlencode",
        "remark=",
        &url,
    ]);
    check_done(&answer);
    let asked = json!({ "companyId": world.tenant.company, "taskId": answer["data"] });
    assert_eq!(client.read("task/getTaskDetail", &asked)["jobName"], "表单 & 任务");
}

#[test]
fn numbers_may_be_written_as_texts_and_truths_as_numbers() {
    let world = World::new();
    let client = world.server.client(&world.tenant.credentials);
    let (robot, _, _) = world.tenant.robot(&client);
    let body = json!({
        "companyId": world.tenant.company.to_string(), "taskName": "任务", "taskType": "2",
        "userPhoneIds": world.tenant.line.to_string(), "robotDefId": robot.to_string(), "concurrencyQuota": "2",
        "phoneNum": "4", "openElasticity": "1", "startDate": "", "isHttps": "true", "userLevelPush": null,
    });
    let answer = world.curl(&["-d", &body.to_string(), &world.url("/openapi/v1/task/createTask")]);
    check_done(&answer);
    let tasks =
        world.url(&format!("/openapi/v1/task/getTasks?companyId={}&needAll=1&pageSize=2", world.tenant.company));
    assert_eq!(world.curl(&[&tasks])["data"]["total"], 1);
}

#[test]
fn slashes_may_stand_twice_and_the_address_may_be_absolute() {
    let world = World::new();
    for path in ["//openapi/v1/company/getCompanys", "/openapi//v1///company/getCompanys"] {
        check_done(&world.curl(&["--path-as-is", &world.url(path)]));
    }
    let absolute = world.url("/openapi/v1/company/getCompanys");
    check_done(&world.curl(&["--request-target", &absolute, &absolute]));
}

#[test]
fn a_get_may_say_that_its_body_is_empty() {
    let world = World::new();
    let url = world.url("/openapi/v1/company/getCompanys");
    check_done(&world.curl(&["-H", "Content-Length: 0", "-H", "Content-Type: application/json", &url]));
    check_done(&world.curl(&["-H", "Content-Type: text/html", "-H", "Content-Type: application/json", &url]));
}

#[test]
fn an_import_sent_twice_adds_nothing_twice() {
    let world = World::new();
    let task = world.task();
    let numbers: Vec<String> = (0..50).map(|n| format!("120{n:08}")).collect();
    let body = world.tenant.import(&json!(task), &numbers).to_string();
    let url = world.url("/openapi/v2/task/importTaskCustomer");
    let first = world.curl(&["-d", &body, &url]);
    let second = world.curl(&["-d", &body, &url]);
    check_done(&first);
    check_done(&second);
    assert_eq!((&first["data"]["successNum"], &first["data"]["repeatNum"]), (&json!(50), &json!(0)));
    assert_eq!((&second["data"]["successNum"], &second["data"]["repeatNum"]), (&json!(0), &json!(50)));
    assert_eq!(world.total(task), 50);
}

#[test]
fn the_same_import_from_many_clients_at_once_adds_nothing_twice() {
    let world = World::new();
    let task = world.task();
    let numbers: Vec<String> = (0..200).map(|n| format!("120{n:08}")).collect();
    let body = world.tenant.import(&json!(task), &numbers).to_string();
    let url = world.url("/openapi/v2/task/importTaskCustomer");
    let added: Vec<Value> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| world.curl(&["-d", &body, &url]))).collect();
        clients.into_iter().map(|client| client.join().unwrap()["data"]["successNum"].clone()).collect()
    });
    let sum: i64 = added.iter().map(|added| added.as_i64().unwrap()).sum();
    assert_eq!(sum, 200, "{added:?}");
    assert_eq!(world.total(task), 200);
}
