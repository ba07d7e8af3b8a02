//! What the store promises, on every engine: each test here runs on SQLite, on PostgreSQL, and on
//! PostgreSQL with the big tables partitioned by company.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests are stamped onto the engines by a macro, so that Clippy does not see that they are tests"
)]

mod announcements;
mod answers;
mod audits;
mod blacklists;
mod callbacks;
mod calls;
mod claims;
mod companies;
mod feed;
mod feed_model;
mod finishing;
mod forecasts;
mod forgetting;
mod groups;
mod imports;
mod keys;
mod ledger;
mod limits;
mod line_health;
mod lines;
mod lookups;
mod nodes;
mod notes;
mod numbers;
mod opening;
mod overviews;
mod recordings;
mod regrades;
mod reports;
mod retention;
mod robots;
mod rules;
mod searches;
mod singles;
mod sms;
mod task_life;
mod task_lists;
mod task_standings;
mod tasks;
mod unheard;
mod users;
mod waiting;

use hutong_store::PageRequest;

/// The page with this number, from 1, of so many rows.
fn page(number: i64, size: i64) -> PageRequest {
    PageRequest { number, size }
}

/// One page that has room for all.
fn all() -> PageRequest {
    page(1, 1000)
}
