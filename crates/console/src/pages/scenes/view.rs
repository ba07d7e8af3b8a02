//! What is in a published version: its flow, its prompts, its rules, its text.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use hutong_domain::access::Permission;
use hutong_domain::scene::Problem;
use hutong_domain::scene::outline::{Outline, Step, Words};

use super::flow::{self, Flow};
use super::{Head, ScenePath, Subject, WantedVersion, conditions, words};
use crate::error::Result;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "scenes/flow.html")]
struct FlowPage {
    ui: Ui,
    head: Head,
    flow: Flow,
    outline: Outline,
    hints: Vec<Problem>,
}

impl FlowPage {
    fn does(&self, step: &Step) -> String {
        words::does(&self.ui, step)
    }
}

/// `GET /c/{company}/scenes/{scene}`
pub(crate) async fn flow(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(path): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let subject = Subject::read(&shared, &visit, path.scene, version, "").await?;
    let outline = subject.outline()?;
    let ui = visit.ui.in_section("scenes");
    let flow = flow::draw(&ui, &outline);
    let Head { id, version, .. } = subject.head;
    let hints = shared.scenes.get(visit.company, id, version).await?.warnings().to_vec();
    html(&FlowPage { ui, head: subject.head, flow, outline, hints })
}

#[derive(Template)]
#[template(path = "scenes/rules.html")]
struct RulesPage {
    ui: Ui,
    head: Head,
    outline: Outline,
}

impl RulesPage {
    fn kind<'a>(&self, kind: &'a str) -> &'a str {
        words::variable_kind(&self.ui, kind)
    }

    /// The words for a meaning, a line each kind.
    fn words(&self, words: &Words) -> Vec<(&str, String)> {
        let lists = [
            (self.ui.t("关键词", "keywords"), &words.keywords),
            (self.ui.t("句式", "patterns"), &words.patterns),
            (self.ui.t("问法", "samples"), &words.samples),
        ];
        let intent = words.intent.iter().map(|intent| (self.ui.t("意图", "intent"), intent.clone()));
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        intent.chain(lists.map(|(name, list)| (name, list.join("　")))).collect()
    }
}

/// `GET /c/{company}/scenes/{scene}/rules`
pub(crate) async fn rules(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(path): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let subject = Subject::read(&shared, &visit, path.scene, version, "rules").await?;
    let outline = subject.outline()?;
    html(&RulesPage { ui: visit.ui.in_section("scenes"), head: subject.head, outline })
}

#[derive(Template)]
#[template(path = "scenes/text.html")]
struct TextPage {
    ui: Ui,
    head: Head,
    document: String,
}

/// `GET /c/{company}/scenes/{scene}/text`
pub(crate) async fn text(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(path): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let Subject { head, document } = Subject::read(&shared, &visit, path.scene, version, "text").await?;
    html(&TextPage { ui: visit.ui.in_section("scenes"), head, document })
}
