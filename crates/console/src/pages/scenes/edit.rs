//! A scene as text: written, and checked as one writes.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::ids::SceneId;
use hutong_domain::scene::{BUILT_IN, Problem, Scene, Severity};
use serde::Deserialize;

use super::{ScenePath, Subject, WantedVersion, given_document};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "scenes/edit.html")]
struct EditPage {
    ui: Ui,
    /// The scene that is edited; none where it is a new one.
    scene: Option<(SceneId, String, i64)>,
    /// The scenes that ship, to begin with: file and name.
    examples: Vec<(&'static str, String)>,
    example: String,
    document: String,
    /// Under which name the browser keeps what is not published yet.
    draft: String,
    check: Check,
}

/// What the check says about a text.
#[derive(Template)]
#[template(path = "scenes/check.html")]
pub(super) struct Check {
    pub(super) ui: Ui,
    pub(super) problems: Vec<Problem>,
    /// Whether it can be used.
    pub(super) is_fine: bool,
}

// Its own template escapes what is in it.
impl askama::filters::HtmlSafe for Check {}

impl Check {
    /// A large scene takes some tenths of a second.
    async fn of(ui: &Ui, document: &str) -> Result<Self> {
        let (problems, is_fine) = match parse(document).await? {
            Ok(scene) => (scene.warnings().to_vec(), true),
            Err(problems) => (problems, false),
        };
        Ok(Self { ui: ui.clone(), problems, is_fine })
    }
}

/// Reads a scene beside the threads that serve.
pub(super) async fn parse(document: &str) -> Result<std::result::Result<Scene, Vec<Problem>>> {
    let document = document.to_owned();
    let parsed = tokio::task::spawn_blocking(move || Scene::parse(&document)).await;
    parsed.map_err(|_| Error::Store(hutong_store::Error::Closed))
}

/// `GET /c/{company}/scenes/{scene}/edit`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let Subject { head, document } = Subject::read(&shared, &visit, scene, version, "edit").await?;
    let draft = format!("{}-{}", visit.company, head.id);
    edit(visit.ui, Some((head.id, head.name, head.version)), String::new(), document, draft).await
}

/// What a new scene begins with.
#[derive(Deserialize)]
pub(crate) struct Beginning {
    from: Option<String>,
}

/// `GET /c/{company}/scenes/new`
pub(crate) async fn new(visit: Visit, Query(Beginning { from }): Query<Beginning>) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let example = match &from {
        Some(file) => BUILT_IN.iter().find(|it| it.file == file).ok_or(Error::NotFound)?,
        None => BUILT_IN.first().ok_or(Error::NotFound)?,
    };
    let draft = format!("{}-new-{}", visit.company, example.file);
    edit(visit.ui, None, example.file.to_owned(), example.yaml.to_owned(), draft).await
}

async fn edit(
    ui: Ui,
    scene: Option<(SceneId, String, i64)>,
    example: String,
    document: String,
    draft: String,
) -> Result<Html> {
    let ui = ui.in_section("scenes");
    let check = Check::of(&ui, &document).await?;
    let name = |yaml: &str| Scene::parse(yaml).map_or_else(|_| String::new(), |scene| scene.name().to_owned());
    let examples = match scene {
        Some(_) => Vec::new(),
        None => BUILT_IN.iter().map(|it| (it.file, name(it.yaml))).collect(),
    };
    html(&EditPage { ui, scene, examples, example, document, draft, check })
}

/// A text.
#[derive(Deserialize)]
pub(crate) struct Draft {
    pub(super) document: String,
}

/// `POST /c/{company}/scenes/draft/check`
pub(crate) async fn check(visit: Visit, Form(Draft { document }): Form<Draft>) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let document = given_document(&document, &visit.ui)?;
    html(&Check::of(&visit.ui, &document).await?)
}
