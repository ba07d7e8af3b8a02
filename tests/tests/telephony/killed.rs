//! A side of a call is killed while it goes on: the trunk, or the server itself.

use std::path::{Path, PathBuf};

use hutong_e2e::Client;
use hutong_e2e::callees::Callees;
use hutong_e2e::recording::{fetch, files, is_heard, samples};
use hutong_e2e::wait::until;
use serde_json::{Value, json};

use crate::company::{Company, FIRST_LINE};

/// Bytes before the first sample in the recording of a call that goes on.
const HEADER_BYTES: usize = 80;

/// Answer and say nothing, or nothing that makes sense: the robot talks on.
pub(crate) const SILENT: &str = "13800138025";
const PUZZLING: &str = "13800138024";
/// Lets it ring for as long as anybody waits.
const RINGS: &str = "13800138008";

const ANSWERED: i64 = 0;
const RANG_OUT: i64 = 8;
const LINE_FAILED: i64 = 3;
const LOST: i64 = 10;

/// Waits until something is heard in the recordings of so many calls that go on: a robot that speaks, or ringing.
pub(crate) fn until_heard(data: &Path, calls: usize) {
    until("the calls are recorded", || {
        let heard = |file: &PathBuf| {
            let bytes = std::fs::read(file).ok()?;
            let voices = bytes.get(HEADER_BYTES..)?.chunks_exact(2);
            let voices: Vec<i16> = voices.map(|sample| i16::from_le_bytes([sample[0], sample[1]])).collect();
            is_heard(&voices).then_some(())
        };
        (files(&data.join("spool/live")).iter().filter_map(heard).count() == calls).then_some(())
    });
}

/// What `hutong why` says of the attempts of a number, one a line.
pub(crate) fn attempts(company: &Company, task: &Value, number: &str) -> Vec<String> {
    let printed = company.installation.run(&["why", "--task", &task.to_string(), "--number", number, "--english"]);
    printed.lines().skip(2).map(str::to_owned).collect()
}

/// The finished calls of a task, once there are any.
pub(crate) fn finished(client: &Client, task: &Value) -> Vec<Value> {
    until("the call has finished", || {
        let done = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (!done.is_empty()).then_some(done)
    })
}

fn waiting(client: &Client, task: &Value) -> Value {
    until("the number waits", || {
        let waiting = client.read("task/notDialedCustomerList", &json!({ "taskId": task }));
        (waiting["list"][0]["status"] == 3).then(|| waiting["list"][0].clone())
    })
}

/// The samples of both voices of a call, as a client hears them.
pub(crate) fn listened_to(client: &Client, company: &Company, call: &Value) -> Vec<i16> {
    let asked = json!({ "callInstanceId": call["callInstanceId"], "companyId": company.id });
    let whole = until("the recording can be fetched", || {
        let detail = client.read("task/phoneLogInfo", &asked);
        assert!(call["luyinOssUrl"].is_string(), "the feed shows it as well: {call}");
        let answer = fetch(detail["phoneLog"]["luyinOssUrl"].as_str().expect("an address"), &[]);
        (answer.status == 200).then_some(answer)
    });
    samples(&whole.body)
}

fn redials(status: i64) -> Value {
    json!({ "repeatCall": true, "repeatCallRule": [{ "phoneStatus": status, "times": 1, "interval": 120 }] })
}

#[test]
fn a_trunk_that_is_killed_ends_each_call_once() {
    let callees = Callees::start();
    let mut company = Company::new("5");
    let waits = ["--ring-seconds", "10", "--reply-seconds", "1", "--options-seconds", "0"];
    let line = company.line(FIRST_LINE, callees.address(), &waits);
    let client = company.serve_with(&[("HUTONG_MEDIA__SILENCE_S", "2")]);
    let talks = company.dial(&client, &[line], &[SILENT], &redials(LOST));
    let rings = company.dial(&client, &[line], &[RINGS], &redials(LINE_FAILED));
    until_heard(company.installation.data(), 2);
    drop(callees);
    let late = company.dial(&client, &[line], &[PUZZLING], &redials(LINE_FAILED));

    // Whoever fell silent has hung up; who let it ring is let go when that takes too long.
    for (task, number, status, ended) in
        [(&talks, SILENT, ANSWERED, "answered"), (&rings, RINGS, RANG_OUT, "ring_timeout")]
    {
        let done = finished(&client, task);
        assert_eq!((done.len(), &done[0]["finishStatus"]), (1, &json!(status)), "{done:?}");
        assert!(is_heard(&listened_to(&client, &company, &done[0])), "{}", done[0]);
        let tried = attempts(&company, task, number);
        assert!(tried.len() == 1 && tried[0].contains(&format!("\t{ended}")), "{tried:?}");
    }
    // A number that the trunk was not even asked for is called again, as the task's rule says.
    assert_eq!(waiting(&client, &late)["calledTimes"], 1);
    let tried = attempts(&company, &late, PUZZLING);
    assert!(tried.len() == 1 && tried[0].contains("\ttrunk_dead"), "{tried:?}");
    let feed = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": late }));
    assert_eq!(feed["total"], 0, "a call that waits for a redial has not finished");

    assert!(company.server.take().unwrap().stop().status.success());
    let left = files(&company.installation.data().join("spool/live"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_killed_server_had_recorded_is_found_with_its_call() {
    let callees = Callees::start();
    let mut company = Company::new("5");
    let line = company.line(FIRST_LINE, callees.address(), &[]);
    let client = company.serve();
    let talked = company.dial(&client, &[line], &[SILENT], &json!({}));
    let rang = company.dial(&client, &[line], &[RINGS], &json!({}));
    let redialled = company.dial(&client, &[line], &[PUZZLING], &redials(LOST));
    until_heard(company.installation.data(), 3);
    company.server.take().unwrap().kill();

    let client = company.serve();
    for task in [&talked, &rang] {
        let done = finished(&client, task);
        assert_eq!((done.len(), &done[0]["finishStatus"]), (1, &json!(LOST)), "{done:?}");
        // What nobody answered begins with what was heard before the answer.
        assert!(is_heard(&listened_to(&client, &company, &done[0])), "{}", done[0]);
    }
    assert_eq!(waiting(&client, &redialled)["calledTimes"], 1);
    let folder = |path: &str| company.installation.data().join(path);
    until("nothing is left in the spool", || {
        let left = ["spool/live", "spool/kept", "spool/ready"].map(|path| files(&folder(path)));
        left.iter().all(Vec::is_empty).then_some(())
    });
    let kept = files(&folder("recordings"));
    // Three files of each of the two: the third call goes on, and no row names what was recorded of it.
    assert_eq!(kept.len(), 6, "{kept:?}");
    assert!(company.server.take().unwrap().stop().status.success());
}
