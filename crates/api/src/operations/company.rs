//! What a company has: caller numbers, robots, seats.

pub(crate) mod companies;
pub(crate) mod phones;
pub(crate) mod robots;
pub(crate) mod seats;

/// The section of the documentation.
const TAG: &str = "公司信息 · company information";
