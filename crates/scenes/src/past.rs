//! Past calls, played against another version of their scene.

use std::sync::Arc;

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::scene::Scene;
use hutong_domain::scene::replay::{Replay, Summary, replay};
use hutong_store::past_calls::{self, PastCall};
use hutong_store::{Result, Store};

/// Past calls that are read at a time.
const PAGE: i64 = 50;
/// Past calls that are played where nobody says how many.
pub const CALLS_DEFAULT: u32 = 200;

/// Which past calls are played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastCalls {
    /// Whose.
    pub company: CompanyId,
    /// Those of these tasks, in this order.
    pub tasks: Vec<TaskId>,
    /// Those that ended then or later.
    pub since: Moment,
    /// How many at most; of each task, those that ended last come first.
    pub calls: i64,
}

/// Plays past calls against a scene, and tells of each; what they come to together.
///
/// # Errors
/// When the store fails, or what `tell` gives.
pub async fn play<E: From<hutong_store::Error>>(
    store: &Store,
    scene: &Arc<Scene>,
    wanted: PastCalls,
    mut tell: impl FnMut(&PastCall, &Replay) -> std::result::Result<(), E>,
) -> std::result::Result<Summary, E> {
    let PastCalls { company, tasks, since, calls } = wanted;
    let mut summary = Summary::default();
    let mut left = calls;
    for task in tasks {
        let mut below = i64::MAX;
        while left > 0 {
            let size = left.min(PAGE);
            let page = store.read_snapshot(move |db| past_calls::page(db, (company, task), below, since, size)).await?;
            let Some(last) = page.last() else { break };
            below = last.call_index;
            left -= i64::try_from(page.len()).unwrap_or(left);
            for (call, replayed) in play_page(scene, page).await? {
                summary.add(&replayed);
                tell(&call, &replayed)?;
            }
        }
    }
    Ok(summary)
}

/// Beside the threads that serve: a page takes some tenths of a second.
async fn play_page(scene: &Arc<Scene>, page: Vec<PastCall>) -> Result<Vec<(PastCall, Replay)>> {
    let scene = scene.clone();
    let played = tokio::task::spawn_blocking(move || {
        let each = page.into_iter().map(|call| {
            let replayed = replay(&scene, &call.kept);
            (call, replayed)
        });
        each.collect()
    });
    played.await.map_err(|_| hutong_store::Error::Closed)
}
