//! What was dialled, by the logs of all servers that ever were, against the attempts that are kept.
//!
//! A server says what it dials right before it does, with one write to a pipe: what a killed one has said is there.

use std::collections::{BTreeMap, HashMap};

use futures::executor::block_on;
use hutong_domain::outcome::Disposition;
use hutong_store::{Store, values};

use crate::campaign::Campaign;

/// Whether a line of a log says that a number is dialled.
pub(crate) fn is_dial(line: &str) -> bool {
    line.contains(" is dialled call=")
}

/// Whether a line of a log says that a call has ended.
pub(crate) fn is_end(line: &str) -> bool {
    line.contains(" ended call=")
}

/// Whether a line of a log says that a call of a dead process has ended.
pub(crate) fn is_loss(line: &str) -> bool {
    line.contains(" was lost with its process")
}

/// A call, and the number of an attempt at it.
type Key = (i64, i64);

/// All dials, each with the node that made it.
#[derive(Default)]
pub(crate) struct Ledger(HashMap<Key, i64>);

/// An attempt that is kept.
struct Attempt {
    key: Key,
    task: i64,
    node: i64,
    disposition: Option<Disposition>,
}

impl Ledger {
    /// Enters what a server has dialled in its life.
    ///
    /// # Panics
    /// When any of it was dialled before, or when the server met an error: that others die is none.
    pub(crate) fn enter(&mut self, log: &str) {
        assert_eq!(log.lines().find(|line| line.contains(" ERROR ")), None);
        for line in log.lines().filter(|line| is_dial(line)) {
            let field = |name: &str| -> i64 {
                let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line:?}"))
            };
            let (call, attempt, node) = (field("call"), field("attempt"), field("node"));
            if let Some(before) = self.0.insert((call, attempt), node) {
                panic!("attempt {attempt} of call {call} was dialled by node {before} and again by node {node}");
            }
        }
    }

    /// How many dials there were.
    pub(crate) fn dials(&self) -> usize {
        self.0.len()
    }

    /// Every dial was made on an attempt that is kept, by the node that holds it; every attempt that came to an end
    /// of its own was dialled; and no number was tried more often than its task allows. How many dials were lost.
    ///
    /// # Panics
    /// When that is not so.
    pub(crate) fn check(&self, store: &Store, campaign: &Campaign) -> usize {
        let attempts = attempts(store, campaign);
        let holders: HashMap<Key, i64> = attempts.iter().map(|attempt| (attempt.key, attempt.node)).collect();
        for (key, node) in &self.0 {
            assert_eq!(holders.get(key), Some(node), "who holds the attempt {key:?} that node {node} dialled");
        }
        let mut tried: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        let mut lost = 0;
        for Attempt { key, task, disposition, .. } in attempts {
            let disposition = disposition.unwrap_or_else(|| panic!("attempt {key:?} never ended"));
            let dialled = self.0.contains_key(&key);
            // Else the logs would not say all that was dialled, and the rest of this would prove nothing.
            assert!(dialled || disposition == Disposition::Interrupted, "{key:?} ended {disposition:?} without a dial");
            lost += usize::from(dialled && disposition == Disposition::Interrupted);
            let (tries, last) = tried.entry(key.0).or_default();
            (*tries, *last) = (*tries + 1, key.1.max(*last));
            assert!(*tries <= 1 + campaign.redials_max(task), "call {} was tried {tries} times", key.0);
        }
        for (call, (tries, last)) in tried {
            assert_eq!(tries, last, "the attempts at call {call} are numbered from 1 without gaps");
        }
        lost
    }
}

fn attempts(store: &Store, campaign: &Campaign) -> Vec<Attempt> {
    let company = campaign.company();
    let read = store.read(move |db| {
        db.query(
            "SELECT call_id, attempt_no, task_id, node_id, disposition FROM attempt WHERE company_id = ?1",
            values![company],
            |row| {
                Ok(Attempt {
                    key: (row.int(0)?, row.int(1)?),
                    task: row.int(2)?,
                    node: row.int(3)?,
                    disposition: row.text_or_null(4)?.and_then(|name| Disposition::from_name(&name)),
                })
            },
        )
    });
    block_on(read).expect("the store can be read")
}
