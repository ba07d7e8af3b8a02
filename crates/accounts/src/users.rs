//! Making users and changing them.

use std::sync::Arc;

use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::audit::{Action, Actor};
use hutong_domain::ids::{CompanyId, SessionId};
use hutong_domain::moment::Clock;
use hutong_domain::sign_in::{SessionRules, Subject, check_password, user_name};
use hutong_store::audit::{By, Object};
use hutong_store::key::Secret;
use hutong_store::user::{self, NewUser, User};
use hutong_store::{Db, Store, company, session, sign_in};

use crate::error::{Error, Result};
use crate::passwords::Passwords;

/// The users of an installation, and who of them is signed in.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: SessionRules,
    pub(crate) passwords: Passwords,
}

impl Accounts {
    /// Those of this store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, rules: SessionRules) -> Self {
        Self { store, clock, rules, passwords: Passwords::new() }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// Where the name, the password or a company is not fit, or the name is taken.
    pub async fn add(&self, actor: &Actor, name: &str, access: Access, password: Secret) -> Result<User> {
        let name = user_name(name)?;
        check_password(&name, &password.0)?;
        let (wanted, known) = (name.clone(), access.clone());
        let problem = self
            .store
            .read(move |db| {
                let taken = user::find(db, &wanted)?.map(|_| Error::NameTaken(wanted));
                Ok(taken.or(unknown_company(db, known.reach())?))
            })
            .await?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let new = NewUser { name: name.clone(), access, password: self.passwords.hash(password).await? };
        let by = self.by(actor);
        let made = self.store.write(CompanyId(0), move |db| {
            let Some(id) = user::insert(db, &new, by.at)? else { return Ok(None) };
            by.made(db, Action::UserCreate, &Object::User(&new.name))?;
            user::find_by_id(db, id)
        });
        made.await?.ok_or(Error::NameTaken(name))
    }

    /// Gives a user another password, which ends every session but `but`; whoever is kept waiting for wrong ones may try
    /// again at once.
    ///
    /// # Errors
    /// Where the password is not fit, or there is no such user.
    pub async fn set_password(
        &self,
        actor: &Actor,
        name: &str,
        password: Secret,
        but: Option<SessionId>,
    ) -> Result<()> {
        let user = self.find(name).await?;
        check_password(&user.name, &password.0)?;
        let (hash, by) = (self.passwords.hash(password).await?, self.by(actor));
        let set = move |db: &mut Db| {
            user::set_password(db, user.id, &hash, by.at)?;
            let ended = session::end_all(db, user.id, but)?;
            sign_in::forget(db, &Subject::Name(user.name.clone()))?;
            // Of a password, nothing is to be seen that differs.
            let after = serde_json::json!({ "sessions_ended": ended });
            by.note(db, Action::UserPassword, &Object::User(&user.name), None, Some(after))
        };
        Ok(self.store.write(CompanyId(0), set).await?)
    }

    /// Gives a user another role, within the companies that it has.
    ///
    /// # Errors
    /// When there is no such user, or it is the last admin.
    pub async fn set_role(&self, actor: &Actor, name: &str, role: Role) -> Result<User> {
        let user = self.find(name).await?;
        let access = Access::new(role, user.access.reach().clone());
        let (id, stays) = (user.id, role == Role::Admin);
        self.change(actor, Action::UserRole, user, stays, move |db, _| user::set_access(db, id, &access)).await?;
        self.find(name).await
    }

    /// Lets a user see other companies than before.
    ///
    /// # Errors
    /// When there is no such user or company, or the user is an admin.
    pub async fn set_reach(&self, actor: &Actor, name: &str, reach: Reach) -> Result<User> {
        let user = self.find(name).await?;
        if user.access.role() == Role::Admin && reach != Reach::All {
            return Err(Error::AdminReachesAll(user.name));
        }
        let access = Access::new(user.access.role(), reach.clone());
        if let Some(problem) = self.store.read(move |db| unknown_company(db, &reach)).await? {
            return Err(problem);
        }
        let id = user.id;
        let set = move |db: &mut Db, _: &By| user::set_access(db, id, &access);
        self.change(actor, Action::UserCompanies, user, true, set).await?;
        self.find(name).await
    }

    /// Disables a user, which ends its sessions, or enables it again.
    ///
    /// # Errors
    /// When there is no such user, or it is the last admin that is enabled.
    pub async fn set_enabled(&self, actor: &Actor, name: &str, enabled: bool) -> Result<()> {
        let user = self.find(name).await?;
        let action = if enabled { Action::UserEnable } else { Action::UserDisable };
        let id = user.id;
        self.change(actor, action, user, enabled, move |db, by| {
            if !enabled {
                session::end_all(db, id, None)?;
            }
            user::set_disabled(db, id, (!enabled).then_some(by.at))
        })
        .await
    }

    /// The user of this name, however it is written.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, name: &str) -> Result<User> {
        let name = user_name(name)?;
        let wanted = name.clone();
        self.store.read(move |db| user::find(db, &wanted)).await?.ok_or(Error::UnknownUser(name))
    }

    pub(crate) fn by(&self, actor: &Actor) -> By {
        By { actor: actor.clone(), at: self.clock.now() }
    }

    /// Changes a user. Unless it `stays` an admin who can sign in if it is one, another one has to be left: otherwise
    /// nobody could manage users any more.
    async fn change(
        &self,
        actor: &Actor,
        action: Action,
        user: User,
        stays: bool,
        work: impl Fn(&mut Db, &By) -> hutong_store::Result<()> + Send + 'static,
    ) -> Result<()> {
        let (by, id, name) = (self.by(actor), user.id, user.name.clone());
        let change = move |db: &mut Db| {
            if !stays && user::enabled_admins_locked(db)? == [id] {
                return Ok(false);
            }
            by.change(db, action, &Object::User(&name), |db| work(db, &by))?;
            Ok(true)
        };
        if self.store.write(CompanyId(0), change).await? { Ok(()) } else { Err(Error::LastAdmin(user.name)) }
    }
}

fn unknown_company(db: &mut Db, reach: &Reach) -> hutong_store::Result<Option<Error>> {
    let Reach::Companies(companies) = reach else { return Ok(None) };
    for &id in companies {
        if company::find(db, id)?.is_none() {
            return Ok(Some(Error::UnknownCompany(id)));
        }
    }
    Ok(None)
}
