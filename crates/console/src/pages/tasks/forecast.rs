//! When a task will finish, played on its own settings. It is asked for, since it takes a while: it is made beside the
//! page, which asks how far it is.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use hutong_domain::forecast::{Behaviour, Figures, Summary, run};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_store::forecast::{self, Basis, Question, SAMPLES_MAX};
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};

use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Forecasts that are made at once: each takes a processor.
static AT_ONCE: Semaphore = Semaphore::const_new(1);
/// Forecasts that are kept, being made or made, and for how long.
const KEPT_MAX: u64 = 64;
const KEPT: Duration = Duration::from_secs(600);
/// How long an answer waits for one: most are made by then.
const WAIT: Duration = Duration::from_millis(50);
/// Plays of a task, and numbers that are played in all: the more numbers there are, the less plays differ.
const RUNS: u64 = 12;
const RUNS_MIN: u64 = 2;
const NUMBERS_PLAYED: u64 = 400_000;
/// Numbers beyond which none is made here: it would take too long for somebody who waits.
const NUMBERS_MAX: u64 = 2_000_000;
const SEED: u64 = 1;

/// Forecasts of tasks, being made or made.
pub(crate) type Forecasts = moka::sync::Cache<(CompanyId, TaskId), watch::Receiver<Option<Arc<Made>>>>;

pub(crate) fn forecasts() -> Forecasts {
    moka::sync::Cache::builder().max_capacity(KEPT_MAX).time_to_live(KEPT).build()
}

/// What came of a forecast.
#[expect(clippy::large_enum_variant, reason = "each stands in an Arc of its own, and nearly all are done")]
pub(crate) enum Made {
    /// It is there.
    Done {
        summary: Summary,
        figures: Figures,
        /// Whether the task runs: else it was played as if it were started.
        is_under_way: bool,
    },
    /// Nothing is left to dial.
    Nothing,
    /// There is too much to dial.
    TooMuch,
    /// The company has no such task.
    NoTask,
    /// It failed, and the log says why.
    Failed,
}

#[derive(Template)]
#[template(path = "tasks/forecast.html")]
struct Forecast {
    ui: Ui,
    id: TaskId,
    /// None while it is being made.
    made: Option<Arc<Made>>,
}

/// Whether a page asks for one that it has asked for before.
#[derive(Deserialize)]
pub(crate) struct Asked {
    again: Option<String>,
}

/// `GET /c/{company}/tasks/{task}/forecast`
pub(crate) async fn part(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(i64, i64)>,
    Query(Asked { again }): Query<Asked>,
) -> Result<Html> {
    let key = (visit.company, TaskId(id));
    let known = shared.forecasts.get(&key);
    // Whoever asks anew wants it as things stand now; whoever waits, or comes while one is made, gets that one.
    let known = known.filter(|it| again.is_some() || (it.borrow().is_none() && it.has_changed().is_ok()));
    let mut making = known.unwrap_or_else(|| begin(&shared, &visit, key));
    let made = match tokio::time::timeout(WAIT, making.wait_for(Option::is_some)).await {
        Ok(Ok(made)) => made.clone(),
        // Whoever made it is gone.
        Ok(Err(_)) => Some(Arc::new(Made::Failed)),
        Err(_) => None,
    };
    match made.as_deref() {
        Some(Made::NoTask) => return Err(Error::NotFound),
        Some(_) => shared.forecasts.invalidate(&key),
        None => {}
    }
    html(&Forecast { ui: visit.ui, id: key.1, made })
}

/// Makes one beside the page.
fn begin(shared: &Arc<Shared>, visit: &Visit, key: (CompanyId, TaskId)) -> watch::Receiver<Option<Arc<Made>>> {
    let (tell, making) = watch::channel(None);
    shared.forecasts.insert(key, making.clone());
    let rules = hutong_domain::rules::Rules::clone(&shared.app.rules);
    let question = Question { now: visit.ui.now, rules, samples_max: SAMPLES_MAX };
    let (store, (company, id)) = (shared.app.store.clone(), key);
    tokio::spawn(async move {
        let Ok(_permit) = AT_ONCE.acquire().await else { return };
        // Others have taken its place meanwhile, and nobody waits for it.
        if tell.is_closed() {
            return;
        }
        let basis = store.read_snapshot(move |db| forecast::of_task(db, company, id, &question)).await;
        let made = match basis {
            Ok(Some(basis)) if basis.task.deleted_at.is_none() => {
                tokio::task::spawn_blocking(move || play(&basis)).await.unwrap_or(Made::Failed)
            }
            Ok(_) => Made::NoTask,
            Err(error) => {
                tracing::error!(%error, "a forecast failed");
                Made::Failed
            }
        };
        // Nobody waits for it any more, where this fails.
        let _ = tell.send(Some(Arc::new(made)));
    });
    making
}

fn play(basis: &Basis) -> Made {
    let numbers = basis.campaign.numbers();
    if numbers == 0 || basis.task.status.is_final() {
        return Made::Nothing;
    }
    if numbers > NUMBERS_MAX {
        return Made::TooMuch;
    }
    let behaviour = Behaviour::of(&basis.samples);
    let runs = (NUMBERS_PLAYED / numbers).clamp(RUNS_MIN, RUNS);
    let outcomes = (0..runs).map(|number| run(&basis.campaign, &behaviour, SEED, number)).collect();
    match Summary::of(outcomes) {
        Some(summary) => {
            let (figures, is_under_way) = (behaviour.figures(), basis.campaign.is_under_way());
            Made::Done { summary, figures, is_under_way }
        }
        None => Made::Nothing,
    }
}
