//! Whole campaigns in virtual time, with everything that can go wrong: the real rules, scheduler and store, over callees
//! and troubles drawn from a seed. What must always hold is looked at after everything that happens.

mod check;
mod network;
mod sabotage;
mod scenario;
mod trouble;
mod world;

pub use check::Violation;
pub use network::{Dialled, Network};
pub use sabotage::Sabotage;
pub use scenario::{CompanyPlan, LinePlan, Outage, Scenario, TaskPlan, Trouble, TroubleKind};
pub use world::{Outcome, run};
