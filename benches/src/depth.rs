//! `depth`: what an operation takes on a task of a million calls, compared with a task of a thousand.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use hutong_domain::call::INTENT_LEVEL;
use hutong_domain::ids::TaskId;
use rusqlite::params;
use serde_json::json;

use crate::client::{Connection, Signer};
use crate::dataset::{Dataset, Facts};
use crate::generate::content::FILTERED_LEVEL;
use crate::process::Server;
use crate::report::{Table, verdict};
use crate::requests::{PAGE, Request, task_detail, transcript};
use crate::statistics::{figure, micros, percentile};

/// Requests to each task before the measurement, and in it.
const WARM_UPS: usize = 30;
const SAMPLES: usize = 400;
/// The most that the large task may take, as a multiple of the small one.
const GOAL: f64 = 2.0;

/// The same question about both tasks.
struct Case {
    name: String,
    large: Request,
    small: Request,
}

/// Microseconds: the first request of all, and the middle one of many, about the large and the small task.
struct Times {
    first: (u64, u64),
    p50: (u64, u64),
}

/// Measures every case, and reports.
pub(crate) fn measure(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let cases = cases(dataset, facts)?;
    let server = Server::start(dataset)?;
    let signer = Signer::new(facts)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut table =
        Table::new(["operation", "1,000 calls, p50", "1 million, p50", "ratio", "", "first request: 1,000, 1 million"]);
    for case in &cases {
        let times = runtime.block_on(compare(&server, &signer, case)).with_context(|| case.name.clone())?;
        let ratio = figure(times.p50.0) / figure(times.p50.1);
        println!("{}: {:?} {:?}", case.name, times.p50, times.first);
        table.row(&[
            case.name.clone(),
            format!("{} µs", times.p50.1),
            format!("{} µs", times.p50.0),
            format!("{ratio:.2}"),
            verdict(ratio <= GOAL).to_owned(),
            format!("{:.1} ms, {:.1} ms", figure(times.first.1) / 1000.0, figure(times.first.0) / 1000.0),
        ]);
    }
    Ok(format!(
        "## A million calls and a thousand\n\nOne connection, one request after another, both tasks in turns, \
         {SAMPLES} requests each; pages of {PAGE}. The goal is a ratio of at most {GOAL}. The first request of each row \
         came to a server that had just started and had answered nothing but the rows above it.\n\n{}",
        table.text()
    ))
}

async fn compare(server: &Server, signer: &Signer, case: &Case) -> Result<Times> {
    let mut connection = Connection::open(server.address).await?;
    let (large, small) = (signer.bytes(&case.large), signer.bytes(&case.small));
    // The connection is open and the key known: what is left is the question.
    let mut first = (0, 0);
    for (request, bytes, taken) in [(&case.small, &small, &mut first.1), (&case.large, &large, &mut first.0)] {
        let sent = Instant::now();
        let body = connection.exchange(bytes).await?;
        *taken = micros(sent.elapsed());
        request.check(body)?;
    }
    for _ in 0..WARM_UPS {
        connection.exchange(&large).await?;
        connection.exchange(&small).await?;
    }
    let (mut of_large, mut of_small) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        for (bytes, times) in [(&large, &mut of_large), (&small, &mut of_small)] {
            let sent = Instant::now();
            connection.exchange(bytes).await?;
            times.push(micros(sent.elapsed()));
        }
    }
    Ok(Times { first, p50: (percentile(&mut of_large, 50), percentile(&mut of_small, 50)) })
}

fn cases(dataset: &Dataset, facts: &Facts) -> Result<Vec<Case>> {
    let db = dataset.connect()?;
    let (large, small) = (facts.million_finished, facts.thousand_finished);
    let mut cases = vec![
        Case {
            name: "`getTaskDetail`".to_owned(),
            large: task_detail(&db, facts, large)?,
            small: task_detail(&db, facts, small)?,
        },
        Case {
            name: "`phoneLogInfo`".to_owned(),
            large: transcript(&db, large, facts.calls / 10)?,
            small: transcript(&db, small, 500)?,
        },
    ];
    feed_cases(&db, (large, small), &mut cases)?;
    waiting_cases(facts, &mut cases)?;
    Ok(cases)
}

/// A filter as the request says it, and as SQL says which rows it lets through.
struct Filter {
    name: &'static str,
    json: serde_json::Value,
    sql: String,
}

fn filters() -> Vec<Filter> {
    let level = json!([{ "name": INTENT_LEVEL, "value": FILTERED_LEVEL }]);
    let level_sql = format!("result_pairs LIKE '%{FILTERED_LEVEL}%'");
    let filter = |name, json, sql: &str| Filter { name, json, sql: sql.to_owned() };
    vec![
        filter("no filter", json!({}), "1"),
        filter("`finishStatus`", json!({ "finishStatus": 0 }), "finish_status = 0"),
        filter(
            "`durationLeft/Right`",
            json!({ "durationLeft": 10, "durationRight": 59 }),
            "duration_s BETWEEN 10 AND 59",
        ),
        filter("`resultQueryList`", json!({ "resultQueryList": level }), &level_sql),
        filter(
            "all filters",
            json!({ "resultQueryList": level, "finishStatus": 0, "durationLeft": 10, "durationRight": 59 }),
            &format!("{level_sql} AND finish_status = 0 AND duration_s BETWEEN 10 AND 59"),
        ),
    ]
}

fn feed_cases(db: &rusqlite::Connection, tasks: (TaskId, TaskId), cases: &mut Vec<Case>) -> Result<()> {
    let count = |task: TaskId, sql: &str| -> Result<i64> {
        let sql =
            format!("SELECT COUNT(*) FROM call WHERE task_id = ?1 AND call_index >= 0 AND company_id = 1 AND {sql}");
        Ok(db.query_row(&sql, params![task.get()], |row| row.get(0))?)
    };
    for Filter { name, json, sql } in filters() {
        let totals = (count(tasks.0, &sql)?, count(tasks.1, &sql)?);
        ensure!(totals.1 >= PAGE, "{name} lets only {} of the small task's calls through", totals.1);
        for (place, page) in
            pages(totals.1).into_iter().zip(pages(totals.0)).map(|(small, large)| (small.0, (large.1, small.1)))
        {
            let feed = |task: TaskId, page: i64, total: i64| {
                let mut body = json.clone();
                body["callJobId"] = json!(task);
                body["pageNum"] = json!(page);
                body["pageSize"] = json!(PAGE);
                Request::post("queryDoneTaskPhones", body.to_string(), &[("/data/list", PAGE), ("/data/total", total)])
            };
            cases.push(Case {
                name: format!("`queryDoneTaskPhones`, {name}, {place} page"),
                large: feed(tasks.0, page.0, totals.0),
                small: feed(tasks.1, page.1, totals.1),
            });
        }
    }
    let all = (count(tasks.0, "1")?, count(tasks.1, "1")?);
    for (place, part) in [("first", 0), ("middle", 1), ("last", 2)] {
        let by_index = |task: TaskId, calls: i64| {
            let index = (calls - PAGE) * part / 2 - 1;
            let query = format!("callJobId={task}&index={index}&pageSize={PAGE}");
            Request::get("queryDoneTaskPhones", query, &[("/data/list", PAGE), ("/data/total", calls - index - 1)])
        };
        cases.push(Case {
            name: format!("`queryDoneTaskPhones`, by `index`, {place}"),
            large: by_index(tasks.0, all.0),
            small: by_index(tasks.1, all.1),
        });
    }
    Ok(())
}

fn waiting_cases(facts: &Facts, cases: &mut Vec<Case>) -> Result<()> {
    let totals = (facts.calls / 5, 1000);
    for (small, large) in pages(totals.1).into_iter().zip(pages(totals.0)) {
        let waiting = |task: TaskId, page: i64, total: i64| {
            let query = format!("taskId={task}&pageNum={page}&pageSize={PAGE}");
            Request::get("notDialedCustomerList", query, &[("/data/list", PAGE), ("/data/total", total)])
        };
        cases.push(Case {
            name: format!("`notDialedCustomerList`, {} page", small.0),
            large: waiting(facts.million_waiting, large.1, totals.0),
            small: waiting(facts.thousand_waiting, small.1, totals.1),
        });
    }
    Ok(())
}

/// The first, the middle and the last full page of so many rows.
fn pages(total: i64) -> [(&'static str, i64); 3] {
    let full = total / PAGE;
    [("first", 1), ("middle", (full + 1) / 2), ("last", full)]
}
