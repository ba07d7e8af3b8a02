//! Users of the console and keys of the API: what the command line does with them, and the console's pages.
//!
//! Every change is in the audit log when it is done. The rules are in [`hutong_domain::sign_in`] and
//! [`hutong_domain::access`]; what is kept is in [`hutong_store::user`], [`hutong_store::session`] and
//! [`hutong_store::key`].

mod error;
pub mod keys;
mod passwords;
mod sign_in;
mod texts;
mod users;

pub use error::{Error, Result};
pub use sign_in::{Refused, SignedIn, csrf_token, is_csrf_token};
pub use texts::random_text;
pub use users::Accounts;
