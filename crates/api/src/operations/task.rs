//! Tasks: reading them, making them, and moving them on.

pub(crate) mod list;
