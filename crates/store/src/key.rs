//! Application keys: who may call the open API, for which companies.

use std::collections::BTreeSet;
use std::fmt;

use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::values;

/// A secret that does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Which age of the API document a key's clients were written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edition {
    /// The document of May 2018.
    May2018,
    /// The document of August 2019.
    August2019,
}

impl Edition {
    /// The name in the database and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::May2018 => "2018-05",
            Self::August2019 => "2019-08",
        }
    }
}

impl std::str::FromStr for Edition {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::May2018, Self::August2019]
            .into_iter()
            .find(|edition| edition.name() == text)
            .ok_or_else(|| format!("unknown edition {text:?}: expected 2018-05 or 2019-08"))
    }
}

/// An application key as it is kept: its secrets are sealed, see [`crate::vault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKey {
    /// The key itself.
    pub app_key: String,
    /// The secret, sealed.
    pub sealed_secret: String,
    /// The secret before the last rotation.
    pub previous: Option<PreviousSecret>,
    /// Which document its clients follow.
    pub edition: Edition,
    /// Requests a second that it may make; 0 for no limit.
    pub requests_per_s: i64,
    /// Where its requests may come from; everywhere where nothing is named.
    pub allowed: Networks,
    /// Companies that it is bound to, in the order of their ids.
    pub companies: Vec<CompanyId>,
    /// When it was made.
    pub created_at: Moment,
    /// When it got the secret that it has.
    pub rotated_at: Option<Moment>,
    /// When that secret was last used, to the minute.
    pub used_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
}

/// A secret that another one has taken the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret, sealed.
    pub sealed_secret: String,
    /// From when on it is not good any more.
    pub until: Moment,
    /// When it was last used, to the minute.
    pub used_at: Option<Moment>,
}

const COLUMNS: &str =
    "SELECT created_at, app_key, sealed_secret, edition, requests_per_s, revoked_at, allowed_addresses,
    previous_secret, previous_until, rotated_at, used_at, previous_used_at FROM app_key";

fn with_companies(db: &mut Db, mut key: AppKey) -> Result<AppKey> {
    key.companies = db.query(
        "SELECT company_id FROM app_key_company WHERE app_key = ?1 ORDER BY company_id",
        values![&key.app_key],
        |row| row.int(0).map(CompanyId),
    )?;
    Ok(key)
}

fn key(row: &Row<'_>) -> Result<AppKey> {
    let previous = row.text_or_null(7)?.zip(row.moment_or_null(8)?);
    let previous_used_at = row.moment_or_null(11)?;
    Ok(AppKey {
        created_at: row.moment(0)?,
        app_key: row.text(1)?,
        sealed_secret: row.text(2)?,
        edition: row.parsed(3, "app_key.edition")?,
        requests_per_s: row.int(4)?,
        revoked_at: row.moment_or_null(5)?,
        allowed: row.parsed(6, "app_key.allowed_addresses")?,
        previous: previous.map(|(sealed_secret, until)| PreviousSecret {
            sealed_secret,
            until,
            used_at: previous_used_at,
        }),
        rotated_at: row.moment_or_null(9)?,
        used_at: row.moment_or_null(10)?,
        companies: Vec::new(),
    })
}

/// Keeps a new key and its companies.
///
/// # Errors
/// When the store fails, or the key exists.
pub fn insert(db: &mut Db, key: &AppKey) -> Result<()> {
    let previous = key.previous.as_ref();
    db.execute(
        "INSERT INTO app_key (app_key, sealed_secret, edition, requests_per_s, created_at, allowed_addresses,
             previous_secret, previous_until, rotated_at, revoked_at, used_at, previous_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        values![
            &key.app_key,
            &key.sealed_secret,
            key.edition.name(),
            key.requests_per_s,
            key.created_at,
            &key.allowed.to_string(),
            previous.map(|it| it.sealed_secret.as_str()),
            previous.map(|it| it.until),
            key.rotated_at,
            key.revoked_at,
            key.used_at,
            previous.and_then(|it| it.used_at)
        ],
    )?;
    for &company in &key.companies {
        db.execute(
            "INSERT INTO app_key_company (app_key, company_id) VALUES (?1, ?2)",
            values![&key.app_key, company],
        )?;
    }
    Ok(())
}

/// The key, revoked or not.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, app_key: &str) -> Result<Option<AppKey>> {
    let found = db.query_one(&format!("{COLUMNS} WHERE app_key = ?1"), values![app_key], key)?;
    found.map(|found| with_companies(db, found)).transpose()
}

/// The keys of a company that were not revoked, oldest first; their companies are not looked up.
///
/// # Errors
/// When the store fails.
pub(crate) fn valid_of(db: &mut Db, company: CompanyId) -> Result<Vec<AppKey>> {
    db.query(
        &format!(
            "{COLUMNS} WHERE revoked_at IS NULL
                 AND app_key IN (SELECT app_key FROM app_key_company WHERE company_id = ?1)
             ORDER BY created_at, app_key"
        ),
        values![company],
        key,
    )
}

/// Every key, oldest first.
///
/// # Errors
/// When the store fails.
pub fn all(db: &mut Db) -> Result<Vec<AppKey>> {
    let found = db.query(&format!("{COLUMNS} ORDER BY created_at, app_key"), &[], key)?;
    found.into_iter().map(|found| with_companies(db, found)).collect()
}

/// Changes which document the clients of a valid key follow, how many requests it may make, and from where; false when
/// there is no such key.
///
/// # Errors
/// When the store fails.
pub fn update(db: &mut Db, app_key: &str, edition: Edition, requests_per_s: i64, allowed: &Networks) -> Result<bool> {
    let changed = db.execute(
        "UPDATE app_key SET edition = ?2, requests_per_s = ?3, allowed_addresses = ?4
         WHERE app_key = ?1 AND revoked_at IS NULL",
        values![app_key, edition.name(), requests_per_s, &allowed.to_string()],
    )?;
    Ok(changed == 1)
}

/// Binds a valid key to exactly these companies; false when there is no such key.
///
/// # Errors
/// When the store fails.
pub fn set_companies(db: &mut Db, app_key: &str, companies: &BTreeSet<CompanyId>) -> Result<bool> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let valid = format!("SELECT 1 FROM app_key WHERE app_key = ?1 AND revoked_at IS NULL{lock}");
    if db.query_one(&valid, values![app_key], |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    db.execute("DELETE FROM app_key_company WHERE app_key = ?1", values![app_key])?;
    for &company in companies {
        db.execute("INSERT INTO app_key_company (app_key, company_id) VALUES (?1, ?2)", values![app_key, company])?;
    }
    Ok(true)
}

/// Gives a valid key another secret, which is sealed; the one that it had is good until `until`. False when there is no
/// such key.
///
/// # Errors
/// When the store fails.
pub fn rotate(db: &mut Db, app_key: &str, sealed_secret: &str, until: Moment, now: Moment) -> Result<bool> {
    let changed = db.execute(
        "UPDATE app_key SET previous_secret = sealed_secret, previous_until = ?3, previous_used_at = used_at,
             sealed_secret = ?2, rotated_at = ?4, used_at = NULL
         WHERE app_key = ?1 AND revoked_at IS NULL",
        values![app_key, sealed_secret, until, now],
    )?;
    Ok(changed == 1)
}

/// Notes that a secret of a key was used, whichever of the two it is by now.
///
/// # Errors
/// When the store fails.
pub fn used(db: &mut Db, app_key: &str, sealed_secret: &str, at: Moment) -> Result<()> {
    db.execute(
        "UPDATE app_key SET used_at = CASE WHEN sealed_secret = ?2 THEN ?3 ELSE used_at END,
             previous_used_at = CASE WHEN previous_secret = ?2 THEN ?3 ELSE previous_used_at END
         WHERE app_key = ?1",
        values![app_key, sealed_secret, at],
    )?;
    Ok(())
}

/// Revokes a key; false when there is none that could be revoked.
///
/// # Errors
/// When the store fails.
pub fn revoke(db: &mut Db, app_key: &str, now: Moment) -> Result<bool> {
    let changed = db.execute(
        "UPDATE app_key SET revoked_at = ?2 WHERE app_key = ?1 AND revoked_at IS NULL",
        values![app_key, now],
    )?;
    Ok(changed == 1)
}
