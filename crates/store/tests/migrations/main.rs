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

use hutong_domain::ids::CompanyId;
use hutong_store::{Store, newest_schema};
use hutong_testkit::clock::START;
use hutong_testkit::{Place, TestStore, conformance};

use catalog::{Table, indexes, tables};

conformance! {
    a_store_of_every_version_becomes_the_newest_and_keeps_its_rows,
}

/// Columns whose values a migration changed on purpose: `table.column`, and why.
const CHANGED: [(&str, &str); 0] = [];

async fn a_store_of_every_version_becomes_the_newest_and_keeps_its_rows(fresh: TestStore) {
    let expected = (tables(&fresh).await, indexes(&fresh).await);
    for version in 1..=newest_schema() {
        let place = Place::new(fresh.engine());
        let before = {
            let old = Store::open_at(&place.options(), START, version).unwrap();
            rows::load(&old, &released::rows_of(version)).await;
            let tables = tables(&old).await;
            rows::dump(&old, &tables).await
        };
        let store = place.open().unwrap();

        assert_eq!((tables(&store).await, indexes(&store).await), expected, "the schema, from version {version}");
        let kept = rows::dump(&store, &before.iter().map(|(table, _)| table.clone()).collect::<Vec<_>>()).await;
        for ((table, was), (_, is)) in before.iter().zip(&kept) {
            assert!(!was.is_empty(), "{}: rows of {} are missing", released::rows_file(version).display(), table.name);
            assert_eq!(without_changed(table, was), without_changed(table, is), "{} of version {version}", table.name);
        }
        // It is a store that works: ids are given, rows are written.
        store.write(CompanyId(0), |db| db.next_id("company")).await.unwrap();
    }
}

/// The rows without what was changed on purpose.
fn without_changed(table: &Table, rows: &[rows::Row]) -> Vec<rows::Row> {
    let is_kept = |column: &str| !CHANGED.iter().any(|(changed, _)| *changed == format!("{}.{column}", table.name));
    let kept: Vec<bool> = table.columns.iter().map(|column| is_kept(&column.name)).collect();
    let row =
        |row: &rows::Row| row.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| value.clone()).collect();
    rows.iter().map(row).collect()
}
