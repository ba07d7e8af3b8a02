//! An integrator that follows the feeds the whole time, whatever happens to the servers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hutong_e2e::Client;
use hutong_e2e::follower::Follower;
use hutong_e2e::wait::{pause, until};

/// Follows the feeds of tasks on a thread of its own until it is stopped.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Vec<Follower>>>,
}

struct Shared {
    /// Of the servers that are there, each asked in its turn.
    clients: Mutex<Vec<Client>>,
    calls: AtomicUsize,
    stopped: AtomicBool,
}

impl Reader {
    pub(crate) fn start(tasks: impl Iterator<Item = i64>, clients: Vec<Client>) -> Self {
        let clients = Mutex::new(clients);
        let shared = Arc::new(Shared { clients, calls: AtomicUsize::new(0), stopped: AtomicBool::new(false) });
        let followers = tasks.map(Follower::new).collect();
        let reading = shared.clone();
        Self { shared, thread: Some(std::thread::spawn(move || reading.follow(followers))) }
    }

    /// These servers are there now.
    pub(crate) fn ask(&self, clients: Vec<Client>) {
        *self.shared.clients.lock().unwrap() = clients;
    }

    /// Waits until so many more calls were read.
    pub(crate) fn wait_for(&self, calls: usize) {
        let wanted = self.shared.calls.load(Ordering::SeqCst) + calls;
        until("calls are read from the feeds", || {
            assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "the reader goes on");
            (self.shared.calls.load(Ordering::SeqCst) >= wanted).then_some(())
        });
    }

    /// What it has read of each task.
    pub(crate) fn stop(mut self) -> Vec<Follower> {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn follow(&self, mut followers: Vec<Follower>) -> Vec<Follower> {
        for turn in 0.. {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            for follower in &mut followers {
                let client = {
                    let clients = self.clients.lock().unwrap();
                    clients.get(turn % clients.len().max(1)).cloned()
                };
                // An error is a server that is gone: the next round asks another, or the one that took its place.
                let Some(client) = client else { continue };
                while follower.try_poll(&client).unwrap_or(false) {}
            }
            self.calls.store(followers.iter().map(|follower| follower.calls.len()).sum(), Ordering::SeqCst);
            pause();
        }
        followers
    }
}
