//! The pages, a file each: what is asked for, what is read, and the template with it.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod companies;
pub(crate) mod home;
pub(crate) mod integration;
pub(crate) mod lines;
pub(crate) mod me;
pub(crate) mod numbers;
pub(crate) mod overview;
pub(crate) mod reports;
pub(crate) mod scenes;
pub(crate) mod sign_in;
pub(crate) mod tasks;
pub(crate) mod users;
