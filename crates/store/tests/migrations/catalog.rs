//! What a schema has in it, as the engine says.

use hutong_store::{Store, values};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

/// A column, in the order of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) is_text: bool,
    pub(crate) may_be_null: bool,
}

const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type = 'TEXT', p.\"notnull\" = 0 AND p.pk = 0
    FROM sqlite_schema m JOIN pragma_table_info(m.name) p
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_migration' ORDER BY m.name, p.cid";
/// Partitions are parts of their tables.
const POSTGRES_COLUMNS: &str = "SELECT CAST(c.table_name AS text), CAST(c.column_name AS text),
        CAST(c.data_type = 'text' AS int)::bigint, CAST(c.is_nullable = 'YES' AS int)::bigint
    FROM information_schema.columns c
    WHERE c.table_schema = 'public' AND c.table_name <> 'schema_migration'
      AND NOT EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE p.relname = c.table_name)
    ORDER BY 1, c.ordinal_position";

/// Every table but the one that says which migrations were run, by name.
pub(crate) async fn tables(store: &Store) -> Vec<Table> {
    let columns = store.read(|db| {
        let sql = if db.is_postgres() { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
        db.query(sql, values![], |row| {
            Ok((row.text(0)?, Column { name: row.text(1)?, is_text: row.flag(2)?, may_be_null: row.flag(3)? }))
        })
    });
    let mut tables: Vec<Table> = Vec::new();
    for (table, column) in columns.await.unwrap() {
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table { name: table, columns: vec![column] }),
        }
    }
    tables
}

/// Every index with its definition.
pub(crate) async fn indexes(store: &Store) -> Vec<(String, String)> {
    let indexes = store.read(|db| {
        let sql = if db.is_postgres() {
            "SELECT CAST(indexname AS text), indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        } else {
            "SELECT name, COALESCE(sql, '') FROM sqlite_schema WHERE type = 'index' ORDER BY name"
        };
        db.query(sql, values![], |row| Ok((row.text(0)?, row.text(1)?)))
    });
    indexes.await.unwrap()
}
