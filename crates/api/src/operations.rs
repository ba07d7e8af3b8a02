//! The operations, one file each.

pub(crate) mod blacklist;
pub(crate) mod callback;
pub(crate) mod company;
pub(crate) mod health;
pub(crate) mod sms;
pub(crate) mod task;
