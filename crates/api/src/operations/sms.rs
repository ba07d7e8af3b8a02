//! Text messages: templates are kept and listed; sending is not part of the product yet.

pub(crate) mod templates;
