//! Sessions: the times that users are signed in to the console. Of a token, only a digest is kept.

use hutong_domain::ids::{SessionId, UserId};
use hutong_domain::moment::Moment;
use hutong_domain::sign_in::SessionRules;
use sha2::{Digest as _, Sha256};

use crate::db::{Db, Row};
use crate::error::Result;
use crate::values;

/// Sessions of one user; the one that was not used for longest gives way to a new one.
pub const SESSIONS_OF_USER_MAX: i64 = 20;
/// Characters that are kept of what a browser says that it is.
const AGENT_CHARS_MAX: usize = 200;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// Where it began.
    pub address: String,
    /// What the browser says that it is.
    pub agent: String,
    /// When it began.
    pub began_at: Moment,
    /// When it was last used, to the minute.
    pub seen_at: Moment,
}

/// What is kept of a token.
#[must_use]
pub fn digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

const COLUMNS: &str = "SELECT s.id, s.user_id, s.address, s.agent, s.began_at, s.seen_at FROM console_session s";

fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: SessionId(row.int(0)?),
        user: UserId(row.int(1)?),
        address: row.text(2)?,
        agent: row.text(3)?,
        began_at: row.moment(4)?,
        seen_at: row.moment(5)?,
    })
}

/// Begins a session of a user; those of anybody that have come to their end are forgotten.
///
/// # Errors
/// When the store fails.
pub fn begin(
    db: &mut Db,
    user: UserId,
    token: &str,
    (address, agent): (&str, &str),
    (rules, now): (&SessionRules, Moment),
) -> Result<SessionId> {
    db.execute(
        "DELETE FROM console_session WHERE began_at <= ?1 OR seen_at <= ?2",
        values![now.before(rules.lifetime_max), now.before(rules.idle_max)],
    )?;
    db.execute(
        "DELETE FROM console_session WHERE id IN
             (SELECT id FROM console_session WHERE user_id = ?1 ORDER BY seen_at DESC, id DESC LIMIT 1000 OFFSET ?2)",
        values![user, SESSIONS_OF_USER_MAX - 1],
    )?;
    let id = SessionId(db.next_id("console_session")?);
    let agent: String = agent.chars().take(AGENT_CHARS_MAX).collect();
    db.execute(
        "INSERT INTO console_session (id, user_id, token_digest, address, agent, began_at, seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        values![id, user, &digest(token), address, &agent, now],
    )?;
    Ok(id)
}

/// The session with this token, if it lasts and its user may sign in.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, token: &str, rules: &SessionRules, now: Moment) -> Result<Option<Session>> {
    let found = db.query_one(
        &format!(
            "{COLUMNS} JOIN console_user u ON u.id = s.user_id WHERE s.token_digest = ?1 AND u.disabled_at IS NULL"
        ),
        values![&digest(token)],
        session,
    )?;
    Ok(found.filter(|session| rules.lasts(session.began_at, session.seen_at, now)))
}

/// Notes that a session was used.
///
/// # Errors
/// When the store fails.
pub fn seen(db: &mut Db, id: SessionId, now: Moment) -> Result<()> {
    db.execute("UPDATE console_session SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2", values![id, now])?;
    Ok(())
}

/// The sessions of a user that last, the one that was used last first.
///
/// # Errors
/// When the store fails.
pub fn of_user(db: &mut Db, user: UserId, rules: &SessionRules, now: Moment) -> Result<Vec<Session>> {
    let found = db.query(
        &format!("{COLUMNS} WHERE s.user_id = ?1 ORDER BY s.seen_at DESC, s.id DESC"),
        values![user],
        session,
    )?;
    Ok(found.into_iter().filter(|session| rules.lasts(session.began_at, session.seen_at, now)).collect())
}

/// Ends a session of a user; false when it has no such session.
///
/// # Errors
/// When the store fails.
pub fn end(db: &mut Db, user: UserId, id: SessionId) -> Result<bool> {
    Ok(db.execute("DELETE FROM console_session WHERE user_id = ?1 AND id = ?2", values![user, id])? == 1)
}

/// Ends every session of a user but one; how many there were.
///
/// # Errors
/// When the store fails.
pub fn end_all(db: &mut Db, user: UserId, but: Option<SessionId>) -> Result<u64> {
    db.execute(
        "DELETE FROM console_session WHERE user_id = ?1 AND id <> ?2",
        values![user, but.unwrap_or(SessionId(0))],
    )
}
