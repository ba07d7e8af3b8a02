//! What was not understood.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::ids::SceneId;
use hutong_store::unheard::{self, Unheard};
use serde::Deserialize;

use super::{Head, ScenePath, Subject, WantedVersion};
use crate::error::Result;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Texts that are shown: whoever has taught the scene these sees the next ones.
const SHOWN_MAX: i64 = 200;

#[derive(Template)]
#[template(path = "scenes/unheard.html", blocks = ["rows"])]
struct UnheardPage {
    ui: Ui,
    head: Head,
    rows: Vec<Row>,
    /// How many there are, and in how many calls they were said.
    texts: i64,
    times: i64,
}

struct Row {
    unheard: Unheard,
    /// Where its node stands in the text that is looked at.
    line: Option<u32>,
}

/// `GET /c/{company}/scenes/{scene}/unheard`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    html(&read(&shared, &visit, scene, version).await?)
}

async fn read(shared: &Shared, visit: &Visit, scene: SceneId, version: Option<i64>) -> Result<UnheardPage> {
    let subject = Subject::read(shared, visit, scene, version, "unheard").await?;
    let steps = subject.outline()?.steps;
    let company = visit.company;
    let (rows, counts) = shared
        .app
        .store
        .read_snapshot(move |db| {
            Ok((unheard::list(db, company, Some(scene), SHOWN_MAX)?, unheard::counts(db, company)?))
        })
        .await?;
    let (texts, times) = counts.get(&scene).copied().unwrap_or_default();
    let rows = rows.into_iter().map(|unheard| {
        let line = steps.iter().find(|step| step.name == unheard.node).map(|step| step.line);
        Row { unheard, line }
    });
    Ok(UnheardPage { ui: visit.ui.in_section("scenes"), head: subject.head, rows: rows.collect(), texts, times })
}

/// A text that the scene has learnt.
#[derive(Deserialize)]
pub(crate) struct Learnt {
    text: String,
}

/// `POST /c/{company}/scenes/{scene}/unheard`: forgets a text at every node; the list without it.
pub(crate) async fn handled(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Form(Learnt { text }): Form<Learnt>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let (company, by) = (visit.company, visit.by());
    // Where somebody else was faster, the list says so.
    shared.app.store.write(company, move |db| unheard::handled(db, &by, company, Some(scene), &text)).await?;
    Ok(Html(read(&shared, &visit, scene, None).await?.as_rows().render()?))
}
