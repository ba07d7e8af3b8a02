//! When a task will finish, played on its own settings. It is asked for, since it takes a while.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use hutong_domain::forecast::{Behaviour, Figures, Summary, run};
use hutong_domain::ids::TaskId;
use hutong_store::forecast::{self, Question, SAMPLES_MAX};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Forecasts that are made at once: each takes a processor.
static AT_ONCE: Semaphore = Semaphore::const_new(1);
/// Plays of a task, and numbers that are played in all: the more numbers there are, the less plays differ.
const RUNS: u64 = 12;
const RUNS_MIN: u64 = 2;
const NUMBERS_PLAYED: u64 = 400_000;
/// Numbers beyond which none is made here: it would take too long for somebody who waits.
const NUMBERS_MAX: u64 = 2_000_000;
const SEED: u64 = 1;

#[derive(Template)]
#[template(path = "tasks/forecast.html")]
struct Forecast {
    ui: Ui,
    id: TaskId,
    /// None where nothing is left to dial.
    made: Option<(Summary, Figures)>,
    is_under_way: bool,
}

/// `GET /c/{company}/tasks/{task}/forecast`
pub(crate) async fn part(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Html> {
    let (company, id, ui) = (visit.company, TaskId(id), visit.ui.clone());
    let busy = ui.t("正在推算其他任务，请稍候再试", "Another forecast is being made: try again").to_owned();
    let Ok(_permit) = AT_ONCE.try_acquire() else { return Err(Error::Refused(busy)) };
    let rules = hutong_domain::rules::Rules::clone(&shared.app.rules);
    let question = Question { now: ui.now, rules, samples_max: SAMPLES_MAX };
    let basis = shared.app.store.read_snapshot(move |db| forecast::of_task(db, company, id, &question)).await?;
    let basis = basis.filter(|basis| basis.task.deleted_at.is_none()).ok_or(Error::NotFound)?;
    let numbers = basis.campaign.numbers();
    let is_under_way = basis.campaign.is_under_way();
    if numbers == 0 || basis.task.status.is_final() {
        return html(&Forecast { ui, id, made: None, is_under_way });
    }
    if numbers > NUMBERS_MAX {
        let (zh, en) = ("号码太多，请用命令 hutong forecast 推算", "Too many numbers: use `hutong forecast`");
        return Err(Error::Refused(ui.t(zh, en).to_owned()));
    }
    let played = tokio::task::spawn_blocking(move || {
        let behaviour = Behaviour::of(&basis.samples);
        let runs = (NUMBERS_PLAYED / numbers).clamp(RUNS_MIN, RUNS);
        let outcomes = (0..runs).map(|number| run(&basis.campaign, &behaviour, SEED, number)).collect();
        Summary::of(outcomes).map(|summary| (summary, behaviour.figures()))
    });
    let made = played.await.ok().flatten();
    html(&Forecast { ui, id, made, is_under_way })
}
