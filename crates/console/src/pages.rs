//! The pages, a file each: what is asked for, what is read, and the template with it.

pub(crate) mod call;
pub(crate) mod home;
pub(crate) mod numbers;
pub(crate) mod overview;
pub(crate) mod reports;
pub(crate) mod sign_in;
