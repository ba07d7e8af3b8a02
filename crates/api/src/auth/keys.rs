//! The keys that were used lately, so that a request costs no read of the store for its key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use hmac::{Hmac, KeyInit, Mac};
use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::{Clock, Moment};
use hutong_store::key::{self, AppKey, Edition, PreviousSecret, Secret};
use hutong_store::vault::VaultError;
use sha1::Sha1;

use crate::answer::ApiError;
use crate::app::App;

/// How long it may take until a change of a key is heeded, its revocation above all: `docs/accounts.md` says so.
const KEY_TIME_TO_LIVE: Duration = Duration::from_secs(1);
/// How exactly it is known when a secret was last used: its row is written no more often by a process.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Keys that are remembered, unknown ones included.
const KEYS_MAX: u64 = 10_000;
/// No key is longer, so that strangers cannot fill the memory.
const APP_KEY_BYTES_MAX: usize = 128;

/// A key that may be used.
pub(crate) struct Key {
    pub(crate) app_key: String,
    pub(crate) edition: Edition,
    pub(crate) companies: Vec<CompanyId>,
    /// Where its requests may come from; everywhere where nothing is named.
    pub(crate) allowed: Networks,
    secret: Arc<OpenSecret>,
    /// The secret before the last rotation, and until when it is good.
    previous: Option<(Arc<OpenSecret>, Moment)>,
    limiter: Option<Arc<Limiter>>,
}

impl Key {
    /// The secret, good at `now`, with which `tag` is the signature of `datetime`.
    pub(crate) fn signed(&self, datetime: &[u8], tag: &[u8], now: Moment) -> Option<Arc<OpenSecret>> {
        self.with_a_secret(now, |secret| {
            let mut mac = secret.mac.clone();
            mac.update(self.app_key.as_bytes());
            mac.update(b"\n");
            mac.update(datetime);
            mac.verify_slice(tag).is_ok()
        })
    }

    /// The secret, good at `now`, that is `given`.
    pub(crate) fn has_secret(&self, given: &[u8], now: Moment) -> Option<Arc<OpenSecret>> {
        self.with_a_secret(now, |secret| secret.is(given))
    }

    /// Tries every secret that is good, whichever fits: what is tried takes the same time wherever it differs, and so does
    /// all of it.
    fn with_a_secret(&self, now: Moment, fits: impl Fn(&OpenSecret) -> bool) -> Option<Arc<OpenSecret>> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        let secrets = std::iter::once(&self.secret).chain(previous.map(|(secret, _)| secret));
        secrets.fold(None, |fitting, secret| if fits(secret) { Some(Arc::clone(secret)) } else { fitting })
    }

    /// Keeps that a secret of this key is used, at most once a minute: what that takes does not hold up the request.
    pub(crate) fn note_use(&self, secret: &OpenSecret, app: &App) {
        let (now, noted) = (app.clock.now(), secret.noted_ms.load(Ordering::Relaxed));
        if now.since(Moment(noted)) < NOTED_EVERY
            || secret.noted_ms.compare_exchange(noted, now.ms(), Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let (store, app_key, sealed) = (app.store.clone(), self.app_key.clone(), secret.sealed.clone());
        tokio::spawn(async move {
            let noted = store.write(CompanyId(0), move |db| key::used(db, &app_key, &sealed, now)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "the use of a key could not be kept");
            }
        });
    }

    /// Counts a request against the key's limit.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(crate) fn take_one_request(&self) -> Result<(), ApiError> {
        match &self.limiter {
            Some(limiter) if limiter.requests.check().is_err() => Err(ApiError::TooMany { per_s: limiter.per_s }),
            _ => Ok(()),
        }
    }
}

/// A secret with which requests are checked.
pub(crate) struct OpenSecret {
    secret: Secret,
    sealed: String,
    /// When its use was last kept.
    noted_ms: AtomicI64,
    /// HMAC-SHA1 that has taken in the secret: each request goes on from a copy.
    mac: Hmac<Sha1>,
}

impl OpenSecret {
    fn open(app: &App, sealed: String, used_at: Option<Moment>) -> Result<Arc<Self>, VaultError> {
        let secret = app.vault.open(&sealed)?;
        let mac = Hmac::new_from_slice(secret.0.as_bytes()).map_err(|_| VaultError::NotOurs)?;
        let noted_ms = AtomicI64::new(used_at.map_or(0, Moment::ms));
        Ok(Arc::new(Self { secret, sealed, noted_ms, mac }))
    }

    /// Tags of both are compared, which takes the same time wherever, and however much, the secrets differ.
    fn is(&self, given: &[u8]) -> bool {
        let tag = |text: &[u8]| {
            let mut mac = self.mac.clone();
            mac.update(text);
            mac.finalize()
        };
        tag(given) == tag(self.secret.0.as_bytes())
    }
}

struct Limiter {
    per_s: i64,
    requests: RateLimiter<NotKeyed, InMemoryState, LimiterClock, NoOpMiddleware<Duration>>,
}

/// Our clock, for the limiter: so that a limit can be tested in virtual time.
#[derive(Clone)]
pub(super) struct LimiterClock(pub(super) Arc<dyn Clock>);

impl governor::clock::Clock for LimiterClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().since(Moment(0))
    }
}

#[derive(Clone)]
struct Kept {
    read_at: Moment,
    key: Option<Arc<Key>>,
}

/// The keys that were used lately.
pub(crate) struct KeyRing {
    kept: moka::sync::Cache<String, Kept>,
    clock: LimiterClock,
}

impl KeyRing {
    pub(crate) fn new(app: &App) -> Self {
        Self { kept: moka::sync::Cache::new(KEYS_MAX), clock: LimiterClock(Arc::clone(&app.clock)) }
    }

    /// Whether a good key of this name was used lately.
    pub(crate) fn knows(&self, app_key: &str) -> bool {
        self.kept.get(app_key).is_some_and(|kept| kept.key.is_some())
    }

    /// The key, if it may be used.
    ///
    /// # Errors
    /// When the store fails, or the key's secret cannot be opened.
    pub(crate) async fn find(&self, app: &App, app_key: &str) -> Result<Option<Arc<Key>>, ApiError> {
        if app_key.len() > APP_KEY_BYTES_MAX {
            return Ok(None);
        }
        let now = app.clock.now();
        let before = self.kept.get(app_key);
        if let Some(kept) = &before
            && (kept.read_at..kept.read_at.after(KEY_TIME_TO_LIVE)).contains(&now)
        {
            return Ok(kept.key.clone());
        }
        let asked = app_key.to_owned();
        let found = app.store.read(move |db| key::find(db, &asked)).await?;
        let key = match found.filter(|found| found.revoked_at.is_none()) {
            Some(found) => Some(Arc::new(self.open(app, found, before.and_then(|kept| kept.key).as_deref())?)),
            None => None,
        };
        self.kept.insert(app_key.to_owned(), Kept { read_at: now, key: key.clone() });
        Ok(key)
    }

    fn open(&self, app: &App, found: AppKey, before: Option<&Key>) -> Result<Key, ApiError> {
        let AppKey {
            app_key,
            sealed_secret,
            previous,
            edition,
            requests_per_s,
            allowed,
            companies,
            created_at: _,
            rotated_at: _,
            revoked_at: _,
            used_at,
        } = found;
        let secret = OpenSecret::open(app, sealed_secret, used_at)?;
        let previous = previous.map(|PreviousSecret { sealed_secret, until, used_at }| {
            OpenSecret::open(app, sealed_secret, used_at).map(|secret| (secret, until))
        });
        let previous = previous.transpose()?;
        // What was used of the limit stays used when the key is read again.
        let limiter = before.and_then(|before| before.limiter.clone()).filter(|known| known.per_s == requests_per_s);
        let limiter = limiter.or_else(|| self.limiter(requests_per_s));
        Ok(Key { app_key, edition, companies, allowed, secret, previous, limiter })
    }

    /// A fresh limiter; none for a key without a limit.
    fn limiter(&self, per_s: i64) -> Option<Arc<Limiter>> {
        let burst = u32::try_from(per_s).ok().and_then(std::num::NonZeroU32::new)?;
        let requests = RateLimiter::direct_with_clock(Quota::per_second(burst), self.clock.clone());
        Some(Arc::new(Limiter { per_s, requests }))
    }
}
