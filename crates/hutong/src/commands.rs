//! Commands that do one thing and end.

pub(crate) mod announcement;
pub(crate) mod backup;
pub(crate) mod call;
pub(crate) mod callee;
pub(crate) mod company;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod grade;
pub(crate) mod key;
pub(crate) mod line;
pub(crate) mod number;
pub(crate) mod restore;
pub(crate) mod scene;
pub(crate) mod why;
