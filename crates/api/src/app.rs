//! What the API is given by the binary, and what it keeps for itself between requests.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hutong_domain::address::Networks;
use hutong_domain::ids::{CompanyId, NodeId, SceneId};
use hutong_domain::moment::{Clock, Moment};
use hutong_domain::rules::Rules;
use hutong_domain::scene::Scene;
use hutong_domain::window::DaySpan;
use hutong_store::claim::Claimed;
use hutong_store::scenes::Scenes;
use hutong_store::vault::Vault;
use hutong_store::{Store, company};
use jiff::civil::DateTime;

use crate::answer::ApiError;
use crate::auth::{KeyRing, Strangers};
use crate::operations::health::{Condition, LastLook};
use crate::recording::Recordings;
use crate::request::Bodies;
use crate::wire::time::Calendar;

/// Everything that the API works with.
pub struct App {
    /// Where everything is kept.
    pub store: Store,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What the installation decides about dialling; its zone is that of all dates and times on the wire.
    pub rules: Arc<Rules>,
    /// Opens the secrets of keys.
    pub vault: Vault,
    /// The recordings and their addresses.
    pub recordings: Arc<Recordings>,
    /// The process that claims calls placed by themselves, as its lease knows it now.
    pub node: Arc<dyn Fn() -> NodeId + Send + Sync>,
    /// What has to hold, besides a store that reads and writes, for the server to be ready.
    pub conditions: Arc<dyn Fn() -> Vec<Condition> + Send + Sync>,
    /// Hands claimed calls to the dialer.
    pub dial: async_channel::Sender<Claimed>,
    /// Tells the dialer to look at the tasks at once.
    pub wake: Arc<tokio::sync::Notify>,
    /// What a request may cost, and who is believed about where it comes from.
    pub limits: Limits,
}

/// What a request may cost, and who is believed about where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes_max: usize,
    /// From the end of the headers to the beginning of the answer.
    pub request_time_max: Duration,
    /// How far the `datetime` header may be from our clock, either way.
    pub clock_skew_max: Duration,
    /// Requests of an address that may fail to prove who sends them, in a second.
    pub failures_per_s_max: u32,
    /// Bytes of request bodies that are being read at once.
    pub bodies_bytes_max: usize,
    /// Proxies that say in `X-Forwarded-For` or `X-Real-IP` whose a request is.
    pub trusted_proxies: Networks,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            request_time_max: Duration::from_secs(30),
            clock_skew_max: Duration::from_secs(180),
            failures_per_s_max: 100,
            bodies_bytes_max: 512 << 20,
            trusted_proxies: Networks::default(),
        }
    }
}

/// What a connection may cost, see [`crate::serve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections that are served at once; others wait in the listener's queue.
    pub connections_max: usize,
    /// Of these, from one address; those of trusted proxies are not counted.
    pub connections_per_address_max: usize,
    /// From the first byte, or the end of the request before, to the end of the headers; and for the handshake of TLS.
    pub header_time_max: Duration,
    /// Bytes of the request line and the headers.
    pub header_bytes_max: usize,
    /// Number of headers.
    pub headers_max: usize,
    /// How long a client may take no byte of its answer.
    pub write_time_max: Duration,
    /// Bytes that are read and thrown away after the last answer, so that the client gets to read it.
    pub linger_bytes_max: usize,
    /// How long that may take.
    pub linger_time_max: Duration,
    /// How long requests in progress have to end when the server stops.
    pub stop_time_max: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_per_address_max: 3072,
            header_time_max: Duration::from_secs(30),
            header_bytes_max: 64 << 10,
            headers_max: 100,
            write_time_max: Duration::from_secs(60),
            linger_bytes_max: 32 << 20,
            linger_time_max: Duration::from_secs(5),
            stop_time_max: Duration::from_secs(10),
        }
    }
}

/// The state of the router: the app, and what is remembered between requests.
pub(crate) struct Api {
    app: Arc<App>,
    pub(crate) keys: KeyRing,
    pub(crate) strangers: Strangers,
    pub(crate) bodies: Bodies,
    pub(crate) readiness: LastLook,
    pub(crate) calendar: Calendar,
    scenes: Scenes,
    requests: RequestIds,
}

impl Deref for Api {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Api {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self {
            keys: KeyRing::new(&app),
            strangers: Strangers::new(&app),
            bodies: Bodies::new(app.limits.bodies_bytes_max),
            readiness: LastLook::default(),
            calendar: Calendar::new(app.rules.zone.clone()),
            scenes: Scenes::new(app.store.clone()),
            requests: RequestIds::starting_at(app.clock.now()),
            app,
        }
    }

    pub(crate) fn next_request_id(&self) -> RequestId {
        self.requests.next()
    }

    /// The time of day and date in the installation's zone.
    pub(crate) fn civil_now(&self) -> DateTime {
        self.clock.now().civil(&self.rules.zone)
    }

    /// The hours of the day in which a company may call.
    pub(crate) async fn legal_hours(&self, company: CompanyId) -> Result<DaySpan, ApiError> {
        let found = self.store.read(move |db| company::find(db, company)).await?;
        Ok(self.rules.hours_of(&found.map(|company| company.rules).unwrap_or_default()).legal)
    }

    /// A published scene. Published versions never change, so one that was parsed is kept.
    ///
    /// # Errors
    /// When the store fails or holds a scene that this version of hutong cannot read.
    pub(crate) async fn scene(&self, company: CompanyId, scene: SceneId, version: i64) -> Result<Arc<Scene>, ApiError> {
        Ok(self.scenes.get(company, scene, version).await?)
    }
}

/// Names a request in its answer and in the log: when the process started, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId {
    started_ms: i64,
    number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.started_ms, self.number)
    }
}

impl serde::Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct RequestIds {
    started_ms: i64,
    next: AtomicU64,
}

impl RequestIds {
    fn starting_at(start: Moment) -> Self {
        Self { started_ms: start.ms(), next: AtomicU64::new(1) }
    }

    fn next(&self) -> RequestId {
        RequestId { started_ms: self.started_ms, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}
