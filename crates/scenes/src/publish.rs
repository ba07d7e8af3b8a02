//! Publishing a version of a scene.

use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, SceneId};
use hutong_domain::scene::Scene;
use hutong_store::audit::{By, Object};
use hutong_store::robot::{self, Publication};
use hutong_store::{Result, Store};
use serde_json::json;

use crate::SceneAudio;

/// What is published, and for whom.
#[derive(Debug)]
pub struct Publishing<'a> {
    /// The company that it is for.
    pub company: CompanyId,
    /// The scene.
    pub scene: &'a Scene,
    /// The text that it was read from.
    pub document: &'a str,
    /// What it is spoken with.
    pub audio: SceneAudio,
    /// The newest version that whoever publishes knows of, 0 where the scene is new to them; none: whichever there is.
    pub known: Option<i64>,
    /// Who publishes it.
    pub by: By,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is there.
    Done {
        /// The scene.
        scene: SceneId,
        /// Its version.
        version: i64,
    },
    /// Somebody else has published this version meanwhile; nothing was changed.
    Overtaken {
        /// The newest version.
        latest: i64,
    },
}

/// Publishes a version of a scene: text, audio, robot and a row of the audit log in one transaction.
///
/// # Errors
/// When the store fails.
pub async fn publish(store: &Store, publishing: Publishing<'_>) -> Result<Published> {
    let Publishing { company, scene, document, audio, known, by } = publishing;
    let publication = Publication::of(scene, document);
    let sounds = audio.count();
    store
        .write(company, move |db| {
            if let Some(known) = known {
                let latest =
                    robot::scene_of_name(db, company, &publication.scene_name)?.map_or(0, |it| it.latest_version);
                if latest != known {
                    return Ok(Published::Overtaken { latest });
                }
            }
            let (id, version) = robot::publish(db, company, &publication, by.at)?;
            audio.publish(db, company, (id, version), by.at)?;
            let before = (version > 1).then(|| json!({ "latest_version": version - 1 }));
            let after = json!({ "name": publication.scene_name, "latest_version": version, "sounds": sounds });
            by.note(db, Action::ScenePublish, &Object::Scene(company, id), before, Some(after))?;
            Ok(Published::Done { scene: id, version })
        })
        .await
}
