//! One thread of the engine, and the calls that are its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::call::{Call, Scratch};
use super::clock::Clock;
use crate::media::rtp::PACKET_BYTES_MAX;
use crate::media::stats::{Lateness, StreamStats};

/// Slots of a millisecond in the 20 ms of a frame.
const SLOTS: usize = 20;

/// The length of a slot.
const SLOT: Duration = Duration::from_millis(1);

/// How far behind a thread catches up; beyond that the machine stood still, and what was missed stays so.
const BEHIND_SLOTS_MAX: u64 = 1000;

/// How much a media thread goes before others of the process, as a nice value: the API and the store can wait for a
/// millisecond, a frame cannot.
const NICE: i32 = -10;

/// What a shard shares with those who open calls and read counts.
pub(super) struct ShardShared {
    arrivals: Mutex<Vec<Call>>,
    arrived: AtomicBool,
    pub(super) stop: AtomicBool,
    pub(super) open: AtomicUsize,
    pub(super) lateness: Lateness,
    pub(super) ticks: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) strangers: AtomicU64,
}

impl ShardShared {
    pub(super) fn new() -> Self {
        Self {
            arrivals: Mutex::default(),
            arrived: AtomicBool::default(),
            stop: AtomicBool::default(),
            open: AtomicUsize::default(),
            lateness: Lateness::new(),
            ticks: AtomicU64::default(),
            skipped: AtomicU64::default(),
            sent: AtomicU64::default(),
            received: AtomicU64::default(),
            lost: AtomicU64::default(),
            late: AtomicU64::default(),
            strangers: AtomicU64::default(),
        }
    }

    /// Hands a call over. The ports bound how many may wait.
    pub(super) fn adopt(&self, call: Call) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.arrived.store(true, Ordering::Release);
    }

    fn arrivals(&self) -> Vec<Call> {
        if !self.arrived.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what a call has more than it was counted with.
    fn count(&self, call: &mut Call) {
        let (now, before) = (call.stats(), std::mem::take(&mut call.counted));
        let add = |total: &AtomicU64, count: fn(&StreamStats) -> u64| {
            total.fetch_add(count(&now).saturating_sub(count(&before)), Ordering::Relaxed);
        };
        add(&self.sent, |stats| stats.sent);
        add(&self.received, |stats| stats.received);
        add(&self.lost, |stats| stats.lost);
        add(&self.late, |stats| stats.late);
        add(&self.strangers, |stats| stats.strangers);
        call.counted = now;
    }
}

/// Runs until it is told to stop.
pub(super) fn run(shared: &ShardShared, clock: Clock) {
    // Linux takes a nice value for the calling thread alone. It is given to root, or up to the limit (LimitNICE of systemd).
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "media threads have no precedence: under load, frames may be late");
    }
    let mut slots: [Vec<Call>; SLOTS] = std::array::from_fn(|_| Vec::new());
    let mut scratch: Scratch = [0; PACKET_BYTES_MAX];
    // The number of the slot whose time comes next, counted from the engine's start.
    let mut turn = 0;
    while !shared.stop.load(Ordering::Acquire) {
        for call in shared.arrivals() {
            if let Some(slot) = slots.iter_mut().min_by_key(|slot| slot.len()) {
                slot.push(call);
            }
        }
        let now = clock.now();
        let passed = u64::try_from(now.as_micros() / SLOT.as_micros()).unwrap_or(u64::MAX);
        let Some(next) = next_turn(&slots, turn) else {
            std::thread::park();
            continue;
        };
        turn = next;
        if passed.saturating_sub(turn) > BEHIND_SLOTS_MAX {
            // An idle thread comes by here too, when its first call arrives.
            let open = slots.iter().map(Vec::len).sum::<usize>() as u64;
            let missed = (passed - turn) / SLOTS as u64;
            let working = shared.ticks.load(Ordering::Relaxed) > 0 && open > 1;
            shared.skipped.fetch_add(if working { missed * open } else { 0 }, Ordering::Relaxed);
            turn = passed;
            continue;
        }
        let due = SLOT * u32::try_from(turn).unwrap_or(u32::MAX);
        if now < due {
            std::thread::park_timeout(due - now);
            continue;
        }
        serve(shared, &clock, &mut slots[place(turn)], due, &mut scratch);
        turn += 1;
    }
    let now = clock.now();
    for call in slots.into_iter().flatten().chain(shared.arrivals()) {
        end(shared, call, now, &clock);
    }
}

/// Ticks all calls of a slot whose time has come.
fn serve(shared: &ShardShared, clock: &Clock, slot: &mut Vec<Call>, due: Duration, scratch: &mut Scratch) {
    let mut at = 0;
    while let Some(call) = slot.get_mut(at) {
        let now = clock.now();
        if call.closed() {
            end(shared, slot.swap_remove(at), now, clock);
            continue;
        }
        shared.lateness.count(now.saturating_sub(due));
        let wall = clock.wall(now);
        // A panic, as in a tap, ends its own call and not the others of the thread. Nothing of the call is used again.
        if catch_unwind(AssertUnwindSafe(|| call.tick(now, wall, scratch))).is_err() {
            tracing::error!("the media of a call ended in a panic");
            shared.open.fetch_sub(1, Ordering::Relaxed);
            drop(slot.swap_remove(at));
            continue;
        }
        shared.count(call);
        at += 1;
    }
    shared.ticks.fetch_add(at as u64, Ordering::Relaxed);
}

fn end(shared: &ShardShared, mut call: Call, now: Duration, clock: &Clock) {
    shared.count(&mut call);
    shared.open.fetch_sub(1, Ordering::Relaxed);
    call.close(now, clock.wall(now));
}

/// The first slot from `turn` on that has calls; None if there are none at all.
fn next_turn(slots: &[Vec<Call>; SLOTS], turn: u64) -> Option<u64> {
    (turn..turn + SLOTS as u64).find(|turn| !slots[place(*turn)].is_empty())
}

fn place(turn: u64) -> usize {
    usize::try_from(turn % SLOTS as u64).unwrap_or(0)
}
