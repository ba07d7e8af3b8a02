//! What a running program says, kept as it comes; waiting for a line is waiting for an event.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::wait::BOUND;

/// The lines that a program has written so far.
#[derive(Clone, Default)]
pub struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    text: String,
    ended: bool,
}

impl Output {
    /// Reads `stream` to its end, on a thread of its own.
    #[must_use]
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let written = output.clone();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
                written.change(|state| state.text.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
            written.change(|state| state.ended = true);
        });
        output
    }

    /// All that was written so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Waits for a line in which `find` finds something; none when the program ended without one, or
    /// said nothing of the kind within [`BOUND`].
    pub fn find<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = |state: &State| state.text.lines().find_map(&find);
        let waited =
            self.0.changed.wait_timeout_while(self.lock(), BOUND, |state| !state.ended && found(state).is_none());
        let (state, _) = waited.expect("no thread panics while it holds the lock");
        found(&state)
    }

    /// Waits until the program has written so many lines that fit; whether it has, before it ended and
    /// within [`BOUND`].
    #[must_use]
    pub fn wait_for(&self, lines: usize, fits: impl Fn(&str) -> bool) -> bool {
        let written = |state: &State| state.text.lines().filter(|line| fits(line)).count() >= lines;
        let waited = self.0.changed.wait_timeout_while(self.lock(), BOUND, |state| !state.ended && !written(state));
        let (state, _) = waited.expect("no thread panics while it holds the lock");
        written(&state)
    }

    /// Waits until the program has closed the stream; whether it did within [`BOUND`].
    #[must_use]
    pub fn wait_for_end(&self) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.lock(), BOUND, |state| !state.ended);
        let (state, _) = waited.expect("no thread panics while it holds the lock");
        state.ended
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no thread panics while it holds the lock")
    }
}
