//! Brings the schema up to date, forward only.

use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::values;

/// Every version of the schema, oldest first. A released one is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_init.sql"),
    include_str!("../migrations/0002_conversations.sql"),
    include_str!("../migrations/0003_audio.sql"),
    include_str!("../migrations/0006_retention.sql"),
];

/// Tables that grow with the calls: the ones that PostgreSQL may partition by company.
pub const BIG_TABLES: [&str; 5] = ["customer", "call", "call_record", "call_result", "attempt"];

/// The version of the schema that this program brings stores to.
#[must_use]
pub const fn newest_schema() -> i64 {
    #[expect(clippy::cast_possible_wrap, reason = "there are a few")]
    let versions = MIGRATIONS.len() as i64;
    versions
}

/// Runs the migrations that the store has not seen, all in one transaction. `partitions` is how many
/// hash partitions PostgreSQL's big tables get when they are made; 0 for none. Those of versions after `last` are left out.
///
/// # Errors
/// [`Error::SchemaTooNew`], or whatever the engine says.
pub(crate) fn migrate(db: &mut Db, now: Moment, partitions: u32, last: i64) -> Result<()> {
    db.batch(if db.is_postgres() {
        // Several nodes may start at once: one migrates, the others wait for it.
        "BEGIN; SELECT pg_advisory_xact_lock(4841543234)"
    } else {
        "BEGIN IMMEDIATE"
    })?;
    let outcome = migrate_inside(db, now, partitions, last);
    db.batch(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    outcome
}

fn migrate_inside(db: &mut Db, now: Moment, partitions: u32, last: i64) -> Result<()> {
    db.batch("CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)")?;
    let found = db.query_int("SELECT COALESCE(MAX(version), 0) FROM schema_migration", &[])?;
    let known = newest_schema();
    if found > known {
        return Err(Error::SchemaTooNew { found, known });
    }
    for (version, sql) in (1i64..).zip(MIGRATIONS).filter(|(version, _)| found < *version && *version <= last) {
        db.batch(&for_engine(sql, db.is_postgres(), partitions))?;
        if version == 1 && db.is_postgres() {
            make_partitions(db, partitions)?;
        }
        db.execute("INSERT INTO schema_migration (version, applied_at) VALUES (?1, ?2)", values![version, now])?;
    }
    Ok(())
}

/// Calls end in another order than they were imported in: without it, every row of a page of the feed would be looked
/// for by itself. PostgreSQL allows no index entry of more than a third of a page, and keeps rows in the cache anyway.
const FEED_PAGE: &str = "CREATE INDEX call_page ON call (company_id, task_id, call_index, id, customer_phone,
    customer_name, finish_status, duration_s, chat_rounds, started_at, ended_at, caller_phone, recording,
    redial_planned_at, redials, created_at, modified_at, result_pairs) WHERE call_index IS NOT NULL;";

fn for_engine(sql: &str, postgres: bool, partitions: u32) -> String {
    let partitioned = if partitions > 0 { "PARTITION BY HASH (company_id)" } else { "" };
    let marks = if postgres {
        [
            ("{id}", "id BIGINT NOT NULL,"),
            ("{key}", ", PRIMARY KEY (id, company_id)"),
            ("{clustered}", ""),
            ("{partitioned}", partitioned),
            ("{feed_page}", ""),
        ]
    } else {
        [
            ("{id}", "id INTEGER PRIMARY KEY,"),
            ("{key}", ""),
            ("{clustered}", "WITHOUT ROWID"),
            ("{partitioned}", ""),
            ("{feed_page}", FEED_PAGE),
        ]
    };
    marks.iter().fold(without_comments(sql), |sql, (mark, text)| sql.replace(mark, text))
}

/// The statements alone: the marks stand in comments too.
fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}

fn make_partitions(db: &mut Db, partitions: u32) -> Result<()> {
    for table in BIG_TABLES {
        for part in 0..partitions {
            db.batch(&format!(
                "CREATE TABLE {table}_p{part} PARTITION OF {table} FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part})"
            ))?;
        }
    }
    Ok(())
}
