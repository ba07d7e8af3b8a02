//! Past conversations, to be played against another version of their scene.

use std::collections::BTreeMap;

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, CompanyId, SceneId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::scene::replay::KeptCall;

use crate::call::Properties;
use crate::db::{Db, Row};
use crate::error::Result;
use crate::regrade::{self, originals};
use crate::values;

/// A past conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCall {
    /// The call.
    pub id: CallId,
    /// Its place in the feed of its task.
    pub call_index: i64,
    /// The version of the scene that was spoken.
    pub scene_version: i64,
    /// What happened in it, and what was concluded.
    pub kept: KeptCall,
}

/// The tasks of a scene, newest first.
///
/// # Errors
/// When the store fails.
pub fn tasks_of(db: &mut Db, company: CompanyId, scene: SceneId) -> Result<Vec<TaskId>> {
    db.query(
        "SELECT id FROM task WHERE company_id = ?1 AND scene_id = ?2 ORDER BY number DESC",
        values![company, scene],
        |row| row.int(0).map(TaskId),
    )
}

/// Conversations of a task, those that ended last first: at most `limit` with an index below `below` that ended at
/// `since` or later, and whose course was kept.
///
/// # Errors
/// When the store fails.
pub fn page(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    below: i64,
    since: Moment,
    limit: i64,
) -> Result<Vec<PastCall>> {
    let mut calls = db.query(
        "SELECT c.id, c.call_index, cr.scene_version, c.customer_name, c.customer_phone,
             COALESCE(cu.properties, '{}'), cr.course, cr.utterances, cr.results, COALESCE(c.duration_s, 0),
             COALESCE(c.chat_rounds, 0)
         FROM call c
         JOIN call_record cr ON cr.company_id = ?1 AND cr.id = c.id
         LEFT JOIN customer cu ON cu.company_id = ?1 AND cu.id = c.customer_id
         WHERE c.company_id = ?1 AND c.task_id = ?2 AND c.call_index < ?3 AND c.finish_status = ?4 AND c.ended_at >= ?5
           AND cr.course IS NOT NULL
         ORDER BY c.call_index DESC LIMIT ?6",
        values![company, task, below, FinishStatus::Answered, since, limit],
        past_call,
    )?;
    for PastCall { id, kept, .. } in &mut calls {
        let history = regrade::of_call(db, company, *id)?;
        for change in &history {
            let values = change.became.iter().map(|result| result.value.clone()).collect();
            kept.by_hand.insert(change.name.clone(), values);
        }
        kept.results = originals(&kept.results, &history);
    }
    Ok(calls)
}

fn past_call(row: &Row<'_>) -> Result<PastCall> {
    let mut variables: Properties = row.json(5, "customer.properties")?;
    variables.insert("客户名称".to_owned(), row.text(3)?);
    variables.insert("联系方式".to_owned(), row.text(4)?);
    Ok(PastCall {
        id: CallId(row.int(0)?),
        call_index: row.int(1)?,
        scene_version: row.int(2)?,
        kept: KeptCall {
            variables,
            course: row.json(6, "call_record.course")?,
            transcript: row.json(7, "call_record.utterances")?,
            results: row.json(8, "call_record.results")?,
            by_hand: BTreeMap::new(),
            talk_ms: row.int(9)?.saturating_mul(1_000),
            chat_rounds: row.int(10)?,
        },
    })
}
