//! Published scenes, parsed once: a version never changes.

use std::sync::Arc;

use hutong_domain::ids::{CompanyId, SceneId};
use hutong_domain::scene::Scene;

use crate::{Error, Result, Store, robot};

/// Parsed scenes that are kept.
const SCENES_MAX: u64 = 256;

/// Parsed scenes by company, scene and version.
#[derive(Clone)]
pub struct Scenes {
    store: Store,
    parsed: moka::sync::Cache<(CompanyId, SceneId, i64), Arc<Scene>>,
}

impl Scenes {
    /// Scenes of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, parsed: moka::sync::Cache::new(SCENES_MAX) }
    }

    /// A published version.
    ///
    /// # Errors
    /// When the store fails, or holds a scene that cannot be read: it was checked when it was published.
    pub async fn get(&self, company: CompanyId, scene: SceneId, version: i64) -> Result<Arc<Scene>> {
        let key = (company, scene, version);
        if let Some(parsed) = self.parsed.get(&key) {
            return Ok(parsed);
        }
        let document = self.store.read(move |db| robot::document(db, company, scene, version)).await?;
        let parsed = Scene::parse(&document).map_err(|problems| Error::Corrupt {
            column: "scene_version.document",
            id: scene.get(),
            found: problems.first().map_or_else(String::new, ToString::to_string),
        })?;
        let parsed = Arc::new(parsed);
        self.parsed.insert(key, parsed.clone());
        Ok(parsed)
    }
}
