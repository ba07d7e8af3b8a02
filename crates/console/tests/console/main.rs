//! The console over a store in memory: every page as users of each role see it.

mod call;
mod overview;
mod signing_in;
mod tasks;
mod world;
