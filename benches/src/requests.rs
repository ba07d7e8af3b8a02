//! What is asked of the server, and what has to be in the answer.

use anyhow::{Context as _, Result, ensure};
use hutong_domain::ids::TaskId;
use rusqlite::{Connection, params};

use crate::dataset::{Dataset, Facts};

/// Requests of each operation that connections go through: enough that not one row is asked for all the time.
const VARIANTS: i64 = 64;
/// Rows of a page of finished calls.
pub(crate) const PAGE: i64 = 50;

/// A request, and what its answer has to say.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) query: String,
    /// A JSON body, which makes it a POST; empty for a GET.
    pub(crate) body: String,
    /// Places in the answer, with the number or the length of the list that stands there.
    expected: Vec<(&'static str, i64)>,
    /// Where its static twin is.
    twin: String,
}

/// An operation with its measured requests.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) requests: Vec<Request>,
    /// Least share of the static answer's requests a second.
    pub(crate) goal: f64,
}

impl Request {
    pub(crate) fn get(operation: &str, query: String, expected: &[(&'static str, i64)]) -> Self {
        Self {
            path: format!("/openapi/v1/task/{operation}"),
            query,
            body: String::new(),
            expected: expected.to_vec(),
            twin: String::new(),
        }
    }

    pub(crate) fn post(operation: &str, body: String, expected: &[(&'static str, i64)]) -> Self {
        Self { body, ..Self::get(operation, String::new(), expected) }
    }

    /// The same answer as fixed bytes.
    pub(crate) fn twin(&self) -> Self {
        Self { path: self.twin.clone(), ..self.clone() }
    }

    /// # Errors
    /// When the answer is not the right one.
    pub(crate) fn check(&self, body: &[u8]) -> Result<()> {
        let answer: serde_json::Value = serde_json::from_slice(body)?;
        for (place, expected) in [("/code", 200)].iter().chain(&self.expected) {
            let found = answer.pointer(place).with_context(|| format!("no {place} in {answer}"))?;
            let number = found.as_array().map(|list| list.len() as u64).or_else(|| found.as_u64());
            ensure!(number == u64::try_from(*expected).ok(), "{place} is {number:?}, not {expected}: {answer}");
        }
        Ok(())
    }
}

/// The four documented queries, with their goals.
pub(crate) fn measured(dataset: &Dataset, facts: &Facts) -> Result<Vec<Operation>> {
    let db = dataset.connect()?;
    let mut operations = vec![
        Operation { name: "getTasks", requests: task_lists(facts), goal: 0.30 },
        Operation { name: "getTaskDetail", requests: task_details(&db, facts)?, goal: 0.40 },
        Operation { name: "queryDoneTaskPhones", requests: feeds(facts)?, goal: 0.22 },
        Operation { name: "phoneLogInfo", requests: transcripts(&db, facts)?, goal: 0.40 },
    ];
    for operation in &mut operations {
        ensure!(!operation.requests.is_empty(), "nothing to ask {} for", operation.name);
        for (request, n) in operation.requests.iter_mut().zip(0..) {
            request.twin = format!("/static/{}/{n}", operation.name);
        }
    }
    Ok(operations)
}

fn task_lists(facts: &Facts) -> Vec<Request> {
    let pages = (facts.tasks / 10).min(VARIANTS);
    let list = |page| {
        let query = format!("companyId={}&pageNum={page}&pageSize=10", facts.company);
        Request::get("getTasks", query, &[("/data/list", 10), ("/data/total", facts.tasks)])
    };
    (1..=pages).map(list).collect()
}

/// Details of tasks of every size, the largest among them.
fn task_details(db: &Connection, facts: &Facts) -> Result<Vec<Request>> {
    let large = [facts.million_finished, facts.million_paused, facts.million_waiting];
    let spread = (1..=VARIANTS - 3).map(|n| TaskId(n * facts.tasks / VARIANTS)).filter(|id| id.get() > 0);
    large.into_iter().chain(spread).map(|id| task_detail(db, facts, id)).collect()
}

pub(crate) fn task_detail(db: &Connection, facts: &Facts, id: TaskId) -> Result<Request> {
    let (total, done) =
        db.query_row("SELECT total_count, next_call_index FROM task WHERE id = ?1", params![id.get()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let query = format!("companyId={}&taskId={id}", facts.company);
    Ok(Request::get("getTaskDetail", query, &[("/data/totalCount", total), ("/data/doneCount", done)]))
}

/// Pages of the largest task, asked for as integrators do: by the greatest index that they have seen.
fn feeds(facts: &Facts) -> Result<Vec<Request>> {
    let calls = facts.calls / 5;
    ensure!(calls > PAGE * VARIANTS, "too few calls to page through");
    let feed = |n: i64| {
        let index = n * (calls - PAGE) / VARIANTS - 1;
        let query = format!("callJobId={}&index={index}&pageSize={PAGE}", facts.million_finished);
        Request::get("queryDoneTaskPhones", query, &[("/data/list", PAGE), ("/data/total", calls - index - 1)])
    };
    Ok((0..VARIANTS).map(feed).collect())
}

/// Transcripts of answered calls of usual length, all over the largest task.
fn transcripts(db: &Connection, facts: &Facts) -> Result<Vec<Request>> {
    let calls = facts.calls / 5;
    (0..VARIANTS).map(|n| transcript(db, facts.million_finished, n * (calls - 1000) / VARIANTS)).collect()
}

/// The first answered call with 12 utterances at or after this index.
pub(crate) fn transcript(db: &Connection, task: TaskId, index: i64) -> Result<Request> {
    const LINES: i64 = 12;
    let call: i64 = db.query_row(
        "SELECT c.id FROM call c JOIN call_record r ON r.id = c.id
         WHERE c.company_id = (SELECT company_id FROM task WHERE id = ?1) AND c.task_id = ?1 AND c.call_index >= ?2
             AND c.finish_status = 0 AND json_array_length(r.utterances) = ?3
         ORDER BY c.call_index LIMIT 1",
        params![task.get(), index, LINES],
        |row| row.get(0),
    )?;
    let query = format!("callInstanceId={call}");
    Ok(Request::get(
        "phoneLogInfo",
        query,
        &[("/data/phoneLog/phoneLogs", LINES), ("/data/sceneInstance/callInstanceId", call)],
    ))
}
