//! The rules of outbound calling, without I/O: no clock, no network, no database.
//!
//! Everything here is a pure function or a plain value. What happens at a moment takes the moment as
//! an argument; what happens by chance takes a seeded generator.

pub mod access;
pub mod address;
pub mod audit;
pub mod breaker;
pub mod call;
pub mod callback;
pub mod caps;
mod chance;
pub mod dialogue;
pub mod forecast;
pub mod grading;
pub mod hours;
pub mod ids;
pub mod learning;
pub mod ledger;
pub mod line;
pub mod message;
pub mod moment;
pub mod note;
pub mod outcome;
pub mod pace;
pub mod pacing;
pub mod phone;
pub mod plan;
pub mod redial;
pub mod regrading;
pub mod report;
pub mod retention;
pub mod rules;
pub mod sandbox;
pub mod scene;
pub mod sharing;
pub mod sign_in;
pub mod statistics;
pub mod task;
pub mod transfer;
pub mod understanding;
pub mod window;
