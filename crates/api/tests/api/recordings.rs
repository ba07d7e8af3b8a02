//! Recordings: their addresses in answers, and what they are answered with.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, StatusCode};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hutong_api::{Limits, LookedUp, ReadError, RecordingFile, RecordingFiles, Recordings};
use hutong_domain::moment::Moment;
use hutong_store::finish::Ending;
use hutong_testkit::fixture::settings;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::world::World;

const BOTH: &str = "2026/11/22/7/493-1.wav";
const CUSTOMER: &str = "2026/11/22/7/493-1-customer.wav";
const OUTDATED: &str = "2020/01/01/7/1-1.wav";
const BEING_MADE: &str = "2026/11/22/7/494-1.wav";
const BROKEN: &str = "2026/11/22/7/495-1.wav";
const MISSING: &str = "2026/11/22/7/496-1.wav";
const PIECE_BYTES: usize = 100;

/// Recordings in memory.
struct Files(HashMap<&'static str, Bytes>);

impl RecordingFiles for Files {
    fn is_kept(&self, name: &str) -> bool {
        name != OUTDATED
    }

    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<LookedUp, ReadError>> {
        let found = match name {
            BEING_MADE => Ok(LookedUp::BeingMade),
            BROKEN => Err("out of order".into()),
            _ => Ok(self.0.get(name).map_or(LookedUp::Missing, |bytes| LookedUp::Found(file(bytes.clone())))),
        };
        async { found }.boxed()
    }
}

fn file(bytes: Bytes) -> RecordingFile {
    let size = bytes.len() as u64;
    let read = move |range: Range<u64>| {
        let part = bytes.slice(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap());
        let pieces: Vec<_> = part.chunks(PIECE_BYTES).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        async move { Ok(futures::stream::iter(pieces).boxed()) }.boxed()
    };
    RecordingFile { size, modified: Moment(1_544_664_437_000), read: Box::new(read) }
}

fn content() -> Bytes {
    (0..1000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

async fn world() -> World {
    let files = Arc::new(Files(HashMap::from([(BOTH, content()), (CUSTOMER, Bytes::from_static(b"customer"))])));
    World::with_recordings(Limits::default(), |clock| {
        Recordings::new(files, "https://calls.example.com/", &[7; 32], Duration::from_secs(86_400), Arc::new(clock))
    })
    .await
}

/// The address that the API gives for a recording, without the server.
async fn address(world: &World, recording: &str) -> String {
    let (list, _) = urls(world, recording, CUSTOMER).await;
    list.as_str().unwrap().strip_prefix("https://calls.example.com").unwrap().to_owned()
}

/// What the API says of the recordings of an answered call: in the feed, and in its detail.
async fn urls(world: &World, recording: &str, customer: &str) -> (Value, Value) {
    let task = world.ours.running_task(settings(), 1).await;
    let claimed = world.ours.look(task).await.claimed.remove(0);
    world.ours.answer(&claimed).await;
    let ending = Ending {
        recording: Some(recording.to_owned()),
        customer_recording: Some(customer.to_owned()),
        ..world.ours.answered(27, 2, &[])
    };
    world.ours.finish(&claimed, ending).await;
    let company = world.company();
    let done = world.get(&format!("task/queryDoneTaskPhones?callJobId={task}")).await;
    let detail = format!("task/phoneLogInfo?callInstanceId={}&companyId={company}", claimed.call);
    let detail = world.get(&detail).await.data().clone();
    let url = done.data()["list"][0]["luyinOssUrl"].clone();
    assert_eq!(detail["phoneLog"]["luyinOssUrl"], url);
    assert_eq!(detail["sceneInstance"]["luyinOssUrl"], url);
    (url, detail["sceneInstance"]["userLuyinOssUrl"].clone())
}

async fn fetch(world: &World, method: Method, address: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let request = Request::builder().method(method).uri(address);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn bytes(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn an_answer_gives_addresses_that_need_nothing_else() {
    let world = world().await;
    let (both, customer) = urls(&world, BOTH, CUSTOMER).await;
    let path = |url: &Value| url.as_str().unwrap().replace("https://calls.example.com/", "/");
    assert!(both.as_str().unwrap().starts_with(&format!("https://calls.example.com/recordings/{BOTH}?expires=")));

    let response = fetch(&world, Method::GET, &path(&both), &[]).await;

    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-type"), header("content-length")), ("audio/wav".to_owned(), "1000".to_owned()));
    assert_eq!(header("accept-ranges"), "bytes");
    assert_eq!(header("etag"), "\"3e8\"");
    assert_eq!(header("last-modified"), "Thu, 13 Dec 2018 01:27:17 GMT");
    assert_eq!(bytes(response).await, content());
    let response = fetch(&world, Method::GET, &path(&customer), &[]).await;
    assert_eq!(bytes(response).await, "customer");
}

#[tokio::test]
async fn parts_are_answered_as_players_ask_for_them() {
    let world = world().await;
    let address = address(&world, BOTH).await;
    let all = content();
    for (asked, expected) in [("bytes=0-", 0..1000), ("bytes=250-749", 250..750), ("bytes=-1", 999..1000)] {
        let response = fetch(&world, Method::GET, &address, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{asked}");
        let told = format!("bytes {}-{}/1000", expected.start, expected.end - 1);
        assert_eq!(response.headers()["content-range"], told);
        assert_eq!(response.headers()["content-length"], expected.len().to_string());
        assert_eq!(bytes(response).await, all.slice(expected));
    }
    let response = fetch(&world, Method::GET, &address, &[("range", "bytes=1000-")]).await;
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(response.headers()["content-range"], "bytes */1000");
    // The client has a part of something else.
    let response = fetch(&world, Method::GET, &address, &[("range", "bytes=5-9"), ("if-range", "\"x\"")]).await;
    assert_eq!((response.status(), bytes(response).await), (StatusCode::OK, all));
    let response = fetch(&world, Method::GET, &address, &[("if-none-match", "\"3e8\"")]).await;
    assert_eq!((response.status(), bytes(response).await), (StatusCode::NOT_MODIFIED, Bytes::new()));
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let world = world().await;
    let address = address(&world, BOTH).await;
    let response = fetch(&world, Method::HEAD, &address, &[("range", "bytes=0-9")]).await;
    assert_eq!((response.status(), &response.headers()["content-length"]), (StatusCode::OK, &"1000".parse().unwrap()));
    assert_eq!(response.headers()["accept-ranges"], "bytes");
    assert_eq!(bytes(response).await, "");
    let response = fetch(&world, Method::POST, &address, &[]).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_said_in_words() {
    let world = world().await;
    let good = address(&world, BOTH).await;
    let check = async |address: &str, status: StatusCode, words: &str| {
        let response = fetch(&world, Method::GET, address, &[]).await;
        assert_eq!(response.status(), status, "{address}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
        let said = bytes(response).await;
        assert!(String::from_utf8_lossy(&said).contains(words), "{said:?}");
    };
    check(&good.replace("493", "492"), StatusCode::FORBIDDEN, "no address that the server gave out").await;
    check(&format!("/recordings/{BOTH}"), StatusCode::FORBIDDEN, "no address").await;
    check("/recordings/../../etc/passwd", StatusCode::FORBIDDEN, "no address").await;
    check("/recordings/%2e%2e/%2e%2e/etc/passwd?expires=9&signature=x", StatusCode::FORBIDDEN, "no address").await;
    check(&address(&world, MISSING).await, StatusCode::NOT_FOUND, "no such recording").await;
    check(&address(&world, BEING_MADE).await, StatusCode::SERVICE_UNAVAILABLE, "being made").await;
    check(&address(&world, BROKEN).await, StatusCode::SERVICE_UNAVAILABLE, "cannot be read now").await;
    world.ours.clock.advance(Duration::from_secs(86_400 + 3600));
    check(&good, StatusCode::FORBIDDEN, "expired").await;
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_null() {
    let world = world().await;
    assert_eq!(urls(&world, OUTDATED, OUTDATED).await, (Value::Null, Value::Null));
}
