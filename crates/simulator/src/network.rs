//! The telephone network of a simulation: what was really dialled, whatever the store says.

use std::sync::{Arc, Mutex, PoisonError};

use hutong_dialer::Runtime;
use hutong_dialer::line::{Line, LiveCall};
use hutong_dialer::simulated::SimulatedLine;
use hutong_domain::moment::Moment;
use hutong_store::claim::Claimed;

/// A number was dialled.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// The true time.
    pub at: Moment,
    /// The time on the clock of the process that dialled.
    pub clock: Moment,
    /// What the process believed to have claimed.
    pub claimed: Claimed,
}

/// Everything that was dialled and not looked at yet.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Mutex<Vec<Dialled>>>);

impl Network {
    /// What was dialled since this was asked last.
    #[must_use]
    pub fn take(&self) -> Vec<Dialled> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, dialled: Dialled) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(dialled);
    }
}

/// The line of a process: callees are those of the product's simulated line.
pub(crate) struct NetworkLine {
    callees: SimulatedLine,
    network: Network,
    true_time: Arc<dyn Runtime>,
    clock: Arc<dyn Runtime>,
    /// Dials every number twice: to see that it is noticed.
    twice: bool,
}

impl NetworkLine {
    pub(crate) fn new(
        network: Network,
        (true_time, clock): (Arc<dyn Runtime>, Arc<dyn Runtime>),
        seed: u64,
        twice: bool,
    ) -> Self {
        Self { callees: SimulatedLine::new(clock.clone(), seed), network, true_time, clock, twice }
    }
}

impl Line for NetworkLine {
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall> {
        for _ in 0..=usize::from(self.twice) {
            let (at, clock) = (self.true_time.now(), self.clock.now());
            self.network.note(Dialled { at, clock, claimed: claimed.clone() });
        }
        self.callees.dial(claimed)
    }
}
