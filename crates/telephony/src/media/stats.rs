//! What is counted of each stream, and of the engine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::codec::Codec;
use super::reports::RemoteReport;

/// Counts of one call's packets since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamStats {
    /// Packets sent.
    pub sent: u64,
    /// Valid packets of the far side.
    pub received: u64,
    /// Packets whose turn came before they did.
    pub lost: u64,
    /// Packets that came after their turn; they are among `lost` too.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Frames in which something had to be made up.
    pub concealed: u64,
    /// Frames left out for the sake of less delay.
    pub discarded: u64,
    /// Packets of other sources, or of other streams than the one that is heard.
    pub strangers: u64,
    /// Packets that are not RTP, of formats that were not agreed on, or not authentic.
    pub invalid: u64,
    /// Packets before anything was agreed on.
    pub early: u64,
    /// Packets that the system refused to send.
    pub unsent: u64,
    /// Frames and digits that nobody took in time from `Events`.
    pub unheard: u64,
    /// Mean deviation of the far side's packets from their times, seen at our ticks of 20 ms.
    pub jitter: Duration,
    /// What the far side reported last.
    pub remote: Option<RemoteReport>,
    /// Whether the far side's reports said that it leaves.
    pub bye: bool,
    /// What we send.
    pub codec: Option<Codec>,
}

/// Counts of all calls since the engine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineStats {
    /// Calls that are open.
    pub open: u64,
    /// Frames of 20 ms, of all calls.
    pub ticks: u64,
    /// Ticks that were given up because the machine stood still.
    pub skipped: u64,
    /// How late half of the ticks were at most.
    pub late_p50: Duration,
    /// How late 99 of 100 ticks were at most.
    pub late_p99: Duration,
    /// How late the latest tick was.
    pub late_max: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Valid packets received.
    pub received: u64,
    /// Packets lost.
    pub lost: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets of strangers.
    pub strangers: u64,
}

/// Widths of the histogram of lateness.
const BUCKET: Duration = Duration::from_micros(100);

/// Up to 50 ms; the last one has all above.
const BUCKETS: usize = 500;

/// How late ticks are, as counts in buckets. Written by one thread, read by any.
pub(crate) struct Lateness {
    buckets: Box<[AtomicU64]>,
    max_micros: AtomicU64,
}

impl Lateness {
    pub(crate) fn new() -> Self {
        Self {
            buckets: std::iter::repeat_with(AtomicU64::default).take(BUCKETS).collect(),
            max_micros: AtomicU64::default(),
        }
    }

    pub(crate) fn count(&self, late: Duration) {
        let bucket = usize::try_from(late.as_micros() / BUCKET.as_micros()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.max_micros.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_micros(self.max_micros.load(Ordering::Relaxed))
    }
}

/// The lateness that `share` in 1000 of all ticks keep to.
pub(crate) fn quantile<'a>(all: &(impl Iterator<Item = &'a Lateness> + Clone), share: u64) -> Duration {
    let sums: Vec<u64> = (0..BUCKETS)
        .map(|at| all.clone().filter_map(|one| one.buckets.get(at)).map(|count| count.load(Ordering::Relaxed)).sum())
        .collect();
    let total: u64 = sums.iter().sum();
    let mut seen = 0;
    let place = sums.iter().position(|count| {
        seen += count;
        seen * 1000 >= total * share
    });
    match place {
        Some(bucket) if total > 0 => BUCKET * u32::try_from(bucket + 1).unwrap_or(u32::MAX),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_upper_ends_of_their_buckets() {
        let (one, two) = (Lateness::new(), Lateness::new());
        let all = || [&one, &two].into_iter();
        assert_eq!(quantile(&all(), 990), Duration::ZERO);
        for micros in 0..100 {
            one.count(Duration::from_micros(micros));
        }
        for _ in 0..98 {
            two.count(Duration::from_micros(1250));
        }
        two.count(Duration::from_secs(3));
        two.count(Duration::from_micros(2000));
        assert_eq!(quantile(&all(), 500), Duration::from_micros(100));
        assert_eq!(quantile(&all(), 990), Duration::from_micros(1300));
        assert_eq!(quantile(&all(), 1000), Duration::from_millis(50));
        assert_eq!(two.max(), Duration::from_secs(3));
    }
}
