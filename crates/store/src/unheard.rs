//! What customers said that a robot had no answer for: kept so that whoever writes the scene can teach it.

use std::collections::BTreeMap;

use hutong_domain::audit::Action;
use hutong_domain::call::Utterance;
use hutong_domain::ids::{CallId, CompanyId, SceneId};
use hutong_domain::learning;
use hutong_domain::moment::Moment;

use serde_json::json;

use crate::audit::{By, Object};
use crate::claim::Claimed;
use crate::db::Db;
use crate::error::Result;
use crate::values;

/// Texts that are kept for each scene. Where there are more, those that were said least often, and longest ago, go.
pub const UNHEARD_PER_SCENE_MAX: i64 = 2_000;

/// A text that a robot had no answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The scene.
    pub scene: SceneId,
    /// Name of the scene.
    pub scene_name: String,
    /// Where the robot was in its scene.
    pub node: String,
    /// The words, as [`learning::normalized`] writes them.
    pub text: String,
    /// How many calls they were said in, at this node.
    pub times: i64,
    /// The version of the scene that was spoken last.
    pub scene_version: i64,
    /// The last call in which they were said.
    pub last_call: CallId,
    /// When that was.
    pub last_at: Moment,
}

/// Keeps what was not understood in a call that has finished.
pub(crate) fn keep(db: &mut Db, claimed: &Claimed, transcript: &[Utterance], now: Moment) -> Result<()> {
    let mut fresh = 0;
    // In a fixed order: transactions that keep the same texts wait for each other, and in no circle.
    for learning::Unheard { node, text } in learning::unheard(transcript) {
        let times = db.query_int(
            "INSERT INTO unheard (company_id, scene_id, node, text, times, scene_version, call_id, said_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)
             ON CONFLICT (company_id, scene_id, node, text) DO UPDATE SET times = unheard.times + 1,
                 scene_version = ?5, call_id = ?6, said_at = ?7
             RETURNING times",
            values![claimed.company, claimed.scene, &node, &text, claimed.scene_version, claimed.call, now],
        )?;
        fresh += i64::from(times == 1);
    }
    if fresh > 0 { drop_surplus(db, claimed.company, claimed.scene) } else { Ok(()) }
}

fn drop_surplus(db: &mut Db, company: CompanyId, scene: SceneId) -> Result<()> {
    let kept = "SELECT COUNT(*) FROM unheard WHERE company_id = ?1 AND scene_id = ?2";
    let surplus = db.query_int(kept, values![company, scene])? - UNHEARD_PER_SCENE_MAX;
    if surplus <= 0 {
        return Ok(());
    }
    db.execute(
        "DELETE FROM unheard WHERE company_id = ?1 AND scene_id = ?2 AND (node, text) IN
             (SELECT node, text FROM unheard WHERE company_id = ?1 AND scene_id = ?2
              ORDER BY times, said_at, node, text LIMIT ?3)",
        values![company, scene, surplus],
    )?;
    Ok(())
}

/// What the robots of a company, or of one scene of it, did not understand: the most frequent first, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn list(db: &mut Db, company: CompanyId, scene: Option<SceneId>, limit: i64) -> Result<Vec<Unheard>> {
    // Scene 0 stands for all: no scene has that id.
    db.query(
        "SELECT u.scene_id, s.name, u.node, u.text, u.times, u.scene_version, u.call_id, u.said_at
         FROM unheard u JOIN scene s ON s.company_id = u.company_id AND s.id = u.scene_id
         WHERE u.company_id = ?1 AND (u.scene_id = ?2 OR ?2 = 0)
         ORDER BY u.times DESC, u.said_at DESC, u.scene_id, u.node, u.text LIMIT ?3",
        values![company, scene.unwrap_or(SceneId(0)), limit],
        |row| {
            Ok(Unheard {
                scene: SceneId(row.int(0)?),
                scene_name: row.text(1)?,
                node: row.text(2)?,
                text: row.text(3)?,
                times: row.int(4)?,
                scene_version: row.int(5)?,
                last_call: CallId(row.int(6)?),
                last_at: row.moment(7)?,
            })
        },
    )
}

/// How many texts of each scene of the company are kept, and in how many calls they were said.
///
/// # Errors
/// When the store fails.
pub fn counts(db: &mut Db, company: CompanyId) -> Result<BTreeMap<SceneId, (i64, i64)>> {
    let counts = db.query(
        "SELECT scene_id, COUNT(*), CAST(SUM(times) AS BIGINT) FROM unheard WHERE company_id = ?1 GROUP BY scene_id",
        values![company],
        |row| Ok((SceneId(row.int(0)?), (row.int(1)?, row.int(2)?))),
    )?;
    Ok(counts.into_iter().collect())
}

/// Forgets a text, at every node, since the scene has learnt it; how many rows went. It is kept again if a robot still
/// does not understand it. The audit log says how many went, not what somebody said.
///
/// # Errors
/// When the store fails.
pub fn handled(db: &mut Db, by: &By, company: CompanyId, scene: Option<SceneId>, text: &str) -> Result<u64> {
    let gone = db.execute(
        "DELETE FROM unheard WHERE company_id = ?1 AND (scene_id = ?2 OR ?2 = 0) AND text = ?3",
        values![company, scene.unwrap_or(SceneId(0)), &learning::normalized(text)],
    )?;
    if gone > 0 {
        let object = scene.map_or(Object::Company(company), |scene| Object::Scene(company, scene));
        by.note(db, Action::SceneLearn, &object, None, Some(json!({ "texts": gone })))?;
    }
    Ok(gone)
}
