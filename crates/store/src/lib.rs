//! Everything that is kept: the only crate with SQL.
//!
//! The functions of a table stand in the table's module, take a connection ([`Db`]) and are plain and
//! synchronous. [`Store`] runs them: [`Store::read`] on reader threads, [`Store::write`] on writer threads
//! that commit in groups. One SQL text and one row mapping serve SQLite and PostgreSQL.

pub mod announcement;
pub mod audio;
pub mod audit;
pub mod backup;
pub mod blacklist;
pub mod call;
pub mod call_count;
pub mod callback;
pub mod claim;
pub mod company;
pub mod db;
pub mod error;
pub mod export;
pub mod feed;
pub mod finish;
pub mod forecast;
pub mod forget;
pub mod in_progress;
pub mod key;
pub mod ledger;
pub mod line;
pub mod line_health;
pub mod lookup;
mod migrate;
pub mod node;
pub mod note;
pub mod number;
pub mod overview;
pub mod past_calls;
mod pool;
pub mod recording;
pub mod regrade;
pub mod report;
pub mod retention;
pub mod robot;
pub mod scenes;
pub mod session;
pub mod sign_in;
pub mod sms;
pub mod task;
pub mod unheard;
pub mod user;
pub mod vault;
pub mod waiting;

pub use db::{Db, Row, Value};
pub use error::{Error, Result};
pub use migrate::{BIG_TABLES, count_calls_anew, newest_schema};
pub use pool::{Disturbance, IdKind, Options, Store, Url, Work};

/// A page of rows out of all that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// How many rows fit in all.
    pub total: i64,
    /// The rows of the page.
    pub rows: Vec<T>,
}

/// Which rows of a result are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub number: i64,
    /// At least 1.
    pub size: i64,
}

impl PageRequest {
    /// How many rows come before the page.
    #[must_use]
    pub const fn offset(self) -> i64 {
        (self.number - 1).saturating_mul(self.size)
    }
}

/// The name of a number of parameters that a list of values is padded to, so that lists of every length
/// share a few prepared statements.
pub(crate) fn in_list(first: usize, length: usize) -> (String, usize) {
    let padded = [1, 10, 30, 100, 300, 1000].into_iter().find(|size| *size >= length).unwrap_or(length);
    let names: Vec<String> = (first..first + padded).map(|n| format!("?{n}")).collect();
    (names.join(", "), padded)
}

/// The names and values of the parameters for a list of texts, the first of which is number `first`; none for an empty
/// list.
pub(crate) fn listed<'a>(texts: &[&'a str], first: usize) -> Option<(String, Vec<Value<'a>>)> {
    let last = *texts.last()?;
    let (names, padded) = in_list(first, texts.len());
    let padded = texts.iter().copied().chain(std::iter::repeat(last)).take(padded);
    Some((names, padded.map(Value::from).collect()))
}

/// The name that a value without data is kept with.
pub(crate) fn name_of(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
