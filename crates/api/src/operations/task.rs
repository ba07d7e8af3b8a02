//! Tasks: reading them, making them, and moving them on.

pub(crate) mod call_detail;
pub(crate) mod call_known_customer;
pub(crate) mod call_number;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod detail;
pub(crate) mod done_calls;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod scene_variables;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod update;
pub(crate) mod waiting_calls;

mod commands;
mod redial_rules;
mod settings;
mod single;

/// The section of the documentation for what only reads.
const QUERY_TAG: &str = "任务查询 · task queries";
/// The section of the documentation for what changes something.
const COMMAND_TAG: &str = "任务操作 · task operations";
