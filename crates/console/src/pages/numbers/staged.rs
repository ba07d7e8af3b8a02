//! Imports between their preview and their end: the numbers wait in memory, for whoever has looked at them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use hutong_domain::ids::{BlacklistGroupId, CompanyId};
use tokio::sync::Semaphore;

/// Imports that wait at once; the oldest is dropped for a newer one. Each is some 20 MB at most.
const STAGED_MAX: usize = 4;
/// Lists that are read at once; others wait.
const READ_MAX: usize = 2;

/// An import that was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    /// Names it in addresses; nobody can guess it.
    pub(super) token: String,
    pub(super) user: String,
    pub(super) company: CompanyId,
    pub(super) group: BlacklistGroupId,
    /// Numbers, each with a line feed after it.
    pub(super) numbers: String,
    /// Bytes of these that are done.
    pub(super) at: usize,
    pub(super) total: usize,
    pub(super) done: usize,
    /// Numbers that were new.
    pub(super) added: i64,
}

impl Staged {
    /// The next numbers, so many at most, and the bytes that they take.
    pub(super) fn next(&self, most: usize) -> (Vec<&str>, usize) {
        let rest = self.numbers.get(self.at..).unwrap_or_default();
        let numbers: Vec<&str> = rest.lines().take(most).collect();
        let bytes = numbers.iter().map(|number| number.len() + 1).sum();
        (numbers, bytes)
    }
}

/// All imports that wait.
#[derive(Debug)]
pub(crate) struct Imports {
    waiting: Mutex<VecDeque<Staged>>,
    pub(super) reading: Semaphore,
}

impl Default for Imports {
    fn default() -> Self {
        Self { waiting: Mutex::default(), reading: Semaphore::new(READ_MAX) }
    }
}

impl Imports {
    pub(super) fn put(&self, staged: Staged) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.len() >= STAGED_MAX {
            waiting.pop_front();
        }
        waiting.push_back(staged);
    }

    /// Takes one out: so no two requests put the same numbers in.
    pub(super) fn take(&self, token: &str, fits: impl Fn(&Staged) -> bool) -> Option<Staged> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|staged| staged.token == token && fits(staged))?;
        waiting.remove(at)
    }
}
