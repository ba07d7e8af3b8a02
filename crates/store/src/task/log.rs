//! What happened to a task: its moves, and what people changed about it.

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;

use super::{Move, moves};
use crate::audit::{self, Entry};
use crate::db::Db;
use crate::error::Result;

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// It went from one state to another; who moved it and why is in it.
    Moved(Move),
    /// A person changed something else about it: its settings, its numbers, or that it is there.
    Changed(Box<Entry>),
}

impl Happening {
    /// When.
    #[must_use]
    pub const fn at(&self) -> Moment {
        match self {
            Self::Moved(moved) => moved.at,
            Self::Changed(entry) => entry.at,
        }
    }
}

/// Changes that are moves, and stand among these.
const MOVES: [&str; 3] = ["task.start", "task.pause", "task.stop"];

/// The last `limit` things that happened to a task, newest first: moves by the system and by people, and what else people
/// changed.
///
/// # Errors
/// When the store fails.
pub fn log(db: &mut Db, company: CompanyId, id: TaskId, limit: i64) -> Result<Vec<Happening>> {
    let filter = audit::Filter {
        company: Some(company),
        object: Some(("task".to_owned(), id.to_string())),
        ..audit::Filter::default()
    };
    let changes = audit::list(db, &filter, limit)?.into_iter().filter(|entry| !MOVES.contains(&entry.action.as_str()));
    let moves = moves(db, company, id, limit)?.into_iter().map(Happening::Moved);
    let mut log: Vec<Happening> = moves.chain(changes.map(|entry| Happening::Changed(Box::new(entry)))).collect();
    log.sort_by_key(|it| std::cmp::Reverse(it.at()));
    log.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(log)
}
