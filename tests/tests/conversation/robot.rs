//! An installation whose robot talks to the farm's callees over a trunk that sends no words along.

use std::path::PathBuf;
use std::time::Duration;

use hutong_e2e::callees::Callees;
use hutong_e2e::http::Request;
use hutong_e2e::wait::{until, until_within};
use hutong_e2e::{Client, Credentials, Installation, Server, program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a recogniser may take that shares two cores with all other tests.
const ANSWER_TIMEOUT_MS: u32 = 60_000;

/// A conversation with somebody who asks a lot, where every answer waits for a busy machine.
const CALL_MAX: Duration = Duration::from_secs(600);

/// What the robot speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// 房产电销.
    RealEstate,
    /// Three questions.
    Brief,
}

/// A robot, those whom it calls, and the server that it lives in.
pub(crate) struct Robot {
    // Dropped in this order: the server ends before its data goes.
    server: Option<Server>,
    client: Client,
    company: i64,
    line: i64,
    _callees: Callees,
    heard: TempDir,
    _installation: Installation,
}

/// A call that is over.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) number: String,
    pub(crate) finish_status: i64,
    pub(crate) hung_up_by: i64,
    detail: Value,
}

impl Robot {
    /// With these recognisers: protocol and address.
    pub(crate) fn new(scene: Scene, recognisers: &[(&str, &str)]) -> Self {
        let blocks = recognisers.iter().map(|(protocol, url)| {
            format!("{{protocol=\"{protocol}\", url=\"{url}\", answer_timeout_ms={ANSWER_TIMEOUT_MS}}}")
        });
        let recognisers = format!("[{}]", blocks.collect::<Vec<_>>().join(", "));
        let level = "info,hutong_trunks=debug";
        let environment = [("HUTONG_SPEECH__RECOGNISERS", recognisers.as_str()), ("HUTONG_LOG__LEVEL", level)];
        let installation = Installation::with_environment(&environment);
        let heard = tempfile::tempdir().unwrap();
        let callees = Callees::recording(heard.path());
        let company = last_number(&installation.run(&["company", "add", "公司", "--seats", "10"]));
        let id = company.to_string();
        let file = program::repository().join(match scene {
            Scene::RealEstate => "crates/domain/scenes/real-estate.yaml",
            Scene::Brief => "tests/scenes/conversation.yaml",
        });
        installation.run(&["scene", "publish", file.to_str().unwrap(), "--company", &id]);
        let line = ["line", "add", "--company", &id, "--name", "中继", "--phone", "02180000001", "--type", "sip"];
        let trunk = ["--driver", "sip", "--server", callees.address()];
        let line = last_number(&installation.run(&[&line[..], &trunk].concat()));
        let credentials: Credentials = installation.key(company, &[]);
        let server = installation.serve();
        let client = server.client(&credentials);
        Self { server: Some(server), client, company, line, _callees: callees, heard, _installation: installation }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// Ends the server as an operator does.
    pub(crate) fn stop(&mut self) {
        let stopped = self.server.take().expect("it runs").stop();
        assert!(stopped.status.success());
    }

    /// What a call to this number is like.
    pub(crate) fn call(&self, number: &str) -> Call {
        let task = self.dial(&[number]);
        self.ended(&task, number)
    }

    /// Calls all these numbers, so many at a time.
    pub(crate) fn calls(&self, numbers: &[&str], at_once: usize) -> Vec<Call> {
        let task = self.dial_at_once(numbers, at_once);
        numbers.iter().map(|number| self.ended(&task, number)).collect()
    }

    /// Begins to call these numbers, one after the other; the task.
    pub(crate) fn dial(&self, numbers: &[&str]) -> Value {
        self.dial_at_once(numbers, 1)
    }

    fn dial_at_once(&self, numbers: &[&str], at_once: usize) -> Value {
        let (client, company) = (&self.client, self.company);
        let robots = client.read("company/getRobots", &json!({ "companyId": company }));
        let new = json!({
            "companyId": company,
            "taskName": "对话",
            "taskType": 2,
            "workingStartTime": "00:00:00",
            "workingEndTime": "23:59:59",
            "userPhoneIds": [self.line],
            "concurrencyQuota": at_once,
            "robotDefId": robots[0]["robotDefId"],
        });
        let task = client.write("task/createTask", &new);
        let customers: Vec<Value> = numbers.iter().map(|phone| json!({ "name": "王女士", "phone": phone })).collect();
        let import = json!({ "companyId": company, "taskId": task, "customerInfoList": customers });
        client.write("task/importTaskCustomer", &import);
        client.write("task/start", &json!({ "taskId": task }));
        task
    }

    /// Waits until the call to this number is over.
    pub(crate) fn ended(&self, task: &Value, number: &str) -> Call {
        let call = until_within(CALL_MAX, "the call is over", || {
            let done = self.client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
            done.into_iter().find(|call| call["customerTelephone"] == number)
        });
        let asked = json!({ "callInstanceId": call["callInstanceId"], "companyId": self.company });
        let detail = self.client.read("task/phoneLogInfo", &asked);
        Call {
            number: number.to_owned(),
            finish_status: call["finishStatus"].as_i64().unwrap(),
            hung_up_by: detail["sceneInstance"]["hangUp"].as_i64().unwrap(),
            detail,
        }
    }

    /// Where the callee's ears are kept.
    pub(crate) fn heard_by(&self, number: &str) -> PathBuf {
        let file = self.heard.path().join(format!("{number}-1.wav"));
        until("what the callee heard is kept", || file.is_file().then(|| file.clone()))
    }

    pub(crate) fn metrics(&self) -> String {
        let answer = Request::get("/metrics").send(self.server().address()).unwrap();
        String::from_utf8(answer.body).unwrap()
    }
}

impl Call {
    fn rows(&self, speaker: &str) -> impl Iterator<Item = &Value> {
        let rows = self.detail["phoneLog"]["phoneLogs"].as_array().unwrap();
        rows.iter().filter(move |row| row["speaker"] == speaker)
    }

    /// What the robot said.
    pub(crate) fn robot(&self) -> Vec<String> {
        self.rows("AI").map(|row| row["content"].as_str().unwrap().to_owned()).collect()
    }

    /// From when to when it said that, in milliseconds.
    pub(crate) fn robot_times(&self) -> Vec<(i64, i64)> {
        self.rows("AI").map(|row| (row["startTime"].as_i64().unwrap(), row["endTime"].as_i64().unwrap())).collect()
    }

    /// What the customer said, as it was recognised.
    pub(crate) fn customer(&self) -> Vec<String> {
        self.rows("ME").map(|row| row["content"].as_str().unwrap().to_owned()).collect()
    }

    /// How that was understood.
    pub(crate) fn means(&self) -> Vec<String> {
        self.rows("ME").filter_map(|row| Some(row["userMean"].as_str()?.to_owned())).collect()
    }

    /// The values of a result.
    pub(crate) fn results(&self, name: &str) -> Vec<String> {
        let results = self.detail["taskResult"].as_array().unwrap().iter();
        let of_name = results.filter(|result| result["resultName"] == name);
        of_name.map(|result| result["resultValue"].as_str().unwrap().to_owned()).collect()
    }

    /// The conversation, for whoever reads what the tests print.
    pub(crate) fn transcript(&self) -> String {
        let rows = self.detail["phoneLog"]["phoneLogs"].as_array().unwrap().iter();
        let lines = rows
            .map(|row| format!("{:>7} {} {} {}", row["startTime"], row["speaker"], row["content"], row["userMean"]));
        let results = self.detail["taskResult"].as_array().unwrap().iter();
        let results = results.map(|it| format!("{}: {} ({})", it["resultName"], it["resultValue"], it["resultDesc"]));
        lines.chain(results).collect::<Vec<_>>().join("\n")
    }
}

/// The number at the end of what a command printed, or behind its first words: `company 3`.
fn last_number(printed: &str) -> i64 {
    let words: Vec<&str> = printed.split_whitespace().collect();
    words.last().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number ends {printed:?}"))
}
