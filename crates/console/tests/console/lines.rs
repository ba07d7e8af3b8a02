//! Lines, test calls, and trying speech.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE};
use axum::http::{Request, StatusCode};
use hutong_accounts::csrf_token;
use hutong_domain::access::Role;
use hutong_domain::ids::LineId;
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::Moment;
use hutong_store::audit::{self, Filter};
use hutong_store::line::{self, Line};
use hutong_store::vault::{KEY_BYTES, Vault};
use hutong_testkit::clock::{START, zone};
use hutong_trunks::settings;

use crate::world::{Browser, World};

const SIP: &[(&str, &str)] = &[
    ("name", "主线"),
    ("phone", "02100000000"),
    ("kind", "6"),
    ("driver", "sip"),
    ("channels", "30"),
    ("calls_per_s", "5"),
    ("ramp_s", "10"),
    ("server", "trunk.example:5070"),
    ("transport", "tcp"),
    ("user", "account"),
    ("password", "hunter2hunter2"),
    ("register", "1"),
    ("caller_id", "from"),
    ("called", "0=+86\r\n"),
    ("srtp", "off"),
    ("ring_s", "40"),
];

fn form(changed: &[(&str, &str)]) -> String {
    let kept = SIP.iter().filter(|(name, _)| changed.iter().all(|(known, _)| known != name));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.chain(changed)).finish()
}

async fn lines(world: &World) -> Vec<Line> {
    world.ours.write(line::of_company).await
}

/// A SIP line that the form has made.
async fn made(world: &World, admin: &Browser<'_>) -> Line {
    let reply = admin.post(&world.path("lines"), &form(&[])).await;
    assert!(reply.location().starts_with(&world.path("lines/")), "{} {}", reply.status, reply.html);
    lines(world).await.pop().unwrap()
}

fn vault() -> Vault {
    Vault::new(&[7; KEY_BYTES])
}

#[tokio::test]
async fn a_line_is_made_with_a_password_that_nobody_sees_again() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let made = made(&world, &admin).await;
    assert_eq!(
        (made.name.as_str(), made.kind, made.driver, made.channels),
        ("主线", LineKind::Sip, LineDriver::Sip, Some(30))
    );
    assert!(!made.settings.contains("hunter2"));
    let trunk = settings::open(&made.settings, &vault()).unwrap();
    assert_eq!((trunk.password.unwrap().0.as_str(), trunk.ring_s, trunk.called.len()), ("hunter2hunter2", 40, 1));
    let page = world.path(&format!("lines/{}", made.id));
    admin.get(&page).await.shows("trunk.example:5070").shows("已注册").shows("OPTIONS 17 ms").lacks("hunter2");
    admin.get(&world.path("lines")).await.shows("主线").shows("0 / 30").lacks("hunter2");
    let changed = admin.post(&page, &form(&[("password", ""), ("ring_s", "50"), ("channels", "")])).await;
    changed.shows("已保存").lacks("hunter2");
    let after = lines(&world).await.pop().unwrap();
    let trunk = settings::open(&after.settings, &vault()).unwrap();
    assert_eq!((trunk.password.unwrap().0.as_str(), trunk.ring_s, after.channels), ("hunter2hunter2", 50, None));
    admin.post(&format!("{page}/enabled"), "enabled=false").await.shows("已停用");
    assert!(!lines(&world).await.pop().unwrap().enabled);
    let filter = Filter { actor: Some("user admin".to_owned()), action: Some("line.".to_owned()), ..Filter::default() };
    let log = world.ours.store.read(move |db| audit::list(db, &filter, 10)).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["line.update", "line.update", "line.create"]);
    let told = format!("{:?} {:?}", log[1].before, log[1].after);
    assert!(!told.contains("password"), "a password that stays is no change: {told}");
}

#[tokio::test]
async fn what_is_wrong_with_a_line_is_told_at_its_field() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let line = made(&world, &admin).await;
    let before = lines(&world).await;
    for (field, value, at) in [
        ("name", "", "name-problem"),
        ("phone", "12", "phone-problem"),
        ("kind", "9", "kind-problem"),
        ("channels", "-1", "channels-problem"),
        ("calls_per_s", "many", "calls_per_s-problem"),
        ("calls_per_s", "", "ramp_s-problem"),
        ("server", "", "server-problem"),
        ("server", "no host at all", "server-problem"),
        ("register_s", "5", "register_s-problem"),
        ("called", "0", "called-problem"),
        ("ring_s", "long", "ring_s-problem"),
    ] {
        let refused = admin.post(&world.path("lines"), &form(&[(field, value)])).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        refused.shows(&format!("id=\"{at}\"")).lacks("hunter2");
    }
    let page = world.path(&format!("lines/{}", line.id));
    for (field, value) in [("server", ""), ("channels", "-1"), ("ring_s", "1")] {
        let refused = admin.post(&page, &form(&[(field, value)])).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        refused.shows("-problem\"").lacks("hunter2");
    }
    assert_eq!(lines(&world).await, before);
    let theirs = format!("/c/{}/lines/{}", world.theirs.company, line.id);
    assert_eq!(admin.get(&theirs).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.post(&theirs, &form(&[])).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn operators_try_lines_and_only_admins_change_them() {
    let world = World::new().await;
    let line = made(&world, &world.browser(Role::Admin).await).await;
    let page = world.path(&format!("lines/{}", line.id));
    let operator = world.browser(Role::Operator).await;
    operator.get(&page).await.shows("试拨").lacks("trunk.example").lacks("/enabled");
    let viewer = world.browser(Role::Viewer).await;
    viewer.get(&page).await.lacks("试拨").lacks("trunk.example");
    viewer.get(&world.path("lines")).await.shows("主线").lacks("speech/speak").lacks("lines/new");
    for browser in [&operator, &viewer] {
        for path in [page.clone(), format!("{page}/enabled"), world.path("lines")] {
            assert_eq!(
                browser.post(&path, &(form(&[]) + "&enabled=false")).await.status,
                StatusCode::FORBIDDEN,
                "{path}"
            );
        }
        assert_eq!(browser.get(&world.path("lines/new")).await.status, StatusCode::FORBIDDEN);
    }
    for path in [format!("{page}/test"), world.path("lines/speech/speak")] {
        assert_eq!(viewer.post(&path, "number=13800138000&text=x").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(lines(&world).await.pop().unwrap(), line);
}

#[tokio::test]
async fn a_test_call_is_followed_step_by_step() {
    let world = World::new().await;
    let line = made(&world, &world.browser(Role::Admin).await).await;
    let operator = world.browser(Role::Operator).await;
    let page = world.path(&format!("lines/{}", line.id));
    let begun = operator.post(&format!("{page}/test"), "number=138-0013-8000").await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.html);
    let address = format!("{page}/test/1");
    loop {
        let steps = operator.get(&address).await;
        if steps.html.contains("没有人接") {
            steps.shows("183，有早期媒体").shows("200：已接通，PCMA").lacks("hx-get");
            break;
        }
        steps.shows(&format!("hx-get=\"{address}\""));
        tokio::task::yield_now().await;
    }
    let theirs = format!("/c/{}/lines/{}/test/1", world.theirs.company, line.id);
    assert_eq!(world.browser(Role::Admin).await.get(&theirs).await.status, StatusCode::NOT_FOUND);
    let filter = Filter { action: Some("call.place".to_owned()), ..Filter::default() };
    let log = world.ours.store.read(move |db| audit::list(db, &filter, 10)).await.unwrap();
    assert_eq!(log[0].after.as_ref().unwrap()["test_call_to"], "138****8000");
}

#[tokio::test]
async fn the_law_counts_for_test_calls() {
    let world = World::new().await;
    let line = made(&world, &world.browser(Role::Admin).await).await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("lines/{}/test", line.id));
    let refused = operator.post(&path, "number=12").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows("number-problem");
    let night = START.civil(&zone()).date().at(22, 0, 0, 0);
    world.ours.clock.set(Moment::from_civil(night, &zone()));
    let operator = world.browser(Role::Operator).await;
    operator.post(&path, "number=13800138000").await.shows("不在合法拨打时段");
    let simulated = lines(&world).await.into_iter().find(|it| it.driver == LineDriver::Simulated).unwrap();
    let refused = operator.post(&world.path(&format!("lines/{}/test", simulated.id)), "number=13800138000").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(simulated.id, LineId(0));
}

#[tokio::test]
async fn voices_and_recognisers_are_tried() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    operator.get(&world.path("lines")).await.shows("ears").shows("41").shows("too late").shows("anna");
    let spoken = operator.post(&world.path("lines/speech/speak"), "text=%E6%82%A8%E5%A5%BD").await;
    let address = world.path("lines/speech/1");
    spoken.shows(&format!("src=\"{address}\"")).shows("1000 ms");
    let audio = operator.get(&address).await;
    assert_eq!(audio.headers[CONTENT_TYPE], "audio/wav");
    assert!(audio.html.starts_with("RIFF"));
    let theirs = format!("/c/{}/lines/speech/1", world.theirs.company);
    assert_eq!(world.browser(Role::Admin).await.get(&theirs).await.status, StatusCode::NOT_FOUND);
    operator.post(&world.path("lines/speech/speak"), "text=error").await.shows("嗓子哑了");
    let empty = operator.post(&world.path("lines/speech/speak"), "text=").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let upload = |bytes: usize| {
        let file = "x".repeat(bytes);
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n{file}\r\n--b--\r\n"
        );
        Request::post(world.path("lines/speech/understand"))
            .header(COOKIE, format!("hutong={}", operator.token))
            .header("hx-request", "true")
            .header("x-csrf-token", csrf_token(&operator.token))
            .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
            .body(Body::from(body))
            .unwrap()
    };
    world.send(upload(1234)).await.shows("1234 bytes").shows("120 ms");
    for bytes in [0, (2 << 20) + 1] {
        assert_eq!(world.send(upload(bytes)).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bytes}");
    }
}
