//! The pages, a file each: what is asked for, what is read, and the template with it.

pub(crate) mod call;
pub(crate) mod home;
pub(crate) mod overview;
pub(crate) mod sign_in;
pub(crate) mod tasks;
