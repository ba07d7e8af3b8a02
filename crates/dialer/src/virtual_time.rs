//! Virtual time: a clock that stands still while anything can be done, and then jumps to the next moment
//! that anything waits for. One thread, one order of events: the same start gives the same run.
//!
//! Several *processes* can live in it side by side, and be hurt: crashed, frozen, or given a clock that is wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::channel::oneshot;
use hutong_domain::moment::{Clock, Moment};

use crate::runtime::{BoxFuture, Runtime};

/// A process in virtual time, and the time itself: the first process begins it, others join with
/// [`VirtualRuntime::process`].
///
/// It goes with a store that runs on the caller's thread: a store with threads of its own would be waited for by nobody.
#[derive(Clone)]
pub struct VirtualRuntime {
    world: Arc<World>,
    process: ProcessId,
}

type ProcessId = usize;
type TaskId = u64;

struct World {
    state: Mutex<State>,
    woken: Arc<Mutex<VecDeque<TaskId>>>,
}

struct State {
    /// The true time.
    now: Moment,
    /// By moment, then in the order in which the waits began.
    timers: BTreeMap<(Moment, u64), Timer>,
    timers_begun: u64,
    tasks: BTreeMap<TaskId, Task>,
    tasks_begun: TaskId,
    processes: Vec<Process>,
}

struct Timer {
    process: ProcessId,
    fire: oneshot::Sender<()>,
}

struct Task {
    process: ProcessId,
    waker: Waker,
    queued: Arc<AtomicBool>,
    /// Taken out while it is polled.
    future: Option<BoxFuture<'static, ()>>,
}

#[derive(Default)]
struct Process {
    /// Milliseconds by which its clock is ahead of the true time.
    clock_error_ms: i64,
    frozen: bool,
    /// What would have run while it was frozen, in order.
    held_back: VecDeque<TaskId>,
}

/// Puts a task into the queue of those that can go on, once.
struct Wakening {
    task: TaskId,
    queued: Arc<AtomicBool>,
    woken: Arc<Mutex<VecDeque<TaskId>>>,
}

impl Wake for Wakening {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            lock(&self.woken).push_back(self.task);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VirtualRuntime {
    /// A time that begins at `start`, with one process in it.
    #[must_use]
    pub fn new(start: Moment) -> Self {
        let state = State {
            now: start,
            timers: BTreeMap::new(),
            timers_begun: 0,
            tasks: BTreeMap::new(),
            tasks_begun: 0,
            processes: vec![Process::default()],
        };
        Self { world: Arc::new(World { state: Mutex::new(state), woken: Arc::default() }), process: 0 }
    }

    /// Another process in the same time.
    #[must_use]
    pub fn process(&self) -> Self {
        let mut state = lock(&self.world.state);
        state.processes.push(Process::default());
        Self { world: self.world.clone(), process: state.processes.len() - 1 }
    }

    /// The true time, whatever this process's clock shows.
    #[must_use]
    pub fn true_time(&self) -> Moment {
        lock(&self.world.state).now
    }

    /// Runs `main` to its end, and beside it everything that is spawned. None when everything waits for something that
    /// cannot come. What still runs at the end waits for the next run.
    pub fn run<T: Send + 'static>(&self, main: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (ended, mut end) = oneshot::channel();
        self.spawn(Box::pin(async move {
            // The receiver lives as long as this function.
            let _ = ended.send(main.await);
        }));
        loop {
            if let Ok(Some(value)) = end.try_recv() {
                return Some(value);
            }
            if !self.step() {
                return None;
            }
        }
    }

    /// Lets one task go on, or the clock jump to the next moment that anything waits for; false when nothing is left
    /// to wait for.
    pub fn step(&self) -> bool {
        let next = lock(&self.world.woken).pop_front();
        match next {
            Some(task) => {
                self.poll(task);
                true
            }
            None => self.jump(),
        }
    }

    fn poll(&self, id: TaskId) {
        let mut state = lock(&self.world.state);
        // It may have ended, or died with its process.
        let Some(task) = state.tasks.get_mut(&id) else { return };
        let process = task.process;
        let (waker, queued, future) = (task.waker.clone(), task.queued.clone(), task.future.take());
        if state.processes.get(process).is_some_and(|process| process.frozen) {
            if let Some(task) = state.tasks.get_mut(&id) {
                task.future = future;
            }
            if let Some(process) = state.processes.get_mut(process) {
                process.held_back.push_back(id);
            }
            return;
        }
        drop(state);
        let Some(mut future) = future else { return };
        queued.store(false, Ordering::Release);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut state = lock(&self.world.state);
        match polled {
            Poll::Ready(()) => {
                state.tasks.remove(&id);
            }
            Poll::Pending => {
                if let Some(task) = state.tasks.get_mut(&id) {
                    task.future = Some(future);
                    return;
                }
            }
        }
        drop(state);
        // Ended, or crashed itself: what it holds is dropped outside the lock.
    }

    /// Moves the clock to the next moment that anything waits for; false when nothing waits.
    fn jump(&self) -> bool {
        let mut state = lock(&self.world.state);
        let Some(((at, _), timer)) = state.timers.pop_first() else { return false };
        state.now = state.now.max(at);
        drop(state);
        // Whoever waited may have gone away.
        let _ = timer.fire.send(());
        true
    }

    /// Ends everything that this process does, at once and in the middle: nothing of it runs any more, and nothing
    /// that it waits for wakes anything. What it spawns afterwards is a new life of the same process.
    pub fn crash(&self) {
        let mut state = lock(&self.world.state);
        let dead: BTreeSet<TaskId> =
            state.tasks.iter().filter(|(_, task)| task.process == self.process).map(|(id, _)| *id).collect();
        let tasks: Vec<Task> = dead.iter().filter_map(|id| state.tasks.remove(id)).collect();
        state.timers.retain(|_, timer| timer.process != self.process);
        if let Some(process) = state.processes.get_mut(self.process) {
            process.held_back.clear();
            process.frozen = false;
        }
        drop(state);
        // Outside the lock: what they hold may wake others.
        drop(tasks);
    }

    /// Lets nothing of this process run until [`VirtualRuntime::thaw`], while time goes on for others.
    pub fn freeze(&self) {
        if let Some(process) = lock(&self.world.state).processes.get_mut(self.process) {
            process.frozen = true;
        }
    }

    /// Lets this process go on where it was; what it waited for meanwhile has come.
    pub fn thaw(&self) {
        let mut state = lock(&self.world.state);
        if let Some(process) = state.processes.get_mut(self.process) {
            process.frozen = false;
            lock(&self.world.woken).append(&mut process.held_back);
        }
    }

    /// Sets this process's clock ahead of the true time, or behind it. What it waits for already is not moved.
    pub fn set_clock_error(&self, error_ms: i64) {
        if let Some(process) = lock(&self.world.state).processes.get_mut(self.process) {
            process.clock_error_ms = error_ms;
        }
    }
}

impl State {
    fn clock_error_ms(&self, process: ProcessId) -> i64 {
        self.processes.get(process).map_or(0, |process| process.clock_error_ms)
    }
}

impl Clock for VirtualRuntime {
    fn now(&self) -> Moment {
        let state = lock(&self.world.state);
        Moment(state.now.ms().saturating_add(state.clock_error_ms(self.process)))
    }
}

impl Runtime for VirtualRuntime {
    fn sleep_until(&self, at: Moment) -> BoxFuture<'static, ()> {
        let mut state = lock(&self.world.state);
        let (fire, fired) = oneshot::channel();
        let order = state.timers_begun;
        state.timers_begun += 1;
        let shown = Moment(state.now.ms().saturating_add(state.clock_error_ms(self.process)));
        let at = state.now.after(at.since(shown));
        state.timers.insert((at, order), Timer { process: self.process, fire });
        Box::pin(async move {
            // An error means that the process is gone, and this future with it.
            let _ = fired.await;
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut state = lock(&self.world.state);
        let id = state.tasks_begun;
        state.tasks_begun += 1;
        let queued = Arc::new(AtomicBool::new(false));
        let wakening = Wakening { task: id, queued: queued.clone(), woken: self.world.woken.clone() };
        let waker = Waker::from(Arc::new(wakening));
        let task = Task { process: self.process, waker: waker.clone(), queued, future: Some(task) };
        state.tasks.insert(id, task);
        drop(state);
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Seen = Arc<Mutex<Vec<(&'static str, i64)>>>;

    /// Notes its name every second, by its own clock.
    fn tick(process: &VirtualRuntime, name: &'static str, seen: &Seen) {
        let (clock, seen) = (process.clone(), seen.clone());
        process.spawn(Box::pin(async move {
            loop {
                sleep(&clock, 1).await;
                lock(&seen).push((name, clock.now().ms() / 1000));
            }
        }));
    }

    async fn sleep(process: &VirtualRuntime, seconds: u64) {
        process.sleep_until(process.now().after(Duration::from_secs(seconds))).await;
    }

    fn ticks(seen: &Seen, name: &str) -> Vec<i64> {
        lock(seen).iter().filter(|(of, _)| *of == name).map(|(_, at)| *at).collect()
    }

    #[test]
    fn a_day_passes_in_a_moment_and_in_order() {
        let runtime = VirtualRuntime::new(Moment(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        for hours in [3, 1, 2] {
            let (clock, seen) = (runtime.clone(), seen.clone());
            runtime.spawn(Box::pin(async move {
                sleep(&clock, hours * 3600).await;
                lock(&seen).push(clock.now());
            }));
        }
        let clock = runtime.clone();
        assert_eq!(runtime.run(async move { sleep(&clock, 86_400).await }), Some(()));
        assert_eq!(*lock(&seen), [1, 2, 3].map(|hours| Moment(hours * 3_600_000)));
    }

    #[test]
    fn waiting_for_nothing_ends_the_run() {
        assert_eq!(VirtualRuntime::new(Moment(0)).run(std::future::pending::<()>()), None);
    }

    #[test]
    fn a_crash_ends_what_a_process_does_and_nothing_else() {
        let first = VirtualRuntime::new(Moment(0));
        let (second, seen) = (first.process(), Seen::default());
        tick(&first, "first", &seen);
        tick(&second, "second", &seen);
        let (main, victim, again) = (first.clone(), second.clone(), seen.clone());
        first.run(async move {
            sleep(&main, 2).await;
            victim.crash();
            sleep(&main, 2).await;
            tick(&victim, "second", &again);
            sleep(&main, 2).await;
        });
        // Of waits that end at the same moment, the one that began first goes first: main's.
        assert_eq!(ticks(&seen, "first"), [1, 2, 3, 4, 5]);
        assert_eq!(ticks(&seen, "second"), [1, 5]);
    }

    #[test]
    fn a_process_can_crash_itself() {
        let first = VirtualRuntime::new(Moment(0));
        let second = first.process();
        let (victim, seen) = (second.clone(), Seen::default());
        let note = seen.clone();
        second.spawn(Box::pin(async move {
            victim.crash();
            sleep(&victim, 1).await;
            lock(&note).push(("survived", 0));
        }));
        let main = first.clone();
        first.run(async move { sleep(&main, 9).await });
        assert_eq!(*lock(&seen), []);
    }

    #[test]
    fn a_frozen_process_wakes_late_and_goes_on() {
        let first = VirtualRuntime::new(Moment(0));
        let (second, seen) = (first.process(), Seen::default());
        tick(&second, "second", &seen);
        let (main, victim) = (first.clone(), second.clone());
        first.run(async move {
            sleep(&main, 2).await;
            victim.freeze();
            sleep(&main, 3).await;
            victim.thaw();
            sleep(&main, 2).await;
        });
        assert_eq!(ticks(&seen, "second"), [1, 5, 6]);
    }

    #[test]
    fn a_wrong_clock_shows_another_time_and_waits_as_long() {
        let first = VirtualRuntime::new(Moment(0));
        let (second, seen) = (first.process(), Seen::default());
        second.set_clock_error(3_600_000);
        tick(&second, "second", &seen);
        let main = first.clone();
        first.run(async move { sleep(&main, 2).await });
        assert_eq!(ticks(&seen, "second"), [3601]);
        assert_eq!((first.true_time(), second.true_time()), (Moment(2000), Moment(2000)));
    }
}
