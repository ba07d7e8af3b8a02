//! Scenes: what there is, what is in each of them, and the work on them.

pub(crate) mod audio;
mod conditions;
pub(crate) mod edit;
mod flow;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod publish;
mod recorded;
pub(crate) mod talk;
pub(crate) mod unheard;
pub(crate) mod versions;
pub(crate) mod view;
mod words;

use hutong_domain::ids::{CompanyId, SceneId};
use hutong_domain::scene::Problem;
use hutong_domain::scene::outline::Outline;
use hutong_store::robot;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

pub(crate) use jobs::Jobs;
pub(crate) use talk::Talks;

/// Bytes of a scene that the console takes: the largest that ships has a tenth of it.
const DOCUMENT_BYTES_MAX: usize = 512 << 10;

/// Which scene a path names.
#[derive(Deserialize)]
pub(crate) struct ScenePath {
    scene: SceneId,
}

/// Which version is looked at; the newest where none is named.
#[derive(Deserialize)]
pub(crate) struct WantedVersion {
    version: Option<i64>,
}

/// What stands above every page of a scene.
pub(crate) struct Head {
    pub(crate) id: SceneId,
    pub(crate) name: String,
    pub(crate) version: i64,
    pub(crate) latest: i64,
    /// The page of it that is shown.
    pub(crate) tab: &'static str,
}

impl Head {
    /// A page of the same scene, in the version that is shown.
    pub(crate) fn to(&self, ui: &Ui, tab: &str) -> String {
        let page = if tab.is_empty() { format!("scenes/{}", self.id) } else { format!("scenes/{}/{tab}", self.id) };
        self.with_version(&ui.url(&page), self.version)
    }

    /// This page in another version.
    pub(crate) fn at(&self, ui: &Ui, version: &i64) -> String {
        let tab = if self.tab.is_empty() { String::new() } else { format!("/{}", self.tab) };
        self.with_version(&ui.url(&format!("scenes/{}{tab}", self.id)), *version)
    }

    /// The newest first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = i64> {
        (1..=self.latest).rev()
    }

    fn with_version(&self, address: &str, version: i64) -> String {
        if version == self.latest { address.to_owned() } else { format!("{address}?version={version}") }
    }
}

/// A published version.
struct Subject {
    head: Head,
    document: String,
}

impl Subject {
    async fn read(
        shared: &Shared,
        visit: &Visit,
        scene: SceneId,
        version: Option<i64>,
        tab: &'static str,
    ) -> Result<Self> {
        let company = visit.company;
        let found = shared.app.store.read(move |db| document(db, company, scene, version)).await?;
        let (scene, version, document) = found.ok_or(Error::NotFound)?;
        let head = Head { id: scene.id, name: scene.name, version, latest: scene.latest_version, tab };
        Ok(Self { head, document })
    }

    /// What is in it. A version was checked when it was published.
    fn outline(&self) -> Result<Outline> {
        Outline::read(&self.document).map_err(|problem| corrupt(self.head.id, &problem))
    }
}

type Document = (robot::SceneHead, i64, String);

fn document(
    db: &mut hutong_store::Db,
    company: CompanyId,
    scene: SceneId,
    version: Option<i64>,
) -> hutong_store::Result<Option<Document>> {
    let Some(head) = robot::find_scene(db, company, scene)? else { return Ok(None) };
    let version = version.unwrap_or(head.latest_version);
    if !(1..=head.latest_version).contains(&version) {
        return Ok(None);
    }
    let document = robot::document(db, company, scene, version)?;
    Ok(Some((head, version, document)))
}

fn corrupt(scene: SceneId, problem: &Problem) -> Error {
    let column = "scene_version.document";
    Error::Store(hutong_store::Error::Corrupt { column, id: scene.get(), found: problem.to_string() })
}

/// The text of a form: lines end as they do in a file, whatever a browser makes of them.
fn given_document(text: &str, ui: &Ui) -> Result<String> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let kib = DOCUMENT_BYTES_MAX >> 10;
        let (zh, en) = (format!("话术文本不能超过 {kib} KiB"), format!("A scene can have {kib} KiB of text at most"));
        return Err(Error::Refused(ui.t(&zh, &en).to_owned()));
    }
    Ok(text.replace("\r\n", "\n"))
}
