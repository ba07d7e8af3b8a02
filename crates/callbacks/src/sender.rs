//! Looks for companies with something due, and gives each a lane.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hutong_domain::ids::{CompanyId, NodeId};
use hutong_domain::moment::{Clock, Moment};
use hutong_store::callback::{self, delivery};
use hutong_store::{Store, company};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::Letters;
use crate::client::{Poster, SetupError};
use crate::lane;

/// How often old callbacks are looked for.
const TIDYING: Duration = Duration::from_secs(60);
/// Old callbacks of a company that go at a time.
const FORGOTTEN_MAX: i64 = 1000;
/// What is on its way when a stop is asked for has so long to arrive; the rest is sent again after the next start.
const STOP_TIME_MAX: Duration = Duration::from_secs(3);

/// How callbacks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether receivers may have private addresses, and those of the machine itself.
    pub private_addresses: bool,
    /// Requests at once in all.
    pub in_flight_max: usize,
    /// Tasks of one company whose callbacks are sent at once; those of one task are sent one after another.
    pub tasks_at_once: usize,
    /// How long a callback that was delivered or given up is kept; none for ever.
    pub keep: Option<Duration>,
    /// How often is looked for what is due.
    pub look: Duration,
    /// How long a receiver has for its whole answer; [`hutong_domain::callback::ANSWER_TIME_MAX`], but for tests.
    pub answer_time_max: Duration,
}

/// Sends what is due.
pub struct Callbacks {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) letters: Arc<dyn Letters>,
    /// The process, as its lease knows it now.
    pub(crate) node: Arc<dyn Fn() -> NodeId + Send + Sync>,
    pub(crate) settings: Settings,
    pub(crate) poster: Poster,
    pub(crate) in_flight: Arc<Semaphore>,
}

impl Callbacks {
    /// Makes the client; nothing is sent before [`Callbacks::run`].
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        letters: Arc<dyn Letters>,
        node: Arc<dyn Fn() -> NodeId + Send + Sync>,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        let poster = Poster::new(&settings)?;
        let in_flight = Arc::new(Semaphore::new(settings.in_flight_max));
        Ok(Self { store, clock, letters, node, settings, poster, in_flight })
    }

    /// Sends what is due until `stop` is done; then what is on its way may arrive.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let callbacks = Arc::new(self);
        let (stopping, stopped) = watch::channel(false);
        let mut lanes = Lanes { running: JoinSet::new(), companies: HashSet::new(), ids: HashMap::new() };
        let mut look = tokio::time::interval(callbacks.settings.look);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tidied: Option<Instant> = None;
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = lanes.running.join_next_with_id(), if !lanes.running.is_empty() => {
                    lanes.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                _ = look.tick() => {
                    callbacks.look(&mut lanes, &stopped).await;
                    if tidied.is_none_or(|at| at.elapsed() >= TIDYING) {
                        tidied = Some(Instant::now());
                        callbacks.tidy().await;
                    }
                }
            }
        }
        stopping.send_replace(true);
        let all = async { while lanes.running.join_next().await.is_some() {} };
        if timeout(STOP_TIME_MAX, all).await.is_err() {
            // What they had not recorded is sent again.
            lanes.running.shutdown().await;
        }
    }

    /// Gives a lane to every company that has something due and none yet.
    async fn look(self: &Arc<Self>, lanes: &mut Lanes, stopped: &watch::Receiver<bool>) {
        let now = self.clock.now();
        match self.store.read(move |db| delivery::companies(db, now)).await {
            Ok(companies) => {
                for company in companies {
                    if lanes.companies.insert(company) {
                        let task = lanes.running.spawn(lane::run(self.clone(), company, stopped.clone()));
                        lanes.ids.insert(task.id(), company);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "callbacks wait for the store"),
        }
    }

    /// Forgets what is old, and says how much waits.
    async fn tidy(&self) {
        match self.store.read(delivery::waiting).await {
            Ok((waiting, oldest)) => {
                let age = oldest.map_or(Duration::ZERO, |oldest| self.clock.now().since(oldest));
                #[expect(clippy::cast_precision_loss, reason = "a measure")]
                metrics::gauge!("hutong_callbacks_waiting").set(waiting as f64);
                metrics::gauge!("hutong_callbacks_oldest_waiting_seconds").set(age.as_secs_f64());
            }
            Err(error) => tracing::warn!(%error, "callbacks that wait could not be counted"),
        }
        let Some(keep) = self.settings.keep else { return };
        if let Err(error) = self.forget(self.clock.now().before(keep)).await {
            tracing::warn!(%error, "old callbacks could not be forgotten");
        }
    }

    async fn forget(&self, before: Moment) -> hutong_store::Result<()> {
        for company in self.store.read(company::all).await? {
            let id = company.id;
            self.store.write(id, move |db| callback::forget(db, id, before, FORGOTTEN_MAX)).await?;
        }
        Ok(())
    }
}

/// The lanes that are running.
struct Lanes {
    running: JoinSet<()>,
    companies: HashSet<CompanyId>,
    ids: HashMap<tokio::task::Id, CompanyId>,
}

impl Lanes {
    fn ended(&mut self, id: tokio::task::Id) {
        if let Some(company) = self.ids.remove(&id) {
            self.companies.remove(&company);
        }
    }
}
