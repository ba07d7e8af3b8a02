//! What one client may take, so that something is left for the others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::io::{Read, Write};
use std::net::TcpStream;

use hutong_e2e::http::{Request, connect};
use hutong_e2e::{Client, Installation, Server, Tenant};
use serde_json::{Value, json};

/// The most bytes that a body may have.
const BODY_BYTES_MAX: usize = 16 << 20;

struct World {
    // Dropped first: the server ends before its data goes.
    server: Server,
    client: Client,
    tenant: Tenant,
    installation: Installation,
}

fn world(environment: &[(&str, &str)]) -> World {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve_with(environment);
    let client = server.client(&tenant.credentials);
    World { server, client, tenant, installation }
}

/// A request with a body of so many bytes: a good one, and white space after it.
fn padded(bytes: usize) -> Request {
    let mut request = Request::post("/openapi/v1/company/getCompanys", &json!({}));
    request.body.as_mut().unwrap().resize(bytes, b' ');
    request
}

fn check_envelope(envelope: &Value, code: u16) {
    assert_eq!(envelope["code"], code, "{envelope}");
    assert_eq!((&envelope["data"], &envelope["errorStackTrace"]), (&Value::Null, &Value::Null));
    assert!(envelope["resultMsg"].is_string() && envelope["requestId"].is_string(), "{envelope}");
}

#[test]
fn a_body_of_more_than_16_mib_is_refused_in_the_envelope() {
    let world = world(&[]);
    let most = world.client.send(Request { target: "/openapi/v1/task/getTasks".to_owned(), ..padded(BODY_BYTES_MAX) });
    check_envelope(&most.json(), 412);
    assert_eq!(most.status, 200, "a body that is as large as it may be is read: what is missing is a parameter");
    let more = Request { target: "/openapi/v1/task/getTasks".to_owned(), ..padded(BODY_BYTES_MAX + 1) };
    let more = world.client.send(more);
    assert_eq!(more.status, 413);
    check_envelope(&more.json(), 413);
}

#[test]
fn a_body_in_chunks_is_counted_as_it_comes() {
    let world = world(&[]);
    let mut stream = connect(world.server.address()).unwrap();
    let (name, value) = world.tenant.credentials.basic();
    let head = format!(
        "POST /openapi/v1/task/getTasks HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
    for _ in 0..=BODY_BYTES_MAX >> 20 {
        stream.write_all(&chunk).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let answer = hutong_e2e::http::read_answer(stream).unwrap();
    assert_eq!(answer.status, 413);
    check_envelope(&answer.json(), 413);
}

#[test]
fn a_key_that_makes_too_many_requests_waits_and_others_do_not() {
    let world = world(&[]);
    let limited = world.installation.key(world.tenant.company, &["--requests-per-s", "2"]);
    let limited = world.server.client(&limited);
    let refused = (0..1000).map(|_| limited.send(Request::get("/openapi/v1/company/getCompanys")));
    let refused = refused.into_iter().find(|answer| answer.status != 200).expect("some request is too many");
    assert_eq!(refused.status, 429);
    check_envelope(&refused.json(), 429);
    let other = world.client.get("company/getCompanys", &json!({}));
    assert_eq!(other["code"], 200, "another key has a limit of its own");
    hutong_e2e::wait::until("the key may go on", || {
        let answer = limited.get("company/getCompanys", &json!({}));
        (answer["code"] == 200).then_some(())
    });
}

#[test]
fn headers_that_never_end_are_cut() {
    let world = world(&[("HUTONG_API__HEADER_TIMEOUT_S", "1")]);
    let mut stream = connect(world.server.address()).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the server closes the connection, not the test's patience");
    let text = String::from_utf8_lossy(&rest);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    assert_eq!(world.client.get("company/getCompanys", &json!({}))["code"], 200);
}

#[test]
fn a_connection_that_says_nothing_is_cut() {
    let world = world(&[("HUTONG_API__HEADER_TIMEOUT_S", "1")]);
    let mut stream = connect(world.server.address()).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the server closes the connection, not the test's patience");
}

#[test]
fn two_hundred_idle_connections_keep_nobody_out() {
    let world = world(&[]);
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(world.server.address()).unwrap()).collect();
    let mut half: Vec<TcpStream> = (0..200).map(|_| connect(world.server.address()).unwrap()).collect();
    for stream in &mut half {
        stream.write_all(b"POST /openapi/v1/task/getTasks HTTP/1.1\r\nHost:").unwrap();
    }
    for _ in 0..20 {
        assert_eq!(world.client.get("company/getCompanys", &json!({}))["code"], 200);
    }
    assert_eq!(idle.len() + half.len(), 400);
}

#[test]
fn headers_that_are_too_large_are_refused() {
    let world = world(&[]);
    let large = Request::get("/openapi/v1/company/getCompanys").header("X-Large", &"x".repeat(128 << 10));
    let answer = large.send(world.server.address()).unwrap();
    assert_eq!(answer.status, 431);
    assert_eq!(world.client.get("company/getCompanys", &json!({}))["code"], 200);
}

#[test]
fn a_body_that_comes_byte_by_byte_is_cut() {
    let world = world(&[("HUTONG_API__REQUEST_TIMEOUT_S", "1")]);
    let stream = connect(world.server.address()).unwrap();
    let (name, value) = world.tenant.credentials.basic();
    let head = format!(
        "POST /openapi/v1/task/getTasks HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\nContent-Length: 100000\r\n\r\n"
    );
    let mut slow = stream.try_clone().unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    let dripping = std::thread::spawn(move || {
        while slow.write_all(b" ").is_ok() {
            hutong_e2e::wait::pause();
        }
    });
    let answer = hutong_e2e::http::read_answer(stream).expect("an answer, and the end of the connection");
    assert_eq!(answer.status, 503);
    check_envelope(&answer.json(), 503);
    dripping.join().expect("the server closes the connection to whoever still writes");
    assert_eq!(world.client.get("company/getCompanys", &json!({}))["code"], 200);
}

#[test]
fn whoever_does_not_read_an_answer_is_cut() {
    let world = world(&[("HUTONG_API__WRITE_TIMEOUT_S", "1"), ("HUTONG_LOG__LEVEL", "debug")]);
    let mut stream = connect(world.server.address()).unwrap();
    let script = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
    // More than the system keeps on its way.
    let requests = 50;
    stream.write_all(script.repeat(requests).as_bytes()).unwrap();
    world.server.wait_for_log(1, |line| line.contains("a connection ended early"));
    let whole = Request::get("/docs/swagger-ui-bundle.js").send(world.server.address()).unwrap().body.len();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < requests * whole, "{} bytes of {whole} each", received.len());
}

/// Whether a connection is served: one that is refused is closed without a word.
fn is_served(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    sent.is_ok() && matches!(stream.read(&mut byte), Ok(1))
}

#[test]
fn an_address_has_no_more_connections_than_it_may() {
    let world = world(&[("HUTONG_API__CONNECTIONS_PER_ADDRESS_MAX", "3")]);
    let address = world.server.address();
    let mut kept: Vec<TcpStream> = (0..3).map(|_| connect(address).unwrap()).collect();
    assert!(kept.iter_mut().all(is_served));
    assert!(!is_served(&mut connect(address).unwrap()), "one too many");
    assert!(kept.iter_mut().all(is_served), "the others go on");
    kept.pop();
    hutong_e2e::wait::until("there is room for another", || is_served(&mut connect(address).unwrap()).then_some(()));
}

#[test]
fn a_proxy_has_as_many_connections_as_it_likes() {
    let limits = [("HUTONG_API__CONNECTIONS_PER_ADDRESS_MAX", "3"), ("HUTONG_API__TRUSTED_PROXIES", "[\"127.0.0.1\"]")];
    let world = world(&limits);
    let mut kept: Vec<TcpStream> = (0..10).map(|_| connect(world.server.address()).unwrap()).collect();
    assert!(kept.iter_mut().all(is_served));
}

#[test]
fn a_flood_of_bad_signatures_is_turned_away_and_good_ones_are_not() {
    let limits = [("HUTONG_API__FAILED_REQUESTS_PER_S_MAX", "20"), ("HUTONG_API__TRUSTED_PROXIES", "[\"127.0.0.1\"]")];
    let world = world(&limits);
    let companies = || Request::get("/openapi/v1/company/getCompanys");
    assert_eq!(world.client.send(companies()).json()["code"], 200);
    let stranger = |n: usize| {
        let credentials = hutong_e2e::Credentials { key: format!("stranger{n}"), secret: "x".to_owned() };
        world.server.client(&credentials).send(companies())
    };
    let answers: Vec<_> = (0..400).map(stranger).collect();
    let refused = answers.iter().find(|answer| answer.status != 200).expect("some request is too many");
    assert_eq!(refused.status, 429);
    check_envelope(&refused.json(), 429);
    check_envelope(&answers[0].json(), 401);
    // The same with the name of a good key.
    let guess = hutong_e2e::Credentials { secret: "guess".to_owned(), ..world.tenant.credentials.clone() };
    let guess = world.server.client(&guess);
    assert!((0..400).any(|_| guess.send(companies()).status == 429));
    // And without any proof, for nothing that there is.
    assert!((0..400).any(|_| Request::get("/openapi/nothing").send(world.server.address()).unwrap().status == 429));
    assert_eq!(world.client.send(companies()).json()["code"], 200, "whoever proves who he is gets his answer");
    let elsewhere = companies().header("X-Forwarded-For", "192.0.2.7");
    assert_eq!(guess.send(elsewhere).json()["code"], 401, "another address has failures of its own");
    let logged = world.server.log().lines().filter(|line| line.contains("request refused")).count();
    let looked_at = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(logged < looked_at + 400, "a flood does not fill the log: {logged} lines");
}
