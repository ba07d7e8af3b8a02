//! The loop that keeps campaigns going: look at the tasks, claim what they may dial, start the calls.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::select_all;
use hutong_domain::hours::Hours;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_store::claim::{self, Claimed, Look, Looked};
use hutong_store::scenes::Scenes;
use hutong_store::{Result, Store, task};
use jiff::tz::TimeZone;
use tokio::sync::{Notify, watch};

use crate::lease::{Lease, RENEWAL};
use crate::line::Line;
use crate::runtime::{BoxFuture, Runtime};
use crate::session;

/// How often every waking task is looked at, whatever happens: for what comes with time alone, and from
/// other processes.
const TICK: Duration = Duration::from_secs(1);
/// Calls claimed for a task in one transaction.
const CLAIMS_MAX: u32 = 64;
/// Looks at one task in a row before others have their turn.
const LOOKS_MAX: u32 = 16;
/// Attempts of dead processes that are ended at a time.
const ORPHANS_MAX: i64 = 200;

/// What an operator configures about dialling.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone that windows and legal hours are meant in.
    pub zone: TimeZone,
    /// When people may be called at all.
    pub hours: Hours,
    /// Calls in progress in this process at once.
    pub calls_max: usize,
    /// How long calls may go on after a stop was asked for.
    pub drain: Duration,
    /// Seed for everything that happens by chance.
    pub seed: u64,
}

impl Settings {
    /// Whether people may be called at this moment.
    #[must_use]
    pub fn may_call_at(&self, at: Moment) -> bool {
        let civil = at.civil(&self.zone);
        self.hours.legal.contains(civil.time()) && self.hours.days.dials(civil.date())
    }
}

/// Where a process stands on its way to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Claiming and dialling.
    Dialling,
    /// Nothing new; calls in progress go on.
    Draining,
    /// Calls in progress are hung up.
    HangingUp,
}

/// The phase, for those who have to follow it.
#[derive(Debug, Clone)]
pub struct PhaseWatch(watch::Receiver<Phase>);

impl PhaseWatch {
    /// The phase now.
    #[must_use]
    pub fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until `phase` is reached.
    pub async fn wait_for(&self, phase: Phase) {
        let mut watch = self.0.clone();
        if watch.wait_for(|now| *now >= phase).await.is_err() {
            // Whoever could change it is gone: it stays as it is.
            std::future::pending::<()>().await;
        }
    }
}

/// What every call needs.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// Time and tasks.
    pub runtime: Arc<dyn Runtime>,
    /// Scenes.
    pub scenes: Scenes,
    /// What carries calls.
    pub lines: HashMap<LineDriver, Box<dyn Line>>,
    /// This process's lease.
    pub lease: Lease,
    /// What was configured.
    pub settings: Settings,
    pub(crate) phase: PhaseWatch,
}

/// The scheduler of a process.
pub struct Dialer {
    parts: Arc<Parts>,
    phase: watch::Sender<Phase>,
    wake: Arc<Notify>,
    orders: async_channel::Receiver<Claimed>,
    ended: (async_channel::Sender<Claimed>, async_channel::Receiver<Claimed>),
    in_progress: usize,
    next_renewal: Moment,
}

/// What woke the scheduler.
enum Woken {
    Tick,
    Changed,
    Ordered(Claimed),
    Ended(Claimed),
}

impl Dialer {
    /// A scheduler that has begun its lease.
    ///
    /// `orders` brings calls that were claimed by themselves; `wake` is notified when a task changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(
        store: Store,
        runtime: Arc<dyn Runtime>,
        lines: HashMap<LineDriver, Box<dyn Line>>,
        settings: Settings,
        (orders, wake): (async_channel::Receiver<Claimed>, Arc<Notify>),
        exclusive: bool,
    ) -> Result<Self> {
        let lease = Lease::begin(&store, &*runtime, exclusive).await?;
        let (phase, watch) = watch::channel(Phase::Dialling);
        let next_renewal = runtime.now().after(RENEWAL);
        let ended = async_channel::bounded(settings.calls_max.max(1));
        let parts = Parts {
            scenes: Scenes::new(store.clone()),
            store,
            runtime,
            lines,
            lease,
            settings,
            phase: PhaseWatch(watch),
        };
        Ok(Self { parts: Arc::new(parts), phase, wake, orders, ended, in_progress: 0, next_renewal })
    }

    /// What every call of this scheduler needs.
    #[must_use]
    pub const fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// Runs until `stop` resolves and the calls in progress have ended, or were ended when their time was up.
    pub async fn run(mut self, stop: BoxFuture<'static, ()>) {
        let mut stop = stop.fuse();
        let mut look_at_all = true;
        loop {
            if look_at_all {
                self.round().await;
            }
            let woken = futures::select_biased! {
                () = stop => break,
                woken = self.woken().fuse() => woken,
            };
            look_at_all = self.take(woken).await;
        }
        self.drain().await;
    }

    /// Runs until no task has anything left to dial: for campaigns in virtual time.
    pub async fn run_to_completion(mut self) {
        loop {
            self.round().await;
            let idle =
                self.in_progress == 0 && self.parts.store.read(task::awake).await.is_ok_and(|tasks| tasks.is_empty());
            if idle {
                break;
            }
            let woken = self.woken().await;
            self.take(woken).await;
        }
        self.drain().await;
    }

    async fn woken(&self) -> Woken {
        let tick = self.parts.runtime.now().after(TICK);
        let waits: [BoxFuture<'_, Woken>; 4] = [
            Box::pin(self.ended.1.recv().map(|ended| ended.map_or(Woken::Tick, Woken::Ended))),
            Box::pin(async {
                match self.orders.recv().await {
                    Ok(order) => Woken::Ordered(order),
                    // Nobody can order any more.
                    Err(_) => std::future::pending().await,
                }
            }),
            Box::pin(self.wake.notified().map(|()| Woken::Changed)),
            Box::pin(self.parts.runtime.sleep_until(tick.min(self.next_renewal)).map(|()| Woken::Tick)),
        ];
        select_all(waits).await.0
    }

    /// Acts on what happened; whether every task is to be looked at.
    async fn take(&mut self, woken: Woken) -> bool {
        match woken {
            Woken::Tick | Woken::Changed => true,
            Woken::Ordered(claimed) => {
                self.start(claimed);
                false
            }
            Woken::Ended(first) => {
                // Those that ended together are looked after together: one look at each task.
                let mut tasks = BTreeSet::new();
                let mut ended = Some(first);
                while let Some(claimed) = ended {
                    self.in_progress -= 1;
                    if claimed.task != TaskId(0) {
                        tasks.insert((claimed.company, claimed.task));
                    }
                    ended = self.ended.1.try_recv().ok();
                }
                for (company, task) in tasks {
                    self.look_after(company, task).await;
                }
                false
            }
        }
    }

    /// One look at everything: the lease, what dead processes left, every waking task.
    async fn round(&mut self) {
        let now = self.parts.runtime.now();
        if now >= self.next_renewal {
            self.next_renewal = now.after(RENEWAL);
            if let Err(error) = self.parts.lease.renew(&self.parts.store, &*self.parts.runtime).await {
                tracing::error!(%error, "the lease could not be prolonged");
            }
        }
        if let Err(error) = self.end_orphans().await {
            tracing::error!(%error, "what dead processes left could not be ended");
        }
        match self.parts.store.read(task::awake).await {
            Ok(tasks) => {
                for (company, task) in tasks {
                    self.look_after(company, task).await;
                }
            }
            Err(error) => tracing::error!(%error, "the tasks could not be read"),
        }
    }

    async fn end_orphans(&self) -> Result<()> {
        let now = self.parts.runtime.now();
        let orphans = self.parts.store.read(move |db| claim::orphans(db, now, ORPHANS_MAX)).await?;
        for orphan in orphans {
            let ended = session::give_up(&self.parts, &orphan.claimed, Disposition::Interrupted).await?;
            tracing::warn!(call = %orphan.claimed.call, ?ended, "call {} was lost with its process", orphan.claimed.call);
        }
        Ok(())
    }

    async fn look_after(&mut self, company: CompanyId, task: TaskId) {
        for _ in 0..LOOKS_MAX {
            match self.look(company, task).await {
                Ok(Some(looked)) if looked.again => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%task, %error, "task {task} could not be looked at");
                    break;
                }
            }
        }
    }

    /// Moves a task on and starts what it may dial.
    async fn look(&mut self, company: CompanyId, task: TaskId) -> Result<Option<Looked>> {
        let now = self.parts.runtime.now();
        let room = self.parts.settings.calls_max.saturating_sub(self.in_progress);
        let look = Look {
            node: self.parts.lease.node(),
            now,
            civil: now.civil(&self.parts.settings.zone),
            hours: self.parts.settings.hours.clone(),
            claims_max: u32::try_from(room).unwrap_or(u32::MAX).min(CLAIMS_MAX),
        };
        let store = &self.parts.store;
        let asked = look.clone();
        if look.claims_max == 0 || !store.read(move |db| claim::has_work(db, company, task, &asked)).await? {
            return Ok(None);
        }
        let Some(looked) = store.write(company, move |db| claim::look(db, company, task, &look)).await? else {
            return Ok(None);
        };
        if let Some((status, reason)) = looked.moved {
            tracing::info!(%task, status = status.number(), ?reason, "task {task} is {}", status.label());
        }
        for claimed in &looked.blacklisted {
            session::give_up(&self.parts, claimed, Disposition::Blacklisted).await?;
        }
        for claimed in looked.claimed.iter().cloned() {
            self.start(claimed);
        }
        Ok(Some(looked))
    }

    fn start(&mut self, claimed: Claimed) {
        self.in_progress += 1;
        let (parts, ended) = (self.parts.clone(), self.ended.0.clone());
        self.parts.runtime.spawn(Box::pin(async move {
            session::run(parts, claimed.clone()).await;
            // The scheduler is gone only when the process is going.
            let _ = ended.send(claimed).await;
        }));
    }

    async fn drain(mut self) {
        let runtime = self.parts.runtime.clone();
        let _ = self.phase.send(Phase::Draining);
        let give_up_at = runtime.now().after(self.parts.settings.drain);
        while self.in_progress > 0 {
            if runtime.now() >= give_up_at && self.parts.phase.now() < Phase::HangingUp {
                tracing::warn!(calls = self.in_progress, "calls in progress are hung up");
                let _ = self.phase.send(Phase::HangingUp);
            }
            match self.woken().await {
                Woken::Ended(_) => self.in_progress -= 1,
                // Claimed but never dialled: it ends as lost, at once.
                Woken::Ordered(claimed) => {
                    if let Err(error) = session::give_up(&self.parts, &claimed, Disposition::Interrupted).await {
                        tracing::error!(call = %claimed.call, %error, "an ordered call could not be ended");
                    }
                }
                Woken::Tick | Woken::Changed => {
                    if runtime.now() >= self.next_renewal {
                        self.next_renewal = runtime.now().after(RENEWAL);
                        if let Err(error) = self.parts.lease.renew(&self.parts.store, &*runtime).await {
                            tracing::error!(%error, "the lease could not be prolonged");
                        }
                    }
                }
            }
        }
        if let Err(error) = self.parts.lease.end(&self.parts.store).await {
            tracing::warn!(%error, "the lease could not be given back; it ends by itself");
        }
    }
}
