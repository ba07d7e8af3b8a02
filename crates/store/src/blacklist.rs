//! Numbers that are never to be called.

use std::collections::{HashMap, HashSet};

use hutong_domain::ids::{BlacklistEntryId, BlacklistGroupId, CompanyId};
use hutong_domain::moment::Moment;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::{Page, PageRequest, Value, listed, values};

/// What operators call the default group.
pub const DEFAULT_GROUP_NAME: &str = "默认分组";

/// A group of blacklisted numbers. The default group exists without being kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: BlacklistGroupId,
    /// Its name, unique in the company.
    pub name: String,
    /// A remark.
    pub remark: String,
}

/// A blacklisted number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: BlacklistEntryId,
    /// The number.
    pub mobile: String,
    /// Whose number it is.
    pub name: String,
    /// A remark.
    pub remark: String,
    /// When it was added.
    pub created_at: Moment,
}

/// A number to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The number.
    pub mobile: String,
    /// Whose number it is.
    pub name: String,
    /// A remark.
    pub remark: String,
}

fn group(row: &Row<'_>) -> Result<Group> {
    Ok(Group { id: BlacklistGroupId(row.int(0)?), name: row.text(1)?, remark: row.text(2)? })
}

/// The company's groups, oldest first, without the default one.
///
/// # Errors
/// When the store fails.
pub fn groups(db: &mut Db, company: CompanyId) -> Result<Vec<Group>> {
    db.query("SELECT id, name, remark FROM blacklist_group WHERE company_id = ?1 ORDER BY id", values![company], group)
}

/// Whether the company has this group; the default one it always has.
///
/// # Errors
/// When the store fails.
pub fn group_exists(db: &mut Db, company: CompanyId, id: BlacklistGroupId) -> Result<bool> {
    if id == BlacklistGroupId::DEFAULT {
        return Ok(true);
    }
    let found = db.query_one(
        "SELECT id, name, remark FROM blacklist_group WHERE company_id = ?1 AND id = ?2",
        values![company, id],
        group,
    )?;
    Ok(found.is_some())
}

/// Makes a group; none when the company has one of that name.
///
/// # Errors
/// When the store fails.
pub fn insert_group(
    db: &mut Db,
    company: CompanyId,
    name: &str,
    remark: &str,
    now: Moment,
) -> Result<Option<BlacklistGroupId>> {
    let id = BlacklistGroupId(db.next_id("blacklist_group")?);
    let inserted = db.execute(
        "INSERT INTO blacklist_group (id, company_id, name, remark, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        values![id, company, name, remark, now],
    )?;
    Ok((inserted == 1).then_some(id))
}

/// What came of changing a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupChange {
    /// It was changed.
    Done,
    /// There is no such group.
    Unknown,
    /// Another group has that name.
    NameTaken,
    /// It still has numbers in it.
    NotEmpty,
}

/// Renames a group; the remark stays where none is given.
///
/// # Errors
/// When the store fails.
pub fn update_group(
    db: &mut Db,
    company: CompanyId,
    id: BlacklistGroupId,
    name: &str,
    remark: Option<&str>,
) -> Result<GroupChange> {
    let namesake = db.query_one(
        "SELECT id FROM blacklist_group WHERE company_id = ?1 AND name = ?2 AND id <> ?3",
        values![company, name, id],
        |_| Ok(()),
    )?;
    if namesake.is_some() {
        return Ok(GroupChange::NameTaken);
    }
    let changed = db.execute(
        "UPDATE blacklist_group SET name = ?3, remark = COALESCE(?4, remark) WHERE company_id = ?1 AND id = ?2",
        values![company, id, name, remark],
    )?;
    Ok(if changed == 1 { GroupChange::Done } else { GroupChange::Unknown })
}

/// Deletes a group that has no numbers in it.
///
/// # Errors
/// When the store fails.
pub fn delete_group(db: &mut Db, company: CompanyId, id: BlacklistGroupId) -> Result<GroupChange> {
    let entry = db.query_one(
        "SELECT id FROM blacklist_entry WHERE company_id = ?1 AND group_id = ?2 LIMIT 1",
        values![company, id],
        |_| Ok(()),
    )?;
    if entry.is_some() {
        return Ok(GroupChange::NotEmpty);
    }
    let changed = db.execute("DELETE FROM blacklist_group WHERE company_id = ?1 AND id = ?2", values![company, id])?;
    Ok(if changed == 1 { GroupChange::Done } else { GroupChange::Unknown })
}

/// Adds a number to a group; its id, and whether it is new there.
///
/// # Errors
/// When the store fails.
pub fn add(
    db: &mut Db,
    company: CompanyId,
    group: BlacklistGroupId,
    entry: &NewEntry,
    now: Moment,
) -> Result<(BlacklistEntryId, bool)> {
    if let Some(known) = find(db, company, group, &entry.mobile)? {
        return Ok((known, false));
    }
    let id = BlacklistEntryId(db.next_id("blacklist_entry")?);
    let inserted = db.execute(
        "INSERT INTO blacklist_entry (id, company_id, group_id, mobile, name, remark, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        values![id, company, group, &entry.mobile, &entry.name, &entry.remark, now],
    )?;
    if inserted == 0 {
        // Another process has added it meanwhile.
        return Ok((find(db, company, group, &entry.mobile)?.unwrap_or(id), false));
    }
    Ok((id, true))
}

/// The entry of a number in a group.
///
/// # Errors
/// When the store fails.
pub fn find(
    db: &mut Db,
    company: CompanyId,
    group: BlacklistGroupId,
    mobile: &str,
) -> Result<Option<BlacklistEntryId>> {
    db.query_one(
        "SELECT id FROM blacklist_entry WHERE company_id = ?1 AND mobile = ?2 AND group_id = ?3",
        values![company, mobile, group],
        |row| row.int(0).map(BlacklistEntryId),
    )
}

/// How many numbers each group has; none of a group without any.
///
/// # Errors
/// When the store fails.
pub fn counts(db: &mut Db, company: CompanyId) -> Result<HashMap<BlacklistGroupId, i64>> {
    let rows = db.query(
        "SELECT group_id, COUNT(*) FROM blacklist_entry WHERE company_id = ?1 GROUP BY group_id",
        values![company],
        |row| Ok((BlacklistGroupId(row.int(0)?), row.int(1)?)),
    )?;
    Ok(rows.into_iter().collect())
}

const ENTRY: &str = "SELECT id, mobile, name, remark, created_at FROM blacklist_entry";

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        id: BlacklistEntryId(row.int(0)?),
        mobile: row.text(1)?,
        name: row.text(2)?,
        remark: row.text(3)?,
        created_at: row.moment(4)?,
    })
}

/// The numbers of a group, newest first.
///
/// # Errors
/// When the store fails.
pub fn page(db: &mut Db, company: CompanyId, group: BlacklistGroupId, page: PageRequest) -> Result<Page<Entry>> {
    let total = db.query_int(
        "SELECT COUNT(*) FROM blacklist_entry WHERE company_id = ?1 AND group_id = ?2",
        values![company, group],
    )?;
    let rows = db.query(
        &format!("{ENTRY} WHERE company_id = ?1 AND group_id = ?2 ORDER BY id DESC LIMIT ?3 OFFSET ?4"),
        values![company, group, page.size, page.offset()],
        entry,
    )?;
    Ok(Page { total, rows })
}

/// What is looked for in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Numbers with these digits in them, and names and remarks with this text.
    Part(String),
    /// Numbers that are one of these, and names and remarks with the text: for whoever may not see whole numbers.
    Whole(Vec<String>, String),
}

/// The numbers of a group that are looked for, newest first.
///
/// # Errors
/// When the store fails.
pub fn search(
    db: &mut Db,
    company: CompanyId,
    group: BlacklistGroupId,
    wanted: &Wanted,
    page: PageRequest,
) -> Result<Page<Entry>> {
    let (number, text, phones) = match wanted {
        Wanted::Part(text) => ("strpos(mobile, ?3) > 0".to_owned(), text, Vec::new()),
        Wanted::Whole(phones, text) => {
            let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
            let (names, phones) = listed(&phones, 4).unwrap_or_else(|| ("NULL".to_owned(), Vec::new()));
            (format!("mobile IN ({names})"), text, phones)
        }
    };
    let fits = format!(
        "WHERE company_id = ?1 AND group_id = ?2 AND ({number} OR strpos(name, ?3) > 0 OR strpos(remark, ?3) > 0)"
    );
    let mut parameters: Vec<Value<'_>> =
        [company.into(), group.into(), text.into()].into_iter().chain(phones).collect();
    let total = db.query_int(&format!("SELECT COUNT(*) FROM blacklist_entry {fits}"), &parameters)?;
    let last = parameters.len();
    parameters.extend([Value::from(page.size), page.offset().into()]);
    let sql = format!("{ENTRY} {fits} ORDER BY id DESC LIMIT ?{} OFFSET ?{}", last + 1, last + 2);
    Ok(Page { total, rows: db.query(&sql, &parameters, entry)? })
}

/// The next numbers of a group after an entry, oldest first; 0 for its beginning.
///
/// # Errors
/// When the store fails.
pub fn after(
    db: &mut Db,
    company: CompanyId,
    group: BlacklistGroupId,
    last: BlacklistEntryId,
    limit: i64,
) -> Result<Vec<Entry>> {
    let sql = format!("{ENTRY} WHERE company_id = ?1 AND group_id = ?2 AND id > ?3 ORDER BY id LIMIT ?4");
    db.query(&sql, values![company, group, last, limit], entry)
}

/// How many of these numbers, of which none is there twice, stand in a group: at most a thousand at a time.
///
/// # Errors
/// When the store fails.
pub fn known(db: &mut Db, company: CompanyId, group: BlacklistGroupId, mobiles: &[&str]) -> Result<i64> {
    let Some((names, mobiles)) = listed(mobiles, 3) else { return Ok(0) };
    let parameters: Vec<Value<'_>> = [company.into(), group.into()].into_iter().chain(mobiles).collect();
    db.query_int(
        &format!(
            "SELECT COUNT(*) FROM blacklist_entry WHERE company_id = ?1 AND group_id = ?2 AND mobile IN ({names})"
        ),
        &parameters,
    )
}

/// Takes a number out of a group; false when it was not in it.
///
/// # Errors
/// When the store fails.
pub fn remove(db: &mut Db, company: CompanyId, group: BlacklistGroupId, mobile: &str) -> Result<bool> {
    let removed = db.execute(
        "DELETE FROM blacklist_entry WHERE company_id = ?1 AND mobile = ?2 AND group_id = ?3",
        values![company, mobile, group],
    )?;
    Ok(removed > 0)
}

/// Whether the number stands in any group of the company.
///
/// # Errors
/// When the store fails.
pub fn contains(db: &mut Db, company: CompanyId, mobile: &str) -> Result<bool> {
    let found = db.query_one(
        "SELECT id FROM blacklist_entry WHERE company_id = ?1 AND mobile = ?2 LIMIT 1",
        values![company, mobile],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Which of these numbers stand in any group of the company: at most a thousand at a time.
///
/// # Errors
/// When the store fails.
pub fn among(db: &mut Db, company: CompanyId, mobiles: &[&str]) -> Result<HashSet<String>> {
    let Some((names, mobiles)) = listed(mobiles, 2) else { return Ok(HashSet::new()) };
    let parameters: Vec<Value<'_>> = std::iter::once(company.into()).chain(mobiles).collect();
    let found = db.query(
        &format!("SELECT mobile FROM blacklist_entry WHERE company_id = ?1 AND mobile IN ({names})"),
        &parameters,
        |row| row.text(0),
    )?;
    Ok(found.into_iter().collect())
}
