//! Exact counts of the calls that wait, block by block: what lets a page be found without walking to it.
//!
//! Small blocks are counted, and large ones of [`PARTS`] small ones each: so neither the blocks before a page nor the
//! calls before it in its block are many. The counts change in the transactions that change the fact, all of which
//! hold the lock of the task's row.

use std::collections::BTreeMap;

use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;

use crate::db::{Db, Value};
use crate::error::{Error, Result};
use crate::values;

/// Import numbers of a small block: a page walks over so many entries of the index at most.
pub const IMPORTS_PER_BLOCK: i64 = 512;
/// Milliseconds of a small block of redials.
pub const REDIAL_BLOCK_MS: i64 = 60_000;
/// Small blocks of a large one.
pub const PARTS: i64 = 64;

/// Kept as `waiting_block.level`.
const SMALL: i64 = 0;
const LARGE: i64 = 1;

/// The small block that a waiting call is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    status: i64,
    number: i64,
}

impl Block {
    /// The block of a call; none when it does not wait, or when its place among the numbers never dialled is not
    /// that of its import: such are few, and not counted.
    fn of(status: CallStatus, due_at: Moment, import_no: i64) -> Option<Self> {
        let number = match status {
            CallStatus::NotStarted if due_at == Moment(0) => import_no.div_euclid(IMPORTS_PER_BLOCK),
            CallStatus::AwaitingRedial => due_at.ms().div_euclid(REDIAL_BLOCK_MS),
            _ => return None,
        };
        Some(Self { status: status.number(), number })
    }
}

/// How many calls wait in a block, or begin to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// 0 for a small block, 1 for a large one.
    pub level: i64,
    /// The status of its calls, as it is kept.
    pub status: i64,
    /// Its number among the blocks of this level and status.
    pub block: i64,
    /// How many.
    pub calls: i64,
}

/// What a transaction changes in the counts of one task.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<Block, i64>);

impl Changes {
    /// A call with this status, due moment and import number begins to wait (`by` = 1), or waits no more (-1).
    pub fn add(&mut self, (status, due_at, import_no): (CallStatus, Moment, i64), by: i64) {
        if let Some(block) = Block::of(status, due_at, import_no) {
            *self.0.entry(block).or_default() += by;
        }
    }

    /// So many numbers were imported, the first of them with this import number.
    pub fn add_imported(&mut self, first: i64, count: i64) {
        let mut from = first;
        while from < first + count {
            let next_block = (from.div_euclid(IMPORTS_PER_BLOCK) + 1) * IMPORTS_PER_BLOCK;
            let until = next_block.min(first + count);
            self.add((CallStatus::NotStarted, Moment(0), from), until - from);
            from = until;
        }
    }

    /// What changes in the blocks, small and large, in the order of the table's key.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        let mut by = BTreeMap::<_, i64>::new();
        for (block, change) in &self.0 {
            *by.entry((SMALL, block.status, block.number)).or_default() += change;
            *by.entry((LARGE, block.status, block.number.div_euclid(PARTS))).or_default() += change;
        }
        let counts = by.into_iter().map(|((level, status, block), calls)| Count { level, status, block, calls });
        counts.filter(|count| count.calls != 0).collect()
    }

    /// Writes them; the task's row must be locked.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when more calls would leave a block than it has; or when the store fails.
    pub fn write(&self, db: &mut Db, company: CompanyId, task: TaskId) -> Result<()> {
        for (Block { status, number }, by) in self.0.iter().filter(|(_, by)| **by != 0) {
            // Both levels at once: a redial costs PostgreSQL one statement more, not two.
            let waiting = db.query(
                "INSERT INTO waiting_block (company_id, task_id, status, level, block, waiting)
                 VALUES (?1, ?2, ?3, 0, ?4, ?6), (?1, ?2, ?3, 1, ?5, ?6)
                 ON CONFLICT (company_id, task_id, level, status, block)
                     DO UPDATE SET waiting = waiting_block.waiting + excluded.waiting
                 RETURNING level, block, waiting",
                values![company, task, *status, *number, number.div_euclid(PARTS), *by],
                |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
            )?;
            for (level, block, waiting) in waiting {
                match waiting {
                    1.. => {}
                    0 => remove(db, values![company, task, level, *status, block])?,
                    less => {
                        let found = format!("{less} in block {block} of level {level}, status {status}");
                        return Err(Error::Corrupt { column: "waiting_block.waiting", id: task.get(), found });
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is over leaves nothing to be read.
fn remove(db: &mut Db, key: &[Value<'_>]) -> Result<()> {
    db.execute(
        "DELETE FROM waiting_block
         WHERE company_id = ?1 AND task_id = ?2 AND level = ?3 AND status = ?4 AND block = ?5",
        key,
    )?;
    Ok(())
}

/// Calls that stand one after another in the order of their import or of their redials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// No call of the run is before this `import_no` or `due_at`.
    pub(super) from: i64,
    /// All calls of the run are before this.
    pub(super) until: i64,
    /// How many there are.
    pub(super) waiting: i64,
    /// The number of its block, if that has parts.
    large: Option<i64>,
}

impl Run {
    /// Calls that are in no block.
    pub(super) const fn without_block(from: i64, until: i64, waiting: i64) -> Self {
        Self { from, until, waiting, large: None }
    }
}

/// Reads the blocks of a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    pub(super) company: CompanyId,
    pub(super) task: TaskId,
    pub(super) status: CallStatus,
}

impl Blocks {
    /// The task's large blocks.
    pub(super) fn large(self, db: &mut Db) -> Result<Vec<Run>> {
        self.read(db, LARGE, (i64::MIN, i64::MAX))
    }

    /// The blocks that a run consists of; none when it has no parts.
    pub(super) fn parts(self, db: &mut Db, run: &Run) -> Result<Option<Vec<Run>>> {
        let Some(large) = run.large else { return Ok(None) };
        self.read(db, SMALL, (large * PARTS, large * PARTS + PARTS - 1)).map(Some)
    }

    /// How many calls stand before this `import_no` or `due_at`, as far as whole blocks do; and from where on to that
    /// place the others are to be counted.
    pub(super) fn before(self, db: &mut Db, place: i64) -> Result<(i64, i64)> {
        let (mut counted, mut from) = (0, i64::MIN);
        let mut runs = Some(self.large(db)?);
        while let Some(level) = runs.take() {
            let (before, rest): (Vec<_>, Vec<_>) = level.into_iter().partition(|run| run.until <= place);
            counted += before.iter().map(|run| run.waiting).sum::<i64>();
            from = before.last().map_or(from, |run| run.until);
            if let Some(run) = rest.first().filter(|run| run.from <= place) {
                from = run.from;
                runs = self.parts(db, run)?;
            }
        }
        Ok((counted, from))
    }

    fn read(self, db: &mut Db, level: i64, (first, last): (i64, i64)) -> Result<Vec<Run>> {
        let small = if self.status == CallStatus::NotStarted { IMPORTS_PER_BLOCK } else { REDIAL_BLOCK_MS };
        let width = if level == LARGE { small * PARTS } else { small };
        db.query(
            "SELECT block, waiting FROM waiting_block WHERE company_id = ?1 AND task_id = ?2 AND level = ?3
               AND status = ?4 AND block >= ?5 AND block <= ?6 ORDER BY block",
            values![self.company, self.task, level, self.status, first, last],
            |row| {
                let number = row.int(0)?;
                let (from, until) = (number * width, (number + 1) * width);
                Ok(Run { from, until, waiting: row.int(1)?, large: (level == LARGE).then_some(number) })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_counted_in_every_block_that_it_reaches() {
        let check = |first: i64, count: i64, expected: &[(i64, i64)]| {
            let mut changes = Changes::default();
            changes.add_imported(first, count);
            let (small, large): (Vec<_>, Vec<_>) = changes.counts().into_iter().partition(|it| it.level == SMALL);
            let small: Vec<_> = small.iter().map(|it| (it.block, it.calls)).collect();
            assert_eq!(small, expected, "{count} from {first}");
            assert_eq!(large.iter().map(|it| it.calls).sum::<i64>(), count);
            assert!(large.len() <= 1, "{large:?}");
        };
        check(0, 0, &[]);
        check(0, 1, &[(0, 1)]);
        check(0, IMPORTS_PER_BLOCK, &[(0, IMPORTS_PER_BLOCK)]);
        check(IMPORTS_PER_BLOCK - 1, 2, &[(0, 1), (1, 1)]);
        check(
            IMPORTS_PER_BLOCK + 5,
            2 * IMPORTS_PER_BLOCK,
            &[(1, IMPORTS_PER_BLOCK - 5), (2, IMPORTS_PER_BLOCK), (3, 5)],
        );
    }

    #[test]
    fn only_calls_that_wait_where_they_were_imported_or_for_a_redial_are_counted() {
        let number = |status, due_at| Block::of(status, Moment(due_at), 5000).map(|block| block.number);
        assert_eq!(number(CallStatus::NotStarted, 0), Some(5000 / IMPORTS_PER_BLOCK));
        assert_eq!(number(CallStatus::NotStarted, -1), None);
        assert_eq!(number(CallStatus::NotStarted, 1), None);
        assert_eq!(number(CallStatus::AwaitingRedial, 60_000 * 7 + 59_999), Some(7));
        assert_eq!(number(CallStatus::InProgress, 0), None);
        assert_eq!(number(CallStatus::Done, 0), None);
    }

    #[test]
    fn what_comes_and_goes_changes_nothing() {
        let mut changes = Changes::default();
        changes.add((CallStatus::NotStarted, Moment(0), 3), 1);
        changes.add((CallStatus::NotStarted, Moment(0), 4), -1);
        assert_eq!(changes.counts(), []);
    }
}
