//! The feed as people look through it: the newest first, and for a name or a number.

use hutong_domain::ids::{CallId, CompanyId, TaskId};
use roaring::RoaringBitmap;

use super::{COLUMNS, FeedFilter, FeedRow, FeedTask, FilterCache, Seen, head, index, matches, row, rows_at};
use crate::db::{Db, Row};
use crate::error::Result;
use crate::{Page, PageRequest, Store, values};

/// Numbers that begin like the one that is looked for, at most: those that sort first.
pub const NUMBERS_MAX: i64 = 5_000;
/// Calls in which a name is looked for, at most: the first ones in the order that is asked for.
pub const NAMES_MAX: i64 = 50_000;

/// What a person looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Numbers that begin like this.
    NumberBegins(String),
    /// Names that have this in them, case-sensitive.
    NameHas(String),
}

impl Text {
    /// What somebody means who has written this: digits are a number, anything else is a name. None where it is nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let is_number = digits.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "" => None,
            _ if is_number && !digits.is_empty() => Some(Self::NumberBegins(digits)),
            name => Some(Self::NameHas(name.to_owned())),
        }
    }
}

/// Which finished calls of a task are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Those that the API's filters let through.
    pub filter: FeedFilter,
    /// Those with this name or number.
    pub text: Option<Text>,
    /// Whether those that ended last come first.
    pub newest_first: bool,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What all calls have in common.
    pub task: FeedTask,
    /// The calls, and how many were found in all.
    pub page: Page<FeedRow<'static>>,
    /// Whether everything was looked at: false where there were more than [`NUMBERS_MAX`] such numbers, or more than
    /// [`NAMES_MAX`] calls to look for a name in.
    pub is_whole: bool,
}

/// The calls before and after one, among those that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Neighbours {
    /// The one with the next smaller index.
    pub previous: Option<CallId>,
    /// The one with the next greater index.
    pub next: Option<CallId>,
}

impl Store {
    /// A page of what is looked for in a task's finished calls; none when the company has no such task.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_search(
        &self,
        company: CompanyId,
        task: TaskId,
        search: Search,
        page: PageRequest,
    ) -> Result<Option<Found>> {
        let store = self.clone();
        let work = move |db: &mut Db| {
            let Some((task, seen)) = head(db, company, task)? else { return Ok(None) };
            let place = (company, task.id);
            let Some((indexes, is_whole)) = fitting(db, store.filters(), place, &search, seen)? else {
                let page = of_range(db, place, (search.filter.after, seen.next_index), search.newest_first, page)?;
                return Ok(Some(Found { task, page, is_whole: true }));
            };
            let page = of_indexes(db, place, &indexes, search.newest_first, page)?;
            Ok(Some(Found { task, page, is_whole }))
        };
        self.read_snapshot(work).await
    }

    /// The calls before and after the one with this index, among those of its task that the search lets through.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_neighbours(
        &self,
        company: CompanyId,
        task: TaskId,
        search: Search,
        call_index: i64,
    ) -> Result<Neighbours> {
        let store = self.clone();
        let work = move |db: &mut Db| {
            let Some((task, seen)) = head(db, company, task)? else { return Ok(Neighbours::default()) };
            let place = (company, task.id);
            let (before, after) = match (fitting(db, store.filters(), place, &search, seen)?, index(call_index)) {
                (Some((indexes, _)), Some(at)) => {
                    let after = at.checked_add(1).and_then(|next| indexes.range(next..).next());
                    (indexes.range(..at).next_back().map(i64::from), after.map(i64::from))
                }
                _ => (Some(call_index - 1), Some(call_index + 1)),
            };
            let mut id = |at: Option<i64>| match at {
                Some(at) if at > search.filter.after.max(-1) => db.query_one(
                    "SELECT id FROM call WHERE company_id = ?1 AND task_id = ?2 AND call_index = ?3",
                    values![company, task.id, at],
                    |row| row.int(0).map(CallId),
                ),
                _ => Ok(None),
            };
            Ok(Neighbours { previous: id(before)?, next: id(after)? })
        };
        self.read_snapshot(work).await
    }
}

/// The indexes that a search lets through, and whether these are all; none where nothing is looked for.
fn fitting(
    db: &mut Db,
    cache: &FilterCache,
    place: (CompanyId, TaskId),
    search: &Search,
    seen: Seen,
) -> Result<Option<(RoaringBitmap, bool)>> {
    let Search { filter, text, newest_first } = search;
    let mut indexes = if filter.is_plain() { None } else { Some(matches(db, cache, place, filter, seen)?) };
    let mut is_whole = true;
    let from = filter.after.max(-1) + 1;
    if let Some(text) = text {
        let (found, whole) = match text {
            Text::NumberBegins(digits) => with_number(db, place, digits, seen)?,
            Text::NameHas(name) => with_name(db, place, name, (from, seen.next_index), *newest_first)?,
        };
        is_whole = whole;
        indexes = Some(match indexes {
            Some(others) => others & found,
            None => found,
        });
    }
    Ok(indexes.map(|mut indexes| {
        indexes.remove_range(..index(from).unwrap_or(u32::MAX));
        (indexes, is_whole)
    }))
}

fn read_index(row: &Row<'_>) -> Result<u32> {
    Ok(index(row.int(0)?).unwrap_or(u32::MAX))
}

/// Calls of numbers that begin with these digits: found in the index that keeps numbers of a task apart.
fn with_number(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    digits: &str,
    seen: Seen,
) -> Result<(RoaringBitmap, bool)> {
    let numbers = db.query(
        &format!(
            "SELECT COALESCE((SELECT MAX(c.call_index) FROM call c
                 WHERE c.company_id = ?1 AND c.customer_id = n.id AND c.task_id = ?2), -1) FROM ({NUMBERS}) n"
        ),
        values![company, task, digits, NUMBERS_MAX + 1],
        |row| row.int(0),
    )?;
    let is_whole = i64::try_from(numbers.len()).is_ok_and(|found| found <= NUMBERS_MAX);
    let finished = numbers.into_iter().filter(|at| (0..seen.next_index).contains(at));
    Ok((finished.filter_map(index).collect(), is_whole))
}

/// Customers of the task `?2` whose number begins with `?3`, at most `?4`. All digits sort before letters, in every collation.
/// The task's own row is joined so that SQLite looks for its id in the index, and not for "more than 0".
pub(crate) const NUMBERS: &str = "SELECT cu.id FROM task t CROSS JOIN customer cu
    WHERE t.company_id = ?1 AND t.id = ?2 AND cu.company_id = ?1 AND cu.task_id = t.id AND cu.task_id > 0
      AND cu.phone >= ?3 AND cu.phone < ?3 || 'a' ORDER BY cu.phone LIMIT ?4";

/// Calls of customers with this in their name, among so many at one end of the range.
fn with_name(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    name: &str,
    (from, until): (i64, i64),
    newest_first: bool,
) -> Result<(RoaringBitmap, bool)> {
    let (first, last) = if newest_first {
        (from.max(until.saturating_sub(NAMES_MAX)), until)
    } else {
        (from, until.min(from.saturating_add(NAMES_MAX)))
    };
    let found = db.query(
        "SELECT call_index FROM call WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3 AND call_index < ?4
           AND strpos(customer_name, ?5) > 0",
        values![company, task, first, last, name],
        read_index,
    )?;
    Ok((found.into_iter().collect(), (first, last) == (from, until)))
}

/// A page of all calls after an index: these are a range, so none is looked at in vain.
fn of_range(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    (after, until): (i64, i64),
    newest_first: bool,
    page: PageRequest,
) -> Result<Page<FeedRow<'static>>> {
    let from = after.max(-1).saturating_add(1);
    let (first, last, order) = if newest_first {
        let last = until.saturating_sub(page.offset());
        (last.saturating_sub(page.size).max(from), last, "DESC")
    } else {
        let first = from.saturating_add(page.offset());
        (first, first.saturating_add(page.size).min(until), "ASC")
    };
    let mut rows = Vec::new();
    if first < last {
        let sql = format!("{COLUMNS} AND call_index >= ?3 AND call_index < ?4 ORDER BY call_index {order}");
        rows = db.query(&sql, values![company, task, first, last], |found| Ok(row(found)?.into_owned()))?;
    }
    Ok(Page { total: (until - from).max(0), rows })
}

fn of_indexes(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    indexes: &RoaringBitmap,
    newest_first: bool,
    page: PageRequest,
) -> Result<Page<FeedRow<'static>>> {
    let total = i64::try_from(indexes.len()).unwrap_or(i64::MAX);
    let (first, last) = if newest_first {
        let last = total.saturating_sub(page.offset());
        (last.saturating_sub(page.size).max(0), last)
    } else {
        (page.offset(), page.offset().saturating_add(page.size).min(total))
    };
    let begins = u32::try_from(first).ok().filter(|_| first < last).and_then(|first| indexes.select(first));
    let wanted: Vec<i64> = match begins {
        None => Vec::new(),
        Some(begins) => {
            let count = usize::try_from(last - first).unwrap_or(0);
            indexes.range(begins..).take(count).map(i64::from).collect()
        }
    };
    let mut rows = Vec::with_capacity(wanted.len());
    rows_at(db, company, task, &wanted, |found| {
        rows.push(row(found)?.into_owned());
        Ok(())
    })?;
    if newest_first {
        rows.reverse();
    }
    Ok(Page { total, rows })
}
