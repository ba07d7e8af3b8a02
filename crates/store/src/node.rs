//! Server processes and their leases.

use hutong_domain::ids::NodeId;
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::Result;
use crate::values;

/// Registers a process that just started.
///
/// # Errors
/// When the store fails.
pub fn register(db: &mut Db, now: Moment, lease_until: Moment) -> Result<NodeId> {
    let id = NodeId(db.next_id("node")?);
    db.execute("INSERT INTO node (id, started_at, lease_until) VALUES (?1, ?2, ?3)", values![id, now, lease_until])?;
    Ok(id)
}

/// Prolongs a lease; false when it has run out, and others may have taken over what the node held.
///
/// # Errors
/// When the store fails.
pub fn renew(db: &mut Db, id: NodeId, now: Moment, lease_until: Moment) -> Result<bool> {
    let changed = db.execute(
        "UPDATE node SET lease_until = ?3 WHERE id = ?1 AND lease_until > ?2",
        values![id, now, lease_until],
    )?;
    Ok(changed == 1)
}

/// Writes a node's row as it is: whether anything can be written now.
///
/// # Errors
/// When it cannot.
pub fn touch(db: &mut Db, id: NodeId) -> Result<()> {
    db.execute("UPDATE node SET started_at = started_at WHERE id = ?1", values![id]).map(|_| ())
}

/// Whether a process's lease has not run out yet.
///
/// # Errors
/// When the store fails.
pub fn holds_lease(db: &mut Db, id: NodeId, now: Moment) -> Result<bool> {
    let held = db.query_one("SELECT 1 FROM node WHERE id = ?1 AND lease_until > ?2", values![id, now], |_| Ok(()))?;
    Ok(held.is_some())
}

/// When the last process started, by its own clock.
///
/// # Errors
/// When the store fails.
pub fn newest_start(db: &mut Db) -> Result<Option<Moment>> {
    let newest = db.query_one("SELECT MAX(started_at) FROM node", values![], |row| row.moment_or_null(0))?;
    Ok(newest.flatten())
}

/// Ends a lease at once, on a clean stop.
///
/// # Errors
/// When the store fails.
pub fn release(db: &mut Db, id: NodeId) -> Result<()> {
    db.execute("UPDATE node SET lease_until = 0 WHERE id = ?1", values![id]).map(|_| ())
}

/// Ends the leases of every process but this one: for a store that only one process may use at a time.
///
/// # Errors
/// When the store fails.
pub fn release_others(db: &mut Db, id: NodeId) -> Result<()> {
    db.execute("UPDATE node SET lease_until = 0 WHERE id <> ?1 AND lease_until > 0", values![id]).map(|_| ())
}
