//! Hashing passwords with Argon2id, a few at a time and on threads where it holds nobody up.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use hutong_store::key::Secret;
use hutong_store::user::PasswordHash;
use hutong_store::vault::random_bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// What OWASP's Password Storage Cheat Sheet asks for at least of Argon2id: 19 MiB, passed over twice by one thread.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt.
const SALT_BYTES: usize = 16;
/// Passwords that are hashed at once: whoever tries many does not take the machine from the calls.
const AT_ONCE_MAX: usize = 2;
/// Passwords that are hashed or wait for it.
const WAITING_MAX: usize = 64;

/// Hashes passwords and checks them.
#[derive(Clone)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE_MAX)), places: Arc::new(Semaphore::new(WAITING_MAX)) }
    }

    /// The hash of a password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Busy`], or when it cannot be hashed.
    pub(crate) async fn hash(&self, password: Secret) -> Result<PasswordHash> {
        self.run(move || hash(&password, &random_bytes::<SALT_BYTES>()?)).await
    }

    /// Whether the password has this hash. Without a hash nothing has it, which takes as long to say.
    ///
    /// # Errors
    /// [`Error::Busy`], or when the hash is none.
    pub(crate) async fn verify(&self, password: Secret, hash: Option<PasswordHash>) -> Result<bool> {
        self.run(move || match hash {
            Some(PasswordHash(known)) => {
                let known = Phc::new(&known).map_err(|error| Error::Hash(error.to_string()))?;
                Ok(argon2()?.verify_password(password.0.as_bytes(), &known).is_ok())
            }
            None => self::hash(&password, &[0; SALT_BYTES]).map(|_| false),
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Error::Busy)?;
        // Both are given back when the work is done, even where nobody waits for it any more.
        let held: [OwnedSemaphorePermit; 2] = [place, slot];
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(held);
            done
        });
        done.await.map_err(|error| Error::Hash(error.to_string()))?
    }
}

fn hash(password: &Secret, salt: &[u8]) -> Result<PasswordHash> {
    let hashed = argon2()?.hash_password_with_salt(password.0.as_bytes(), salt);
    hashed.map(|hashed| PasswordHash(hashed.to_string())).map_err(|error| Error::Hash(error.to_string()))
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new();
        let hash = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert_ne!(hash, passwords.hash(secret("correct horse")).await.unwrap(), "each has a salt of its own");
        assert!(passwords.verify(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(secret("correct horsf"), Some(hash)).await.unwrap());
        assert!(!passwords.verify(secret("correct horse"), None).await.unwrap());
        assert!(passwords.verify(secret("correct horse"), Some(PasswordHash("plain".to_owned()))).await.is_err());
    }

    #[tokio::test]
    async fn no_more_passwords_wait_than_can_be_checked_in_time() {
        let passwords = Passwords::new();
        let all = Arc::clone(&passwords.places).acquire_many_owned(u32::try_from(WAITING_MAX).unwrap()).await.unwrap();
        assert!(matches!(passwords.verify(secret("x"), None).await, Err(Error::Busy)));
        drop(all);
        assert!(!passwords.verify(secret("x"), None).await.unwrap());
    }

    /// The work is the same: an answer does not tell whether there is such a user.
    #[tokio::test]
    async fn a_hash_that_is_not_there_costs_a_hash() {
        let made = hash(&secret("x"), &[0; SALT_BYTES]).unwrap();
        let params = Params::try_from(&Phc::new(&made.0).unwrap()).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
    }
}
