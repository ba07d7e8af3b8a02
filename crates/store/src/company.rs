//! Companies: the tenants.

use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::values;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// AI seats: calls that may talk at once.
    pub seats: i64,
    /// When it was made.
    pub created_at: Moment,
}

fn company(row: &Row<'_>) -> Result<Company> {
    Ok(Company { id: CompanyId(row.int(0)?), name: row.text(1)?, seats: row.int(2)?, created_at: row.moment(3)? })
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
    db.query_one("SELECT id, name, seats, created_at FROM company WHERE id = ?1", values![id], company)
}

/// Every company, oldest first.
///
/// # Errors
/// When the store fails.
pub fn all(db: &mut Db) -> Result<Vec<Company>> {
    db.query("SELECT id, name, seats, created_at FROM company ORDER BY id", &[], company)
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
