//! Users of the console. Their passwords are kept as hashes, which are made elsewhere.

use std::collections::BTreeSet;
use std::fmt;

use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::ids::{CompanyId, UserId};
use hutong_domain::moment::Moment;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::values;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name, in small letters.
    pub name: String,
    /// What it may do, and for which companies.
    pub access: Access,
    /// When it was made.
    pub created_at: Moment,
    /// When it got the password that it has.
    pub password_changed_at: Moment,
    /// When it was disabled.
    pub disabled_at: Option<Moment>,
}

/// The hash of a password, with everything that is needed to check one: a PHC string. It does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Its name, as [`hutong_domain::sign_in::user_name`] gives it.
    pub name: String,
    /// What it may do, and for which companies.
    pub access: Access,
    /// The hash of its password.
    pub password: PasswordHash,
}

const COLUMNS: &str = "SELECT u.id, u.name, u.role, u.all_companies, u.created_at, u.password_changed_at, u.disabled_at FROM console_user u";

fn user(row: &Row<'_>) -> Result<(User, bool)> {
    let role: Role = row.parsed(2, "console_user.role")?;
    let user = User {
        id: UserId(row.int(0)?),
        name: row.text(1)?,
        access: Access::new(role, Reach::All),
        created_at: row.moment(4)?,
        password_changed_at: row.moment(5)?,
        disabled_at: row.moment_or_null(6)?,
    };
    Ok((user, row.flag(3)?))
}

fn with_companies(db: &mut Db, (mut user, all): (User, bool)) -> Result<User> {
    if !all {
        let companies =
            db.query("SELECT company_id FROM console_user_company WHERE user_id = ?1", values![user.id], |row| {
                row.int(0).map(CompanyId)
            })?;
        user.access = Access::new(user.access.role(), Reach::Companies(companies.into_iter().collect()));
    }
    Ok(user)
}

/// Makes a user; none when there is one of that name.
///
/// # Errors
/// When the store fails.
pub fn insert(db: &mut Db, new: &NewUser, now: Moment) -> Result<Option<UserId>> {
    let id = UserId(db.next_id("console_user")?);
    let inserted = db.execute(
        "INSERT INTO console_user (id, name, role, all_companies, password_hash, password_changed_at, created_at)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?5) ON CONFLICT DO NOTHING",
        values![id, &new.name, new.access.role().name(), &new.password.0, now],
    )?;
    if inserted == 0 {
        return Ok(None);
    }
    set_access(db, id, &new.access)?;
    Ok(Some(id))
}

/// The user of this name, disabled or not.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, name: &str) -> Result<Option<User>> {
    let found = db.query_one(&format!("{COLUMNS} WHERE u.name = ?1"), values![name], user)?;
    found.map(|found| with_companies(db, found)).transpose()
}

/// The user with this id, disabled or not.
///
/// # Errors
/// When the store fails.
pub fn find_by_id(db: &mut Db, id: UserId) -> Result<Option<User>> {
    let found = db.query_one(&format!("{COLUMNS} WHERE u.id = ?1"), values![id], user)?;
    found.map(|found| with_companies(db, found)).transpose()
}

/// The user with this id, whom nobody changes until the transaction ends.
///
/// # Errors
/// When the store fails.
pub fn find_locked(db: &mut Db, id: UserId) -> Result<Option<User>> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let found = db.query_one(&format!("{COLUMNS} WHERE u.id = ?1{lock}"), values![id], user)?;
    found.map(|found| with_companies(db, found)).transpose()
}

/// Every user, by name.
///
/// # Errors
/// When the store fails.
pub fn all(db: &mut Db) -> Result<Vec<User>> {
    let found = db.query(&format!("{COLUMNS} ORDER BY u.name"), &[], user)?;
    found.into_iter().map(|found| with_companies(db, found)).collect()
}

/// The admins that are enabled, whom nobody changes until the transaction ends.
///
/// # Errors
/// When the store fails.
pub fn enabled_admins_locked(db: &mut Db) -> Result<Vec<UserId>> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT id FROM console_user WHERE role = ?1 AND disabled_at IS NULL ORDER BY id{lock}");
    db.query(&sql, values![Role::Admin.name()], |row| row.int(0).map(UserId))
}

/// The hash of a user's password.
///
/// # Errors
/// When the store fails.
pub fn password(db: &mut Db, id: UserId) -> Result<Option<PasswordHash>> {
    db.query_one("SELECT password_hash FROM console_user WHERE id = ?1", values![id], |row| {
        row.text(0).map(PasswordHash)
    })
}

/// Gives a user another password.
///
/// # Errors
/// When the store fails.
pub fn set_password(db: &mut Db, id: UserId, password: &PasswordHash, now: Moment) -> Result<()> {
    db.execute(
        "UPDATE console_user SET password_hash = ?2, password_changed_at = ?3 WHERE id = ?1",
        values![id, &password.0, now],
    )?;
    Ok(())
}

/// Changes what a user may do, and for which companies.
///
/// # Errors
/// When the store fails.
pub fn set_access(db: &mut Db, id: UserId, access: &Access) -> Result<()> {
    let none = BTreeSet::new();
    let (all, companies) = match access.reach() {
        Reach::All => (true, &none),
        Reach::Companies(companies) => (false, companies),
    };
    db.execute(
        "UPDATE console_user SET role = ?2, all_companies = ?3 WHERE id = ?1",
        values![id, access.role().name(), all],
    )?;
    db.execute("DELETE FROM console_user_company WHERE user_id = ?1", values![id])?;
    for &company in companies {
        db.execute("INSERT INTO console_user_company (user_id, company_id) VALUES (?1, ?2)", values![id, company])?;
    }
    Ok(())
}

/// Disables a user, or enables it again; a user that is disabled already keeps the moment.
///
/// # Errors
/// When the store fails.
pub fn set_disabled(db: &mut Db, id: UserId, at: Option<Moment>) -> Result<()> {
    db.execute(
        "UPDATE console_user SET disabled_at = CASE WHEN ?2 IS NULL THEN NULL ELSE COALESCE(disabled_at, ?2) END
         WHERE id = ?1",
        values![id, at],
    )?;
    Ok(())
}
