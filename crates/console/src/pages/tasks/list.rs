//! The company's tasks: filtered, sorted, page by page, and true by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use hutong_domain::access::Permission;
use hutong_domain::call::{CountBucket, FinishStatus};
use hutong_domain::ids::TaskId;
use hutong_domain::moment::Moment;
use hutong_domain::task::TaskStatus;
use hutong_store::task::{self, Filter, ListedTask, Order, Standing};
use jiff::civil::{Date, Time};
use serde::Deserialize;

use super::{SECTION, clock, reason, status};
use crate::error::{Error, Result};
use crate::live;
use crate::page::{Html, html};
use crate::paging::{self, Pager};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

/// Orders, as they stand in an address, and what they are called.
const ORDERS: [(&str, Order, &str, &str); 7] = [
    ("newest", Order::Newest, "最新创建", "Newest"),
    ("oldest", Order::Oldest, "最早创建", "Oldest"),
    ("name", Order::Name, "名称", "Name"),
    ("least", Order::LeastDone, "完成最少", "Least done"),
    ("most", Order::MostDone, "完成最多", "Most done"),
    ("largest", Order::Largest, "号码最多", "Most numbers"),
    ("answered", Order::MostAnswered, "接听最多", "Most answered"),
];

/// Which tasks are asked for. What is empty is not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    name: String,
    status: String,
    from: String,
    to: String,
    order: String,
    page: Option<i64>,
}

/// A task in the list.
struct Row {
    id: TaskId,
    name: String,
    status: TaskStatus,
    why: &'static str,
    total: i64,
    done: i64,
    answered: i64,
    a: i64,
    b: i64,
    seats: i64,
    in_progress_max: i64,
    elastic: bool,
    in_progress: i64,
    lines: String,
    hours: String,
    scene: String,
    timed: bool,
    start_date: String,
    created_at: Moment,
}

#[derive(Template)]
#[template(path = "tasks/list.html", blocks = ["rows"])]
struct List {
    ui: Ui,
    asked: Asked,
    query: String,
    rows: Vec<Row>,
    pager: Pager,
}

impl List {
    fn statuses(&self) -> Vec<(i64, &'static str)> {
        TaskStatus::ALL.iter().map(|it| (it.number(), status(&self.ui, *it))).collect()
    }

    fn orders(&self) -> Vec<(&'static str, &str)> {
        ORDERS.iter().map(|(name, _, zh, en)| (*name, self.ui.t(zh, en))).collect()
    }

    fn badge(&self, row: &Row) -> &'static str {
        words::task_tone(row.status)
    }

    fn status(&self, row: &Row) -> &'static str {
        status(&self.ui, row.status)
    }

    fn is_filtered(&self) -> bool {
        let Asked { name, status, from, to, .. } = &self.asked;
        [name, status, from, to].iter().any(|text| !text.is_empty())
    }
}

impl Asked {
    fn filter(&self, ui: &Ui) -> Result<Filter> {
        let status = match self.status.as_str() {
            "" => None,
            text => {
                let known = text.parse().ok().and_then(TaskStatus::from_number);
                Some(
                    known
                        .ok_or_else(|| Error::Refused(ui.t("没有这种任务状态", "There is no such state").to_owned()))?,
                )
            }
        };
        let order = ORDERS.iter().find(|(name, ..)| *name == self.order).map_or(Order::Newest, |(_, order, ..)| *order);
        let (from, to) = (day(ui, &self.from)?, day(ui, &self.to)?);
        let midnight = |date: Date| Moment::from_civil(date.to_datetime(Time::midnight()), &ui.zone);
        let created = (from.is_some() || to.is_some()).then(|| {
            let until = to.map(|date| date.tomorrow().unwrap_or(Date::MAX));
            (from.map_or(Moment(i64::MIN), midnight), until.map_or(Moment(i64::MAX), midnight))
        });
        Ok(Filter { name_contains: self.name.trim().to_owned(), created, status, deleted_too: false, order })
    }

    /// As it stands in an address, without the page.
    fn query(&self) -> String {
        let Self { name, status, from, to, order, page: _ } = self;
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in [("name", name), ("status", status), ("from", from), ("to", to), ("order", order)] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        query.finish()
    }
}

fn day(ui: &Ui, text: &str) -> Result<Option<Date>> {
    let wrong = |_| Error::Refused(ui.t("日期应为 YYYY-MM-DD", "A date is written as YYYY-MM-DD").to_owned());
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

async fn read(shared: &Shared, visit: &Visit, asked: &Asked) -> Result<List> {
    let ui = visit.ui.in_section(SECTION);
    let (filter, request, company) = (asked.filter(&ui)?, paging::request(asked.page), visit.company);
    let (page, mut standings) = shared
        .app
        .store
        .read_snapshot(move |db| {
            let page = task::page(db, company, &filter, request)?;
            let ids: Vec<TaskId> = page.rows.iter().map(|task| task.id).collect();
            Ok((page, task::standings(db, company, &ids)?))
        })
        .await?;
    let rows = page.rows.into_iter().filter_map(|task| row(&ui, task, &mut standings)).collect();
    let query = asked.query();
    let pager = Pager::new(request, page.total, query.clone());
    Ok(List { ui, asked: asked.clone(), query, rows, pager })
}

fn row(ui: &Ui, task: ListedTask, standings: &mut HashMap<TaskId, Standing>) -> Option<Row> {
    let standing = standings.remove(&task.id)?;
    let answered = FinishStatus::ALL.iter().zip(task.by_finish_status);
    let answered = answered.filter(|(it, _)| it.bucket() == CountBucket::Called).map(|(_, count)| count).sum();
    let level = |letter| {
        let levels = standing.levels.iter().filter(|(level, _)| level.starts_with(letter));
        levels.map(|(_, calls)| calls).sum()
    };
    let short = |time: &str| time.parse().map_or_else(|_| time.to_owned(), clock);
    let (start, end) = (short(&task.working_start), short(&task.working_end));
    let hours = match (&task.break_start, &task.break_end) {
        (Some(rest), Some(rest_end)) => format!("{start}–{}, {}–{end}", short(rest), short(rest_end)),
        _ => format!("{start}–{end}"),
    };
    Some(Row {
        id: task.id,
        name: task.name,
        status: task.status,
        why: standing.reason.map_or("", |it| reason(ui, it)),
        total: task.total,
        done: task.done,
        answered,
        a: level('A'),
        b: level('B'),
        seats: standing.quota,
        in_progress_max: standing.in_progress_max,
        elastic: standing.elastic,
        in_progress: standing.in_progress,
        lines: task.lines.iter().map(|line| line.line_name.as_str()).collect::<Vec<_>>().join(", "),
        hours,
        scene: task.scene_name,
        timed: task.kind == hutong_domain::task::TaskKind::Timed,
        start_date: task.start_date,
        created_at: standing.created_at,
    })
}

/// `GET /c/{company}/tasks`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit, Query(asked): Query<Asked>) -> Result<Html> {
    html(&read(&shared, &visit, &asked).await?)
}

/// `GET /c/{company}/tasks/live`: the rows.
pub(crate) async fn live(State(shared): State<Arc<Shared>>, visit: Visit, Query(asked): Query<Asked>) -> Response {
    let token = visit.signed_in.token.clone();
    let (read_by, visit, asked) = (shared.clone(), Arc::new(visit), Arc::new(asked));
    live::stream(&shared, &token, move || {
        let (shared, visit, asked) = (read_by.clone(), visit.clone(), asked.clone());
        async move {
            let list = read(&shared, &visit, &asked).await?;
            Ok(vec![("rows", list.as_rows().render()?)])
        }
    })
}
