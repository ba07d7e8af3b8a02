//! The feed: the finished calls of a task in the order in which they ended.
//!
//! Indexes have no gaps, so a page without filters is a range of them and its total is a subtraction. For
//! each filter, the indexes that it lets through are kept in memory as a compressed bitmap: finished calls
//! are only ever added, so a later question has to look at what was added since, and at the few calls that a
//! person has judged otherwise since ([`crate::regrade`]). Totals and pages of any depth are then found in the
//! bitmap, whatever the size of the task.

pub mod search;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, CompanyId, SceneId, TaskId};
use hutong_domain::moment::Moment;
use jiff::civil::Time;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::{Page, PageRequest, Store, Value, in_list, values};

/// Bytes of bitmaps that are kept.
const CACHE_BYTES: u64 = 64 << 20;

/// Which finished calls are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedFilter {
    /// Only calls with a greater index; -1 for all.
    pub after: i64,
    /// Least and most seconds of talk.
    pub duration_s: Option<(i64, i64)>,
    /// Least and most chat rounds.
    pub chat_rounds: Option<(i64, i64)>,
    /// How they finished.
    pub finish_status: Option<FinishStatus>,
    /// Results that a call must have: of each name, one of the values.
    pub results: Vec<(String, Vec<String>)>,
}

/// A finished call as the feed lists it. Its texts are borrowed while the row is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow<'r> {
    /// Its id.
    pub id: CallId,
    /// Its place.
    pub call_index: i64,
    /// The customer's number.
    pub customer_phone: Cow<'r, str>,
    /// The customer's name.
    pub customer_name: Cow<'r, str>,
    /// How it finished.
    pub finish_status: FinishStatus,
    /// Seconds of talk.
    pub duration_s: i64,
    /// How often the robot spoke.
    pub chat_rounds: i64,
    /// When its last attempt began.
    pub started_at: Moment,
    /// When it ended.
    pub ended_at: Moment,
    /// The number that it was called from.
    pub caller_phone: Cow<'r, str>,
    /// The recording.
    pub recording: Option<Cow<'r, str>>,
    /// When the last redial was planned for.
    pub redial_planned_at: Option<Moment>,
    /// How often it was redialled.
    pub redials: i64,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last changed.
    pub modified_at: Moment,
    /// What was concluded.
    pub results: ResultPairs<'r>,
}

/// What all calls of the feed have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedTask {
    /// The task.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// Its scene.
    pub scene: SceneId,
    /// When its day begins.
    pub working_start: Time,
}

/// What was concluded about a call, in the order of the scene's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultPairs<'r> {
    json: Cow<'r, str>,
}

/// One conclusion about a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResultPair {
    /// What it is about.
    pub name: String,
    /// What was concluded.
    pub value: String,
}

impl ResultPairs<'_> {
    /// As a JSON document: a list of objects with `name` and `value`.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// One by one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the document is not what it should be.
    pub fn parsed(&self) -> Result<Vec<ResultPair>> {
        serde_json::from_str(&self.json).map_err(|error| Error::Corrupt {
            column: "call.result_pairs",
            id: 0,
            found: error.to_string(),
        })
    }
}

impl From<&[ResultPair]> for ResultPairs<'static> {
    fn from(pairs: &[ResultPair]) -> Self {
        // A list of texts has a form in JSON.
        Self { json: serde_json::to_string(pairs).unwrap_or_default().into() }
    }
}

impl FeedRow<'_> {
    /// The same, for longer than the row is at hand.
    #[must_use]
    pub fn into_owned(self) -> FeedRow<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        FeedRow {
            customer_phone: owned(self.customer_phone),
            customer_name: owned(self.customer_name),
            caller_phone: owned(self.caller_phone),
            recording: self.recording.map(owned),
            results: ResultPairs { json: owned(self.results.json) },
            ..self
        }
    }
}

/// A part of a filter that has a bitmap of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Numbers { duration_s: (i64, i64), chat_rounds: (i64, i64), finish_status: (i64, i64) },
    Result { name: String, value: String },
}

type Key = (CompanyId, TaskId, Part);

/// How much of a task a reader sees.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Indexes below this.
    next_index: i64,
    /// Judgements up to this one.
    last_regrade: i64,
}

/// The indexes below `seen` that a part lets through, after the judgements up to `last_regrade`.
#[derive(Default)]
struct Matches {
    seen: i64,
    last_regrade: i64,
    indexes: RoaringBitmap,
}

/// Bitmaps of the filters asked for lately.
pub(crate) struct FilterCache {
    parts: moka::sync::Cache<Key, Arc<Mutex<Matches>>>,
}

impl Default for FilterCache {
    fn default() -> Self {
        let weigh = |_: &Key, matches: &Arc<Mutex<Matches>>| {
            let bytes = matches.lock().unwrap_or_else(PoisonError::into_inner).indexes.serialized_size();
            u32::try_from(bytes + 256).unwrap_or(u32::MAX)
        };
        Self { parts: moka::sync::Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build() }
    }
}

impl Store {
    /// A page of a task's finished calls in the order of their indexes; none when the company has no such
    /// task.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed(
        &self,
        company: CompanyId,
        task: TaskId,
        filter: FeedFilter,
        page: PageRequest,
    ) -> Result<Option<(FeedTask, Page<FeedRow<'static>>)>> {
        let add = |rows: &mut Vec<_>, _: &FeedTask, row: FeedRow<'_>| rows.push(row.into_owned());
        let folded = self.feed_fold(company, task, filter, page, Vec::new(), add).await?;
        Ok(folded.map(|(task, total, rows)| (task, Page { total, rows })))
    }

    /// Shows each row of a page of the feed to `fold` while it is read; the task, the total, and what became of
    /// `folded`. None when the company has no such task.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_fold<T: Send + 'static>(
        &self,
        company: CompanyId,
        task: TaskId,
        filter: FeedFilter,
        page: PageRequest,
        mut folded: T,
        mut fold: impl FnMut(&mut T, &FeedTask, FeedRow<'_>) + Send + 'static,
    ) -> Result<Option<(FeedTask, i64, T)>> {
        let store = self.clone();
        let snapshot = !filter.is_plain();
        let work = move |db: &mut Db| {
            let Some((task, seen)) = head(db, company, task)? else { return Ok(None) };
            let each = |found: &Row<'_>| {
                fold(&mut folded, &task, row(found)?);
                Ok(())
            };
            let total = if snapshot {
                filtered(db, store.filters(), (company, task.id), seen, &filter, page, each)?
            } else {
                plain(db, (company, task.id), seen.next_index, filter.after, page, each)?
            };
            Ok(Some((task, total, folded)))
        };
        if snapshot { self.read_snapshot(work).await } else { self.read(work).await }
    }
}

impl FeedFilter {
    fn is_plain(&self) -> bool {
        self.duration_s.is_none()
            && self.chat_rounds.is_none()
            && self.finish_status.is_none()
            && self.results.is_empty()
    }
}

fn head(db: &mut Db, company: CompanyId, task: TaskId) -> Result<Option<(FeedTask, Seen)>> {
    db.query_one(
        "SELECT id, name, scene_id, working_start, next_call_index, last_regrade FROM task
         WHERE company_id = ?1 AND id = ?2",
        values![company, task],
        |row| {
            let task = FeedTask {
                id: TaskId(row.int(0)?),
                name: row.text(1)?,
                scene: SceneId(row.int(2)?),
                working_start: row.parsed(3, "task.working_start")?,
            };
            Ok((task, Seen { next_index: row.int(4)?, last_regrade: row.int(5)? }))
        },
    )
}

const COLUMNS: &str = "SELECT id, call_index, customer_phone, customer_name, finish_status, duration_s, chat_rounds,
    started_at, ended_at, caller_phone, recording, redial_planned_at, redials, created_at, modified_at, result_pairs
    FROM call WHERE company_id = ?1 AND task_id = ?2";

fn row<'r>(row: &'r Row<'_>) -> Result<FeedRow<'r>> {
    Ok(FeedRow {
        id: CallId(row.int(0)?),
        call_index: row.int(1)?,
        customer_phone: row.str(2)?.into(),
        customer_name: row.str(3)?.into(),
        finish_status: row.number(4, "call.finish_status", FinishStatus::from_number)?,
        duration_s: row.int(5)?,
        chat_rounds: row.int(6)?,
        started_at: row.moment_or_null(7)?.unwrap_or_default(),
        ended_at: row.moment(8)?,
        caller_phone: row.str_or_null(9)?.unwrap_or_default().into(),
        recording: row.str_or_null(10)?.map(Cow::Borrowed),
        redial_planned_at: row.moment_or_null(11)?,
        redials: row.int(12)?,
        created_at: row.moment(13)?,
        modified_at: row.moment(14)?,
        results: ResultPairs { json: row.str(15)?.into() },
    })
}

/// Shows the rows of the page: the indexes are a range, and no row is looked at in vain. The total is a subtraction.
fn plain(
    db: &mut Db,
    (company, task): (CompanyId, TaskId),
    next_index: i64,
    after: i64,
    page: PageRequest,
    each: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<i64> {
    let after = after.max(-1);
    let total = (next_index - after - 1).max(0);
    let first = after.saturating_add(1).saturating_add(page.offset());
    if first < next_index {
        // Never beyond what the total counts: the call may have finished between the two statements.
        let last = first.saturating_add(page.size).min(next_index);
        let sql = format!("{COLUMNS} AND call_index >= ?3 AND call_index < ?4 ORDER BY call_index");
        db.query_each(&sql, values![company, task, first, last], each)?;
    }
    Ok(total)
}

fn filtered(
    db: &mut Db,
    cache: &FilterCache,
    (company, task): (CompanyId, TaskId),
    seen: Seen,
    filter: &FeedFilter,
    page: PageRequest,
    each: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<i64> {
    let matches = matches(db, cache, (company, task), filter, seen)?;
    let before = index(filter.after).map_or(0, |after| matches.rank(after));
    let total = matches.len() - before;
    let skip = before.saturating_add(u64::try_from(page.offset()).unwrap_or(u64::MAX));
    let wanted: Vec<i64> = match u32::try_from(skip).ok().and_then(|skip| matches.select(skip)) {
        None => Vec::new(),
        Some(first) => matches.range(first..).take(usize::try_from(page.size).unwrap_or(0)).map(i64::from).collect(),
    };
    rows_at(db, company, task, &wanted, each)?;
    Ok(i64::try_from(total).unwrap_or(i64::MAX))
}

/// Indexes are 32-bit in the bitmaps; a task with more calls than that cannot exist.
fn index(index: i64) -> Option<u32> {
    (index >= 0).then(|| u32::try_from(index).unwrap_or(u32::MAX))
}

/// The indexes seen that the whole filter lets through.
fn matches(
    db: &mut Db,
    cache: &FilterCache,
    (company, task): (CompanyId, TaskId),
    filter: &FeedFilter,
    seen: Seen,
) -> Result<RoaringBitmap> {
    const ANY: (i64, i64) = (i64::MIN, i64::MAX);
    let mut all: Option<RoaringBitmap> = None;
    if filter.duration_s.is_some() || filter.chat_rounds.is_some() || filter.finish_status.is_some() {
        let part = Part::Numbers {
            duration_s: filter.duration_s.unwrap_or(ANY),
            chat_rounds: filter.chat_rounds.unwrap_or(ANY),
            finish_status: filter.finish_status.map_or(ANY, |status| (status.number(), status.number())),
        };
        all = Some(of_part(db, cache, (company, task, part), seen)?);
    }
    for (name, accepted) in &filter.results {
        let mut with_name = RoaringBitmap::new();
        for value in accepted {
            let part = Part::Result { name: name.clone(), value: value.clone() };
            with_name |= of_part(db, cache, (company, task, part), seen)?;
        }
        all = Some(match all {
            Some(others) => others & with_name,
            None => with_name,
        });
    }
    Ok(all.unwrap_or_default())
}

fn of_part(db: &mut Db, cache: &FilterCache, key: Key, seen: Seen) -> Result<RoaringBitmap> {
    let Seen { next_index, last_regrade } = seen;
    // What a person judges is results; talk time and the like stay what they were.
    let last_regrade = if matches!(key.2, Part::Result { .. }) { last_regrade } else { 0 };
    let kept = cache.parts.get_with(key.clone(), Arc::default);
    let mut matches = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if matches.last_regrade > last_regrade {
        // Another reader has seen a judgement that this snapshot does not have: what was before it is kept nowhere.
        drop(matches);
        return Ok(scan(db, &key, 0, next_index)?.into_iter().collect());
    }
    if matches.last_regrade < last_regrade {
        if matches.seen > 0 {
            regraded(db, &key, &mut matches, last_regrade)?;
        }
        matches.last_regrade = last_regrade;
    }
    if matches.seen < next_index {
        let fresh = scan(db, &key, matches.seen, next_index)?;
        matches.indexes.extend(fresh);
        matches.indexes.optimize();
        matches.seen = next_index;
        let indexes = matches.indexes.clone();
        drop(matches);
        // Put back, so that its new size is weighed.
        cache.parts.insert(key, kept);
        return Ok(indexes);
    }
    let mut indexes = matches.indexes.clone();
    if matches.seen > next_index {
        // Another reader has seen further than this snapshot.
        indexes.remove_range(index(next_index).unwrap_or(0)..);
    }
    Ok(indexes)
}

/// Looks again at the calls that were judged since the bitmap was made.
fn regraded(db: &mut Db, (company, task, part): &Key, matches: &mut Matches, last_regrade: i64) -> Result<()> {
    let Part::Result { name, value } = part else { return Ok(()) };
    let sql = "SELECT ch.call_index, (SELECT COUNT(*) FROM call_result r
             WHERE r.company_id = ?1 AND r.task_id = ?2 AND r.name = ?3 AND r.value = ?4 AND r.call_index = ch.call_index)
         FROM regrade ch
         WHERE ch.company_id = ?1 AND ch.task_id = ?2 AND ch.name = ?3 AND ch.id > ?5 AND ch.id <= ?6
           AND ch.call_index < ?7";
    let values = values![*company, *task, name, value, matches.last_regrade, last_regrade, matches.seen];
    let judged = db.query(sql, values, |row| {
        let found = row.int(0)?;
        let at = index(found).ok_or_else(|| Error::Corrupt {
            column: "regrade.call_index",
            id: found,
            found: found.to_string(),
        })?;
        Ok((at, row.flag(1)?))
    })?;
    for (at, has_it) in judged {
        if has_it {
            matches.indexes.insert(at);
        } else {
            matches.indexes.remove(at);
        }
    }
    Ok(())
}

fn scan(db: &mut Db, (company, task, part): &Key, from: i64, until: i64) -> Result<Vec<u32>> {
    let range = values![*company, *task, from, until];
    let map = |row: &Row<'_>| {
        let found = row.int(0)?;
        index(found).ok_or_else(|| Error::Corrupt { column: "call.call_index", id: found, found: found.to_string() })
    };
    match part {
        Part::Numbers { duration_s, chat_rounds, finish_status } => db.query(
            "SELECT call_index FROM call WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3 AND call_index < ?4
               AND finish_status BETWEEN ?5 AND ?6 AND duration_s BETWEEN ?7 AND ?8 AND chat_rounds BETWEEN ?9 AND ?10",
            &[
                range,
                values![
                    finish_status.0,
                    finish_status.1,
                    duration_s.0,
                    duration_s.1,
                    chat_rounds.0,
                    chat_rounds.1
                ],
            ]
            .concat(),
            map,
        ),
        Part::Result { name, value } => db.query(
            "SELECT call_index FROM call_result WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3
               AND call_index < ?4 AND name = ?5 AND value = ?6",
            &[range, values![name, value]].concat(),
            map,
        ),
    }
}

fn rows_at(
    db: &mut Db,
    company: CompanyId,
    task: TaskId,
    indexes: &[i64],
    each: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let Some(&last) = indexes.last() else { return Ok(()) };
    let (names, padded) = in_list(3, indexes.len());
    let padded = indexes.iter().copied().chain(std::iter::repeat(last)).take(padded);
    let parameters: Vec<Value<'_>> = values![company, task].iter().copied().chain(padded.map(Value::from)).collect();
    db.query_each(&format!("{COLUMNS} AND call_index IN ({names}) ORDER BY call_index"), &parameters, each)
}
