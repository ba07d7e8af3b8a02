//! Making a task and changing it: one form. The API checks what was typed, and its answers stand at the fields.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::call::FinishStatus;
use hutong_domain::ids::TaskId;
use hutong_domain::line::LineUse;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::Command;
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Robot};
use hutong_store::sms::{self, SmsTemplate};
use hutong_store::task::TaskView;
use hutong_store::{PageRequest, company};
use serde::Deserialize;

use super::preview::Preview;
use super::typed::Typed;
use super::{SECTION, of_company};
use crate::error::{Error, Result};
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Templates that can be chosen.
const TEMPLATES_MAX: i64 = 200;
/// Intent levels that an SMS may follow.
const LEVELS: [&str; 6] = ["A级(较强)", "B级(一般)", "C级(很少)", "D级(需筛选)", "E级(需要再次跟进)", "F级(无需跟进)"];

/// What can be chosen from.
struct Choices {
    robots: Vec<Robot>,
    lines: Vec<Line>,
    templates: Vec<SmsTemplate>,
    seats: i64,
}

#[derive(Template)]
#[template(path = "tasks/form.html")]
struct FormPage {
    ui: Ui,
    /// The task that is changed; none where one is made.
    task: Option<TaskView>,
    typed: Typed,
    choices: Choices,
    preview: Preview,
    /// Where what was typed does not fit: at which field, and why. An empty field is the form itself.
    problem: Option<(&'static str, String)>,
}

impl FormPage {
    fn problem(&self, field: &str) -> Option<&str> {
        self.problem.as_ref().filter(|(at, _)| *at == field).map(|(_, words)| words.as_str())
    }

    /// Where the form goes.
    fn action(&self) -> String {
        let path = self.task.as_ref().map_or_else(|| "new".to_owned(), |view| format!("{}/edit", view.task.id));
        self.ui.url(&format!("tasks/{path}"))
    }

    fn statuses(&self) -> Vec<(i64, &str)> {
        let fitting = FinishStatus::ALL.iter().filter(|status| RedialRule::fits(**status));
        fitting.map(|it| (it.number(), self.ui.t(it.label(), it.english()))).collect()
    }

    fn levels(&self) -> [&'static str; 6] {
        LEVELS
    }

    fn line_notes(&self, line: &Line) -> String {
        let kind = self.ui.t(line.kind.label(), line.kind.english());
        let channels = line.channels.map_or_else(
            || self.ui.t("不限通道", "no limit of channels").to_owned(),
            |channels| format!("{channels} {}", self.ui.t("路", "channels")),
        );
        let unusable =
            if line.is_usable(self.ui.now) { "" } else { self.ui.t("，当前不可用", ", cannot be used now") };
        format!("{} · {kind} · {channels}{unusable}", line.phone)
    }
}

/// A task whose settings a new one begins with.
#[derive(Deserialize)]
pub(crate) struct From {
    copy: Option<i64>,
}

/// `GET /c/{company}/tasks/new`
pub(crate) async fn new(State(shared): State<Arc<Shared>>, visit: Visit, Query(from): Query<From>) -> Result<Html> {
    visit.require(Permission::RunTasks)?;
    let typed = match from.copy {
        Some(id) => Typed::of(&of_company(&shared, &visit, TaskId(id)).await?),
        None => Typed::fresh(visit.ui.now.civil(&visit.ui.zone).date()),
    };
    html(&page(&shared, &visit, None, typed, None).await?)
}

/// `POST /c/{company}/tasks/new`
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(typed): Form<Typed>,
) -> Result<Response> {
    visit.require(Permission::RunTasks)?;
    save(&shared, &visit, None, typed).await
}

/// `GET /c/{company}/tasks/{task}/edit`
pub(crate) async fn edit(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Html> {
    visit.require(Permission::RunTasks)?;
    let view = of_company(&shared, &visit, TaskId(id)).await?;
    if Command::Update.apply(view.task.status).is_err() {
        let (zh, en) =
            ("任务正在运行或已结束，不能修改；请先暂停", "A task that runs or has ended cannot be changed: pause it");
        return Err(Error::Refused(visit.ui.t(zh, en).to_owned()));
    }
    let typed = Typed::of(&view);
    html(&page(&shared, &visit, Some(view), typed, None).await?)
}

/// `POST /c/{company}/tasks/{task}/edit`
pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Form(typed): Form<Typed>,
) -> Result<Response> {
    visit.require(Permission::RunTasks)?;
    let view = of_company(&shared, &visit, TaskId(id)).await?;
    save(&shared, &visit, Some(view), typed).await
}

/// `POST /c/{company}/tasks/preview`: in plain words, what the settings mean.
pub(crate) async fn preview(State(shared): State<Arc<Shared>>, visit: Visit, Form(typed): Form<Typed>) -> Result<Html> {
    visit.require(Permission::RunTasks)?;
    let choices = choices(&shared, &visit).await?;
    html(&preview_of(&shared, &visit, &typed, &choices).await?)
}

/// Asks the API, and leads to the task; or shows the form again, with the problem at its field.
async fn save(shared: &Shared, visit: &Visit, task: Option<TaskView>, typed: Typed) -> Result<Response> {
    let known = task.as_ref().map(|view| view.task.id);
    let operation = if known.is_some() { "v1/task/update" } else { "v1/task/createTask" };
    let refused = match shared.inside.ask(&visit.person(), operation, &typed.to_wire(visit.company, known)).await {
        Ok(answered) => {
            let id = known.map_or_else(|| answered.data.to_string(), |id| id.to_string());
            // Working hours that the law has cut are told on the page of the task.
            let cut = if answered.text.contains('：') { "?cut=1" } else { "" };
            return Ok(go_to(&visit.ui.url(&format!("tasks/{id}{cut}"))));
        }
        Err(refused) if matches!(refused.code, 404 | 412) => refused,
        Err(refused) => return Err(refused.into()),
    };
    let problem = super::typed::problem(&visit.ui, &refused);
    let page = page(shared, visit, task, typed, Some(problem)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

async fn page(
    shared: &Shared,
    visit: &Visit,
    task: Option<TaskView>,
    typed: Typed,
    problem: Option<(&'static str, String)>,
) -> Result<FormPage> {
    let choices = choices(shared, visit).await?;
    let preview = preview_of(shared, visit, &typed, &choices).await?;
    Ok(FormPage { ui: visit.ui.in_section(SECTION), task, typed, choices, preview, problem })
}

async fn choices(shared: &Shared, visit: &Visit) -> Result<Choices> {
    let company = visit.company;
    let read = shared.app.store.read_snapshot(move |db| {
        let mut robots = robot::of_company(db, company)?;
        robots.retain(|robot| robot.online);
        let mut lines = line::of_company(db, company)?;
        lines.retain(|line| line.line_use != Some(LineUse::Inbound));
        let all = PageRequest { number: 1, size: TEMPLATES_MAX };
        let templates = sms::page(db, company, None, all)?.rows;
        let seats = company::find(db, company)?.map_or(0, |company| company.seats);
        Ok(Choices { robots, lines, templates, seats })
    });
    Ok(read.await?)
}

async fn preview_of(shared: &Shared, visit: &Visit, typed: &Typed, choices: &Choices) -> Result<Preview> {
    let company = visit.company;
    let known = shared.app.store.read(move |db| company::find(db, company)).await?;
    let hours = shared.app.rules.hours_of(&known.map(|company| company.rules).unwrap_or_default());
    Ok(Preview::new(&visit.ui, typed, &hours, &choices.lines, choices.seats))
}
