//! Importing numbers into a task: a file or pasted numbers, which column is what, what will go in, and then all of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use askama::Template;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::Form;
use futures::stream;
use hutong_domain::access::Permission;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::scene::Scene;
use hutong_store::task::TaskView;
use serde::Deserialize;

use super::{SECTION, of_company};
use crate::error::{Error, Result};
use crate::import::check::{self, Reason, Report};
use crate::import::job::{self, Job};
use crate::import::mapping::Mapping;
use crate::import::{List, Row, Sheet, Stage, read};
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::sheet::{Cell, Kind};
use crate::ui::Ui;
use crate::visitor::Visit;

/// How long an upload may take.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(300);
/// Bytes of a list.
const BYTES_MAX: usize = 64 << 20;
/// Rows that show what is in the columns.
const SHOWN: usize = 5;
/// Refused rows that are written at a time.
const REFUSED_AT_ONCE: usize = 500;

/// Rows that do not go in for one reason.
struct OfReason {
    words: String,
    count: i64,
    first: Vec<Row>,
}

#[derive(Template)]
#[template(path = "tasks/import.html", blocks = ["stage"])]
struct ImportPage {
    ui: Ui,
    view: TaskView,
    /// What the scene needs of every customer.
    variables: Vec<String>,
    list: Option<Arc<List>>,
    stage: Option<Stage>,
    guess: Mapping,
}

impl ImportPage {
    fn path(&self) -> String {
        self.ui.url(&format!("tasks/{}/import", self.view.task.id))
    }

    fn sheet(&self) -> Option<&Sheet> {
        self.list.as_ref().map(|list| &list.sheet)
    }

    fn columns(&self) -> Vec<(usize, String)> {
        let Some(sheet) = self.sheet() else { return Vec::new() };
        let named = |column: usize| match sheet.head(column) {
            "" => format!("{} {}", self.ui.t("第", "column"), column + 1) + self.ui.t(" 列", ""),
            head => head.to_owned(),
        };
        (0..sheet.columns).map(|column| (column, named(column))).collect()
    }

    fn shown(&self) -> &[Row] {
        self.sheet().map_or(&[], |sheet| sheet.sample.get(..SHOWN.min(sheet.sample.len())).unwrap_or_default())
    }

    fn is_name(&self, column: &usize) -> bool {
        self.guess.name == Some(*column)
    }

    fn is_variable(&self, variable: &str, column: &usize) -> bool {
        self.guess.variables.get(variable) == Some(column)
    }

    fn count(&self, of: fn(&List) -> i64) -> i64 {
        self.list.as_ref().map_or(0, |list| of(list))
    }

    fn done(&self) -> i64 {
        self.count(|list| list.done.load(Ordering::Relaxed))
    }

    fn inserted(&self) -> i64 {
        self.count(|list| list.inserted.load(Ordering::Relaxed))
    }

    fn repeated(&self) -> i64 {
        self.count(|list| list.repeated.load(Ordering::Relaxed))
    }

    fn rows(&self) -> i64 {
        self.count(|list| list.sheet.rows)
    }

    fn refused(&self, report: &Arc<Report>) -> i64 {
        i64::try_from(report.refused.len()).unwrap_or(i64::MAX)
    }

    fn sample<'r>(&self, report: &'r Arc<Report>) -> &'r [Row] {
        &report.sample
    }

    fn reasons(&self, report: &Arc<Report>) -> Vec<OfReason> {
        let of = |(reason, (count, first)): (&Reason, &(i64, Vec<Row>))| OfReason {
            words: words(&self.ui, report, *reason),
            count: *count,
            first: first.clone(),
        };
        report.by_reason.iter().map(of).collect()
    }

    fn is_busy(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.is_busy())
    }
}

/// Why a row does not go in, in the language of the page.
fn words(ui: &Ui, report: &Report, reason: Reason) -> String {
    let variable = report.variable(reason);
    match reason {
        Reason::Number => ui.t("号码不可用", "no number that can be dialled").to_owned(),
        Reason::Missing(_) => format!("{}：{variable}", ui.t("缺少变量", "variable is missing")),
        Reason::Unfit(_) => format!("{}：{variable}", ui.t("变量值不合要求", "variable does not fit")),
        Reason::Twice => ui.t("在本次名单中重复", "stands in the list twice").to_owned(),
        Reason::Known => ui.t("任务中已有", "is in the task already").to_owned(),
        Reason::Blacklisted => ui.t("在黑名单中", "is on the blacklist").to_owned(),
    }
}

/// A task that somebody may import into, with its scene.
async fn task(shared: &Shared, visit: &Visit, id: i64) -> Result<(TaskView, Arc<Scene>, (CompanyId, TaskId))> {
    visit.require(Permission::RunTasks)?;
    let view = of_company(shared, visit, TaskId(id)).await?;
    let scene = shared.scenes.get(visit.company, view.task.scene, view.task.scene_version).await?;
    Ok((view, scene, (visit.company, TaskId(id))))
}

async fn page_of(shared: &Shared, visit: &Visit, id: i64) -> Result<ImportPage> {
    let (view, scene, key) = task(shared, visit, id).await?;
    let list = shared.lists.find(key, visit.ui.now);
    let stage = list.as_ref().map(|list| list.stage());
    let guess = list.as_ref().map(|list| Mapping::guess(&list.sheet, scene.variables())).unwrap_or_default();
    let variables = scene.variables().map(str::to_owned).collect();
    Ok(ImportPage { ui: visit.ui.in_section(SECTION), view, variables, list, stage, guess })
}

/// `GET /c/{company}/tasks/{task}/import`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Html> {
    html(&page_of(&shared, &visit, id).await?)
}

/// `GET /c/{company}/tasks/{task}/import/stage`: the part that changes while something goes on.
pub(crate) async fn stage(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Html> {
    Ok(Html(page_of(&shared, &visit, id).await?.as_stage().render()?))
}

/// `POST /c/{company}/tasks/{task}/import`: a file, or what was pasted.
pub(crate) async fn upload(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    let (_, _, key) = task(&shared, &visit, id).await?;
    let ui = &visit.ui;
    let refuse = |zh: &str, en: &str| Error::Refused(ui.t(zh, en).to_owned());
    let form = form.map_err(|_| refuse("没有收到文件", "No file was received"))?;
    let Ok(_permit) = shared.lists.uploads.clone().try_acquire_owned() else {
        return Err(refuse("正在接收其他文件，请稍候再试", "Other files are being received: try again"));
    };
    let received = tokio::time::timeout(UPLOAD_TIME_MAX, receive(form)).await;
    let received = received.map_err(|_| refuse("上传时间过长", "The upload takes too long"))?;
    let (bytes, is_pasted) = received
        .map_err(|()| refuse("上传中断，或文件超过 64 MB", "The upload was cut off, or is larger than 64 MB"))?;
    let read = tokio::task::spawn_blocking(move || read(&bytes, is_pasted))
        .await
        .map_err(|error| Error::Broken(error.to_string()))?;
    let sheet = read.map_err(|refused| {
        tracing::info!(%refused, "a list of numbers is refused");
        refuse(&refused.chinese(), &refused.to_string())
    })?;
    if !shared.lists.put(key, sheet, &shared.app.clock) {
        return Err(refuse(
            "该任务正在导入，或同时导入的任务太多",
            "The task is being imported into, or too many others are",
        ));
    }
    Ok(go_to(&ui.url(&format!("tasks/{id}/import"))))
}

/// The file where there is one; otherwise what was pasted.
async fn receive(mut form: Multipart) -> std::result::Result<(Vec<u8>, bool), ()> {
    let mut pasted = Vec::new();
    while let Some(mut field) = form.next_field().await.map_err(|_| ())? {
        let is_file = field.name() == Some("file");
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|_| ())? {
            if bytes.len() + chunk.len() > BYTES_MAX {
                return Err(());
            }
            bytes.extend_from_slice(&chunk);
        }
        if is_file && !bytes.is_empty() {
            return Ok((bytes, false));
        }
        if !is_file {
            pasted = bytes;
        }
    }
    Ok((pasted, true))
}

/// Which column is what. Columns of variables stand beside their names, in the same order.
#[derive(Deserialize)]
pub(crate) struct Columns {
    number: usize,
    #[serde(default)]
    name: String,
    #[serde(default)]
    variable: Vec<String>,
    #[serde(default)]
    column: Vec<String>,
}

/// `POST /c/{company}/tasks/{task}/import/check`: looks through the list.
pub(crate) async fn look(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Form(columns): Form<Columns>,
) -> Result<Response> {
    let (_, scene, key) = task(&shared, &visit, id).await?;
    let list = list(&shared, &visit, key)?;
    let of = |text: &str| text.parse::<usize>().ok().filter(|column| *column < list.sheet.columns);
    let variables = columns.variable.iter().zip(&columns.column);
    let variables = variables.filter_map(|(name, column)| Some((name.clone(), of(column)?))).collect();
    let mapping = Mapping { number: columns.number, name: of(&columns.name), variables };
    if list.begin(Stage::Checking) {
        tokio::spawn(check::run(shared.app.store.clone(), list, mapping, scene, key));
    }
    Ok(go_to(&visit.ui.url(&format!("tasks/{id}/import"))))
}

fn list(shared: &Shared, visit: &Visit, key: (CompanyId, TaskId)) -> Result<Arc<List>> {
    let (zh, en) = ("名单已不在了，请重新上传", "The list is not kept any more: upload it again");
    shared.lists.find(key, visit.ui.now).ok_or_else(|| Error::Refused(visit.ui.t(zh, en).to_owned()))
}

/// `POST /c/{company}/tasks/{task}/import/start`: what was found good goes in.
pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Response> {
    let (_, _, key) = task(&shared, &visit, id).await?;
    let list = list(&shared, &visit, key)?;
    if let Stage::Checked(report) = list.stage()
        && list.begin(Stage::Importing(report.clone()))
    {
        let job = Job {
            inside: shared.inside.clone(),
            person: visit.person(),
            company: key.0,
            task: key.1,
            stopped: shared.stopped.clone(),
        };
        tokio::spawn(job::run(job, list, report));
    }
    Ok(go_to(&visit.ui.url(&format!("tasks/{id}/import"))))
}

/// `POST /c/{company}/tasks/{task}/import/stop`: stops what goes on, or forgets the list where nothing does.
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Response> {
    let (_, _, key) = task(&shared, &visit, id).await?;
    if let Some(list) = shared.lists.find(key, visit.ui.now) {
        list.stop.store(true, Ordering::Relaxed);
        shared.lists.forget(key);
    }
    Ok(go_to(&visit.ui.url(&format!("tasks/{id}/import"))))
}

/// `GET /c/{company}/tasks/{task}/import/refused.csv`: the rows that do not go in, each with its line and the reason.
pub(crate) async fn refused(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Response> {
    let (view, _, key) = task(&shared, &visit, id).await?;
    let list = shared.lists.find(key, visit.ui.now).ok_or(Error::NotFound)?;
    let (Stage::Checked(report) | Stage::Importing(report) | Stage::Done { report, .. }) = list.stage() else {
        return Err(Error::NotFound);
    };
    let ui = visit.ui.clone();
    let mut head = vec![ui.t("行号", "Line").to_owned(), ui.t("原因", "Reason").to_owned()];
    head.extend((0..list.sheet.columns).map(|column| list.sheet.head(column).to_owned()));
    let columns = list.sheet.columns;
    let rows = list.sheet.rows().filter_map(move |row| match row {
        Err(error) => Some(Err(error)),
        Ok(row) => report.reason(&row).map(|reason| {
            let mut cells = vec![Cell::number(row.line), Cell::text(words(&ui, &report, reason))];
            cells.extend((0..columns).map(|column| Cell::text(row.cell(column))));
            Ok(cells)
        }),
    });
    let parts = stream::try_unfold(rows, async |mut rows| {
        let read = tokio::task::spawn_blocking(move || {
            let read = rows.by_ref().take(REFUSED_AT_ONCE).collect::<std::io::Result<Vec<_>>>();
            read.map(|read| (!read.is_empty()).then_some((read, rows)))
        });
        let broken = |error: &dyn std::error::Error| Error::Broken(error.to_string());
        read.await.map_err(|error| broken(&error))?.map_err(|error| broken(&error))
    });
    let name = format!("{}-{}", view.task.settings.name, visit.ui.t("未导入", "refused"));
    Kind::Csv.download(&name, head, parts).await
}
