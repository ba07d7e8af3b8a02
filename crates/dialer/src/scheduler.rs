//! The loop that keeps campaigns going: look at the companies, claim what their tasks may dial, start the calls.
//!
//! A company is looked at when something happens: a call of it has ended, a person has changed a task, or the moment has
//! come that the last look named (a window opens or closes, a redial is due, a line takes another call).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::select_all;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::rules::Rules;
use hutong_store::claim::{self, Claimed, Look, Looked, Moved};
use hutong_store::scenes::Scenes;
use hutong_store::{Result, Store, number, task};
use tokio::sync::{Notify, watch};

use crate::lease::{Lease, RENEWAL};
use crate::line::Line;
use crate::mind::Mind;
use crate::runtime::{BoxFuture, Runtime};
use crate::session;

/// How often every company with a task to be looked after is looked at, whatever happens: for what other processes did.
const TICK: Duration = Duration::from_secs(5);
/// When a company is looked at again whose look failed, or found no room in this process.
const RETRY: Duration = Duration::from_secs(1);
/// Calls claimed for a company in one transaction.
const STARTS_MAX: u32 = 256;
/// Looks at one company in a row before others have their turn.
const LOOKS_MAX: u32 = 16;
/// How often a process compares what it holds with what the store says that it holds.
const RECKONING: Duration = Duration::from_secs(30);
/// How often days are forgotten that no frequency cap looks at any more, and how many rows at a time.
const FORGETTING: Duration = Duration::from_secs(3600);
const FORGOTTEN_MAX: i64 = 5000;
/// Attempts of dead processes that are ended at a time.
const ORPHANS_MAX: i64 = 200;

/// What an operator configures about dialling.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What holds for all companies.
    pub rules: Arc<Rules>,
    /// Calls in progress in this process at once.
    pub calls_max: usize,
    /// How long calls may go on after a stop was asked for.
    pub drain: Duration,
    /// Seed for everything that happens by chance.
    pub seed: u64,
    /// Who is asked where the rules of a scene understand nothing; nobody, mostly.
    pub mind: Option<Arc<dyn Mind>>,
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
    /// Calls in progress in this process: the call and the number of its attempt.
    held: HashSet<(CallId, i64)>,
    next_renewal: Moment,
    next_tick: Moment,
    next_reckoning: Moment,
    next_forgetting: Moment,
    /// When companies are looked at next, as far as it is known.
    wakes: BTreeMap<CompanyId, Moment>,
}

/// Whether it is known that a look will find work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hope {
    /// It is to be asked first, on a reader.
    Unknown,
    /// A call has ended: its place is free.
    Likely,
}

/// What woke the scheduler.
enum Woken {
    /// A moment has come.
    Due,
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
        let next_tick = runtime.now();
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
        Ok(Self {
            parts: Arc::new(parts),
            phase,
            wake,
            orders,
            ended,
            held: HashSet::new(),
            next_renewal,
            next_tick,
            next_reckoning: next_tick.after(RECKONING),
            next_forgetting: next_tick,
            wakes: BTreeMap::new(),
        })
    }

    /// What every call of this scheduler needs.
    #[must_use]
    pub const fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// Runs until `stop` resolves and the calls in progress have ended, or were ended when their time was up.
    pub async fn run(mut self, stop: BoxFuture<'static, ()>) {
        let mut stop = stop.fuse();
        loop {
            self.look_at_what_is_due().await;
            let woken = futures::select_biased! {
                () = stop => break,
                woken = self.woken().fuse() => woken,
            };
            self.take(woken).await;
        }
        self.drain().await;
    }

    /// Runs until no task has anything left to dial: for campaigns in virtual time.
    pub async fn run_to_completion(mut self) {
        loop {
            self.look_at_what_is_due().await;
            let idle = self.held.is_empty()
                && self.parts.store.read(task::awake).await.is_ok_and(|companies| companies.is_empty());
            if idle {
                break;
            }
            let woken = self.woken().await;
            self.take(woken).await;
        }
        self.drain().await;
    }

    async fn woken(&self) -> Woken {
        let next = self.wakes.values().copied().chain([self.next_renewal, self.next_tick]).min();
        let waits: [BoxFuture<'_, Woken>; 4] = [
            Box::pin(self.ended.1.recv().map(|ended| ended.map_or(Woken::Due, Woken::Ended))),
            Box::pin(async {
                match self.orders.recv().await {
                    Ok(order) => Woken::Ordered(order),
                    // Nobody can order any more.
                    Err(_) => std::future::pending().await,
                }
            }),
            Box::pin(self.wake.notified().map(|()| Woken::Changed)),
            Box::pin(self.parts.runtime.sleep_until(next.unwrap_or(self.next_tick)).map(|()| Woken::Due)),
        ];
        select_all(waits).await.0
    }

    async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Due => {}
            Woken::Changed => self.next_tick = self.parts.runtime.now(),
            Woken::Ordered(claimed) => self.start(claimed),
            Woken::Ended(first) => {
                // Those that ended together are looked after together: one look at each company.
                let mut companies = BTreeSet::new();
                let mut ended = Some(first);
                while let Some(claimed) = ended {
                    self.held.remove(&(claimed.call, claimed.attempt_no));
                    companies.insert(claimed.company);
                    ended = self.ended.1.try_recv().ok();
                }
                for company in companies {
                    self.look_after(company, Hope::Likely).await;
                }
            }
        }
    }

    /// Looks at the companies whose time has come; on a tick at all of them.
    async fn look_at_what_is_due(&mut self) {
        let now = self.parts.runtime.now();
        self.renew_lease(now).await;
        if now >= self.next_tick {
            self.next_tick = now.after(TICK);
            if let Err(error) = self.end_orphans().await {
                tracing::error!(%error, "what dead processes left could not be ended");
            }
            if let Err(error) = self.end_unknown(now).await {
                tracing::error!(%error, "calls that this process does not know of could not be ended");
            }
            if let Err(error) = self.forget_days(now).await {
                tracing::error!(%error, "old days could not be forgotten");
            }
            match self.parts.store.read(task::awake).await {
                Ok(companies) => self.wakes = companies.into_iter().map(|company| (company, now)).collect(),
                Err(error) => {
                    tracing::error!(%error, "the tasks could not be read");
                    self.next_tick = now.after(RETRY);
                }
            }
        }
        let due: Vec<CompanyId> = self.wakes.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for company in due {
            self.look_after(company, Hope::Unknown).await;
        }
    }

    async fn renew_lease(&mut self, now: Moment) {
        if now < self.next_renewal {
            return;
        }
        let renewed = self.parts.lease.renew(&self.parts.store, &*self.parts.runtime).await;
        self.next_renewal = now.after(if renewed.is_ok() { RENEWAL } else { RETRY });
        if let Err(error) = renewed {
            tracing::error!(%error, "the lease could not be prolonged");
        }
    }

    async fn end_orphans(&self) -> Result<()> {
        let now = self.parts.runtime.now();
        let orphans = self.parts.store.read(move |db| claim::orphans(db, now, ORPHANS_MAX)).await?;
        for orphan in orphans {
            let ended = session::give_up(&self.parts, &orphan.claimed).await?;
            tracing::warn!(call = %orphan.claimed.call, ?ended, "call {} was lost with its process", orphan.claimed.call);
        }
        Ok(())
    }

    /// Ends what this process holds by the store and does not know of: claimed in a transaction that was committed, but
    /// whose answer got lost.
    async fn end_unknown(&mut self, now: Moment) -> Result<()> {
        if now < self.next_reckoning {
            return Ok(());
        }
        let node = self.parts.lease.node();
        // What was claimed a moment ago may still be on its way.
        let before = Moment(now.ms().saturating_sub(i64::try_from(RECKONING.as_millis()).unwrap_or(i64::MAX)));
        let held = self.parts.store.read(move |db| claim::held_by(db, node, before)).await?;
        for attempt in held.into_iter().filter(|attempt| !self.held.contains(attempt)) {
            let found = self.parts.store.read(move |db| claim::find_held(db, node, attempt)).await?;
            let Some(orphan) = found else { continue };
            let ended = session::give_up(&self.parts, &orphan.claimed).await?;
            tracing::warn!(call = %orphan.claimed.call, ?ended, "call {} was claimed without an answer", orphan.claimed.call);
        }
        self.next_reckoning = now.after(RECKONING);
        Ok(())
    }

    /// Forgets how often numbers were dialled on days that are over for every cap.
    async fn forget_days(&mut self, now: Moment) -> Result<()> {
        if now < self.next_forgetting {
            return Ok(());
        }
        let today = now.civil(&self.parts.settings.rules.zone).date();
        let forget = move |db: &mut hutong_store::Db| number::forget_old(db, today, FORGOTTEN_MAX);
        let forgotten = self.parts.store.write(CompanyId(0), forget).await?;
        let has_more = forgotten >= FORGOTTEN_MAX.unsigned_abs();
        self.next_forgetting = if has_more { now } else { now.after(FORGETTING) };
        Ok(())
    }

    /// Looks at a company for as long as that finds work, and notes when it is to be looked at again.
    async fn look_after(&mut self, company: CompanyId, mut hope: Hope) {
        let retry_at = self.parts.runtime.now().after(RETRY);
        for _ in 0..LOOKS_MAX {
            match self.look(company, hope).await {
                Ok(Looked { again: true, .. }) => hope = Hope::Likely,
                Ok(Looked { wakes, .. }) => {
                    match wakes {
                        Some(at) => self.wakes.insert(company, at),
                        None => self.wakes.remove(&company),
                    };
                    return;
                }
                Err(error) => {
                    tracing::error!(%company, %error, "the tasks of company {company} could not be looked at");
                    break;
                }
            }
        }
        self.wakes.insert(company, retry_at);
    }

    /// Moves the tasks of a company on and starts what they may dial.
    async fn look(&mut self, company: CompanyId, hope: Hope) -> Result<Looked> {
        let now = self.parts.runtime.now();
        let room = self.parts.settings.calls_max.saturating_sub(self.held.len());
        let look = Look {
            node: self.parts.lease.node(),
            now,
            rules: self.parts.settings.rules.clone(),
            starts_max: u32::try_from(room).unwrap_or(u32::MAX).min(STARTS_MAX),
        };
        if look.starts_max == 0 || !self.parts.lease.is_valid(look.node, now) {
            return Ok(Looked { wakes: Some(now.after(RETRY)), ..Looked::default() });
        }
        let store = &self.parts.store;
        if hope == Hope::Unknown {
            let asked = look.clone();
            let prospect = store.read(move |db| claim::prospect(db, company, &asked)).await?;
            if !prospect.has_work {
                return Ok(Looked { wakes: prospect.wakes, ..Looked::default() });
            }
        }
        let looked = store.write(company, move |db| claim::look(db, company, &look)).await?;
        for Moved { task, to, reason } in &looked.moves {
            tracing::info!(%task, status = to.number(), ?reason, "task {task} is {}", to.label());
        }
        for claimed in looked.claimed.iter().cloned() {
            self.start(claimed);
        }
        for claimed in looked.blacklisted.iter().cloned() {
            self.live(claimed.clone(), session::refuse(self.parts.clone(), claimed, Disposition::Blacklisted));
        }
        Ok(looked)
    }

    fn start(&mut self, claimed: Claimed) {
        self.live(claimed.clone(), session::run(self.parts.clone(), claimed));
    }

    /// Lets a claimed call live, and reports its end.
    fn live(&mut self, claimed: Claimed, life: impl Future<Output = ()> + Send + 'static) {
        self.held.insert((claimed.call, claimed.attempt_no));
        let ended = self.ended.0.clone();
        self.parts.runtime.spawn(Box::pin(async move {
            life.await;
            // The scheduler is gone only when the process is going.
            let _ = ended.send(claimed).await;
        }));
    }

    async fn drain(mut self) {
        let runtime = self.parts.runtime.clone();
        let _ = self.phase.send(Phase::Draining);
        let give_up_at = runtime.now().after(self.parts.settings.drain);
        // Nobody is looked at any more.
        self.wakes.clear();
        while !self.held.is_empty() {
            self.next_tick = runtime.now().after(RETRY);
            if runtime.now() >= give_up_at && self.parts.phase.now() < Phase::HangingUp {
                tracing::warn!(calls = self.held.len(), "calls in progress are hung up");
                let _ = self.phase.send(Phase::HangingUp);
            }
            match self.woken().await {
                Woken::Ended(claimed) => {
                    self.held.remove(&(claimed.call, claimed.attempt_no));
                }
                // Claimed but never dialled: it ends as lost, at once.
                Woken::Ordered(claimed) => {
                    self.live(claimed.clone(), session::refuse(self.parts.clone(), claimed, Disposition::Interrupted));
                }
                Woken::Due | Woken::Changed => self.renew_lease(runtime.now()).await,
            }
        }
        if let Err(error) = self.parts.lease.end(&self.parts.store).await {
            tracing::warn!(%error, "the lease could not be given back; it ends by itself");
        }
    }
}
