//! Whether the server is alive, and ready for traffic.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use hutong_domain::ids::CompanyId;
use hutong_domain::message::Message;
use hutong_domain::moment::Moment;
use hutong_domain::say;
use hutong_store::{company, node};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::app::{Api, App};

/// How long the store may take to read or to write a little.
const STORE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer holds: strangers may ask, and a look costs a write.
const HOLDS: Duration = Duration::from_secs(1);

/// Something that has to be right before a server takes traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What was looked at, in a word or two.
    pub name: Message,
    /// What is wrong with it.
    pub problem: Option<Message>,
}

/// The last look. It is locked while somebody looks, so that all who ask meanwhile get the same.
#[derive(Default)]
pub(crate) struct LastLook(Mutex<Option<(Moment, Vec<Condition>)>>);

/// The process runs.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store reads and writes, and whatever the binary wants to hold does. A line for each.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, String) {
    let mut last = api.readiness.0.lock().await;
    let now = api.clock.now();
    if last.as_ref().is_none_or(|(at, _)| !(*at..at.after(HOLDS)).contains(&now)) {
        let conditions = look(&api).await;
        if !is_ready(&conditions) && last.as_ref().is_none_or(|(_, before)| is_ready(before)) {
            tracing::warn!(conditions = report(&conditions), "not ready");
        }
        *last = Some((now, conditions));
    }
    let conditions = last.as_ref().map(|(_, conditions)| conditions.as_slice()).unwrap_or_default();
    let (is_ready, report) = (is_ready(conditions), report(conditions));
    let (status, beginning) =
        if is_ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    (status, format!("{beginning}\n{report}"))
}

/// Whether the store reads and writes, and whatever else has to hold does.
pub async fn look(app: &App) -> Vec<Condition> {
    let node = (app.node)();
    // Any read will do.
    let read = app.store.read(|db| company::find(db, CompanyId(0)).map(|_| ()));
    let write = app.store.write(CompanyId(0), move |db| node::touch(db, node));
    let mut conditions = vec![
        Condition { name: say!("store reads", "读数据库"), problem: problem_of(read).await },
        Condition { name: say!("store writes", "写数据库"), problem: problem_of(write).await },
    ];
    conditions.extend((app.conditions)());
    conditions
}

/// What went wrong goes to the log: a store's errors may name more than strangers should read.
async fn problem_of(work: impl Future<Output = hutong_store::Result<()>>) -> Option<Message> {
    match timeout(STORE_TIME_MAX, work).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store failed a trial");
            Some(say!("it failed, see the log", "失败，详情见日志"))
        }
        Err(_elapsed) => {
            Some(say!("no answer within {seconds} s", "{seconds} 秒内没有回应", seconds = STORE_TIME_MAX.as_secs()))
        }
    }
}

fn is_ready(conditions: &[Condition]) -> bool {
    conditions.iter().all(|condition| condition.problem.is_none())
}

fn report(conditions: &[Condition]) -> String {
    let mut lines = String::new();
    for Condition { name, problem } in conditions {
        let problem = problem.as_ref().map_or("ok", |problem| &problem.en);
        let _ = writeln!(lines, "{}: {problem}", name.en);
    }
    lines
}
