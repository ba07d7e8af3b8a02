//! Starting, pausing, stopping and deleting: one task, or many at once.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::ids::TaskId;
use hutong_store::task;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Tasks of one request.
const TASKS_MAX: usize = 200;

/// What is to be done to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Command {
    Start,
    Pause,
    Stop,
    Delete,
}

impl Command {
    const fn operation(self) -> &'static str {
        match self {
            Self::Start => "v1/task/start",
            Self::Pause => "v1/task/pause",
            Self::Stop => "v1/task/stop",
            Self::Delete => "v1/task/delete",
        }
    }

    fn done(self, ui: &Ui) -> &str {
        match self {
            Self::Start => ui.t("已启动", "Started"),
            Self::Pause => ui.t("已暂停", "Paused"),
            Self::Stop => ui.t("已终止", "Stopped"),
            Self::Delete => ui.t("已删除", "Deleted"),
        }
    }
}

/// Many tasks, and what is to be done to each.
#[derive(Deserialize)]
pub(crate) struct Bulk {
    command: Command,
    #[serde(default)]
    task: Vec<i64>,
}

/// What came of one of many.
struct Outcome {
    id: i64,
    name: String,
    is_done: bool,
    words: String,
}

#[derive(Template)]
#[template(path = "tasks/outcome.html")]
struct Outcomes {
    ui: Ui,
    outcomes: Vec<Outcome>,
}

impl Outcomes {
    fn done(&self) -> usize {
        self.outcomes.iter().filter(|it| it.is_done).count()
    }
}

/// `POST /c/{company}/tasks/bulk`: each task is answered by itself.
pub(crate) async fn bulk(State(shared): State<Arc<Shared>>, visit: Visit, Form(asked): Form<Bulk>) -> Result<Html> {
    visit.require(Permission::RunTasks)?;
    let Bulk { command, task: ids } = asked;
    let ui = visit.ui.clone();
    if ids.is_empty() {
        return Err(Error::Refused(ui.t("请先勾选任务", "Choose tasks first").to_owned()));
    }
    if ids.len() > TASKS_MAX || command == Command::Delete {
        return Err(Error::Refused(ui.t("一次最多 200 个任务", "At most 200 tasks at once").to_owned()));
    }
    let person = visit.person();
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        let company = visit.company;
        let known = shared.app.store.read(move |db| task::find(db, company, TaskId(id))).await?;
        let name = known.map_or_else(String::new, |task| task.settings.name);
        let (is_done, words) = match shared.inside.ask(&person, command.operation(), &json!({ "taskId": id })).await {
            Ok(_) => (true, command.done(&ui).to_owned()),
            Err(refused) => (false, ui.message(&refused.reason).to_owned()),
        };
        outcomes.push(Outcome { id, name, is_done, words });
    }
    html(&Outcomes { ui, outcomes })
}

/// `POST /c/{company}/tasks/{task}/command/{command}`
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id, command)): Path<(i64, i64, Command)>,
) -> Result<Response> {
    visit.require(Permission::RunTasks)?;
    super::of_company(&shared, &visit, TaskId(id)).await?;
    shared.inside.ask(&visit.person(), command.operation(), &json!({ "taskId": id })).await?;
    let path = match command {
        Command::Delete => visit.ui.url("tasks"),
        Command::Start | Command::Pause | Command::Stop => visit.ui.url(&format!("tasks/{id}")),
    };
    Ok(go_to(&path).into_response())
}
