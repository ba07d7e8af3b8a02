//! What goes over the wire. These types never leave the crate; they are made from the store's rows by
//! taking those apart completely, so that a new column has to be thought about here.

pub(crate) mod blacklist;
pub(crate) mod call;
pub(crate) mod call_detail;
pub(crate) mod callback;
pub(crate) mod company;
pub(crate) mod page;
pub(crate) mod task;
pub(crate) mod time;
