//! Signing in and out, and knowing who is signed in.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hutong_domain::audit::{Action, Actor};
use hutong_domain::ids::{CompanyId, SessionId};
use hutong_domain::sign_in::{Subject, user_name};
use hutong_store::audit::Object;
use hutong_store::key::Secret;
use hutong_store::session::{self, Session};
use hutong_store::user::{self, User};
use hutong_store::vault::random_bytes;
use hutong_store::{Db, sign_in};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::users::Accounts;

/// Bytes of a session's token.
const TOKEN_BYTES: usize = 32;
/// How exactly it is known when a session was last used: its row is written no more often.
const SEEN_EVERY: Duration = Duration::from_secs(60);
const CSRF: &[u8] = b"csrf";

/// Somebody who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The session.
    pub session: SessionId,
    /// What the browser sends to be known again; it is kept nowhere else.
    pub token: Secret,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The name, the password or both are wrong, or the user is disabled: which of these, nobody is told.
    #[error("the name or the password is wrong")]
    Wrong,
    /// There were too many wrong passwords for this name, or from this address.
    #[error("too many wrong passwords; try again in {} s", .0.as_secs() + u64::from(.0.subsec_nanos() > 0))]
    Wait(Duration),
    /// It could not be checked, or the new password is not fit.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<hutong_store::Error> for Refused {
    fn from(error: hutong_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Accounts {
    /// Signs somebody in who comes from this address, with a browser that calls itself so.
    ///
    /// # Errors
    /// [`Refused`]; what was wrong counts, for the name and for the address.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Secret,
        address: IpAddr,
        agent: &str,
    ) -> std::result::Result<SignedIn, Refused> {
        let user = self.prove(name, password, address).await?;
        let token = URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>().map_err(Error::from)?);
        let by = self.by(&Actor::User(user.name.clone()));
        let (rules, agent, known) = (self.rules, agent.to_owned(), token.clone());
        let begun = self.store.write(CompanyId(0), move |db| {
            // Somebody may have disabled the user, or changed the password, since it was looked at.
            let now = user::find_locked(db, user.id)?;
            let Some(user) = now.filter(|now| *now == user) else { return Ok(None) };
            let from = address.to_canonical().to_string();
            let session = session::begin(db, user.id, &known, (&from, &agent), (&rules, by.at))?;
            let after = serde_json::json!({ "session": session, "address": from });
            by.note(db, Action::UserSignIn, &Object::User(&user.name), None, Some(after))?;
            Ok(Some((user, session)))
        });
        let (user, session) = begun.await?.ok_or(Refused::Wrong)?;
        Ok(SignedIn { user, session, token: Secret(token) })
    }

    /// Who sends this token: the session, and the user as it is now. None where it is no session's, or not any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, token: &str) -> Result<Option<(Session, User)>> {
        let Some((session, user)) = self.look_up(token).await? else { return Ok(None) };
        let now = self.clock.now();
        if now.since(session.seen_at) >= SEEN_EVERY {
            let id = session.id;
            self.store.write(CompanyId(0), move |db| session::seen(db, id, now)).await?;
        }
        Ok(Some((session, user)))
    }

    async fn look_up(&self, token: &str) -> Result<Option<(Session, User)>> {
        let (now, rules, token) = (self.clock.now(), self.rules, token.to_owned());
        let found = self.store.read(move |db| {
            let Some(session) = session::find(db, &token, &rules, now)? else { return Ok(None) };
            let user = user::find_by_id(db, session.user)?;
            Ok(user.filter(|user| user.disabled_at.is_none()).map(|user| (session, user)))
        });
        Ok(found.await?)
    }

    /// Whether the session of this token lasts. Asking does not make it last longer, as [`Accounts::session`] does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lasts(&self, token: &str) -> Result<bool> {
        Ok(self.look_up(token).await?.is_some())
    }

    /// The sessions of a user that last, the one that was used last first.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn sessions(&self, name: &str) -> Result<Vec<Session>> {
        let (user, rules, now) = (self.find(name).await?.id, self.rules, self.clock.now());
        Ok(self.store.read(move |db| session::of_user(db, user, &rules, now)).await?)
    }

    /// Ends a session of a user: by signing out, or from the list of them. False when it has no such session.
    ///
    /// # Errors
    /// When there is no such user.
    pub async fn end_session(&self, actor: &Actor, name: &str, id: SessionId) -> Result<bool> {
        let (user, by) = (self.find(name).await?, self.by(actor));
        let end = move |db: &mut Db| {
            let ended = session::end(db, user.id, id)?;
            if ended {
                let before = serde_json::json!({ "session": id });
                by.note(db, Action::UserSignOut, &Object::User(&user.name), Some(before), None)?;
            }
            Ok(ended)
        };
        Ok(self.store.write(CompanyId(0), end).await?)
    }

    /// Lets a user change its own password, who has to know the one that it has. Every other session of it ends.
    ///
    /// # Errors
    /// [`Refused`], as for signing in.
    pub async fn change_password(
        &self,
        session: &Session,
        user: &User,
        (current, new): (Secret, Secret),
        address: IpAddr,
    ) -> std::result::Result<(), Refused> {
        let user = self.prove(&user.name, current, address).await?;
        Ok(self.set_password(&Actor::User(user.name.clone()), &user.name, new, Some(session.id)).await?)
    }

    /// The user of this name, if the password is its own.
    async fn prove(&self, name: &str, password: Secret, address: IpAddr) -> std::result::Result<User, Refused> {
        // A text that can be nobody's name is nobody's, and takes as long to refuse.
        let name = user_name(name).ok();
        let subjects: Vec<Subject> =
            name.clone().map(Subject::Name).into_iter().chain([Subject::Address(address)]).collect();
        let (counted, now) = (subjects.clone(), self.clock.now());
        self.store.write(CompanyId(0), move |db| sign_in::attempt(db, &counted, now)).await?.map_err(Refused::Wait)?;
        let found = self.store.read(move |db| {
            let Some(user) = name.map(|name| user::find(db, &name)).transpose()?.flatten() else { return Ok(None) };
            let hash = user::password(db, user.id)?;
            Ok(hash.map(|hash| (user, hash)))
        });
        let found = found.await?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let right = self.passwords.verify(password, hash).await?;
        match found {
            Some((user, _)) if right && user.disabled_at.is_none() => {
                let now = self.clock.now();
                self.store.write(CompanyId(0), move |db| sign_in::succeeded(db, &subjects, now)).await?;
                Ok(user)
            }
            _ => Err(Refused::Wrong),
        }
    }
}

/// What a page of a session sends along with every change, so that other pages cannot make one in its name. It is derived
/// from the token, and tells nothing of it.
#[must_use]
pub fn csrf_token(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(csrf_mac(token).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default())
}

/// Whether this is the session's, in the same time wherever it differs.
#[must_use]
pub fn is_csrf_token(token: &str, given: &str) -> bool {
    let given = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
    csrf_mac(token).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// HMAC takes keys of any length; the error exists for other algorithms.
fn csrf_mac(token: &str) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(token.as_bytes()).ok().map(|mac: Hmac<Sha256>| mac.chain_update(CSRF))
}
