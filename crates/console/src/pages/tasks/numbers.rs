//! The numbers of a task: done, in progress, waiting.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use hutong_domain::access::Permission;
use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::ids::{CallId, TaskId};
use hutong_store::feed::search::{Search, Text};
use hutong_store::feed::{FeedFilter, FeedRow};
use hutong_store::in_progress::{self, InProgress};
use hutong_store::task::{self, TaskView};
use hutong_store::waiting::{self, Waiting};
use hutong_store::{Page, PageRequest};
use serde::Deserialize;

use super::{SECTION, of_company};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::paging::{self, Pager, ROWS};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

/// Waiting numbers that a search shows.
const FOUND_MAX: i64 = 200;

/// Which numbers are asked for. What is empty is not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    tab: String,
    text: String,
    finish: String,
    /// A result, as `name=value`.
    result: String,
    talk_min: String,
    talk_max: String,
    rounds_min: String,
    rounds_max: String,
    page: Option<i64>,
}

/// A finished call.
struct Done {
    id: CallId,
    call_index: i64,
    name: String,
    phone: String,
    finish: FinishStatus,
    duration_s: i64,
    rounds: i64,
    started_at: String,
    redials: i64,
    level: String,
    others: String,
}

enum Rows {
    Done(Vec<Done>),
    Live(Vec<InProgress>),
    Waiting(Vec<Waiting>),
}

#[derive(Template)]
#[template(path = "tasks/numbers.html")]
struct Numbers {
    ui: Ui,
    view: TaskView,
    asked: Asked,
    tab: &'static str,
    /// Results that calls can be asked for, each as `name=value`.
    results: Vec<String>,
    rows: Rows,
    pager: Pager,
    query: String,
    /// Whether everything was looked through for what was searched.
    is_whole: bool,
}

impl Numbers {
    fn statuses(&self) -> Vec<(i64, &str)> {
        FinishStatus::ALL.iter().map(|it| (it.number(), self.ui.t(it.label(), it.english()))).collect()
    }

    fn finish(&self, status: &FinishStatus) -> &str {
        self.ui.t(status.label(), status.english())
    }

    fn tone(&self, status: &FinishStatus) -> &'static str {
        words::finish_tone(*status)
    }

    fn is_filtered(&self) -> bool {
        let Asked { text, finish, result, talk_min, talk_max, rounds_min, rounds_max, .. } = &self.asked;
        [text, finish, result, talk_min, talk_max, rounds_min, rounds_max].iter().any(|it| !it.is_empty())
    }
}

impl Asked {
    /// What the API would be asked, with what people search for.
    pub(super) fn search(&self, ui: &Ui) -> Result<Search> {
        let finish_status =
            match self.finish.as_str() {
                "" => None,
                text => {
                    let known = text.parse().ok().and_then(FinishStatus::from_number);
                    Some(known.ok_or_else(|| {
                        Error::Refused(ui.t("没有这种完成状态", "There is no such status").to_owned())
                    })?)
                }
            };
        let result = self.result.split_once('=').map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
        let filter = FeedFilter {
            after: -1,
            duration_s: range(ui, &self.talk_min, &self.talk_max)?,
            chat_rounds: range(ui, &self.rounds_min, &self.rounds_max)?,
            finish_status,
            results: result.into_iter().collect(),
        };
        Ok(Search { filter, text: Text::parse(&self.text), newest_first: true })
    }

    fn query(&self) -> String {
        let Self { tab, text, finish, result, talk_min, talk_max, rounds_min, rounds_max, page: _ } = self;
        let pairs = [
            ("tab", tab),
            ("text", text),
            ("finish", finish),
            ("result", result),
            ("talk_min", talk_min),
            ("talk_max", talk_max),
            ("rounds_min", rounds_min),
            ("rounds_max", rounds_max),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        pairs.iter().filter(|(_, value)| !value.is_empty()).for_each(|(key, value)| {
            query.append_pair(key, value);
        });
        query.finish()
    }
}

/// Both ends are included; either may be left open.
fn range(ui: &Ui, min: &str, max: &str) -> Result<Option<(i64, i64)>> {
    if min.is_empty() && max.is_empty() {
        return Ok(None);
    }
    let number = |text: &str, otherwise| {
        let wrong = |_| Error::Refused(ui.t("时长与轮次应为整数", "Talk time and rounds are whole numbers").to_owned());
        if text.is_empty() { Ok(otherwise) } else { text.trim().parse::<i64>().map_err(wrong) }
    };
    let range = (number(min, i64::MIN)?, number(max, i64::MAX)?);
    if range.0 > range.1 {
        return Err(Error::Refused(ui.t("左值不能大于右值", "The lower end is above the upper one").to_owned()));
    }
    Ok(Some(range))
}

fn done(ui: &Ui, row: FeedRow<'_>) -> Result<Done> {
    let results = row.results.parsed()?;
    let level = results.iter().find(|it| it.name == INTENT_LEVEL).map_or_else(String::new, |it| it.value.clone());
    let others: Vec<String> = results
        .into_iter()
        .filter(|it| it.name != INTENT_LEVEL)
        .map(|it| format!("{}：{}", it.name, it.value))
        .collect();
    Ok(Done {
        id: row.id,
        call_index: row.call_index,
        name: row.customer_name.into_owned(),
        phone: row.customer_phone.into_owned(),
        finish: row.finish_status,
        duration_s: row.duration_s,
        rounds: row.chat_rounds,
        started_at: ui.lately(row.started_at),
        redials: row.redials,
        level,
        others: others.join("；"),
    })
}

/// `GET /c/{company}/tasks/{task}/numbers`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Html> {
    let (company, id, ui) = (visit.company, TaskId(id), visit.ui.in_section(SECTION));
    let view = of_company(&shared, &visit, id).await?;
    let (request, store, now) = (paging::request(asked.page), &shared.app.store, ui.now);
    let (tab, rows, total, is_whole) = match asked.tab.as_str() {
        "live" => {
            let Page { total, rows } = store.read(move |db| in_progress::page(db, company, id, request)).await?;
            ("live", Rows::Live(rows), total, true)
        }
        "waiting" => match Text::parse(&asked.text) {
            None => {
                let page = store.read_snapshot(move |db| waiting::page(db, company, id, now, request)).await?;
                ("waiting", Rows::Waiting(page.rows), page.total, true)
            }
            Some(text) => {
                let search = store.read_snapshot(move |db| waiting::search(db, company, id, &text, FOUND_MAX));
                let (found, is_whole) = search.await?;
                let total = i64::try_from(found.len()).unwrap_or(0);
                let rows = part(found, request);
                ("waiting", Rows::Waiting(rows), total, is_whole && total < FOUND_MAX)
            }
        },
        _ => {
            let found = store.feed_search(company, id, asked.search(&ui)?, request).await?.ok_or(Error::NotFound)?;
            let rows = found.page.rows.into_iter().map(|row| done(&ui, row)).collect::<Result<_>>()?;
            ("done", Rows::Done(rows), found.page.total, found.is_whole)
        }
    };
    let counts = store.read(move |db| task::result_counts(db, company, id)).await?;
    let mut results: Vec<String> = counts.into_iter().map(|it| format!("{}={}", it.name, it.value)).collect();
    results.sort_by_key(|it| (!it.starts_with(INTENT_LEVEL), it.clone()));
    let query = asked.query();
    let pager = Pager::new(request, total, query.clone());
    html(&Numbers { ui, view, asked, tab, results, rows, pager, query, is_whole })
}

fn part(found: Vec<Waiting>, request: PageRequest) -> Vec<Waiting> {
    let skip = usize::try_from((request.number - 1) * ROWS).unwrap_or(usize::MAX);
    found.into_iter().skip(skip).take(usize::try_from(ROWS).unwrap_or(0)).collect()
}
