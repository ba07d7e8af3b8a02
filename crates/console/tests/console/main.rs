//! The console over a store in memory: every page as users of each role see it.

mod call;
mod numbers;
mod overview;
mod reports;
mod signing_in;
mod world;
