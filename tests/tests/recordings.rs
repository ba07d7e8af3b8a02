//! Recordings of a real server: what a crash left is taken up, the API gives addresses of it, and browsers play them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::path::Path;

use futures::executor::block_on;
use hutong_domain::ids::{CallId, TaskId};
use hutong_e2e::recording::{fetch, samples};
use hutong_e2e::{Installation, Server, wait};
use hutong_store::finish::Ending;
use hutong_store::{Options, Store, Url};
use hutong_testkit::Fixture;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;
use serde_json::json;

/// A second of both voices.
const SAMPLES: usize = 8000;
const BOTH: &str = "2020/01/02/7/493-1.wav";
const CUSTOMER: &str = "2020/01/02/7/493-1-customer.wav";

/// A store with one answered call that was recorded; its company, task and id.
fn recorded_call(data: &Path) -> (i64, TaskId, CallId) {
    let store = Store::open(&Options::new(Url::Sqlite(data.join("hutong.db"))), START).unwrap();
    block_on(async {
        let fixture = Fixture::new(&store).await;
        let task = fixture.running_task(settings(), 1).await;
        let claimed = fixture.look(task).await.claimed.remove(0);
        fixture.answer(&claimed).await;
        let recording = Some(BOTH.to_owned());
        let customer_recording = Some(CUSTOMER.to_owned());
        fixture.finish(&claimed, Ending { recording, customer_recording, ..fixture.answered(1, 1, &[]) }).await;
        (fixture.company.get(), task, claimed.call)
    })
}

fn customer(n: usize) -> i16 {
    i16::try_from(n).unwrap()
}

/// The spool of a server that was killed in mid-call: samples behind a header that does not count them yet.
fn cut_off_recording(data: &Path) {
    let live = data.join("spool/live");
    std::fs::create_dir_all(&live).unwrap();
    let pairs = (0..SAMPLES).flat_map(|n| [customer(n).to_le_bytes(), 5_i16.to_le_bytes()]).flatten();
    let bytes: Vec<u8> = [0; 80].into_iter().chain(pairs).collect();
    std::fs::write(live.join("2020_01_02_7_493-1-stereo.wav"), bytes).unwrap();
}

#[test]
fn a_recording_that_a_crash_cut_off_is_played_in_the_end() {
    let installation = Installation::new();
    let (company, task, call) = recorded_call(installation.data());
    cut_off_recording(installation.data());
    let credentials = installation.key(company, &[]);
    let urls = |server: &Server| {
        let client = server.client(&credentials);
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task.get() }));
        let asked = json!({ "callInstanceId": call.get(), "companyId": company });
        let detail = client.read("task/phoneLogInfo", &asked);
        assert_eq!(detail["phoneLog"]["luyinOssUrl"], done["list"][0]["luyinOssUrl"]);
        let text = |url: &serde_json::Value| url.as_str().expect("an address").to_owned();
        (text(&done["list"][0]["luyinOssUrl"]), text(&detail["sceneInstance"]["userLuyinOssUrl"]))
    };

    let server = installation.serve();
    let (both, customer_alone) = urls(&server);
    assert!(both.starts_with(&format!("http://{}/recordings/{BOTH}?expires=", server.address())), "{both}");
    let whole = fetch(&both, &[]);
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("audio/wav")));
    assert_eq!(samples(&whole.body), (0..SAMPLES).map(|n| customer(n) + 5).collect::<Vec<_>>());
    let alone = fetch(&customer_alone, &[]);
    assert_eq!(samples(&alone.body), (0..SAMPLES).map(customer).collect::<Vec<_>>());
    let part = fetch(&both, &[("Range", "bytes=1000-1999")]);
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 1000-1999/16044")));
    assert_eq!(part.body, whole.body[1000..2000]);
    let seeking = fetch(&both, &[("Range", "bytes=16000-"), ("If-Range", whole.header("etag").unwrap())]);
    assert_eq!((seeking.status, seeking.body), (206, whole.body[16_000..].to_vec()));
    assert_eq!(fetch(&both.replace("493-1", "493-2"), &[]).status, 403);
    assert_eq!(fetch(&both.replace("signature=", "signature=A"), &[]).status, 403);
    assert!(server.stop().status.success());

    let kept = installation.data().join("recordings");
    assert_eq!(std::fs::read(kept.join(BOTH)).unwrap(), whole.body);
    assert!(kept.join("2020/01/02/7/493-1-stereo.wav").is_file());
    // The address is good for another server with the same key.
    let server = installation.serve_with(&[("HUTONG_PUBLIC_URL", "https://calls.example.com/hutong/")]);
    let (_, path) = both.split_once("/recordings/").unwrap();
    assert_eq!(fetch(&format!("http://{}/recordings/{path}", server.address()), &[]).body, whole.body);
    assert!(urls(&server).0.starts_with("https://calls.example.com/hutong/recordings/2020/"));
    assert!(server.stop().status.success());

    // What is not kept any more is deleted, and has no address.
    let server = installation.serve_with(&[("HUTONG_RECORDINGS__KEEP_DAYS", "1")]);
    let client = server.client(&credentials);
    let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task.get() }));
    assert!(done["list"][0]["luyinOssUrl"].is_null(), "{done}");
    wait::until("the recordings of that day are deleted", || (!kept.join("2020").exists()).then_some(()));
    assert!(server.stop().status.success());
}
