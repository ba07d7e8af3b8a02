//! What people see in a browser, and whether the harness notices what is wrong with a page.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod console;
mod desk;
mod docs;
mod first_day;
mod harness;
mod numbers;
mod pages;
mod reports;
mod site;
mod work;
