//! Application keys: who may call the open API, for which companies.

use std::fmt;

use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::Db;
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

/// An application key as it is kept: its secret is sealed, see [`crate::vault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKey {
    /// The key itself.
    pub app_key: String,
    /// The secret, sealed.
    pub sealed_secret: String,
    /// Which document its clients follow.
    pub edition: Edition,
    /// Requests a second that it may make; 0 for no limit.
    pub requests_per_s: i64,
    /// Companies that it is bound to, in the order of their ids.
    pub companies: Vec<CompanyId>,
    /// When it was made.
    pub created_at: Moment,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
}

const COLUMNS: &str = "SELECT created_at, app_key, sealed_secret, edition, requests_per_s, revoked_at FROM app_key";

fn with_companies(db: &mut Db, mut key: AppKey) -> Result<AppKey> {
    key.companies = db.query(
        "SELECT company_id FROM app_key_company WHERE app_key = ?1 ORDER BY company_id",
        values![&key.app_key],
        |row| row.int(0).map(CompanyId),
    )?;
    Ok(key)
}

fn key(row: &crate::db::Row<'_>) -> Result<AppKey> {
    Ok(AppKey {
        created_at: row.moment(0)?,
        app_key: row.text(1)?,
        sealed_secret: row.text(2)?,
        edition: row.parsed(3, "app_key.edition")?,
        requests_per_s: row.int(4)?,
        revoked_at: row.moment_or_null(5)?,
        companies: Vec::new(),
    })
}

/// Keeps a new key and its companies.
///
/// # Errors
/// When the store fails, or the key exists.
pub fn insert(db: &mut Db, key: &AppKey) -> Result<()> {
    db.execute(
        "INSERT INTO app_key (app_key, sealed_secret, edition, requests_per_s, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![&key.app_key, &key.sealed_secret, key.edition.name(), key.requests_per_s, key.created_at],
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
