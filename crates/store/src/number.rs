//! Telephone numbers, whatever task they are in: which are being called now, and how often each was dialled lately.

use std::collections::HashMap;

use hutong_domain::caps::{self, Capped, Caps, WEEK_DAYS};
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_domain::moment::Moment;
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::{Value, listed, values};

/// The call that a number is in, anywhere in the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Whose call it is.
    pub company: CompanyId,
    /// Its task; 0 for a call placed by itself.
    pub task: TaskId,
    /// The call.
    pub call: CallId,
    /// When it was claimed.
    pub since: Moment,
}

/// How often a company dialled a number on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialled {
    /// The company.
    pub company: CompanyId,
    /// The day, in the installation's zone.
    pub day: Date,
    /// Attempts.
    pub attempts: u32,
}

/// Takes a number for a call, until [`release`]; false where it is in another call already. An attempt on that day is
/// counted.
///
/// # Errors
/// When the store fails.
pub fn take(db: &mut Db, phone: &str, by: &Busy, today: Date) -> Result<bool> {
    let taken = db.execute(
        "INSERT INTO busy_number (phone, company_id, task_id, call_id, since) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (phone) DO NOTHING",
        values![phone, by.company, by.task, by.call, by.since],
    )?;
    if taken == 0 {
        return Ok(false);
    }
    db.execute(
        "INSERT INTO dialled_number (phone, day, company_id, attempts) VALUES (?1, ?2, ?3, 1)
         ON CONFLICT (phone, day, company_id) DO UPDATE SET attempts = dialled_number.attempts + 1",
        values![phone, day_number(today), by.company],
    )?;
    Ok(true)
}

/// Gives a number back that [`take`] took for this call.
///
/// # Errors
/// When the store fails.
pub fn release(db: &mut Db, phone: &str, company: CompanyId, call: CallId) -> Result<()> {
    db.execute(
        "DELETE FROM busy_number WHERE phone = ?1 AND company_id = ?2 AND call_id = ?3",
        values![phone, company, call],
    )?;
    Ok(())
}

/// The calls that these numbers are in.
///
/// # Errors
/// When the store fails.
pub fn busy(db: &mut Db, phones: &[&str]) -> Result<HashMap<String, Busy>> {
    let Some((names, phones)) = listed(phones, 1) else { return Ok(HashMap::new()) };
    let rows = db.query(
        &format!("SELECT phone, company_id, task_id, call_id, since FROM busy_number WHERE phone IN ({names})"),
        &phones,
        |row| {
            let busy = Busy {
                company: CompanyId(row.int(1)?),
                task: TaskId(row.int(2)?),
                call: CallId(row.int(3)?),
                since: row.moment(4)?,
            };
            Ok((row.text(0)?, busy))
        },
    )?;
    Ok(rows.into_iter().collect())
}

/// How often these numbers were dialled on each of the days that a weekly cap looks at, by every company.
///
/// # Errors
/// When the store fails.
pub fn dialled(db: &mut Db, phones: &[&str], today: Date) -> Result<HashMap<String, Vec<Dialled>>> {
    let Some((names, phones)) = listed(phones, 2) else { return Ok(HashMap::new()) };
    let parameters: Vec<Value<'_>> = std::iter::once(day_number(first_day(today)).into()).chain(phones).collect();
    let mut by_phone: HashMap<String, Vec<Dialled>> = HashMap::new();
    db.query_each(
        &format!(
            "SELECT phone, day, company_id, attempts FROM dialled_number WHERE day >= ?1 AND phone IN ({names})
             ORDER BY phone, day, company_id"
        ),
        &parameters,
        |row| {
            let dialled = Dialled { company: CompanyId(row.int(2)?), day: day(row, 1)?, attempts: attempts(row, 3)? };
            by_phone.entry(row.text(0)?).or_default().push(dialled);
            Ok(())
        },
    )?;
    Ok(by_phone)
}

/// The cap that a number has reached after these attempts: one of the installation, which counts those of every
/// company, or one of `company`, which counts its own. Where both are, the one that holds longer.
#[must_use]
pub fn capped(dialled: &[Dialled], (installation, company): (Caps, (CompanyId, Caps)), today: Date) -> Option<Capped> {
    let days = |of: Option<CompanyId>| -> Vec<(Date, u32)> {
        let counted = dialled.iter().filter(|it| of.is_none_or(|company| company == it.company));
        counted.map(|it| (it.day, it.attempts)).collect()
    };
    let by_all = caps::allowed(installation, &days(None), today).err();
    let by_own = caps::allowed(company.1, &days(Some(company.0)), today).err();
    by_all.into_iter().chain(by_own).max_by_key(|capped| capped.until)
}

/// Forgets days that no cap looks at any more, at most `limit` rows; how many were forgotten.
///
/// # Errors
/// When the store fails.
pub fn forget_old(db: &mut Db, today: Date, limit: i64) -> Result<u64> {
    db.execute(
        "DELETE FROM dialled_number WHERE (phone, day, company_id) IN (
             SELECT phone, day, company_id FROM dialled_number WHERE day < ?1 ORDER BY day LIMIT ?2)",
        values![day_number(first_day(today)), limit],
    )
}

/// The first day that a weekly cap of `today` looks at.
fn first_day(today: Date) -> Date {
    today.saturating_sub((WEEK_DAYS - 1).days())
}

const EPOCH: Date = Date::constant(1970, 1, 1);

fn day_number(day: Date) -> i64 {
    // Both ends are in the calendar: the difference is a few million days.
    EPOCH.until(day).map_or(0, |span| i64::from(span.get_days()))
}

fn day(row: &Row<'_>, column: usize) -> Result<Date> {
    let days = row.int(column)?;
    jiff::Span::new().try_days(days).and_then(|span| EPOCH.checked_add(span)).map_err(|error| Error::Corrupt {
        column: "dialled_number.day",
        id: days,
        found: error.to_string(),
    })
}

fn attempts(row: &Row<'_>, column: usize) -> Result<u32> {
    Ok(u32::try_from(row.int(column)?.max(0)).unwrap_or(u32::MAX))
}
