//! A list goes into its task, some thousand numbers at a time, as the API imports them: each part whole or not at all.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hutong_api::{Inside, Person};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::message::Message;
use hutong_domain::say;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::check::Report;
use super::{List, Row, Stage};

/// Numbers of one import: as many as the API takes at once.
pub(crate) const CHUNK: usize = 10_000;
/// Rows that are read to make one: those that are refused are left out.
const ROWS: usize = CHUNK;

/// Whose list it is, and where it goes.
pub(crate) struct Job {
    pub(crate) inside: Inside,
    pub(crate) person: Person,
    pub(crate) company: CompanyId,
    pub(crate) task: TaskId,
    /// Becomes true when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Imports a list, and moves it on. What went in stays in, whatever stops the rest; doing it again repeats nothing.
pub(crate) async fn run(job: Job, list: Arc<List>, report: Arc<Report>) {
    let problem = import(&job, &list, &report).await.err();
    if let Some(problem) = &problem {
        tracing::warn!(problem = problem.en, task = %job.task, "a list of numbers did not go in whole");
    }
    list.move_to(Stage::Done { report, problem });
}

async fn import(job: &Job, list: &Arc<List>, report: &Arc<Report>) -> Result<(), Message> {
    let mut rows = list.sheet.rows();
    loop {
        if list.is_stopped() || *job.stopped.borrow() {
            return Err(say!("stopped", "已停止"));
        }
        let by = report.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut read = 0i64;
            let customers: Result<Vec<Value>, std::io::Error> = rows
                .by_ref()
                .take(ROWS)
                .inspect(|_| read += 1)
                .filter_map(|row| match row {
                    Ok(row) => by.reason(&row).is_none().then(|| Ok(customer(&row, &by))),
                    Err(error) => Some(Err(error)),
                })
                .collect();
            (customers, read, rows)
        });
        let (customers, read, rest) = read.await.map_err(|error| failed(&error))?;
        rows = rest;
        let customers = customers.map_err(|error| failed(&error))?;
        if read == 0 {
            return Ok(());
        }
        if !customers.is_empty() {
            put(job, list, customers).await?;
        }
        list.done.fetch_add(read, Ordering::Relaxed);
    }
}

fn failed(error: &dyn std::error::Error) -> Message {
    say!("{error}", "服务器出错：{error}")
}

fn customer(row: &Row, report: &Report) -> Value {
    let mapping = &report.mapping;
    json!({ "name": mapping.name(row), "phone": row.cell(mapping.number), "properties": mapping.properties(row) })
}

async fn put(job: &Job, list: &List, customers: Vec<Value>) -> Result<(), Message> {
    let parameters = json!({ "companyId": job.company.get(), "taskId": job.task.get(), "customerInfoList": customers });
    let asked = job.inside.ask(&job.person, "v2/task/importTaskCustomer", &parameters).await;
    let imported = asked.map_err(|refused| refused.reason)?.data;
    let count = |name: &str| imported.get(name).and_then(Value::as_i64).unwrap_or(0);
    list.inserted.fetch_add(count("successNum"), Ordering::Relaxed);
    list.repeated.fetch_add(count("repeatNum") + count("placeFailNum"), Ordering::Relaxed);
    Ok(())
}
