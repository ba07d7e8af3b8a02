//! Wrong passwords: how many there were in a row, for a name and for an address, so that guessing takes time whichever
//! process it is tried at.

use std::time::Duration;

use hutong_domain::moment::Moment;
use hutong_domain::sign_in::{FORGOTTEN_AFTER, Failures, Subject};

use crate::db::Db;
use crate::error::{Error, Result};
use crate::values;

/// Names and addresses that are counted; the ones that failed longest ago are forgotten first.
pub const SUBJECTS_MAX: i64 = 10_000;

/// Counts an attempt as a wrong one before anybody looks whether it is: so those that come at the same time are counted,
/// too. Nothing is counted where one of the subjects has to wait: for how long.
///
/// # Errors
/// When the store fails.
pub fn attempt(db: &mut Db, subjects: &[Subject], now: Moment) -> Result<std::result::Result<(), Duration>> {
    db.execute("DELETE FROM sign_in_failure WHERE last_at <= ?1", values![now.before(FORGOTTEN_AFTER)])?;
    let mut known = Vec::with_capacity(subjects.len());
    for subject in subjects {
        known.push((subject, failures(db, subject)?));
    }
    let wait = known.iter().map(|(_, failures)| failures.wait(now)).max().unwrap_or_default();
    if !wait.is_zero() {
        return Ok(Err(wait));
    }
    for (subject, failures) in known {
        put(db, subject, failures.with_another(subject, now))?;
    }
    db.execute(
        "DELETE FROM sign_in_failure WHERE subject IN
             (SELECT subject FROM sign_in_failure ORDER BY last_at DESC, subject LIMIT 1000 OFFSET ?1)",
        values![SUBJECTS_MAX],
    )?;
    Ok(Ok(()))
}

/// Takes back an attempt that was right: the name begins anew, others at the address stay counted.
///
/// # Errors
/// When the store fails.
pub fn succeeded(db: &mut Db, subjects: &[Subject], now: Moment) -> Result<()> {
    for subject in subjects {
        match subject {
            Subject::Name(_) => forget(db, subject)?,
            Subject::Address(_) => {
                let failures = failures(db, subject)?;
                put(db, subject, failures.with_one_less(now))?;
            }
        }
    }
    Ok(())
}

/// Lets a subject begin anew.
///
/// # Errors
/// When the store fails.
pub fn forget(db: &mut Db, subject: &Subject) -> Result<()> {
    db.execute("DELETE FROM sign_in_failure WHERE subject = ?1", values![&subject.key()])?;
    Ok(())
}

/// The failures of a subject, locked until the transaction ends.
fn failures(db: &mut Db, subject: &Subject) -> Result<Failures> {
    let key = subject.key();
    if db.is_postgres() {
        // A row that is not there cannot be locked.
        db.execute(
            "INSERT INTO sign_in_failure (subject, failures, last_at, open_at) VALUES (?1, 0, 0, 0)
             ON CONFLICT DO NOTHING",
            values![&key],
        )?;
    }
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT failures, last_at, open_at FROM sign_in_failure WHERE subject = ?1{lock}");
    let found = db.query_one(&sql, values![&key], |row| {
        let count = row.int(0)?;
        let count = u32::try_from(count).map_err(|_| Error::Corrupt {
            column: "sign_in_failure.failures",
            id: 0,
            found: count.to_string(),
        })?;
        Ok(Failures { count, last_at: row.moment(1)?, open_at: row.moment(2)? })
    })?;
    Ok(found.unwrap_or_default())
}

fn put(db: &mut Db, subject: &Subject, failures: Failures) -> Result<()> {
    db.execute(
        "INSERT INTO sign_in_failure (subject, failures, last_at, open_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject) DO UPDATE SET failures = ?2, last_at = ?3, open_at = ?4",
        values![&subject.key(), failures.count, failures.last_at, failures.open_at],
    )?;
    Ok(())
}
