//! The server that is measured: the product's router and server loop on a generated store, wired as
//! `crates/hutong/src/serve.rs` does it, without a dialer. Beside the API it has the *static twins*: routes
//! that answer bytes and headers which the API gave before.

use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request as HttpRequest, Response};
use axum::routing::any;
use http_body_util::BodyExt as _;
use hutong_api::{App, ConnectionLimits, Limits, Recordings};
use hutong_dialer::SystemRuntime;
use hutong_domain::caps::Caps;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Clock as _;
use hutong_domain::rules::{LOST_PER_MILLE_MAX, Rules};
use hutong_domain::window::DaySpan;
use hutong_store::vault::Vault;
use hutong_store::{Options, Store, Url, node};
use jiff::civil::time;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt as _;

use crate::client::Signer;
use crate::dataset::{Dataset, Facts};
use crate::requests::{self, Request};

/// Serves until standard input ends; says on standard output where.
pub(crate) fn serve(data: &Path) -> Result<()> {
    // As the product has it: every request has a span, nothing below `info` is formatted.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_new("info")?)
        .with_writer(std::io::stderr)
        .init();
    let (dataset, facts) = Dataset::open(data)?;
    tokio::runtime::Runtime::new()?.block_on(run(&dataset, &facts))
}

/// Answers requests of one operation in this process, for a profiler that counts instructions.
pub(crate) fn answer(dataset: &Dataset, facts: &Facts, name: &str, times: usize) -> Result<()> {
    let operations = requests::measured(dataset, facts)?;
    let operation = operations.iter().find(|known| known.name == name).with_context(|| format!("no {name}"))?;
    let signer = Signer::new(facts)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (api, _inside) = hutong_api::router(app_of(dataset).await?);
        for request in operation.requests.iter().cycle().take(times) {
            black_box(ask(&api, &signer, request).await?);
        }
        Ok(())
    })
}

async fn run(dataset: &Dataset, facts: &Facts) -> Result<()> {
    let (api, _inside) = hutong_api::router(app_of(dataset).await?);
    let router = api.clone().merge(static_twins(&api, dataset, facts).await?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    hutong_api::serve(listener, router, ConnectionLimits::default(), input_ended()).await;
    Ok(())
}

async fn app_of(dataset: &Dataset) -> Result<Arc<App>> {
    let store = Store::open(&Options::new(Url::Sqlite(dataset.database())), SystemRuntime.now())?;
    app(store, Vault::from_base64(&std::fs::read_to_string(dataset.key_file())?)?).await
}

/// What the API works with, without a dialer that dials.
pub(crate) async fn app(store: Store, vault: Vault) -> Result<Arc<App>> {
    let clock = SystemRuntime;
    let now = clock.now();
    let node = store.write(CompanyId(0), move |db| node::register(db, now, now.after(Duration::from_secs(60)))).await?;
    let (dial, _) = async_channel::bounded(256);
    Ok(Arc::new(App {
        store,
        clock: Arc::new(clock),
        rules: Arc::new(Rules {
            zone: jiff::tz::TimeZone::get("Asia/Shanghai")?,
            hours: DaySpan { start: time(9, 0, 0, 0), end: time(20, 0, 0, 0) }.into(),
            caps: Caps::default(),
            lost_per_mille_max: LOST_PER_MILLE_MAX,
        }),
        vault,
        recordings: Arc::new(Recordings::none()),
        conditions: Arc::new(Vec::new),
        node: Arc::new(move || node),
        dial,
        wake: Arc::new(Notify::new()),
        limits: Limits::default(),
    }))
}

/// A route for each of the measured requests that answers what the API answers now.
async fn static_twins(api: &Router, dataset: &Dataset, facts: &Facts) -> Result<Router> {
    let signer = Signer::new(facts)?;
    let mut twins = Router::new();
    for operation in requests::measured(dataset, facts)? {
        for request in &operation.requests {
            let (headers, body) = answer_of(api, &signer, request).await?;
            twins = twins.route(&request.twin().path, any(async move || fixed(headers.clone(), body.clone())));
        }
    }
    Ok(twins)
}

fn fixed(headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = headers;
    response
}

/// The answer of the API, which has to be right.
async fn answer_of(api: &Router, signer: &Signer, request: &Request) -> Result<(HeaderMap, Bytes)> {
    let (headers, body) = ask(api, signer, request).await?;
    request.check(&body).with_context(|| format!("{} {}", request.path, request.query))?;
    Ok((headers, body))
}

async fn ask(api: &Router, signer: &Signer, request: &Request) -> Result<(HeaderMap, Bytes)> {
    ensure!(request.body.is_empty(), "measured requests have no body");
    let mut asked = HttpRequest::get(format!("{}?{}", request.path, request.query));
    for (name, value) in signer.headers() {
        asked = asked.header(name, value);
    }
    let response = api.clone().oneshot(asked.body(Body::empty())?).await?;
    let (head, body) = response.into_parts();
    Ok((head.headers, body.collect().await?.to_bytes()))
}

/// Resolves when whoever started this process is gone, or closes our input.
async fn input_ended() {
    let (ended, end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ = end.await;
}
