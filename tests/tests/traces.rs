//! Traces, as a collector gets them: a call is one trace, and a collector that is slow holds up nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use hutong_e2e::wait::until;
use hutong_e2e::{Demo, Installation, program};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

/// A collector of traces on a free port.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let taken = spans.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taken = taken.clone();
                std::thread::spawn(move || take(stream, &taken));
            }
        });
        Self { url, spans }
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

/// Takes what comes on a connection.
fn take(stream: TcpStream, taken: &Mutex<Vec<Span>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut answers = stream;
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim().to_ascii_lowercase());
        }
        assert_eq!(head[0], "post /v1/traces http/1.1");
        assert!(head.contains(&"content-type: application/x-protobuf".to_owned()), "{head:?}");
        assert!(head.contains(&"authorization: bearer token-of-the-collector".to_owned()), "{head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).map_or("0", |it| it);
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let request = ExportTraceServiceRequest::decode(&body[..]).expect("a request of OTLP");
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        taken.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}

fn environment(url: &str) -> [(&str, &str); 2] {
    [("HUTONG_TRACES__URL", url), ("HUTONG_TRACES__KEY", "token-of-the-collector")]
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// The spans by their traces.
fn by_trace(spans: Vec<Span>) -> BTreeMap<Vec<u8>, Vec<Span>> {
    let mut traces = BTreeMap::<_, Vec<Span>>::new();
    for span in spans {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    traces
}

fn names(trace: &[Span]) -> BTreeSet<&str> {
    trace.iter().map(|span| span.name.as_str()).collect()
}

/// A trace of a call is whole: one root, and every other span within the span that it belongs to.
fn check_whole(trace: &[Span]) {
    let by_id: BTreeMap<&[u8], &Span> = trace.iter().map(|span| (&span.span_id[..], span)).collect();
    let roots: Vec<&Span> = trace.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!(roots.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["call"], "{trace:?}");
    for span in trace.iter().filter(|span| !span.parent_span_id.is_empty()) {
        let parent = by_id.get(&span.parent_span_id[..]).unwrap_or_else(|| panic!("{} has no parent", span.name));
        let parents: &[&str] = match span.name.as_str() {
            "claim" | "dial" | "ring" | "answer" | "turn" | "finish" => &["call"],
            "invite" => &["ring"],
            "speak" | "hear" | "understand" | "transfer" => &["turn"],
            other => panic!("what is {other}?"),
        };
        assert!(parents.contains(&parent.name.as_str()), "{} in {}", span.name, parent.name);
        let is_within = parent.start_time_unix_nano <= span.start_time_unix_nano
            && span.start_time_unix_nano <= span.end_time_unix_nano
            && span.end_time_unix_nano <= parent.end_time_unix_nano;
        assert!(is_within, "{span:?} in {parent:?}");
    }
}

/// Whether a text has a mobile number in it.
fn has_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 11 && digits.starts_with('1'))
}

#[test]
fn a_call_is_one_trace() {
    let (collector, folder) = (Collector::start(), tempfile::tempdir().unwrap());
    let demo = Demo::start(&folder.path().join("data"), &environment(&collector.url));
    let talked = |spans: &[Span]| {
        let ended: BTreeSet<&[u8]> =
            spans.iter().filter(|span| span.name == "call").map(|it| &it.trace_id[..]).collect();
        spans.iter().any(|span| span.name == "understand" && ended.contains(&span.trace_id[..]))
    };
    until("a call with a conversation has ended", || talked(&collector.spans()).then_some(()));
    let company = json!({ "companyId": demo.number("COMPANY_ID") });
    assert_eq!(demo.client().get("task/getTasks", &company)["code"], 200);
    assert!(demo.server.stop().status.success());

    let traces = by_trace(collector.spans());
    let calls: Vec<&Vec<Span>> = traces.values().filter(|trace| names(trace).contains("call")).collect();
    let mut attempts = BTreeSet::new();
    for trace in &calls {
        check_whole(trace);
        let call = trace.iter().find(|span| span.name == "call").unwrap();
        let of = |key: &str| attribute(call, key).unwrap_or_else(|| panic!("no {key} in {call:?}"));
        assert!(attempts.insert((of("call"), of("attempt"))), "an attempt has one trace: {call:?}");
        assert_eq!(of("driver"), "sip");
        let outcome = of("outcome");
        assert!(
            names(trace).is_superset(&["claim", "dial", "ring", "invite", "finish"].into()) || outcome == "interrupted"
        );
        assert_eq!(names(trace).contains("answer"), names(trace).contains("turn"), "{outcome}");
    }
    assert!(
        calls.iter().any(|trace| names(trace).is_superset(&["answer", "turn", "speak", "hear", "understand"].into()))
    );
    let requests = traces.values().filter(|trace| names(trace).contains("request"));
    let paths: Vec<String> = requests.filter_map(|trace| attribute(&trace[0], "path")).collect();
    assert!(paths.contains(&"/openapi/v1/task/getTasks".to_owned()), "{paths:?}");
    for span in traces.values().flatten() {
        assert!(!has_number(&format!("{:?}", span.attributes)), "{span:?}");
    }
}

#[test]
fn a_collector_that_never_answers_holds_up_nothing() {
    // It listens, and that is all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 5);
    let server = installation.serve_with(&environment(&url));
    let client = server.client(&tenant.credentials);
    let numbers = ["13800138004", "13800138005", "13800138006"].map(str::to_owned);
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 5 }), &numbers);
    until("the calls are over", || {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (done["total"] == 3).then_some(())
    });
    until("the log says that traces are lost", || server.log().contains("traces are lost").then_some(()));
    let stopped = server.stop();
    assert!(stopped.status.success());
    assert_eq!(stopped.log.matches("traces are lost").count(), 1, "once, however many there are: {}", stopped.log);
}

#[test]
fn the_doctor_asks_the_collector() {
    let installation = Installation::new();
    let _tenant = installation.tenant("公司", 1);
    let doctor = |url: &str| {
        let mut command = program::command();
        command.env("HUTONG_DATA", installation.data()).envs(environment(url)).arg("doctor");
        program::finish(&mut command)
    };
    let collector = Collector::start();
    let fine = doctor(&collector.url);
    assert!(fine.stdout.contains("/v1/traces, which takes them"), "{}", fine.stdout);
    let gone = doctor("http://127.0.0.1:9");
    assert_eq!(gone.code, Some(1));
    assert!(gone.stdout.contains("traces are lost") && gone.stdout.contains("traces.url"), "{}", gone.stdout);
}
