//! The finished calls of a task as a file, in the order in which they ended. Whatever the size of the task, a few hundred
//! calls are in memory at once.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures::stream;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_store::feed::FeedRow;
use hutong_store::feed::search::{Search, Text};
use hutong_store::{PageRequest, Store};
use tokio::sync::Semaphore;

use super::numbers::Asked;
use super::of_company;
use crate::error::{Error, Result};
use crate::router::Shared;
use crate::sheet::{Cell, Kind, Row};
use crate::ui::Ui;
use crate::visitor::Visit;

/// Calls that are read at a time.
const PAGE: i64 = 500;
/// Workbooks that are written at once.
static WORKBOOKS: Semaphore = Semaphore::const_new(2);

/// What is exported, and where the reading stands.
struct Calls {
    store: Store,
    company: CompanyId,
    task: TaskId,
    search: Search,
    /// Names that are looked for are looked for here: the store looks for them among a part of a task only.
    name: Option<String>,
    /// Names of results, each of which has a column.
    results: Vec<String>,
    ui: Ui,
}

impl Calls {
    async fn of(shared: &Shared, visit: &Visit, task: TaskId, asked: &Asked) -> Result<(Self, String)> {
        let view = of_company(shared, visit, task).await?;
        let scene = shared.scenes.get(visit.company, view.task.scene, view.task.scene_version).await?;
        let mut search = Search { newest_first: false, ..asked.search(&visit.ui)? };
        let name = match search.text.take() {
            Some(Text::NameHas(name)) => Some(name),
            other => {
                search.text = other;
                None
            }
        };
        let results = scene.results().iter().map(|result| result.name.clone()).collect();
        let (store, company, ui) = (shared.app.store.clone(), visit.company, visit.ui.clone());
        tracing::info!(user = %visit.signed_in.user.name, %company, %task, "the calls of a task are exported");
        Ok((Self { store, company, task, search, name, results, ui }, view.task.settings.name))
    }

    fn head(&self) -> Vec<String> {
        let ui = &self.ui;
        let fixed = [
            ui.t("序号", "Index"),
            ui.t("通话ID", "Call"),
            ui.t("号码", "Number"),
            ui.t("姓名", "Name"),
            ui.t("完成状态", "Finished"),
            ui.t("通话时长(秒)", "Talk (s)"),
            ui.t("通话轮次", "Rounds"),
            ui.t("重拨次数", "Redials"),
            ui.t("开始拨打时间", "Dialled at"),
            ui.t("结束时间", "Ended at"),
            ui.t("主叫号码", "Caller"),
        ];
        fixed.into_iter().map(str::to_owned).chain(self.results.iter().cloned()).collect()
    }

    /// The next rows; none where all were read.
    async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        let page = PageRequest { number: 1, size: PAGE };
        let found = self.store.feed_search(self.company, self.task, self.search.clone(), page).await?;
        let rows = found.map(|found| found.page.rows).unwrap_or_default();
        let Some(last) = rows.last() else { return Ok(None) };
        self.search.filter.after = last.call_index;
        let wanted =
            rows.into_iter().filter(|row| self.name.as_ref().is_none_or(|name| row.customer_name.contains(name)));
        wanted.map(|row| self.cells(&row)).collect::<Result<_>>().map(Some)
    }

    fn cells(&self, row: &FeedRow<'_>) -> Result<Row> {
        let (ui, concluded) = (&self.ui, row.results.parsed()?);
        let mut cells = vec![
            Cell::number(row.call_index),
            Cell::number(row.id.get()),
            Cell::text(ui.phone(&row.customer_phone)),
            Cell::text(&*row.customer_name),
            Cell::text(ui.t(row.finish_status.label(), row.finish_status.english())),
            Cell::number(row.duration_s),
            Cell::number(row.chat_rounds),
            Cell::number(row.redials),
            Cell::text(ui.when(row.started_at)),
            Cell::text(ui.when(row.ended_at)),
            Cell::text(&*row.caller_phone),
        ];
        cells.extend(self.results.iter().map(|name| {
            let values = concluded.iter().filter(|it| it.name == *name).map(|it| it.value.as_str());
            Cell::text(values.collect::<Vec<_>>().join("；"))
        }));
        Ok(cells)
    }
}

/// `GET /c/{company}/tasks/{task}/export.csv`
pub(crate) async fn csv(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    download(Kind::Csv, &shared, &visit, TaskId(id), &asked).await
}

/// `GET /c/{company}/tasks/{task}/export.xlsx`
pub(crate) async fn xlsx(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let busy = visit.ui.t("正在导出其他表格，请稍候再试", "Other workbooks are being written: try again").to_owned();
    let Ok(_permit) = WORKBOOKS.try_acquire() else { return Err(Error::Refused(busy)) };
    download(Kind::Xlsx, &shared, &visit, TaskId(id), &asked).await
}

async fn download(kind: Kind, shared: &Shared, visit: &Visit, id: TaskId, asked: &Asked) -> Result<Response> {
    let (calls, name) = Calls::of(shared, visit, id, asked).await?;
    let head = calls.head();
    let rows = stream::try_unfold(calls, async |mut calls| Ok(calls.next().await?.map(|rows| (rows, calls))));
    kind.download(&format!("{name}-{id}"), head, rows).await
}
