//! The scenes of a company.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use hutong_domain::access::Permission;
use hutong_domain::ids::SceneId;
use hutong_domain::moment::Moment;
use hutong_store::{robot, unheard};

use crate::error::Result;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "scenes/list.html")]
struct List {
    ui: Ui,
    rows: Vec<Row>,
}

struct Row {
    id: SceneId,
    name: String,
    version: i64,
    at: Option<Moment>,
    by: String,
    robots: Vec<(String, bool)>,
    tasks: i64,
    /// How many hints its newest version has; none: it does not pass its checks.
    hints: Option<usize>,
    /// Texts that were not understood.
    unheard: i64,
}

/// `GET /c/{company}/scenes`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let company = visit.company;
    let (scenes, versions, robots, tasks, unheard) = shared
        .app
        .store
        .read_snapshot(move |db| {
            Ok((
                robot::scenes(db, company)?,
                robot::versions(db, company, None)?,
                robot::of_company(db, company)?,
                robot::tasks_by_scene(db, company)?,
                unheard::counts(db, company)?,
            ))
        })
        .await?;
    let versions: BTreeMap<SceneId, robot::PublishedVersion> = versions.into_iter().map(|it| (it.scene, it)).collect();
    let mut rows = Vec::with_capacity(scenes.len());
    for scene in scenes {
        let hints = shared.scenes.get(company, scene.id, scene.latest_version).await.ok().map(|it| it.warnings().len());
        let published = versions.get(&scene.id);
        let robots = robots.iter().filter(|robot| robot.scene == scene.id);
        rows.push(Row {
            id: scene.id,
            version: scene.latest_version,
            at: published.map(|it| it.at),
            by: published.and_then(|it| it.by.clone()).unwrap_or_else(|| "—".to_owned()),
            robots: robots.map(|robot| (robot.name.clone(), robot.online)).collect(),
            tasks: tasks.get(&scene.id).copied().unwrap_or(0),
            hints,
            unheard: unheard.get(&scene.id).map_or(0, |it| it.0),
            name: scene.name,
        });
    }
    html(&List { ui: visit.ui.in_section("scenes"), rows })
}
