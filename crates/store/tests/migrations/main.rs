//! Stores of every version of the schema are brought to the newest one, and keep what they have.
//!
//! `migrations/CHECKSUMS` says what each migration was when it was released. `tests/schemas` has, for each version, rows of
//! every table as a store of that version has them. After a new migration, this makes what is missing of both:
//!
//! ```sh
//! cargo test -p hutong-store --test migrations -- --ignored
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests are stamped onto the engines by a macro, so that Clippy does not see that they are tests"
)]

mod catalog;
mod released;
mod rows;

use std::collections::BTreeSet;

use hutong_domain::ids::CompanyId;
use hutong_store::export::{LEFT_OUT, TABLES};
use hutong_store::{Store, newest_schema};
use hutong_testkit::clock::START;
use hutong_testkit::{Place, TestStore, conformance};

use catalog::{Table, indexes, tables};

conformance! {
    a_store_of_every_version_becomes_the_newest_and_keeps_its_rows,
    every_column_is_exported_or_left_out_on_purpose,
    every_row_of_a_company_is_exported_once_and_none_of_another,
}

/// What a migration changed on purpose: its version, a table or a `table.column` of stores of before, and why.
const CHANGED: [(i64, &str, &str); 1] = [(4, "callback", "made anew, since no version of before wrote it")];

/// Whether the rows of this table, or the values of this column, are others after the migrations that follow `version`.
fn is_changed(version: i64, name: &str) -> bool {
    CHANGED.iter().any(|(by, changed, _)| version < *by && *changed == name)
}

async fn a_store_of_every_version_becomes_the_newest_and_keeps_its_rows(fresh: TestStore) {
    let expected = (tables(&fresh).await, indexes(&fresh).await);
    for version in 1..=newest_schema() {
        let place = Place::new(fresh.engine());
        let before = {
            let old = Store::open_at(&place.options(), START, version).unwrap();
            rows::load(&old, &released::rows_of(version)).await;
            let mut tables = tables(&old).await;
            tables.retain(|table| !is_changed(version, &table.name));
            rows::dump(&old, &tables).await
        };
        let store = place.open().unwrap();

        assert_eq!((tables(&store).await, indexes(&store).await), expected, "the schema, from version {version}");
        let kept = rows::dump(&store, &before.iter().map(|(table, _)| table.clone()).collect::<Vec<_>>()).await;
        for ((table, was), (_, is)) in before.iter().zip(&kept) {
            assert!(!was.is_empty(), "{}: rows of {} are missing", released::rows_file(version).display(), table.name);
            let (was, is) = (without_changed(version, table, was), without_changed(version, table, is));
            assert_eq!(was, is, "{} of version {version}", table.name);
        }
        // It is a store that works: ids are given, rows are written.
        store.write(CompanyId(0), |db| db.next_id("company")).await.unwrap();
    }
}

/// The rows without what was changed on purpose.
fn without_changed(version: i64, table: &Table, rows: &[rows::Row]) -> Vec<rows::Row> {
    let is_kept = |column: &str| !is_changed(version, &format!("{}.{column}", table.name));
    let kept: Vec<bool> = table.columns.iter().map(|column| is_kept(&column.name)).collect();
    let row =
        |row: &rows::Row| row.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| value.clone()).collect();
    rows.iter().map(row).collect()
}

async fn every_column_is_exported_or_left_out_on_purpose(store: TestStore) {
    let exported: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|table| table.columns().iter().map(|column| format!("{}.{column}", table.name)))
        .collect();
    let is_left_out = |table: &str, column: &str| {
        // A company's own id says nothing.
        LEFT_OUT.contains(&table) || LEFT_OUT.contains(&&*format!("{table}.{column}")) || column == "company_id"
    };
    let mut known = BTreeSet::new();
    for table in tables(&store).await {
        for column in &table.columns {
            let (table, column) = (&table.name, &column.name);
            let name = format!("{table}.{column}");
            assert!(
                exported.contains(&name) != is_left_out(table, column),
                "{name}: name it in export.rs, in TABLES or, where it is a secret or no data of a company, in LEFT_OUT"
            );
            known.insert(name);
        }
    }
    assert_eq!(exported.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "columns that are no more");
}

async fn every_row_of_a_company_is_exported_once_and_none_of_another(store: TestStore) {
    // The rows of the newest version: one of each table for the companies 1 and 2.
    rows::load(&store, &released::rows_of(newest_schema())).await;
    let mut many = String::new();
    for n in 0..450 {
        many += &format!(
            "INSERT INTO dialled_number (phone, day, company_id, attempts) VALUES ('{}', {}, {}, 1);",
            13_800_200_000_i64 + n / 3,
            n % 3,
            n % 2 + 1
        );
    }
    rows::load(&store, &many).await;
    for table in TABLES {
        let mut found = Vec::new();
        let mut after: Option<Vec<serde_json::Value>> = None;
        loop {
            let page = store.read(move |db| table.page(db, CompanyId(1), after.as_deref())).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(table.key_of(last));
            found.extend(page);
        }
        let keys: BTreeSet<String> = found.iter().map(|row| format!("{:?}", table.key_of(row))).collect();
        assert_eq!(keys.len(), found.len(), "{}: no row twice", table.name);
        let expected = if table.name == "dialled_number" { 1 + 225 } else { 1 };
        assert_eq!(found.len(), expected, "{}", table.name);
        assert!(found.iter().all(|row| row.len() == table.columns().len()), "{}", table.name);
    }
}
