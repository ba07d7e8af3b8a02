//! Rows of every table: as SQL, in and out.

use std::fmt::Write as _;

use hutong_domain::ids::CompanyId;
use hutong_store::{Store, values};

use crate::catalog::{Column, Table};

/// The values of a row, as text.
pub(crate) type Row = Vec<Option<String>>;

/// Rows that are made of each table: the second one has NULL where it may.
const ROWS: i64 = 2;
/// Columns that hold JSON.
const LISTS: [&str; 8] = ["redial_rules", "result_pairs", "utterances", "results", "was", "became", "texts", "tags"];
const OBJECTS: [&str; 7] = ["extras", "properties", "settings", "course", "detail", "before_value", "after_value"];

/// Runs the statements of a file.
pub(crate) async fn load(store: &Store, sql: &str) {
    let sql = sql.to_owned();
    store.write(CompanyId(0), move |db| db.batch(&sql)).await.unwrap();
}

/// All rows of these tables, in an order that does not depend on the engine.
pub(crate) async fn dump(store: &Store, tables: &[Table]) -> Vec<(Table, Vec<Row>)> {
    let tables = tables.to_vec();
    let dumped = store.read(move |db| {
        let mut dumped = Vec::new();
        for table in tables {
            let columns: Vec<String> = table.columns.iter().map(|it| format!("CAST({} AS TEXT)", it.name)).collect();
            let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
            let count = table.columns.len();
            let mut rows = db.query(&sql, values![], |row| (0..count).map(|at| row.text_or_null(at)).collect())?;
            rows.sort();
            dumped.push((table, rows));
        }
        Ok(dumped)
    });
    dumped.await.unwrap()
}

/// Statements that give each table some rows: those that it has, or made up ones.
pub(crate) fn written(tables: &[(Table, Vec<Row>)]) -> String {
    let mut sql = String::new();
    for (table, rows) in tables {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let made_up: Vec<Row> = (1..=ROWS).map(|row| made_up(table, row)).collect();
        for row in if rows.is_empty() { &made_up } else { rows } {
            let values: Vec<String> = table.columns.iter().zip(row).map(literal).collect();
            let (columns, values) = (columns.join(", "), values.join(", "));
            writeln!(sql, "INSERT INTO {} ({columns}) VALUES ({values});", table.name).unwrap();
        }
    }
    sql
}

fn literal((column, value): (&Column, &Option<String>)) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(text) if column.is_text => format!("'{}'", text.replace('\'', "''")),
        Some(number) => number.clone(),
    }
}

fn made_up(table: &Table, row: i64) -> Row {
    let value = |column: &Column| {
        let name = column.name.as_str();
        if row == ROWS && column.may_be_null {
            return None;
        }
        Some(match name {
            _ if !column.is_text => row.to_string(),
            _ if LISTS.contains(&name) => "[]".to_owned(),
            _ if OBJECTS.contains(&name) => "{}".to_owned(),
            "phone" | "mobile" | "customer_phone" => format!("1380013800{row}"),
            name => format!("{name} {row}"),
        })
    };
    table.columns.iter().map(value).collect()
}
