//! Everything that clients in the wild do differently from what one would design today, each with its
//! reason. No other module knows of any of it.

pub(crate) mod datetime;
pub(crate) mod edition;
pub(crate) mod intent;
pub(crate) mod loose;
pub(crate) mod paging;
pub(crate) mod param_error;
pub(crate) mod params;
pub(crate) mod path;
