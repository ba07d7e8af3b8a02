//! Companies: the tenants.

use hutong_domain::caps::Caps;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_domain::retention::Keep;
use hutong_domain::rules::CompanyRules;
use hutong_domain::window::DaySpan;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::values;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// AI seats: calls that may talk at once.
    pub seats: i64,
    /// Where it is stricter than the installation.
    pub rules: CompanyRules,
    /// For how long it keeps what it knows of people, where that is shorter than the installation's.
    pub keep: Keep,
    /// When it was made.
    pub created_at: Moment,
}

const COLUMNS: &str = "id, name, seats, legal_start, legal_end, dials_per_day, dials_per_week, created_at,
    keep_recordings_days, keep_transcripts_days, keep_numbers_days";

fn company(row: &Row<'_>) -> Result<Company> {
    Ok(Company {
        id: CompanyId(row.int(0)?),
        name: row.text(1)?,
        seats: row.int(2)?,
        rules: CompanyRules {
            legal: if row.text_or_null(3)?.is_some() { Some(legal(row)?) } else { None },
            caps: Caps { per_day: cap(row, 5)?, per_week: cap(row, 6)? },
        },
        created_at: row.moment(7)?,
        keep: Keep { recordings_days: days(row, 8)?, transcripts_days: days(row, 9)?, numbers_days: days(row, 10)? },
    })
}

fn days(row: &Row<'_>, column: usize) -> Result<u32> {
    let days = row.int(column)?;
    u32::try_from(days).map_err(|_| Error::Corrupt {
        column: "company, days that things are kept",
        id: row.int(0).unwrap_or(0),
        found: days.to_string(),
    })
}

fn legal(row: &Row<'_>) -> Result<DaySpan> {
    let (start, end) = (row.parsed(3, "company.legal_start")?, row.parsed(4, "company.legal_end")?);
    DaySpan::new(start, end).ok_or_else(|| Error::Corrupt {
        column: "company.legal_end",
        id: row.int(0).unwrap_or(0),
        found: format!("{start} to {end}"),
    })
}

fn cap(row: &Row<'_>, column: usize) -> Result<Option<u32>> {
    let attempts = row.int_or_null(column)?;
    attempts.map(u32::try_from).transpose().map_err(|_| Error::Corrupt {
        column: "company, a frequency cap",
        id: row.int(0).unwrap_or(0),
        found: attempts.unwrap_or(0).to_string(),
    })
}

/// Makes a company.
///
/// # Errors
/// When the store fails.
pub fn insert(db: &mut Db, name: &str, seats: i64, now: Moment) -> Result<CompanyId> {
    let id = CompanyId(db.next_id("company")?);
    db.execute(
        "INSERT INTO company (id, name, seats, created_at) VALUES (?1, ?2, ?3, ?4)",
        values![id, name, seats, now],
    )?;
    Ok(id)
}

/// The company with this id.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, id: CompanyId) -> Result<Option<Company>> {
    db.query_one(&format!("SELECT {COLUMNS} FROM company WHERE id = ?1"), values![id], company)
}

/// The company with this id, locked until the transaction ends: whoever claims for it does so one after another.
pub(crate) fn find_locked(db: &mut Db, id: CompanyId) -> Result<Option<Company>> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    db.query_one(&format!("SELECT {COLUMNS} FROM company WHERE id = ?1{lock}"), values![id], company)
}

/// Changes the seats of a company, and where it is stricter than the installation.
///
/// # Errors
/// When the store fails.
pub fn update(db: &mut Db, id: CompanyId, seats: i64, rules: &CompanyRules) -> Result<()> {
    let CompanyRules { legal, caps } = rules;
    let (start, end) = (legal.map(|legal| legal.start.to_string()), legal.map(|legal| legal.end.to_string()));
    db.execute(
        "UPDATE company SET seats = ?2, legal_start = ?3, legal_end = ?4, dials_per_day = ?5, dials_per_week = ?6
         WHERE id = ?1",
        values![id, seats, start.as_deref(), end.as_deref(), caps.per_day.map(i64::from), caps.per_week.map(i64::from)],
    )?;
    Ok(())
}

/// Whether a company can be called so.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_CHARS_MAX
}

/// Gives a company another name.
///
/// # Errors
/// When the store fails.
pub fn rename(db: &mut Db, id: CompanyId, name: &str) -> Result<()> {
    db.execute("UPDATE company SET name = ?2 WHERE id = ?1", values![id, name])?;
    Ok(())
}

/// Changes for how long a company keeps what it knows of people.
///
/// # Errors
/// When the store fails.
pub fn set_keep(db: &mut Db, id: CompanyId, keep: Keep) -> Result<()> {
    let Keep { recordings_days, transcripts_days, numbers_days } = keep;
    db.execute(
        "UPDATE company SET keep_recordings_days = ?2, keep_transcripts_days = ?3, keep_numbers_days = ?4 WHERE id = ?1",
        values![id, i64::from(recordings_days), i64::from(transcripts_days), i64::from(numbers_days)],
    )?;
    Ok(())
}

/// Every company, oldest first.
///
/// # Errors
/// When the store fails.
pub fn all(db: &mut Db) -> Result<Vec<Company>> {
    db.query(&format!("SELECT {COLUMNS} FROM company ORDER BY id"), &[], company)
}

/// Seats that calls of the company hold right now.
///
/// # Errors
/// When the store fails.
pub fn seats_in_use(db: &mut Db, id: CompanyId) -> Result<i64> {
    let live = db.live_attempts();
    let sql = format!("SELECT COUNT(*) FROM {live} WHERE company_id = ?1 AND ended_at IS NULL AND seated = 1");
    db.query_int(&sql, values![id])
}
