//! A company with lines over SIP, and what is done with it.

use hutong_e2e::program::{self, Done};
use hutong_e2e::recording::{fetch, is_heard, samples};
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Credentials, Installation, Server};
use serde_json::{Value, json};

/// The numbers of its lines.
pub(crate) const FIRST_LINE: &str = "02180000001";
pub(crate) const SECOND_LINE: &str = "02180000002";
/// Samples in a millisecond of a recording.
const SAMPLES_PER_MS: usize = 8;
/// A whole day of dialling.
const TASK: &str = "外呼任务";

/// A company whose robot sells flats.
pub(crate) struct Company {
    // Dropped in this order: the server ends before its data goes.
    pub(crate) server: Option<Server>,
    pub(crate) installation: Installation,
    pub(crate) id: i64,
    credentials: Credentials,
}

impl Company {
    pub(crate) fn new(seats: &str) -> Self {
        let installation = Installation::new();
        let id = last_number(&installation.run(&["company", "add", "公司", "--seats", seats]));
        let scene = program::repository().join("crates/domain/scenes/real-estate.yaml");
        installation.run(&["scene", "publish", scene.to_str().unwrap(), "--company", &id.to_string()]);
        let credentials = installation.key(id, &[]);
        Self { server: None, installation, id, credentials }
    }

    /// Adds a line; its id.
    pub(crate) fn line(&self, phone: &str, server: &str, more: &[&str]) -> i64 {
        let id = self.id.to_string();
        let line = ["line", "add", "--company", &id, "--name", phone, "--phone", phone, "--type", "sip"];
        // Only what is on this machine may say in text what is spoken.
        let sandbox = server.starts_with("127.").to_string();
        let trunk = ["--driver", "sip", "--sandbox", &sandbox, "--server", server];
        last_number(&self.installation.run(&[&line[..], &trunk, more].concat()))
    }

    pub(crate) fn test(&self, line: i64, number: &str) -> Done {
        program::run(self.installation.data(), &["line", "test", &line.to_string(), "--to", number])
    }

    pub(crate) fn serve(&mut self) -> Client {
        self.serve_with(&[])
    }

    /// A server with more variables in its environment; the one before has to be gone.
    pub(crate) fn serve_with(&mut self, more: &[(&str, &str)]) -> Client {
        let server = self.installation.serve_with(&[&[("HUTONG_LOG__LEVEL", "info")], more].concat());
        let client = server.client(&self.credentials);
        self.server = Some(server);
        client
    }

    /// A client of a server that was started otherwise.
    pub(crate) fn client_of(&self, server: &Server) -> Client {
        server.client(&self.credentials)
    }

    /// Begins to dial these numbers over these lines; the task. `more` is added to its settings.
    pub(crate) fn dial(&self, client: &Client, lines: &[i64], numbers: &[&str], more: &Value) -> Value {
        let robots = client.read("company/getRobots", &json!({ "companyId": self.id }));
        let mut new = json!({
            "companyId": self.id,
            "taskName": TASK,
            "taskType": 2,
            "workingStartTime": "00:00:00",
            "workingEndTime": "23:59:59",
            "userPhoneIds": lines,
            "concurrencyQuota": numbers.len(),
            "robotDefId": robots[0]["robotDefId"],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        let task = client.write("task/createTask", &new);
        let customers: Vec<Value> = numbers.iter().map(|phone| json!({ "name": "王女士", "phone": phone })).collect();
        let import = json!({ "companyId": self.id, "taskId": task, "customerInfoList": customers });
        client.write("task/importTaskCustomer", &import);
        client.write("task/start", &json!({ "taskId": task }));
        task
    }

    /// Dials these numbers over these lines and waits until all of them are called.
    pub(crate) fn dialled(&self, client: &Client, lines: &[i64], at_once: i64, numbers: &[&str]) -> Vec<Value> {
        let task = self.dial(client, lines, numbers, &json!({ "concurrencyQuota": at_once }));
        until("all numbers are called", || {
            let done = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
            (done.len() == numbers.len()).then_some(done)
        })
    }
}

/// The number at the end of what a command printed: `company 3`.
fn last_number(printed: &str) -> i64 {
    printed.split_whitespace().last().unwrap().parse().unwrap_or_else(|_| panic!("no number ends {printed:?}"))
}

/// A call that was answered has its words where its recordings have its voices.
pub(crate) fn assert_recorded(client: &Client, company: i64, call: &Value) {
    let asked = json!({ "callInstanceId": call["callInstanceId"], "companyId": company });
    let (detail, whole) = until("the recording can be fetched", || {
        let detail = client.read("task/phoneLogInfo", &asked);
        let answer = fetch(detail["phoneLog"]["luyinOssUrl"].as_str()?, &[]);
        (answer.status == 200).then_some((detail, answer))
    });
    let number = &call["customerTelephone"];
    assert_eq!(whole.header("content-type"), Some("audio/wav"));
    let url = detail["phoneLog"]["luyinOssUrl"].as_str().unwrap();
    let part = fetch(url, &[("Range", "bytes=100-299")]);
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..300]));

    let both = samples(&whole.body);
    let customer = fetch(detail["sceneInstance"]["userLuyinOssUrl"].as_str().unwrap(), &[]);
    let customer = samples(&customer.body);
    assert_eq!(both.len(), customer.len());
    let robot: Vec<i16> = both.iter().zip(&customer).map(|(both, customer)| both.saturating_sub(*customer)).collect();
    assert!(is_heard(&customer) && is_heard(&robot), "{number}: somebody is not heard");
    let rows = detail["phoneLog"]["phoneLogs"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["speaker"] == "AI"), "{number}: {rows:?}");
    assert!(rows.iter().any(|row| row["speaker"] == "ME"), "{number}: {rows:?}");
    for row in rows {
        let place = |name: &str| usize::try_from(row[name].as_i64().unwrap()).unwrap() * SAMPLES_PER_MS;
        let (from, until) = (place("startTime"), place("endTime"));
        assert!(from <= until && until <= both.len(), "{number}: {row} in {} ms", both.len() / SAMPLES_PER_MS);
        let voice = if row["speaker"] == "ME" { &customer } else { &both };
        // Somebody who hangs up before the robot has begun to speak leaves a row without a voice.
        assert!(is_heard(&voice[from..until]) || from == until, "{number}: nothing is heard of {row}");
    }
}
