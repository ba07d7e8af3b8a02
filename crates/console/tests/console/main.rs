//! The console over a store in memory: every page as users of each role see it.

mod audit;
mod call;
mod companies;
mod integration;
mod lines;
mod overview;
mod signing_in;
mod users;
mod world;
