//! A company with a key, a campaign, and a router to ask.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use hutong_api::{App, Inside, Limits, Recordings};
use hutong_domain::address::Networks;
use hutong_domain::call::{Match, Speaker, Understanding, Utterance};
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::{Clock, Moment};
use hutong_domain::outcome::Disposition;
use hutong_domain::rules::Rules;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::window::DaySpan;
use hutong_store::claim::Claimed;
use hutong_store::finish::Ending;
use hutong_store::key::{self, AppKey, Edition, Secret};
use hutong_store::robot::{self, Publication};
use hutong_store::vault::{KEY_BYTES, Vault};
use hutong_store::{Options, Store, Url};
use hutong_testkit::ManualClock;
use hutong_testkit::clock::{START, zone};
use hutong_testkit::fixture::{Fixture, customers, rules, settings};
use jiff::civil::{Date, date, time};
use serde_json::Value;
use sha1::Sha1;
use tower::ServiceExt;

/// The day on which nobody is called.
pub(crate) const DAY_OFF: Date = date(2026, 6, 1);

fn hours() -> Hours {
    let legal = DaySpan::new(time(9, 0, 0, 0), time(20, 0, 0, 0)).unwrap();
    Hours { legal, days: DiallingDays { days_off: [DAY_OFF].into(), ..DiallingDays::default() } }
}

pub(crate) const APP_KEY: &str = "isv-key";
pub(crate) const SECRET: &str = "isv-secret";
/// Calls that the dialer of these tests has room for.
const DIAL_QUEUE: usize = 8;

/// A router over a store in memory, with two companies of which the key is bound to the first.
pub(crate) struct World {
    pub(crate) ours: Fixture,
    pub(crate) theirs: Fixture,
    pub(crate) router: Router,
    pub(crate) inside: Inside,
    pub(crate) dialled: async_channel::Receiver<Claimed>,
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap()
    }

    pub(crate) fn msg(&self) -> &str {
        self.body["resultMsg"].as_str().unwrap()
    }

    /// The data of a success.
    #[track_caller]
    pub(crate) fn data(&self) -> &Value {
        assert_eq!(self.code(), 200, "{}", self.body);
        &self.body["data"]
    }

    #[track_caller]
    pub(crate) fn refused(&self, code: i64, beginning: &str) {
        assert_eq!(self.code(), code, "{}", self.body);
        assert!(self.msg().starts_with(beginning), "{}", self.msg());
        assert!(self.body["data"].is_null());
        assert!(self.body["errorStackTrace"].is_null());
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::build(limits, |clock| Arc::new(clock)).await
    }

    pub(crate) async fn build(limits: Limits, clock: impl FnOnce(ManualClock) -> Arc<dyn Clock>) -> Self {
        Self::build_with(limits, clock, |_| Recordings::none()).await
    }

    pub(crate) async fn with_recordings(limits: Limits, recordings: impl FnOnce(ManualClock) -> Recordings) -> Self {
        Self::build_with(limits, |clock| Arc::new(clock), recordings).await
    }

    async fn build_with(
        limits: Limits,
        clock: impl FnOnce(ManualClock) -> Arc<dyn Clock>,
        recordings: impl FnOnce(ManualClock) -> Recordings,
    ) -> Self {
        let store = Store::open(&Options::new(Url::Memory), START).unwrap();
        let mut ours = Fixture::new(&store).await;
        let theirs = Fixture::new(&store).await;
        publish_built_in(&mut ours).await;
        let vault = Vault::new(&[7; KEY_BYTES]);
        let (dial, dialled) = async_channel::bounded(DIAL_QUEUE);
        let app = App {
            store: store.clone(),
            clock: clock(ours.clock.clone()),
            rules: Arc::new(Rules { zone: zone(), hours: hours(), ..rules() }),
            vault,
            recordings: Arc::new(recordings(ours.clock.clone())),
            node: Arc::new(move || ours.node),
            conditions: Arc::new(Vec::new),
            dial,
            wake: Arc::default(),
            limits,
        };
        let (router, inside) = hutong_api::router(Arc::new(app));
        let world = Self { ours, theirs, router, inside, dialled };
        world.add_key(APP_KEY, Edition::May2018, 0, &[world.ours.company]).await;
        world
    }

    pub(crate) async fn add_key(&self, app_key: &str, edition: Edition, per_s: i64, companies: &[CompanyId]) {
        let sealed_secret = Vault::new(&[7; KEY_BYTES]).seal(&Secret(SECRET.to_owned())).unwrap();
        let key = AppKey {
            app_key: app_key.to_owned(),
            sealed_secret,
            edition,
            requests_per_s: per_s,
            companies: companies.to_vec(),
            created_at: START,
            revoked_at: None,
            previous: None,
            allowed: Networks::default(),
            rotated_at: None,
            used_at: None,
        };
        self.ours.write(move |db, _| key::insert(db, &key)).await;
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Reply { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    pub(crate) async fn ask_as(&self, app_key: &str, method: Method, path: &str, body: &str) -> Reply {
        let password = STANDARD.encode(format!("{app_key}:{SECRET}"));
        let request = Request::builder()
            .method(method)
            .uri(if path.starts_with('/') { path.to_owned() } else { format!("/openapi/v1/{path}") })
            .header("Authorization", format!("Basic {password}"));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask_as(APP_KEY, Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask_as(APP_KEY, Method::POST, path, &body.to_string()).await
    }

    pub(crate) fn company(&self) -> i64 {
        self.ours.company.get()
    }

    /// A running task of our company whose calls wait to be dialled.
    pub(crate) async fn running_task(&self, numbers: usize) -> TaskId {
        self.ours.running_task(settings(), numbers).await
    }

    /// A task with three calls, all finished: answered, busy, vacant.
    pub(crate) async fn finished_task(&self) -> (TaskId, Vec<CallId>) {
        let task = self.ours.running_task(settings(), 3).await;
        let claimed = self.ours.look(task).await.claimed;
        self.ours.answer(&claimed[0]).await;
        let answered = self.ours.answered(27, 2, &[("客户意向等级", "A级(较强)"), ("客户关注点", "位置")]);
        let answered = Ending { utterances: conversation(answered.answered_at.unwrap()), ..answered };
        self.ours.finish(&claimed[0], answered).await;
        self.ours.finish(&claimed[1], self.ours.unanswered(Disposition::Busy)).await;
        self.ours.finish(&claimed[2], self.ours.unanswered(Disposition::Vacant)).await;
        (task, claimed.iter().map(|claimed| claimed.call).collect())
    }
}

/// What is said in the answered call of [`World::finished_task`].
fn conversation(at: Moment) -> Vec<Utterance> {
    let line = |speaker, text: &str, start_ms, understanding| Utterance {
        speaker,
        text: text.to_owned(),
        start_ms,
        end_ms: start_ms + 800,
        at,
        understanding,
        node: "开场".to_owned(),
        latency: None,
        recogniser: None,
    };
    let hit = Match { name: "拒绝".to_owned(), sample: "不考虑".to_owned(), score: 0.92, knowledge: Some(7) };
    vec![
        line(Speaker::Robot, "您好", 0, None),
        line(Speaker::Customer, "喂", 1000, Some(Understanding::NotNeeded)),
        line(Speaker::Customer, "不考虑", 2000, Some(Understanding::Matched(hit))),
        line(Speaker::Customer, "嘀嘀嘀", 3000, Some(Understanding::Unknown)),
    ]
}

/// A robot whose scene is a real one; tasks of the fixture are made with it.
async fn publish_built_in(fixture: &mut Fixture) {
    let yaml = BUILT_IN.iter().find(|it| it.file.starts_with("debt")).unwrap().yaml;
    let scene = Scene::parse(yaml).unwrap();
    let publication = Publication::of(&scene, yaml);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
}

/// The `sign` header.
pub(crate) fn sign(app_key: &str, secret: &str, datetime: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{app_key}\n{datetime}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The `datetime` header for the moment that the clock of the tests shows at first.
pub(crate) fn datetime(world: &World) -> String {
    let civil = world.ours.clock.now().civil(&jiff::tz::TimeZone::UTC);
    civil.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Customers as an import lists them, with every variable that the scene asks for.
pub(crate) async fn customer_list(world: &World, count: usize) -> Value {
    let path = format!("task/getSceneVariables?companyId={}&sceneDefId={}", world.company(), world.ours.scene());
    let reply = world.get(&path).await;
    let variables: serde_json::Map<String, Value> = reply
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|name| (name.as_str().unwrap().to_owned(), Value::from("1000")))
        .collect();
    let list = customers(0, count).into_iter().map(|customer| {
        serde_json::json!({"name": customer.name, "phone": customer.phone.as_str(), "properties": variables})
    });
    list.collect()
}
