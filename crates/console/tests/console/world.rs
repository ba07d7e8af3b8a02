//! A company with a user of each role, another company, and browsers that ask for pages.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use hutong_accounts::{Accounts, csrf_token};
use hutong_api::{App, Limits, Peer, Recordings};
use hutong_callbacks::{Poster, Settings};
use hutong_console::{Console, Equipment, Installation, Recogniser, SpeechServers, Tell, TrunkState, Understood};
use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::audit::Actor;
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::{CallId, LineId, TaskId};
use hutong_domain::message::Message;
use hutong_domain::outcome::Disposition;
use hutong_domain::retention::Keep;
use hutong_domain::rules::Rules;
use hutong_domain::say;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::sign_in::SessionRules;
use hutong_domain::window::DaySpan;
use hutong_prompts::SHIPPED_SPEAKER;
use hutong_scenes::{Speaker, Studio};
use hutong_store::key::Secret;
use hutong_store::line::Line;
use hutong_store::robot::{self, Publication};
use hutong_store::vault::{KEY_BYTES, Vault};
use hutong_store::{Options, Store, Url};
use hutong_testkit::clock::{START, zone};
use hutong_testkit::fixture::{Fixture, rules, settings};
use hutong_trunks::trial::Step;
use jiff::civil::time;
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery";
/// Calls that the dialer of these tests has room for.
const DIAL_QUEUE: usize = 8;

/// The console over a store in memory. `viewer` and `operator` reach our company alone; `admin` reaches both.
pub(crate) struct World {
    pub(crate) ours: Fixture,
    pub(crate) theirs: Fixture,
    pub(crate) accounts: Accounts,
    pub(crate) router: Router,
    /// The server stops when this becomes true.
    pub(crate) stop: watch::Sender<bool>,
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Reply {
    /// Where the answer leads.
    pub(crate) fn location(&self) -> &str {
        let by_htmx = self.headers.get("hx-redirect");
        self.headers.get(LOCATION).or(by_htmx).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    /// The page has this in it.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "no {text:?} in {} {}", self.status, self.html);
        self
    }

    /// The page has nothing of this in it.
    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.html.contains(text), "{text:?} in {} {}", self.status, self.html);
        self
    }
}

/// A browser of somebody who is signed in.
pub(crate) struct Browser<'w> {
    world: &'w World,
    pub(crate) token: String,
    language: &'static str,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = Store::open(&Options::new(Url::Memory), START).unwrap();
        let mut ours = Fixture::new(&store).await;
        let theirs = Fixture::new(&store).await;
        publish_built_in(&mut ours).await;
        let (dial, _) = async_channel::bounded(DIAL_QUEUE);
        let legal = DaySpan::new(time(9, 0, 0, 0), time(20, 0, 0, 0)).unwrap();
        let hours = Hours { legal, days: DiallingDays::default() };
        let app = App {
            store: store.clone(),
            clock: Arc::new(ours.clock.clone()),
            rules: Arc::new(Rules { zone: zone(), hours, ..rules() }),
            vault: Vault::new(&[7; KEY_BYTES]),
            recordings: Arc::new(Recordings::none()),
            node: Arc::new(move || ours.node),
            conditions: Arc::new(Vec::new),
            dial,
            wake: Arc::default(),
            limits: Limits::default(),
        };
        let accounts = Accounts::new(store.clone(), Arc::new(ours.clock.clone()), SessionRules::default());
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(app);
        let (api, inside) = hutong_api::router(app.clone());
        let speaker = Speaker { name: SHIPPED_SPEAKER.to_owned(), speed: 1.0 };
        let studio = Studio { store, server: None, speaker };
        let console = Console {
            app,
            inside,
            accounts: accounts.clone(),
            installation: installation(),
            studio,
            mind: None,
            is_https: false,
            stopped,
        };
        Self { ours, theirs, accounts, router: api.merge(hutong_console::router(console)), stop }
    }

    /// Somebody of this role who has just signed in; one whose password is [`PASSWORD`] and who is called like the role.
    pub(crate) async fn browser(&self, role: Role) -> Browser<'_> {
        if self.accounts.find(role.name()).await.is_err() {
            let access = Access::new(role, Reach::Companies([self.ours.company].into()));
            let actor = Actor::CommandLine("test".to_owned());
            self.accounts.add(&actor, role.name(), access, Secret(PASSWORD.to_owned())).await.unwrap();
        }
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let signed_in = self.accounts.sign_in(role.name(), Secret(PASSWORD.to_owned()), address, "test").await.unwrap();
        Browser { world: self, token: signed_in.token.0, language: "zh" }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        request.extensions_mut().insert(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Reply { status, headers, html: String::from_utf8_lossy(&body).into_owned() }
    }

    /// The token that a browser was given.
    pub(crate) fn token_of(reply: &Reply) -> Option<String> {
        let cookies = reply.headers.get_all(SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
        cookies.filter_map(|it| it.strip_prefix("hutong=")).find_map(|it| it.split(';').next()).map(str::to_owned)
    }

    /// A path of our company.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/c/{}/{path}", self.ours.company)
    }

    /// A task of our company with three calls, all finished: answered (27 s, 2 rounds, A, 位置), busy, vacant.
    pub(crate) async fn finished_task(&self) -> (TaskId, Vec<CallId>) {
        let task = self.ours.running_task(settings(), 3).await;
        let claimed = self.ours.look(task).await.claimed;
        self.ours.answer(&claimed[0]).await;
        let ending = self.ours.answered(27, 2, &[("客户意向等级", "A级(较强)"), ("客户关注点", "位置")]);
        self.ours.finish(&claimed[0], ending).await;
        self.ours.finish(&claimed[1], self.ours.unanswered(Disposition::Busy)).await;
        self.ours.finish(&claimed[2], self.ours.unanswered(Disposition::Vacant)).await;
        (task, claimed.iter().map(|claimed| claimed.call).collect())
    }
}

impl Browser<'_> {
    /// The same browser, switched to English.
    pub(crate) fn in_english(self) -> Self {
        Self { language: "en", ..self }
    }

    /// A page.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = Request::get(path).header(COOKIE, self.cookie());
        self.world.send(request.body(Body::empty()).unwrap()).await
    }

    /// A part of a page, as htmx asks for it.
    pub(crate) async fn part(&self, path: &str) -> Reply {
        let request = Request::get(path).header(COOKIE, self.cookie()).header("hx-request", "true");
        self.world.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form that a page of this session sends: `name=x&status=2`.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Reply {
        self.post_with(path, form, Some(&csrf_token(&self.token))).await
    }

    /// A form with the second token that is given, or none.
    pub(crate) async fn post_with(&self, path: &str, form: &str, csrf: Option<&str>) -> Reply {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(COOKIE, self.cookie())
            .header("hx-request", "true")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        self.world.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// A form with a file, as a page of this session sends it.
    pub(crate) async fn upload(&self, path: &str, name: &str, file: &[u8]) -> Reply {
        self.post_parts(path, &[], Some(("file", name, file))).await
    }

    /// A form in parts, with a file where one is given: its field, its name and what is in it.
    pub(crate) async fn post_parts(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        file: Option<(&str, &str, &[u8])>,
    ) -> Reply {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        if let Some((field, name, bytes)) = file {
            let head = format!(
                "--edge\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n"
            );
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend_from_slice(b"--edge--\r\n");
        let request = Request::post(path)
            .header(COOKIE, self.cookie())
            .header("hx-request", "true")
            .header("x-csrf-token", csrf_token(&self.token))
            .header(CONTENT_TYPE, "multipart/form-data; boundary=edge");
        self.world.send(request.body(Body::from(body)).unwrap()).await
    }

    fn cookie(&self) -> String {
        format!("hutong={}; hutong_language={}", self.token, self.language)
    }
}

/// A robot whose scene is a real one; tasks of the fixture are made with it.
async fn publish_built_in(fixture: &mut Fixture) {
    let yaml = BUILT_IN.iter().find(|it| it.file.starts_with("debt")).unwrap().yaml;
    let publication = Publication::of(&Scene::parse(yaml).unwrap(), yaml);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
}

/// What the binary would tell; receivers of callbacks are on this machine.
fn installation() -> Arc<Installation> {
    let keep = Keep { recordings_days: 0, transcripts_days: 30, numbers_days: 0 };
    let settings = Settings {
        private_addresses: true,
        in_flight_max: 1,
        tasks_at_once: 1,
        keep: None,
        look: Duration::from_secs(1),
        answer_time_max: Duration::from_secs(5),
    };
    let poster = Arc::new(Poster::new(&settings).unwrap());
    let public_url = "http://hutong.example".to_owned();
    let settings = vec![("dialing.calls_max", "2000".to_owned())];
    Arc::new(Installation { public_url, keep, settings, poster, equipment: Arc::new(Played) })
}

/// Trunks and servers of speech that do as they are told.
struct Played;

impl Equipment for Played {
    fn trunks(&self) -> Vec<(LineId, TrunkState)> {
        let up = TrunkState {
            is_up: true,
            is_registered: Some(true),
            answered_in: Some(Duration::from_millis(17)),
            trouble: None,
        };
        (1..1000).map(|id| (LineId(id), up.clone())).collect()
    }

    fn test_call(&self, line: Line, number: String, tell: Tell) -> BoxFuture<'static, Result<(), Message>> {
        Box::pin(async move {
            tell(Step::Invited(format!("call of line {} to {number}", line.id)));
            tell(Step::Progress(183, true));
            tell(Step::Answered("PCMA"));
            Err(say!("nobody is there", "没有人接"))
        })
    }

    fn speech(&self) -> SpeechServers {
        let recogniser = Recogniser {
            name: "ears".to_owned(),
            protocol: "funasr",
            left_alone: None,
            answered: 41,
            failed: 2,
            last_failure: Some("too late".to_owned()),
        };
        SpeechServers { recognisers: vec![recogniser], voice: Some("anna".to_owned()), mind: None }
    }

    fn speak(&self, text: String) -> BoxFuture<'_, Result<Vec<i16>, Message>> {
        Box::pin(async move {
            if text == "error" { Err(say!("the voice is hoarse", "嗓子哑了")) } else { Ok(vec![100; 8000]) }
        })
    }

    fn understand(&self, file: Vec<u8>) -> BoxFuture<'_, Result<Vec<Understood>, Message>> {
        let outcome = Ok((format!("{} bytes", file.len()), Duration::from_millis(120)));
        Box::pin(async move { Ok(vec![Understood { name: "ears".to_owned(), outcome }]) })
    }
}
