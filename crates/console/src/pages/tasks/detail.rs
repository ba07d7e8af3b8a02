//! A task: how far it is, what came of it, what was decided about it, and what happened to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use hutong_domain::access::Permission;
use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::ids::TaskId;
use hutong_domain::report::Counts;
use hutong_domain::statistics::{CHAT_ROUND_BUCKETS, TALK_TIME_BUCKETS};
use hutong_domain::task::{Command, MoveReason, TaskKind, TaskStatus};
use hutong_store::in_progress;
use hutong_store::report::{self, Question};
use hutong_store::task::{self, Happening, ResultCount, TaskView};
use serde::Deserialize;

use super::{SECTION, hours, reason, status};
use crate::charts::Columns;
use crate::error::{Error, Result};
use crate::live;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

/// Things that happened to a task that are shown.
const LOG: i64 = 30;
/// Talk times in English, in the order of [`TALK_TIME_BUCKETS`].
const TALK_TIMES: [&str; 4] = ["<10 s", "10–59 s", "1–2 min", "≥2 min"];
/// Chat rounds in English, in the order of [`CHAT_ROUND_BUCKETS`].
const ROUNDS: [&str; 4] = ["0–9", "10–19", "20–29", "≥30"];

/// A name and how often it occurred.
type Bar = (String, i64);

/// Something that happened.
struct LogLine {
    at: String,
    words: String,
    actor: String,
}

#[derive(Template)]
#[template(path = "tasks/detail.html", blocks = ["now"])]
struct Detail {
    ui: Ui,
    view: TaskView,
    /// Why it does not dial, where the scheduler has paused it.
    why: Option<MoveReason>,
    in_progress: i64,
    by_hour: Columns,
    /// What was concluded: under each name, how often each value was; intent levels first.
    results: Vec<(String, Vec<Bar>)>,
    log: Vec<LogLine>,
    /// Its hours were cut to the legal ones when they were set.
    is_cut: bool,
}

/// What is told on the page once.
#[derive(Deserialize)]
pub(crate) struct Told {
    cut: Option<String>,
}

impl Detail {
    fn tone(&self) -> &'static str {
        words::task_tone(self.view.task.status)
    }

    fn status(&self) -> &'static str {
        status(&self.ui, self.view.task.status)
    }

    fn why(&self) -> Option<&'static str> {
        self.why.map(|why| reason(&self.ui, why))
    }

    /// How often the most frequent one occurred: for the width of bars.
    fn most(&self, bars: &[Bar]) -> i64 {
        bars.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }

    fn waiting(&self) -> i64 {
        let counters = &self.view.task.counters;
        (counters.total - counters.done - self.in_progress).max(0)
    }

    fn answered(&self) -> i64 {
        self.view.task.counters.finished_with(FinishStatus::Answered)
    }

    /// Whether this can be asked of it now.
    fn takes(&self, command: &str) -> bool {
        let status = self.view.task.status;
        match command {
            "start" => {
                let runs = matches!(status, TaskStatus::Running | TaskStatus::Ready | TaskStatus::Queued);
                !runs && Command::Start.apply(status).is_ok()
            }
            "pause" => Command::Pause.apply(status).is_ok(),
            "stop" => status != TaskStatus::Stopped && Command::Stop.apply(status).is_ok(),
            _ => Command::Update.apply(status).is_ok(),
        }
    }

    fn is_final(&self) -> bool {
        self.view.task.status.is_final()
    }

    fn hours(&self) -> String {
        hours(&self.view.task.settings.window)
    }

    fn is_timed(&self) -> bool {
        self.view.task.settings.kind == TaskKind::Timed
    }

    fn by_finish(&self) -> Vec<(i64, &str, i64)> {
        let counts = FinishStatus::ALL.iter().zip(self.view.task.counters.by_finish_status).filter(|(_, n)| *n > 0);
        counts.map(|(it, n)| (it.number(), self.ui.t(it.label(), it.english()), n)).collect()
    }

    fn by_talk_time(&self) -> Vec<Bar> {
        self.buckets(TALK_TIME_BUCKETS, TALK_TIMES, self.view.task.counters.by_talk_time)
    }

    fn by_rounds(&self) -> Vec<Bar> {
        self.buckets(CHAT_ROUND_BUCKETS, ROUNDS, self.view.task.counters.by_chat_rounds)
    }

    fn buckets(&self, zh: [&str; 4], en: [&str; 4], counts: [i64; 4]) -> Vec<Bar> {
        zh.into_iter().zip(en).zip(counts).map(|((zh, en), count)| (self.ui.t(zh, en).to_owned(), count)).collect()
    }

    fn redials(&self) -> Vec<String> {
        let rules = self.view.task.settings.redial_rules.iter();
        rules
            .map(|rule| {
                let status = self.ui.t(rule.status.label(), rule.status.english());
                let (minutes, times) = (rule.interval_minutes, rule.times);
                let zh = format!("{status}：{minutes} 分钟后，最多 {times} 次");
                let en = format!("{status}: after {minutes} min, {times} times at most");
                self.ui.t(&zh, &en).to_owned()
            })
            .collect()
    }
}

async fn read(shared: &Shared, visit: &Visit, id: TaskId, is_cut: bool) -> Result<Detail> {
    let ui = visit.ui.in_section(SECTION);
    let (company, question) = (visit.company, Question::of_task(visit.company, id, ui.zone.clone()));
    let found = shared.app.store.read_snapshot(move |db| {
        let Some(view) = task::find_view(db, company, id)? else { return Ok(None) };
        let why = match view.task.status {
            TaskStatus::SystemPaused | TaskStatus::Queued | TaskStatus::LineInArrears => task::reason(db, company, id)?,
            _ => None,
        };
        let by_hour = report::by_hour_of_day(db, &question)?;
        let results = task::result_counts(db, company, id)?;
        Ok(Some((view, why, in_progress::count(db, company, id)?, by_hour, results, task::log(db, company, id, LOG)?)))
    });
    let found = found.await?.filter(|(view, ..)| view.task.deleted_at.is_none());
    let (view, why, in_progress, by_hour, counts, log) = found.ok_or(Error::NotFound)?;
    let scene = shared.scenes.get(company, view.task.scene, view.task.scene_version).await?;
    let names = scene.results().iter().map(|result| result.name.clone()).collect();
    let (by_hour, log) = (columns(&ui, &by_hour), log.into_iter().map(|it| log_line(&ui, it)).collect());
    Ok(Detail { ui, view, why, in_progress, by_hour, results: by_name(names, counts), log, is_cut })
}

/// Attempts by the hour of the day, and how many of them were answered.
fn columns(ui: &Ui, hours: &[Counts; 24]) -> Columns {
    let mut dialled = hours.iter().enumerate().filter(|(_, counts)| counts.dialled > 0);
    let (first, last) = (dialled.clone().next(), dialled.next_back());
    let (first, last) = first.zip(last).map_or((9, 20), |((first, _), (last, _))| (first.min(9), last.max(20)));
    let figures = (first..=last).filter_map(|hour| Some((hour, hours.get(hour)?)));
    let figures = figures.map(|(hour, counts)| {
        let (dialled, answered) = (counts.dialled, counts.answered);
        let rate = ui.percent(answered, dialled);
        let zh = format!("{hour} 点：拨打 {dialled}，接听 {answered}（{rate}）");
        let en = format!("{hour}:00: {dialled} dialled, {answered} answered ({rate})");
        (hour.to_string(), dialled, answered, ui.t(&zh, &en).to_owned())
    });
    Columns::new(figures.collect())
}

/// In the order of the scene's results, with the intent level first.
fn by_name(names: Vec<String>, counts: Vec<ResultCount>) -> Vec<(String, Vec<Bar>)> {
    let mut results: Vec<(String, Vec<Bar>)> = names.into_iter().map(|name| (name, Vec::new())).collect();
    results.sort_by_key(|(name, _)| name != INTENT_LEVEL);
    for ResultCount { name, value, calls } in counts {
        match results.iter_mut().find(|(known, _)| *known == name) {
            Some((_, bars)) => bars.push((value, calls)),
            None => results.push((name, vec![(value, calls)])),
        }
    }
    results.retain(|(_, bars)| !bars.is_empty());
    // Levels in their order; everything else by how often.
    for (_, bars) in results.iter_mut().filter(|(name, _)| name == INTENT_LEVEL) {
        bars.sort();
    }
    results
}

fn log_line(ui: &Ui, happening: Happening) -> LogLine {
    let at = ui.when(happening.at());
    match happening {
        Happening::Moved(moved) => {
            let why = MoveReason::from_name(&moved.reason).map(|why| reason(ui, why));
            let why = why.map_or_else(String::new, |why| ui.t(&format!("（{why}）"), &format!(" ({why})")).to_owned());
            let words = format!("{} → {}{why}", status(ui, moved.from), status(ui, moved.to));
            LogLine { at, words, actor: actor(ui, &moved.actor) }
        }
        Happening::Changed(entry) => {
            let words = match entry.action.as_str() {
                "task.create" => ui.t("创建任务", "made"),
                "task.update" => ui.t("修改设置", "settings changed"),
                "task.import" => ui.t("导入号码", "numbers imported"),
                "task.delete" => ui.t("删除任务", "deleted"),
                "number.first" => ui.t("号码提前", "a number moved to the head"),
                other => other,
            };
            let count = entry.after.as_ref().and_then(|after| after.get("imported")?.as_i64());
            let words = count.map_or_else(|| words.to_owned(), |count| format!("{words} {}", ui.count(count)));
            LogLine { at, words, actor: actor(ui, &entry.actor) }
        }
    }
}

/// Whoever did something, as people call them.
fn actor(ui: &Ui, actor: &str) -> String {
    match actor.split_once(' ') {
        Some(("user", name)) => name.to_owned(),
        Some(("key", key)) => format!("{} {key}", ui.t("密钥", "key")),
        _ if actor == task::SCHEDULER => ui.t("系统", "the system").to_owned(),
        _ => actor.to_owned(),
    }
}

/// `GET /c/{company}/tasks/{task}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(told): Query<Told>,
) -> Result<Html> {
    html(&read(&shared, &visit, TaskId(id), told.cut.is_some()).await?)
}

/// `GET /c/{company}/tasks/{task}/live`: the parts that change.
pub(crate) async fn live(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
) -> Result<Response> {
    super::of_company(&shared, &visit, TaskId(id)).await?;
    let token = visit.signed_in.token.clone();
    let (read_by, visit) = (shared.clone(), Arc::new(visit));
    Ok(live::stream(&shared, &token, move || {
        let (shared, visit) = (read_by.clone(), visit.clone());
        async move {
            let detail = read(&shared, &visit, TaskId(id), false).await?;
            Ok(vec![("now", detail.as_now().render()?)])
        }
    }))
}
