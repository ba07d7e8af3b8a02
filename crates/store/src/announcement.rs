//! Carriers' announcements that the installation knows by their sound; they belong to no company.

use std::fmt;

use hutong_domain::moment::Moment;
use hutong_domain::outcome::Meaning;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::values;

/// The most announcements that an installation keeps: looking for one costs time in every call.
pub const ANNOUNCEMENTS_MAX: i64 = 200;

/// Which announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnouncementId(pub i64);

impl fmt::Display for AnnouncementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// What operators call it, the carrier's name for example.
    pub name: String,
    /// What it means.
    pub meaning: Meaning,
    /// How it sounds, as a text; what is in it is not the store's concern.
    pub fingerprint: String,
    /// When it was added.
    pub created_at: Moment,
}

fn announcement(row: &Row<'_>) -> Result<Announcement> {
    let id = row.int(0)?;
    let meaning = row.str(2)?;
    let meaning = Meaning::from_name(meaning).ok_or_else(|| Error::Corrupt {
        column: "announcement.meaning",
        id,
        found: meaning.to_owned(),
    })?;
    Ok(Announcement {
        id: AnnouncementId(id),
        name: row.text(1)?,
        meaning,
        fingerprint: row.text(3)?,
        created_at: row.moment(4)?,
    })
}

/// Adds an announcement; none where there are [`ANNOUNCEMENTS_MAX`] already.
///
/// # Errors
/// When the store fails.
pub fn insert(
    db: &mut Db,
    name: &str,
    meaning: Meaning,
    fingerprint: &str,
    now: Moment,
) -> Result<Option<AnnouncementId>> {
    if db.query_int("SELECT COUNT(*) FROM announcement", &[])? >= ANNOUNCEMENTS_MAX {
        return Ok(None);
    }
    let id = db.next_id("announcement")?;
    db.execute(
        "INSERT INTO announcement (id, name, meaning, fingerprint, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![id, name, meaning.name(), fingerprint, now],
    )?;
    Ok(Some(AnnouncementId(id)))
}

/// All announcements, oldest first.
///
/// # Errors
/// When the store fails.
pub fn all(db: &mut Db) -> Result<Vec<Announcement>> {
    db.query("SELECT id, name, meaning, fingerprint, created_at FROM announcement ORDER BY id", &[], announcement)
}

/// Removes an announcement; false when there is none with this id.
///
/// # Errors
/// When the store fails.
pub fn remove(db: &mut Db, id: AnnouncementId) -> Result<bool> {
    Ok(db.execute("DELETE FROM announcement WHERE id = ?1", values![id.0])? == 1)
}
