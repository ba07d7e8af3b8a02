//! The finished calls of a task as a file, in the order in which they ended. Whatever the size of the task, a few hundred
//! calls are in memory at once: CSV is sent while it is read; a workbook is written to a file that has no name, and sent.

mod workbook;

use std::borrow::Cow;
use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_store::feed::FeedRow;
use hutong_store::feed::search::{Search, Text};
use hutong_store::{PageRequest, Store};
use tokio::sync::{Semaphore, mpsc};

use super::numbers::Asked;
use super::of_company;
use crate::error::{Error, Result};
use crate::router::Shared;
use crate::sheet::harmless;
use crate::ui::Ui;
use crate::visitor::Visit;
pub(super) use workbook::Cell;
use workbook::Workbook;

/// Calls that are read at a time.
const PAGE: i64 = 500;
/// Workbooks that are written at once.
static WORKBOOKS: Semaphore = Semaphore::const_new(2);
/// Pages that wait to be written into a workbook.
const PAGES_WAITING: usize = 4;
/// Bytes of a file that are sent at a time.
const PIECE: usize = 64 << 10;
/// By this, Excel knows that a text is UTF-8.
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

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
    async fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>> {
        let page = PageRequest { number: 1, size: PAGE };
        let found = self.store.feed_search(self.company, self.task, self.search.clone(), page).await?;
        let rows = found.map(|found| found.page.rows).unwrap_or_default();
        let Some(last) = rows.last() else { return Ok(None) };
        self.search.filter.after = last.call_index;
        let wanted =
            rows.into_iter().filter(|row| self.name.as_ref().is_none_or(|name| row.customer_name.contains(name)));
        wanted.map(|row| self.cells(&row)).collect::<Result<_>>().map(Some)
    }

    fn cells(&self, row: &FeedRow<'_>) -> Result<Vec<Cell>> {
        let (ui, concluded) = (&self.ui, row.results.parsed()?);
        let text = |text: &str| Cell::Text(text.to_owned());
        let mut cells = vec![
            Cell::Number(row.call_index),
            Cell::Number(row.id.get()),
            text(&ui.phone(&row.customer_phone)),
            text(&row.customer_name),
            text(ui.t(row.finish_status.label(), row.finish_status.english())),
            Cell::Number(row.duration_s),
            Cell::Number(row.chat_rounds),
            Cell::Number(row.redials),
            Cell::Text(ui.when(row.started_at)),
            Cell::Text(ui.when(row.ended_at)),
            text(&row.caller_phone),
        ];
        cells.extend(self.results.iter().map(|name| {
            let values = concluded.iter().filter(|it| it.name == *name).map(|it| it.value.as_str());
            Cell::Text(values.collect::<Vec<_>>().join("；"))
        }));
        Ok(cells)
    }
}

/// Records of CSV.
pub(super) fn csv_of(rows: &[Vec<Cell>]) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| {
            match cell {
                Cell::Number(number) => Cow::from(number.to_string()),
                Cell::Text(text) => harmless(text),
            }
            .into_owned()
        }))?;
    }
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

/// `GET /c/{company}/tasks/{task}/export.csv`
pub(crate) async fn csv(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let (calls, name) = Calls::of(&shared, &visit, TaskId(id), &asked).await?;
    let head: Vec<Cell> = calls.head().into_iter().map(Cell::Text).collect();
    let mut first = BYTE_ORDER_MARK.as_bytes().to_vec();
    first.extend(csv_of(&[head]).map_err(broken)?);
    let pieces = stream::unfold((Some(first), Some(calls)), |(first, calls)| async move {
        let mut calls = calls?;
        if let Some(first) = first {
            return Some((Ok(Bytes::from(first)), (None, Some(calls))));
        }
        let piece = match calls.next().await {
            Ok(None) => return None,
            Ok(Some(rows)) => csv_of(&rows),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        };
        // An error ends the download, so that nobody takes a part for the whole.
        let calls = piece.is_ok().then_some(calls);
        Some((piece.map(Bytes::from), (None, calls)))
    });
    Ok(file(Body::from_stream(pieces), "text/csv; charset=utf-8", &format!("{name}-{id}.csv")))
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
    let (mut calls, name) = Calls::of(&shared, &visit, TaskId(id), &asked).await?;
    let (pages, waiting) = mpsc::channel(PAGES_WAITING);
    let head = calls.head();
    let written = tokio::task::spawn_blocking(move || Workbook::write(&head, waiting));
    while let Some(rows) = calls.next().await? {
        // Where the writer has given up, it says why below.
        if pages.send(rows).await.is_err() {
            break;
        }
    }
    drop(pages);
    let mut workbook = written.await.map_err(broken)?.map_err(broken)?;
    workbook.rewind().map_err(broken)?;
    let pieces = stream::unfold(Some(workbook), |workbook| async move {
        let mut workbook = workbook?;
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let read = workbook.read(&mut piece)?;
            piece.truncate(read);
            Ok((piece, workbook))
        });
        match read.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, workbook)) => Some((Ok(Bytes::from(piece)), Some(workbook))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(file(Body::from_stream(pieces), kind, &format!("{name}-{id}.xlsx")))
}

/// A file that a browser keeps under this name.
pub(super) fn file(body: Body, kind: &'static str, name: &str) -> Response {
    let encoded: String = name
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let disposition = format!("attachment; filename*=UTF-8''{encoded}");
    let headers =
        [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition), (CACHE_CONTROL, "no-store".to_owned())];
    (headers, body).into_response()
}

pub(super) fn broken(error: impl std::fmt::Display) -> Error {
    Error::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let row = ["=1+1", "+86", "-2", "@x", "a=b", "\"，\""].map(|text| Cell::Text(text.to_owned()));
        let csv = String::from_utf8(csv_of(&[row.to_vec()]).unwrap()).unwrap();
        assert_eq!(csv, "'=1+1,'+86,'-2,'@x,a=b,\"\"\"，\"\"\"\r\n");
        assert_eq!(csv_of(&[vec![Cell::Number(-3)]]).unwrap(), b"-3\r\n");
    }
}
