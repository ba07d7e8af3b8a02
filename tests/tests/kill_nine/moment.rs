//! The moments at which servers are killed.

use hutong_e2e::Server;
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::ledger::{is_dial, is_end, is_loss};
use crate::reader::Reader;

/// What is waited for before a kill.
#[derive(Debug)]
pub(crate) enum Moment {
    /// So many more lines of the server's log that say that a call was dialled, ended, or was lost with its process:
    /// a restarted server begins with the lost ones and dials the next. With 0 it dies as soon as it serves.
    Steps(usize),
    /// The ends of so many more calls of its own.
    Ends(usize),
    /// So many more calls in the feeds.
    Reads(usize),
}

impl Moment {
    pub(crate) fn by_chance(chance: &mut StdRng) -> Self {
        match chance.random_range(0..20) {
            0..4 => Self::Steps(0),
            4..12 => Self::Steps(chance.random_range(1..8)),
            12..15 => Self::Steps(chance.random_range(8..32)),
            15..18 => Self::Ends(chance.random_range(1..4)),
            _ => Self::Reads(chance.random_range(1..12)),
        }
    }

    pub(crate) fn wait_for(&self, server: &Server, reader: &Reader) {
        match *self {
            Self::Steps(steps) => server.wait_for_log(steps, |line| is_dial(line) || is_end(line) || is_loss(line)),
            Self::Ends(ends) => server.wait_for_log(ends, is_end),
            Self::Reads(calls) => reader.wait_for(calls),
        }
    }
}
