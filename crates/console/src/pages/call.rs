//! A call: what was said and heard, what was concluded and why, and what people make of it.

mod changes;
mod wave;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use hutong_domain::access::Permission;
use hutong_domain::call::{CallResult, Evidence, Speaker, Understanding, Utterance};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::regrading;
use hutong_domain::scene::{ResultDefinition, Scene};
use hutong_store::call::{self, CallView};
use hutong_store::feed::FeedFilter;
use hutong_store::feed::search::Search;
use hutong_store::ledger::{self, Attempt};
use hutong_store::note::{self, Note};
use hutong_store::regrade::{self, Regrade};
use serde::Deserialize;

pub(crate) use changes::{judge, mark_read, set_note};
pub(crate) use wave::wave;

use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

/// The call that a path names: `/c/{company}/calls/{call}`.
#[derive(Deserialize)]
pub(crate) struct CallPath {
    pub(crate) call: CallId,
}

#[derive(Template)]
#[template(path = "call.html", blocks = ["results", "noted"])]
struct CallPage {
    ui: Ui,
    it: CallView,
    lines: Vec<Line>,
    /// What was concluded, each with its rule and the words that bear it out.
    results: Vec<Concluded>,
    /// What a person may conclude instead.
    choices: Vec<Choice>,
    history: Vec<Regrade>,
    attempts: Vec<Attempt>,
    note: Option<Note>,
    variables: BTreeMap<String, String>,
    previous: Option<CallId>,
    next: Option<CallId>,
    /// The address of the recording.
    sound: Option<String>,
    problem: String,
}

/// A line of the transcript.
struct Line {
    at: usize,
    is_robot: bool,
    text: String,
    start_ms: i64,
    end_ms: i64,
    node: String,
    /// How a customer's words were taken, and how surely.
    taken: Option<String>,
    /// How long the customer waited for these words.
    waited: Option<String>,
    is_unknown: bool,
}

/// A conclusion.
struct Concluded {
    name: String,
    value: String,
    why: Vec<String>,
    evidence: Vec<Line>,
}

/// A result that a person may judge otherwise.
struct Choice {
    name: String,
    values: Vec<(String, bool)>,
    is_open: bool,
    is_multiple: bool,
    /// What stands there now, for an open one.
    now: String,
}

impl Line {
    fn new(ui: &Ui, at: usize, said: &Utterance) -> Self {
        let taken = match &said.understanding {
            Some(Understanding::Matched(hit)) => Some(format!("{} {:.2}", hit.name, hit.score)),
            Some(Understanding::Unknown) => Some(ui.t("未听懂", "not understood").to_owned()),
            Some(Understanding::NotNeeded) | None => None,
        };
        Self {
            at,
            is_robot: said.speaker == Speaker::Robot,
            text: said.text.clone(),
            start_ms: said.start_ms,
            end_ms: said.end_ms,
            node: said.node.clone(),
            taken,
            waited: said.latency.map(|latency| format!("{} ms", latency.total_ms())),
            is_unknown: said.understanding == Some(Understanding::Unknown),
        }
    }

    fn clock(&self) -> String {
        let seconds = self.start_ms.max(0) / 1000;
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

impl Concluded {
    fn new(ui: &Ui, result: &CallResult, transcript: &[Utterance]) -> Self {
        let evidence = result.evidence.iter().filter_map(|Evidence { utterance, from_ms, until_ms }| {
            let line = Line::new(ui, *utterance, transcript.get(*utterance)?);
            // What was written before evidence had times has those of its words.
            let is_timed = *until_ms > 0;
            Some(if is_timed { Line { start_ms: *from_ms, end_ms: *until_ms, ..line } } else { line })
        });
        Self {
            name: result.name.clone(),
            value: result.value.clone(),
            why: [&result.description, &result.rule].into_iter().flatten().cloned().collect(),
            evidence: evidence.collect(),
        }
    }
}

/// What the scene lets a person conclude, and what stands there now.
fn choices(scene: &Scene, results: &[CallResult]) -> Vec<Choice> {
    let choice = |definition: &ResultDefinition| {
        let now: Vec<&str> =
            results.iter().filter(|it| it.name == definition.name).map(|it| it.value.as_str()).collect();
        let values = definition.values.iter().map(|value| (value.clone(), now.contains(&value.as_str())));
        Choice {
            name: definition.name.clone(),
            values: values.collect(),
            is_open: definition.open,
            is_multiple: regrading::is_multiple(scene, &definition.name),
            now: now.join("、"),
        }
    };
    scene.results().iter().map(choice).collect()
}

impl CallPage {
    async fn read(shared: &Shared, visit: &Visit, call: CallId) -> Result<Self> {
        let (company, ui) = (visit.company, visit.ui.in_section("tasks"));
        let found = shared.app.store.read_snapshot(move |db| {
            let Some(it) = call::find(db, company, call)? else { return Ok(None) };
            let (history, attempts) = (regrade::of_call(db, company, call)?, ledger::attempts(db, company, call)?);
            Ok(Some((it, history, attempts, note::find(db, company, call)?)))
        });
        let (it, history, attempts, note) = found.await?.ok_or(Error::NotFound)?;
        let (previous, next) = neighbours(shared, company, &it).await?;
        let (transcript, concluded) = match &it.record {
            Some(record) => (record.utterances.as_slice(), record.results.as_slice()),
            None => Default::default(),
        };
        let lines = transcript.iter().enumerate().map(|(at, said)| Line::new(&ui, at, said)).collect();
        let results = concluded.iter().map(|result| Concluded::new(&ui, result, transcript)).collect();
        let scene = match it.record {
            Some(_) => shared.app.store.scene_of_call(&shared.scenes, company, call).await?,
            None => None,
        };
        let choices = scene.map_or_else(Vec::new, |scene| choices(&scene, concluded));
        let sound = it.recording.as_ref().and_then(|name| shared.app.recordings.path(name));
        let variables = serde_json::from_str(&it.properties).unwrap_or_default();
        let problem = String::new();
        Ok(Self { ui, lines, results, choices, history, attempts, note, variables, previous, next, sound, problem, it })
    }

    fn values(&self, results: &[CallResult]) -> String {
        let values: Vec<&str> = results.iter().map(|result| result.value.as_str()).collect();
        if values.is_empty() { self.ui.t("无", "none").to_owned() } else { values.join("、") }
    }

    fn tags(&self) -> String {
        self.note.as_ref().map_or_else(String::new, |note| note.tags.join(" "))
    }

    fn words(&self) -> &str {
        self.note.as_ref().map_or("", |note| note.note.as_str())
    }
}

/// The calls before and after it, in the order in which those of its task ended.
async fn neighbours(shared: &Shared, company: CompanyId, it: &CallView) -> Result<(Option<CallId>, Option<CallId>)> {
    let (Some(at), true) = (it.call_index, it.task != TaskId(0)) else { return Ok((None, None)) };
    let all = Search { filter: FeedFilter { after: -1, ..FeedFilter::default() }, ..Search::default() };
    let found = shared.app.store.feed_neighbours(company, it.task, all, at).await?;
    Ok((found.previous, found.next))
}

/// `GET /c/{company}/calls/{call}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(CallPath { call }): Path<CallPath>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    html(&CallPage::read(&shared, &visit, call).await?)
}
