//! Why something was not done to a user or a key.

use hutong_domain::ids::CompanyId;
use hutong_domain::sign_in::{BadName, BadPassword};

/// Why something was not done: nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text cannot be the name of a user.
    #[error(transparent)]
    Name(#[from] BadName),
    /// A password cannot be used.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// There is a user of that name.
    #[error("there is a user {0} already")]
    NameTaken(String),
    /// There is no user of that name.
    #[error("there is no user {0}; `hutong user list` shows them all")]
    UnknownUser(String),
    /// There is no such key, or it is revoked.
    #[error("there is no valid key {0}; `hutong key list` shows them all")]
    UnknownKey(String),
    /// There is no such company.
    #[error("there is no company {0}; `hutong company list` shows them all")]
    UnknownCompany(CompanyId),
    /// A key without companies is of no use.
    #[error("key {0} would have no company left; revoke it instead")]
    NoCompanyLeft(String),
    /// An admin is not bound to companies.
    #[error("user {0} is an admin, who reaches every company; give another role first")]
    AdminReachesAll(String),
    /// Without an admin, nobody could manage users any more.
    #[error("user {0} is the last admin who can sign in; make another one first")]
    LastAdmin(String),
    /// More passwords wait to be checked than can be in time.
    #[error("too many people sign in at this moment; try again")]
    Busy,
    /// A password could not be hashed, or what is kept is no hash of one.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hutong_store::Error),
    /// A secret could not be made.
    #[error(transparent)]
    Vault(#[from] hutong_store::vault::VaultError),
}

/// What came of it.
pub type Result<T> = std::result::Result<T, Error>;
