//! Keys of the API: making them, changing them, and letting a new secret take the place of one that clients still use.

use std::collections::BTreeSet;
use std::time::Duration;

use hutong_domain::address::Networks;
use hutong_domain::audit::Action;
use hutong_domain::ids::CompanyId;
use hutong_store::audit::{By, Object};
use hutong_store::key::{self, AppKey, Edition, Secret};
use hutong_store::vault::Vault;
use hutong_store::{Db, Store, company};

use crate::error::{Error, Result};
use crate::texts::random_text;

/// How long the secret before a rotation may stay good.
pub const OVERLAP_MAX: Duration = Duration::from_secs(90 * 86_400);

/// What is decided about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// Which document its clients follow.
    pub edition: Edition,
    /// Requests a second that it may make; 0 for no limit.
    pub requests_per_s: i64,
    /// Where its requests may come from; everywhere where nothing is named.
    pub allowed: Networks,
}

/// Makes a key for these companies; the only time that its secret is seen.
///
/// # Errors
/// When there is no such company.
pub async fn create(
    store: &Store,
    vault: &Vault,
    by: By,
    companies: BTreeSet<CompanyId>,
    settings: KeySettings,
) -> Result<(String, Secret)> {
    let KeySettings { edition, requests_per_s, allowed } = settings;
    let secret = Secret(random_text::<40>()?);
    require_companies(store, companies.clone()).await?;
    let new = AppKey {
        app_key: random_text::<20>()?,
        sealed_secret: vault.seal(&secret)?,
        previous: None,
        edition,
        requests_per_s,
        allowed,
        companies: companies.into_iter().collect(),
        created_at: by.at,
        rotated_at: None,
        used_at: None,
        revoked_at: None,
    };
    let app_key = new.app_key.clone();
    let insert = move |db: &mut Db| {
        key::insert(db, &new)?;
        by.made(db, Action::KeyCreate, &Object::Key(&new.app_key))
    };
    store.write(CompanyId(0), insert).await?;
    Ok((app_key, secret))
}

/// Gives a key another secret, which is seen this once. The one that it had is good for `overlap` (at most
/// [`OVERLAP_MAX`]), so that its clients can be changed one after another; any before it is not good any more.
///
/// # Errors
/// When there is no such valid key.
pub async fn rotate(store: &Store, vault: &Vault, by: By, app_key: &str, overlap: Duration) -> Result<Secret> {
    let secret = Secret(random_text::<40>()?);
    let (sealed, until) = (vault.seal(&secret)?, by.at.after(overlap.min(OVERLAP_MAX)));
    let at = by.at;
    change(store, by, Action::KeyRotate, app_key, move |db, name| key::rotate(db, name, &sealed, until, at)).await?;
    Ok(secret)
}

/// Changes what is decided about a key.
///
/// # Errors
/// When there is no such valid key.
pub async fn update(store: &Store, by: By, app_key: &str, settings: KeySettings) -> Result<()> {
    let KeySettings { edition, requests_per_s, allowed } = settings;
    change(store, by, Action::KeyUpdate, app_key, move |db, name| {
        key::update(db, name, edition, requests_per_s, &allowed)
    })
    .await
}

/// Binds a key to more companies.
///
/// # Errors
/// When there is no such valid key or company.
pub async fn bind(store: &Store, by: By, app_key: &str, companies: BTreeSet<CompanyId>) -> Result<()> {
    require_companies(store, companies.clone()).await?;
    rebind(store, by, Action::KeyBind, app_key, move |bound| bound.extend(&companies)).await
}

/// Takes companies from a key, which has to keep one.
///
/// # Errors
/// When there is no such valid key, or it would have no company left.
pub async fn unbind(store: &Store, by: By, app_key: &str, companies: BTreeSet<CompanyId>) -> Result<()> {
    let remove = move |bound: &mut BTreeSet<CompanyId>| bound.retain(|company| !companies.contains(company));
    rebind(store, by, Action::KeyUnbind, app_key, remove).await
}

/// Changes the companies of a key from those that it has when nobody else changes them.
async fn rebind(
    store: &Store,
    by: By,
    action: Action,
    app_key: &str,
    edit: impl Fn(&mut BTreeSet<CompanyId>) + Send + 'static,
) -> Result<()> {
    let name = app_key.to_owned();
    let rebind = move |db: &mut Db| {
        by.change(db, action, &Object::Key(&name), |db| {
            let Some(found) = key::find(db, &name)? else { return Ok(Err(Error::UnknownKey(name.clone()))) };
            let mut bound = found.companies.into_iter().collect();
            edit(&mut bound);
            if bound.is_empty() {
                return Ok(Err(Error::NoCompanyLeft(name.clone())));
            }
            let valid = key::set_companies(db, &name, &bound)?;
            Ok(if valid { Ok(()) } else { Err(Error::UnknownKey(name.clone())) })
        })
    };
    store.write(CompanyId(0), rebind).await?
}

/// Revokes a key for good, with both of its secrets.
///
/// # Errors
/// When there is no such valid key.
pub async fn revoke(store: &Store, by: By, app_key: &str) -> Result<()> {
    let at = by.at;
    change(store, by, Action::KeyRevoke, app_key, move |db, name| key::revoke(db, name, at)).await
}

/// The key, revoked or not.
///
/// # Errors
/// When there is none.
pub async fn find(store: &Store, app_key: &str) -> Result<AppKey> {
    let wanted = app_key.to_owned();
    store.read(move |db| key::find(db, &wanted)).await?.ok_or_else(|| Error::UnknownKey(app_key.to_owned()))
}

/// Does the work, which says whether there is such a valid key.
async fn change(
    store: &Store,
    by: By,
    action: Action,
    app_key: &str,
    work: impl Fn(&mut Db, &str) -> hutong_store::Result<bool> + Send + 'static,
) -> Result<()> {
    let name = app_key.to_owned();
    let change = move |db: &mut Db| by.change(db, action, &Object::Key(&name), |db| work(db, &name));
    if store.write(CompanyId(0), change).await? { Ok(()) } else { Err(Error::UnknownKey(app_key.to_owned())) }
}

async fn require_companies(store: &Store, companies: BTreeSet<CompanyId>) -> Result<()> {
    let unknown = store.read(move |db| {
        for id in companies {
            if company::find(db, id)?.is_none() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    });
    unknown.await?.map_or(Ok(()), |id| Err(Error::UnknownCompany(id)))
}
