//! What real clients do on the wire, and must get away with: over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hutong_api::{ConnectionLimits, Limits};
use hutong_domain::moment::{Clock, Moment};
use hutong_testkit::ManualClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::{APP_KEY, SECRET, World, datetime, sign};

struct Server {
    world: World,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    stopped: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::with(World::new().await, ConnectionLimits::default()).await
    }

    async fn with(world: World, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = oneshot::channel::<()>();
        let router = world.router.clone();
        let stopped = tokio::spawn(hutong_api::serve(listener, router, limits, async {
            let _ = stopping.await;
        }));
        Self { world, address, stop: Some(stop), stopped }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes, and reads until the server closes the connection: properly, not by a reset.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await
    }

    /// The headers that sign a request.
    fn signature(&self) -> String {
        let datetime = datetime(&self.world);
        let sign = sign(APP_KEY, SECRET, &datetime);
        format!("appkey: {APP_KEY}\r\ndatetime: {datetime}\r\nsign: {sign}\r\nHost: h\r\n")
    }

    fn get(&self, target: &str, headers: &str) -> String {
        format!("GET {target} HTTP/1.1\r\n{}{headers}Connection: close\r\n\r\n", self.signature())
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    read.await.expect("the server closes the connection").expect("the connection is not reset");
    String::from_utf8(answer).unwrap()
}

#[track_caller]
fn assert_code(answer: &str, code: i64) {
    assert!(answer.contains(&format!("{{\"code\":{code},")), "{answer}");
}

#[tokio::test]
async fn requests_in_every_spelling_are_understood() {
    let server = Server::start().await;
    let company = server.world.company();
    let target = format!("/openapi/v1/task/getTasks?companyId={company}");
    let with = |headers: &str| server.get(&target, headers);
    for request in [
        with(""),
        with("Content-Length: 0\r\n"),
        with("Content-Type: application/json\r\n"),
        with("contentType: utf-8\r\nContent-Type: text/plain\r\nContent-Type: application/json\r\n"),
        with("").replace("appkey:", "AppKey:").replace("datetime:", "DATETIME:").replace("sign:", "Sign:"),
        with("").replace("sign: ", "sign:   ").replace("\r\nHost", "  \r\nHost"),
        server.get(&format!("/{target}"), ""),
        server.get(&target.replace("/v1/", "///v1//"), ""),
        server.get(&format!("http://api.byrobot.cn{target}"), ""),
        server.get(&format!("http://api.byrobot.cn/{target}"), ""),
        server.get(&format!("{target}&taskName=测试"), ""),
        server.get(&format!("{target}&taskName={{|}}"), ""),
    ] {
        let answer = server.exchange(request.as_bytes()).await;
        assert_code(&answer, 200);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("application/json;charset=utf-8"), "{answer}");
    }
}

#[tokio::test]
async fn bytes_after_the_body_do_no_harm() {
    let server = Server::start().await;
    let body = format!("{{\"companyId\":{}}}", server.world.company());
    let head = |connection: &str| {
        format!(
            "POST /openapi/v1/task/getTasks HTTP/1.1\r\n{}Content-Length: {}\r\nConnection: {connection}\r\n\r\n",
            server.signature(),
            body.len()
        )
    };
    let answer = server.exchange(format!("{}{body}\r\n\r\n", head("close")).as_bytes()).await;
    assert_code(&answer, 200);
    // On a connection that goes on, they stand before the next request.
    let twice = format!("{}{body}\r\n\r\n{}{body}\r\n", head("keep-alive"), head("close"));
    assert_eq!(server.exchange(twice.as_bytes()).await.matches("{\"code\":200,").count(), 2);
}

#[tokio::test]
async fn a_request_that_is_sent_twice_over_a_closing_connection_runs_once() {
    let server = Server::start().await;
    let company = server.world.company();
    let body = format!(
        "{{\"companyId\":{company},\"taskName\":\"一次\",\"taskType\":2,\"userPhoneIds\":[{}],\"robotDefId\":{}}}",
        server.world.ours.line, server.world.ours.robot.id
    );
    let request = format!(
        "POST /openapi/v1/task/createTask HTTP/1.1\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.signature(),
        body.len()
    );
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream.write_all(format!("{request}{request}").as_bytes()).await.unwrap();
        // The answer is read late, so that a reset would have had the time to overtake it.
        tokio::task::yield_now().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_code(&answer, 200);
        stream.write_all(b"and more").await.expect("nothing was reset");
    }
    let tasks = server.world.get(&format!("task/getTasks?companyId={company}")).await;
    assert_eq!(tasks.data()["total"], 20);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_the_envelope() {
    let server = Server::start().await;
    let size = (16 << 20) + 1;
    let head = |framing: &str| {
        format!(
            "POST /openapi/v1/task/getTasks HTTP/1.1\r\n{}{framing}\r\nConnection: close\r\n\r\n",
            server.signature()
        )
    };
    let body = " ".repeat(size);
    let announced = format!("{}{body}", head(&format!("Content-Length: {size}")));
    let chunked = format!("{}{size:x}\r\n{body}\r\n0\r\n\r\n", head("Transfer-Encoding: chunked"));
    for request in [announced, chunked] {
        let answer = server.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert_code(&answer, 413);
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_in_a_time_out() {
    let limits = Limits { request_time_max: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with(World::with_limits(limits).await, ConnectionLimits::default()).await;
    let request = format!(
        "POST /openapi/v1/task/getTasks HTTP/1.1\r\n{}Content-Length: 10\r\nConnection: close\r\n\r\n{{",
        server.signature()
    );
    let answer = server.exchange(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_code(&answer, 503);
}

#[tokio::test]
async fn bodies_take_no_more_memory_than_all_of_them_may() {
    let limits = Limits { bodies_bytes_max: 64, ..Limits::default() };
    let server = Server::with(World::with_limits(limits).await, ConnectionLimits::default()).await;
    let company = server.world.company();
    let request = |body: String| {
        format!(
            "POST /openapi/v1/task/getTasks HTTP/1.1\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            server.signature(),
            body.len()
        )
    };
    let small = format!("{{\"companyId\":{company}}}");
    let large = format!("{small}{}", " ".repeat(64));
    let answer = server.exchange(request(large).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_code(&answer, 503);
    // What was taken is given back, however often.
    for _ in 0..10 {
        assert_code(&server.exchange(request(small.clone()).as_bytes()).await, 200);
    }
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let limits = ConnectionLimits { header_time_max: Duration::from_millis(100), ..ConnectionLimits::default() };
    let server = Server::with(World::new().await, limits).await;
    let answer = server.exchange(b"GET /openapi/v1/task/getTasks HTTP/1.1\r\nappkey").await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let limits = ConnectionLimits { connections_max: 1, ..ConnectionLimits::default() };
    let server = Server::with(World::new().await, limits).await;
    let first = server.connect().await;
    let mut second = server.connect().await;
    let request = server.get("/openapi/v1/company/getCompanys", "");
    second.write_all(request.as_bytes()).await.unwrap();
    drop(first);
    assert_code(&read_all(&mut second).await, 200);
}

#[tokio::test]
async fn a_server_that_stops_answers_what_it_has_begun() {
    let mut server = Server::start().await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    let body = format!("{{\"companyId\":{}}}", server.world.company());
    let head = format!(
        "POST /openapi/v1/task/getTasks HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n",
        server.signature(),
        body.len()
    );
    // One round trip, so that the connection is known to be served; then half a request.
    busy.write_all(format!("{head}{body}{head}").as_bytes()).await.unwrap();
    let mut first = [0; 15];
    busy.read_exact(&mut first).await.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    assert_eq!(read_all(&mut idle).await, "");
    busy.write_all(body.as_bytes()).await.unwrap();
    assert_code(&read_all(&mut busy).await, 200);
    tokio::time::timeout(Duration::from_secs(5), server.stopped).await.unwrap().unwrap();
}

/// A clock that breaks.
struct BrokenClock(ManualClock, Arc<AtomicBool>);

impl Clock for BrokenClock {
    fn now(&self) -> Moment {
        assert!(!self.1.load(Ordering::SeqCst), "the clock is broken");
        self.0.now()
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_answer() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let world = World::build(Limits::default(), |clock| Arc::new(BrokenClock(clock, switch))).await;
    broken.store(true, Ordering::SeqCst);
    let reply = world.get("company/getCompanys").await;
    assert_eq!(reply.status, 200);
    reply.refused(500, "未知错误：");
    assert!(!reply.msg().contains("clock"));
    broken.store(false, Ordering::SeqCst);
    assert_eq!(world.get("company/getCompanys").await.code(), 200);
}

#[tokio::test]
async fn a_password_works_on_the_wire_too() {
    let server = Server::start().await;
    let password = STANDARD.encode(format!("{APP_KEY}:{SECRET}"));
    let request = format!("GET /openapi/v1/company/getCompanys HTTP/1.0\r\nauthorization: Basic {password}\r\n\r\n");
    assert_code(&server.exchange(request.as_bytes()).await, 200);
}
