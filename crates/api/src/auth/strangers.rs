//! Requests that do not prove who sends them: few of an address are looked at, so that a flood of them costs the others
//! nothing.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::keys::LimiterClock;
use crate::answer::ApiError;
use crate::app::App;
use crate::server::ClientAddress;

/// Addresses that are remembered.
const ADDRESSES_MAX: u64 = 10_000;

type Limiter = RateLimiter<NotKeyed, InMemoryState, LimiterClock, NoOpMiddleware<Duration>>;

/// How often each address has failed lately.
pub(crate) struct Strangers {
    per_s: NonZeroU32,
    clock: LimiterClock,
    failures: moka::sync::Cache<IpAddr, Arc<Limiter>>,
}

impl Strangers {
    pub(crate) fn new(app: &App) -> Self {
        Self {
            per_s: NonZeroU32::new(app.limits.failures_per_s_max).unwrap_or(NonZeroU32::MIN),
            clock: LimiterClock(Arc::clone(&app.clock)),
            failures: moka::sync::Cache::new(ADDRESSES_MAX),
        }
    }

    /// What a request that proves nothing is answered, which counts against its address.
    pub(crate) fn refuse(&self, address: Option<ClientAddress>, error: ApiError) -> ApiError {
        self.take_one_failure(address).err().unwrap_or(error)
    }

    /// Counts a failure against its address; a request that came from nowhere is not counted.
    ///
    /// # Errors
    /// [`ApiError::TooManyFailures`].
    pub(crate) fn take_one_failure(&self, address: Option<ClientAddress>) -> Result<(), ApiError> {
        let Some(ClientAddress(address)) = address else { return Ok(()) };
        let fresh = || Arc::new(RateLimiter::direct_with_clock(Quota::per_second(self.per_s), self.clock.clone()));
        let failures = self.failures.get_with(address, fresh);
        failures.check().map_err(|_| ApiError::TooManyFailures)
    }
}
