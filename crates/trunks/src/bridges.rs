//! How many calls of each line are bridged to a person: each takes a channel that no attempt accounts for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hutong_domain::ids::LineId;

/// The bridged calls of all lines.
#[derive(Default)]
pub(crate) struct Bridges {
    counts: Mutex<HashMap<LineId, u32>>,
}

/// The place of one bridged call; it is free again when this is dropped.
pub(crate) struct Place {
    bridges: Arc<Bridges>,
    line: LineId,
}

impl Bridges {
    /// Takes a place on a line, where fewer than `most` are taken.
    pub(crate) fn take(self: &Arc<Self>, line: LineId, most: u32) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(line).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { bridges: self.clone(), line })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.bridges.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.line) {
            *count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_so_many_places_and_no_other_line_takes_them() {
        let bridges = Arc::new(Bridges::default());
        let first = bridges.take(LineId(1), 2);
        let second = bridges.take(LineId(1), 2);
        assert!(first.is_some() && second.is_some());
        assert!(bridges.take(LineId(1), 2).is_none());
        assert!(bridges.take(LineId(2), 1).is_some());
        drop(first);
        assert!(bridges.take(LineId(1), 2).is_some());
        assert!(bridges.take(LineId(3), 0).is_none());
    }
}
