//! The lease of this process: without a valid one it dials nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hutong_domain::ids::NodeId;
use hutong_domain::moment::{CLOCK_MARGIN, Clock, Moment};
use hutong_store::{Result, Store, node};

/// How long a lease lasts without being prolonged. After that, others end what this process held.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often it is prolonged.
pub const RENEWAL: Duration = Duration::from_secs(4);

/// The lease of this process, as it knows it.
#[derive(Debug)]
pub struct Lease {
    node: AtomicI64,
    until: AtomicI64,
}

impl Lease {
    /// Registers this process. `exclusive` says that no other can be using the store: whatever others held
    /// is free at once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(store: &Store, clock: &dyn Clock, exclusive: bool) -> Result<Self> {
        let until = clock.now().after(LEASE);
        let node = register(store, clock.now(), until, exclusive).await?;
        Ok(Self { node: AtomicI64::new(node.get()), until: AtomicI64::new(until.ms()) })
    }

    /// The process's id in the store.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(self.node.load(Ordering::Acquire))
    }

    /// Whether this process may dial what it has claimed as `node`. It stops before its lease ends: others judge the end
    /// by their own clocks.
    #[must_use]
    pub fn is_valid(&self, node: NodeId, now: Moment) -> bool {
        node == self.node() && now.after(CLOCK_MARGIN).ms() < self.until.load(Ordering::Acquire)
    }

    /// Prolongs the lease. One that ran out is not taken up again: this process goes on under a new id, and
    /// what it held under the old one is ended by whoever finds it.
    ///
    /// # Errors
    /// When the store fails; the lease then runs out by itself.
    pub async fn renew(&self, store: &Store, clock: &dyn Clock) -> Result<()> {
        let (node, now) = (self.node(), clock.now());
        let until = now.after(LEASE);
        let renewed =
            store.write(hutong_domain::ids::CompanyId(0), move |db| node::renew(db, node, now, until)).await?;
        if !renewed {
            let fresh = register(store, now, until, false).await?;
            tracing::warn!(old = %node, new = %fresh, "the lease had run out; calls claimed under it are given up");
            self.node.store(fresh.get(), Ordering::Release);
        }
        self.until.store(until.ms(), Ordering::Release);
        Ok(())
    }

    /// Gives the lease back, so that nobody has to wait for its end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&self, store: &Store) -> Result<()> {
        self.until.store(0, Ordering::Release);
        let node = self.node();
        store.write(hutong_domain::ids::CompanyId(0), move |db| node::release(db, node)).await
    }
}

async fn register(store: &Store, now: Moment, until: Moment, exclusive: bool) -> Result<NodeId> {
    store
        .write(hutong_domain::ids::CompanyId(0), move |db| {
            let node = node::register(db, now, until)?;
            if exclusive {
                node::release_others(db, node)?;
            }
            Ok(node)
        })
        .await
}
