//! The audit log: who changed what and when, written in the transaction of the change.
//!
//! Whoever changes something for a person does so through [`By`]: it looks at the thing before and after, and writes a row
//! where something differs. So a change that was refused, or changed nothing, leaves none.

mod object;

use hutong_domain::audit::{Action, Actor, bounded, difference};
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use serde_json::Value as Json;

use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::values;
pub use object::Object;

/// Who changes something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Moment,
}

impl By {
    /// Does the work, which changes the thing or leaves it, and keeps what differs.
    ///
    /// # Errors
    /// What the work gives, or when the store fails.
    pub fn change<T>(
        &self,
        db: &mut Db,
        action: Action,
        object: &Object<'_>,
        work: impl FnOnce(&mut Db) -> Result<T>,
    ) -> Result<T> {
        let before = object.read_locked(db)?;
        let done = work(db)?;
        let after = object.read(db)?;
        self.note(db, action, object, before, after)?;
        Ok(done)
    }

    /// Keeps that a thing was made.
    ///
    /// # Errors
    /// When the store fails.
    pub fn made(&self, db: &mut Db, action: Action, object: &Object<'_>) -> Result<()> {
        let after = object.read(db)?;
        self.note(db, action, object, None, after)
    }

    /// Keeps a change that is not to be seen at the thing itself, such as how many numbers were imported. Nothing is kept
    /// where both sides are the same.
    ///
    /// # Errors
    /// When the store fails.
    pub fn note(
        &self,
        db: &mut Db,
        action: Action,
        object: &Object<'_>,
        before: Option<Json>,
        after: Option<Json>,
    ) -> Result<()> {
        let Some((before, after)) = difference(before, after) else { return Ok(()) };
        let [before, after] = [before, after].map(|side| side.as_ref().map(bounded));
        db.execute(
            "INSERT INTO audit_log (at, actor, action, kind, object_id, company_id, before_value, after_value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            values![
                self.at,
                &self.actor.to_string(),
                action.name(),
                object.kind(),
                &object.id(),
                object.company(),
                before.as_deref(),
                after.as_deref()
            ],
        )?;
        Ok(())
    }
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id; later ones have greater ids.
    pub id: i64,
    /// When.
    pub at: Moment,
    /// Who: what an [`Actor`] is written as.
    pub actor: String,
    /// What was done: the name of an [`Action`].
    pub action: String,
    /// What kind of thing it was done to.
    pub kind: String,
    /// Which of them.
    pub object: String,
    /// Whose it is; none for what belongs to the installation.
    pub company: Option<CompanyId>,
    /// What it was, as far as it differs.
    pub before: Option<Json>,
    /// What it is from then on, as far as it differs.
    pub after: Option<Json>,
}

/// Which changes are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Those of a company.
    pub company: Option<CompanyId>,
    /// Those of an actor, or of all whose name begins with this word: `key` for every key.
    pub actor: Option<String>,
    /// Actions whose name begins like this.
    pub action: Option<String>,
    /// Those of one thing: its kind, and its id.
    pub object: Option<(String, String)>,
    /// From this moment on.
    pub since: Option<Moment>,
    /// Until before this moment.
    pub until: Option<Moment>,
    /// Only with smaller ids: what the last page ended with.
    pub before_id: Option<i64>,
}

/// The newest `limit` changes that fit, newest first.
///
/// # Errors
/// When the store fails.
pub fn list(db: &mut Db, filter: &Filter, limit: i64) -> Result<Vec<Entry>> {
    let Filter { company, actor, action, object, since, until, before_id } = filter;
    let given: [(&str, Option<Value<'_>>); 8] = [
        ("company_id = ?", company.map(Value::from)),
        ("(actor = ? OR substr(actor, 1, length(?) + 1) = ? || ' ')", actor.as_ref().map(Value::from)),
        ("substr(action, 1, length(?)) = ?", action.as_ref().map(Value::from)),
        ("kind = ?", object.as_ref().map(|(kind, _)| Value::from(kind))),
        ("object_id = ?", object.as_ref().map(|(_, id)| Value::from(id))),
        ("at >= ?", since.map(Value::from)),
        ("at < ?", until.map(Value::from)),
        ("id < ?", before_id.map(Value::from)),
    ];
    let mut parameters = vec![Value::from(limit)];
    let mut conditions = String::new();
    for (condition, value) in given {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push_str(" AND ");
            conditions.push_str(&condition.replace('?', &format!("?{}", parameters.len())));
        }
    }
    let sql = format!(
        "SELECT id, at, actor, action, kind, object_id, company_id, before_value, after_value FROM audit_log
         WHERE id > 0{conditions} ORDER BY id DESC LIMIT ?1"
    );
    db.query(&sql, &parameters, entry)
}

/// When an actor last did something of this kind.
///
/// # Errors
/// When the store fails.
pub fn last(db: &mut Db, actor: &Actor, action: Action) -> Result<Option<Moment>> {
    db.query_one(
        "SELECT at FROM audit_log WHERE actor = ?1 AND action = ?2 ORDER BY id DESC LIMIT 1",
        values![&actor.to_string(), action.name()],
        |row| row.moment(0),
    )
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    let side = |column, name| match row.str_or_null(column)? {
        Some(_) => row.json(column, name).map(Some),
        None => Ok(None),
    };
    Ok(Entry {
        id: row.int(0)?,
        at: row.moment(1)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        kind: row.text(4)?,
        object: row.text(5)?,
        company: Some(CompanyId(row.int(6)?)).filter(|company| company.get() != 0),
        before: side(7, "audit_log.before_value")?,
        after: side(8, "audit_log.after_value")?,
    })
}
