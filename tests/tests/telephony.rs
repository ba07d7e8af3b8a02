//! Calls over SIP and RTP, all of it the real binary: callees on one side, a server with lines to them on the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::net::UdpSocket;

use hutong_e2e::callees::Callees;
use hutong_e2e::http::{Answer, Request};
use hutong_e2e::program::{self, Done};
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Credentials, Installation, Server};
use serde_json::{Value, json};

/// Samples in a millisecond of a recording.
const SAMPLES_PER_MS: usize = 8;
/// A sample of speech is louder than this now and then; silence and noise never are.
const LOUD: u16 = 1_000;
const FIRST_LINE: &str = "02180000001";
const SECOND_LINE: &str = "02180000002";
/// A whole day of dialling.
const TASK: &str = "外呼任务";

/// A company whose robot sells flats.
struct Company {
    // Dropped in this order: the server ends before its data goes.
    server: Option<Server>,
    installation: Installation,
    id: i64,
    credentials: Credentials,
}

impl Company {
    fn new(seats: &str) -> Self {
        let installation = Installation::new();
        let id = last_number(&installation.run(&["company", "add", "公司", "--seats", seats]));
        let scene = program::repository().join("crates/domain/scenes/real-estate.yaml");
        installation.run(&["scene", "publish", scene.to_str().unwrap(), "--company", &id.to_string()]);
        let credentials = installation.key(id, &[]);
        Self { server: None, installation, id, credentials }
    }

    /// Adds a line; its id.
    fn line(&self, phone: &str, server: &str, more: &[&str]) -> i64 {
        let id = self.id.to_string();
        let line = ["line", "add", "--company", &id, "--name", phone, "--phone", phone, "--type", "sip"];
        let trunk = ["--driver", "sip", "--sandbox", "--server", server];
        last_number(&self.installation.run(&[&line[..], &trunk, more].concat()))
    }

    fn test(&self, line: i64, number: &str) -> Done {
        program::run(self.installation.data(), &["line", "test", &line.to_string(), "--to", number])
    }

    fn serve(&mut self) -> Client {
        let server = self.installation.serve_with(&[("HUTONG_LOG__LEVEL", "info")]);
        let client = server.client(&self.credentials);
        self.server = Some(server);
        client
    }

    /// Dials these numbers over these lines and waits until all of them are called.
    fn dialled(&self, client: &Client, lines: &[i64], at_once: i64, numbers: &[&str]) -> Vec<Value> {
        let robots = client.read("company/getRobots", &json!({ "companyId": self.id }));
        let new = json!({
            "companyId": self.id,
            "taskName": TASK,
            "taskType": 2,
            "workingStartTime": "00:00:00",
            "workingEndTime": "23:59:59",
            "userPhoneIds": lines,
            "concurrencyQuota": at_once,
            "robotDefId": robots[0]["robotDefId"],
        });
        let task = client.write("task/createTask", &new);
        let customers: Vec<Value> = numbers.iter().map(|phone| json!({ "name": "王女士", "phone": phone })).collect();
        let import = json!({ "companyId": self.id, "taskId": task, "customerInfoList": customers });
        client.write("task/importTaskCustomer", &import);
        client.write("task/start", &json!({ "taskId": task }));
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

/// Asks for an address that the API gave.
fn fetch(url: &str, headers: &[(&str, &str)]) -> Answer {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request = Request::get(&format!("/{path}"));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send(address).unwrap()
}

/// The samples of a recording of one channel.
fn samples(wav: &[u8]) -> Vec<i16> {
    assert_eq!((&wav[..4], &wav[36..40]), (&b"RIFF"[..], &b"data"[..]));
    wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Asserts that all these stand in the lines of a text, in this order.
fn assert_in_order(text: &str, steps: &[&str]) {
    let mut lines = text.lines();
    for step in steps {
        assert!(lines.any(|line| line.contains(step)), "no {step:?} where it should be in\n{text}");
    }
}

#[test]
fn a_log_holds_no_message_and_no_number() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let callees = Callees::logging(log.reopen().unwrap());
    let company = Company::new("5");
    let line = company.line(FIRST_LINE, callees.address(), &[]);
    let tested = company.test(line, "13800138004");
    drop(callees);
    let said = std::fs::read_to_string(log.path()).unwrap() + &tested.stderr;
    for secret in ["SIP/2.0", "13800138004", FIRST_LINE] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_line_is_tested_step_by_step_before_it_is_used() {
    let callees = Callees::start();
    let company = Company::new("1");
    let line = company.line(FIRST_LINE, callees.address(), &[]);

    let answered = company.test(line, "13800138000");
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    let there = format!("calling from 127.0.0.1 over UDP to {}", callees.address());
    let steps = [&there, "OPTIONS answered", "INVITE sent, Call-ID ", "180", "200: answered, PCMA", "speaking: "];
    assert_in_order(&answered.stdout, &steps);
    let steps = ["the first voice packet arrived", "spoken", ", 0 lost", "somebody was heard", "hung up"];
    assert_in_order(&answered.stdout, &steps);

    let vacant = company.test(line, "13800138004");
    assert_eq!(vacant.code, Some(1), "{}", vacant.stdout);
    let steps = ["INVITE sent", "183, with early media", "heard before the answer: vacant", "refused with 404"];
    assert_in_order(&vacant.stdout, &steps);
    assert!(vacant.stderr.contains("the call was not answered"), "{}", vacant.stderr);

    drop(callees);
    let gone = company.test(line, "13800138000");
    assert_eq!(gone.code, Some(1), "{}", gone.stdout);
    assert!(gone.stderr.contains("no answer to OPTIONS"), "{}", gone.stderr);
}

#[test]
fn calls_over_sip_end_as_the_document_says_and_are_recorded() {
    let callees = Callees::start();
    let mut company = Company::new("20");
    let line = company.line(FIRST_LINE, callees.address(), &["--ring-seconds", "8"]);
    let client = company.serve();
    // Up to 9 the last digit says it; 10 cannot be played by a far side.
    let expected = [
        ("13800138001", 1),
        ("13800138002", 2),
        ("13800138003", 3),
        ("13800138004", 4),
        ("13800138005", 5),
        ("13800138006", 6),
        ("13800138007", 7),
        ("13800138008", 8),
        ("13800138010", 3),
        ("13800138021", 0),
        ("13800138023", 0),
        ("13800138026", 0),
        ("13800138027", 0),
    ];
    let done = company.dialled(&client, &[line], 13, &expected.map(|(number, _)| number));
    for (number, status) in expected {
        let calls: Vec<&Value> = done.iter().filter(|call| call["customerTelephone"] == number).collect();
        assert_eq!(calls.len(), 1, "{number}: {calls:?}");
        assert_eq!(calls[0]["finishStatus"], status, "{number}: {}", calls[0]);
        assert_eq!(calls[0]["callerPhone"], FIRST_LINE);
        if status == 0 {
            assert_recorded(&client, company.id, calls[0]);
        }
    }
    // The account is empty: nothing else is dialled on the line after that.
    let done = company.dialled(&client, &[line], 1, &["13800138009"]);
    assert_eq!(done[0]["finishStatus"], 9, "{}", done[0]);
    assert!(company.server.take().unwrap().stop().status.success());
}

/// A call that was answered has its words where its recordings have its voices.
fn assert_recorded(client: &Client, company: i64, call: &Value) {
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
    let rows = detail["phoneLog"]["phoneLogs"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["speaker"] == "AI"), "{number}: {rows:?}");
    assert!(rows.iter().any(|row| row["speaker"] == "ME"), "{number}: {rows:?}");
    for row in rows {
        let place = |name: &str| usize::try_from(row[name].as_i64().unwrap()).unwrap() * SAMPLES_PER_MS;
        let (from, until) = (place("startTime"), place("endTime"));
        assert!(from <= until && until <= both.len(), "{number}: {row} in {} ms", both.len() / SAMPLES_PER_MS);
        let voice = if row["speaker"] == "ME" { &customer } else { &both };
        let heard = voice[from..until].iter().any(|sample| sample.unsigned_abs() > LOUD);
        // Somebody who hangs up before the robot has begun to speak leaves a row without a voice.
        assert!(heard || from == until, "{number}: nothing is heard of {row}");
    }
}

#[test]
fn a_dead_trunk_is_left_alone_and_the_second_line_carries_the_calls() {
    let callees = Callees::start();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut company = Company::new("1");
    let dead = nobody.local_addr().unwrap().to_string();
    let first = company.line(FIRST_LINE, &dead, &["--reply-seconds", "1", "--options-seconds", "0"]);
    let second = company.line(SECOND_LINE, callees.address(), &[]);
    let client = company.serve();
    // The first five would answer, if anybody heard of them.
    let unlucky = ["13800138020", "13800138021", "13800138023", "13800138024", "13800138025"].map(|number| (number, 0));
    let lucky = [("13800138001", 1), ("13800138002", 2), ("13800138004", 4), ("13800138005", 5), ("13800138006", 6)];
    let expected = [unlucky, lucky].concat();
    let numbers: Vec<&str> = expected.iter().map(|(number, _)| *number).collect();
    let done = company.dialled(&client, &[first, second], 1, &numbers);
    let (failed, carried): (Vec<&Value>, Vec<&Value>) = done.iter().partition(|call| call["callerPhone"] == FIRST_LINE);
    assert!(failed.iter().all(|call| call["finishStatus"] == 3), "{failed:?}");
    // Five failures in a row open the breaker; after half a minute, one call tries the line again.
    assert!((5..=6).contains(&failed.len()), "{failed:?}");
    assert!(!carried.is_empty());
    for call in carried {
        let (_, status) = expected.iter().find(|(number, _)| call["customerTelephone"] == *number).unwrap();
        assert_eq!((&call["callerPhone"], &call["finishStatus"]), (&json!(SECOND_LINE), &json!(status)), "{call}");
    }
    assert!(company.server.take().unwrap().stop().status.success());
}
