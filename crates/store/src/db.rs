//! One synchronous data layer for both engines: one SQL text, one row mapping.
//!
//! Statements are written with SQLite's numbered parameters (`?1`), and turned into PostgreSQL's (`$1`)
//! once, when they are prepared there. Every integer is a BIGINT and every text a TEXT.

mod value;

use std::collections::HashMap;

use hutong_domain::moment::Moment;
use rusqlite::types::{Type, ValueRef};

use crate::error::{Error, Result};

/// A connection to either engine.
pub enum Db {
    /// SQLite; statements are cached by the library.
    Sqlite(Box<rusqlite::Connection>),
    /// PostgreSQL, with the statements prepared on this connection.
    Postgres(Box<PostgresDb>),
}

/// A connection to PostgreSQL.
pub struct PostgresDb {
    client: postgres::Client,
    prepared: HashMap<String, postgres::Statement>,
}

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// An integer or NULL.
    Int(Option<i64>),
    /// A text or NULL.
    Text(Option<&'a str>),
}

/// The parameters of a statement, each converted with [`Value::from`].
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*] as &[$crate::db::Value<'_>] };
}

/// A row of a result, borrowed while it is mapped.
pub enum Row<'a> {
    /// From SQLite.
    Sqlite(&'a rusqlite::Row<'a>),
    /// From PostgreSQL.
    Postgres(&'a postgres::Row),
}

impl Db {
    pub(crate) fn sqlite(connection: rusqlite::Connection) -> Self {
        Self::Sqlite(Box::new(connection))
    }

    pub(crate) fn postgres(client: postgres::Client) -> Self {
        Self::Postgres(Box::new(PostgresDb { client, prepared: HashMap::new() }))
    }

    /// Every row that the statement gives, mapped.
    ///
    /// # Errors
    /// When the engine fails or a row cannot be mapped.
    pub fn query<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut mapped = Vec::new();
        self.query_each(sql, values, |row| {
            mapped.push(map(row)?);
            Ok(())
        })?;
        Ok(mapped)
    }

    /// Shows every row that the statement gives, one after another.
    ///
    /// # Errors
    /// When the engine fails, or what `each` gives: then the rest of the rows is left.
    pub fn query_each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    each(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            Self::Postgres(db) => {
                let statement = db.statement(sql, values)?;
                db.client.query(&statement, &borrowed(values))?.iter().try_for_each(|row| each(&Row::Postgres(row)))
            }
        }
    }

    /// The first row that the statement gives, mapped.
    ///
    /// # Errors
    /// When the engine fails or the row cannot be mapped.
    pub fn query_one<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                rows.next()?.map(|row| map(&Row::Sqlite(row))).transpose()
            }
            Self::Postgres(db) => {
                let statement = db.statement(sql, values)?;
                db.client.query(&statement, &borrowed(values))?.first().map(|row| map(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// The one integer that the statement gives.
    ///
    /// # Errors
    /// When the engine fails, or gives no row.
    pub fn query_int(&mut self, sql: &str, values: &[Value<'_>]) -> Result<i64> {
        self.query_one(sql, values, |row| row.int(0))?.ok_or(Error::Corrupt {
            column: "a statement that gives one integer",
            id: 0,
            found: format!("no row for {sql}"),
        })
    }

    /// Runs the statement; how many rows it changed.
    ///
    /// # Errors
    /// When the engine refuses or fails.
    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        match self {
            Self::Sqlite(connection) => {
                let changed = connection.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?;
                Ok(changed as u64)
            }
            Self::Postgres(db) => {
                let statement = db.statement(sql, values)?;
                Ok(db.client.execute(&statement, &borrowed(values))?)
            }
        }
    }

    /// Runs several statements without parameters.
    ///
    /// # Errors
    /// When the engine refuses or fails.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql)?,
            Self::Postgres(db) => db.client.batch_execute(sql)?,
        }
        Ok(())
    }

    /// Begins or ends a transaction. Unlike [`Db::batch`] it does not parse the statement each time.
    pub(crate) fn transaction(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.prepare_cached(sql)?.execute([]).map(|_| ())?,
            Self::Postgres(db) => db.client.batch_execute(sql)?,
        }
        Ok(())
    }

    /// Whether this is PostgreSQL: for the few places where the engines' locking differs.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The attempts in progress, for a FROM: they are few, and without the hint SQLite would look for them among all
    /// that ever were, since the primary key begins with the same column.
    pub(crate) const fn live_attempts(&self) -> &'static str {
        if self.is_postgres() { "attempt" } else { "attempt INDEXED BY attempt_live" }
    }

    /// The next id of rows that are made seldom. Rows that are made often take theirs from a block, see
    /// [`crate::Store::reserve`].
    ///
    /// # Errors
    /// When the engine refuses or fails.
    pub fn next_id(&mut self, name: &str) -> Result<i64> {
        self.reserve_ids(name, 1)
    }

    /// Takes `count` ids in a row; the first of them.
    pub(crate) fn reserve_ids(&mut self, name: &str, count: i64) -> Result<i64> {
        let next = self.query_one(
            "INSERT INTO id_block (name, next_id) VALUES (?1, 1 + ?2)
             ON CONFLICT (name) DO UPDATE SET next_id = id_block.next_id + ?2 RETURNING next_id",
            values![name, count],
            |row| row.int(0),
        )?;
        next.map(|next| next - count).ok_or(Error::Closed)
    }
}

impl PostgresDb {
    /// The types of the parameters are ours: PostgreSQL would take `1 + $2` for a 32-bit sum.
    fn statement(&mut self, sql: &str, values: &[Value<'_>]) -> Result<postgres::Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let types: Vec<postgres::types::Type> = values.iter().map(Value::postgres_type).collect();
        let statement = self.client.prepare_typed(&sql.replace('?', "$"), &types)?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Value<'_> {
    const fn postgres_type(&self) -> postgres::types::Type {
        match self {
            Self::Int(_) => postgres::types::Type::INT8,
            Self::Text(_) => postgres::types::Type::TEXT,
        }
    }
}

fn borrowed<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn postgres::types::ToSql + Sync)> {
    values
        .iter()
        .map(|value| match value {
            Value::Int(int) => int as &(dyn postgres::types::ToSql + Sync),
            Value::Text(text) => text,
        })
        .collect()
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match *self {
            Self::Int(Some(int)) => ValueRef::Integer(int),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(None) | Self::Text(None) => ValueRef::Null,
        }))
    }
}

impl Row<'_> {
    fn get<T: rusqlite::types::FromSql + for<'p> postgres::types::FromSql<'p>>(&self, column: usize) -> Result<T> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// An integer.
    ///
    /// # Errors
    /// When the column does not hold one.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.get(column)
    }

    /// An integer or NULL.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn int_or_null(&self, column: usize) -> Result<Option<i64>> {
        self.get(column)
    }

    /// A text.
    ///
    /// # Errors
    /// When the column does not hold one.
    pub fn text(&self, column: usize) -> Result<String> {
        self.str(column).map(str::to_owned)
    }

    /// A text that is looked at while the row is at hand.
    ///
    /// # Errors
    /// When the column does not hold one.
    pub fn str(&self, column: usize) -> Result<&str> {
        match self {
            Self::Sqlite(row) => sqlite_text(row, column)?
                .ok_or_else(|| rusqlite::Error::InvalidColumnType(column, String::new(), Type::Null).into()),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// Like [`Row::str`], for a column that may be NULL.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn str_or_null(&self, column: usize) -> Result<Option<&str>> {
        match self {
            Self::Sqlite(row) => sqlite_text(row, column),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn text_or_null(&self, column: usize) -> Result<Option<String>> {
        Ok(self.str_or_null(column)?.map(str::to_owned))
    }

    /// A truth, kept as 0 or 1.
    ///
    /// # Errors
    /// When the column does not hold an integer.
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// A moment.
    ///
    /// # Errors
    /// When the column does not hold an integer.
    pub fn moment(&self, column: usize) -> Result<Moment> {
        self.int(column).map(Moment)
    }

    /// A moment or NULL.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn moment_or_null(&self, column: usize) -> Result<Option<Moment>> {
        Ok(self.int_or_null(column)?.map(Moment))
    }

    /// A value kept as a number, read with `from`; `name` is table and column. The row's id is expected
    /// in its first column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when `from` does not know the number.
    pub fn number<T>(&self, column: usize, name: &'static str, from: fn(i64) -> Option<T>) -> Result<T> {
        let number = self.int(column)?;
        from(number).ok_or_else(|| self.corrupt(name, number.to_string()))
    }

    /// Like [`Row::number`], for a column that may be NULL.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when `from` does not know the number.
    pub fn number_or_null<T>(
        &self,
        column: usize,
        name: &'static str,
        from: fn(i64) -> Option<T>,
    ) -> Result<Option<T>> {
        self.int_or_null(column)?
            .map(|number| from(number).ok_or_else(|| self.corrupt(name, number.to_string())))
            .transpose()
    }

    /// A value kept as text, parsed; `name` is table and column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the text cannot be parsed.
    pub fn parsed<T: std::str::FromStr>(&self, column: usize, name: &'static str) -> Result<T> {
        let text = self.str(column)?;
        text.parse().map_err(|_| self.corrupt(name, text.to_owned()))
    }

    /// Whatever the column holds, for those who only pass it on: a document as what it is, NULL as none.
    ///
    /// # Errors
    /// When the column holds neither an integer nor a text.
    pub(crate) fn any(&self, column: usize) -> Result<Option<serde_json::Value>> {
        let is_int = match self {
            Self::Sqlite(row) => matches!(row.get_ref(column)?, ValueRef::Integer(_)),
            Self::Postgres(row) => {
                row.columns().get(column).is_some_and(|it| *it.type_() == postgres::types::Type::INT8)
            }
        };
        if is_int {
            return Ok(self.int_or_null(column)?.map(Into::into));
        }
        let text = self.str_or_null(column)?;
        Ok(text.map(|text| {
            let document = text.starts_with(['{', '[']).then(|| serde_json::from_str(text).ok()).flatten();
            document.unwrap_or_else(|| text.into())
        }))
    }

    /// A document kept as JSON; `name` is table and column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not what it should be.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize, name: &'static str) -> Result<T> {
        serde_json::from_str(self.str(column)?).map_err(|error| self.corrupt(name, error.to_string()))
    }

    /// A value, whatever it is: an integer, a text or null.
    ///
    /// # Errors
    /// When the column holds something else.
    pub fn value(&self, column: usize) -> Result<serde_json::Value> {
        use serde_json::Value;
        match self {
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(int) => int.into(),
                _ => self.str(column)?.into(),
            }),
            Self::Postgres(row) => {
                let is_int = row.columns().get(column).is_some_and(|it| *it.type_() == postgres::types::Type::INT8);
                if is_int { Ok(self.int_or_null(column)?.into()) } else { Ok(self.str_or_null(column)?.into()) }
            }
        }
    }

    fn corrupt(&self, column: &'static str, found: String) -> Error {
        Error::Corrupt { column, id: self.int(0).unwrap_or_default(), found }
    }
}

/// Transcripts are long, and Chinese: the standard library would look at their characters one by one.
fn sqlite_text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<Option<&'r str>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)).into()),
        },
        other => Err(rusqlite::Error::InvalidColumnType(column, String::new(), other.data_type()).into()),
    }
}
