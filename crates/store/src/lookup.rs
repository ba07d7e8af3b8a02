//! A number, whatever task of a company it is in: the calls to it, and what holds it back.

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_domain::caps::{Capped, Caps};
use hutong_domain::ids::{BlacklistGroupId, CallId, CompanyId, CustomerId, TaskId};
use hutong_domain::ledger::{Explanation, explain};
use hutong_domain::moment::Moment;
use hutong_domain::phone::{PhoneNumber, spellings};
use hutong_domain::rules::Rules;

use crate::db::{Db, Row, Value};
use crate::error::Result;
use crate::number::{self, Busy};
use crate::{blacklist, company, in_list, ledger, listed, values};

/// Tasks of a company that a number is looked for in, the newest.
pub const TASKS_MAX: i64 = 5_000;
/// Calls to a number that are shown, the newest.
pub const CALLS_MAX: i64 = 200;
/// Calls that wait to be dialled and are explained, the newest: an explanation looks at much.
const EXPLAINED_MAX: usize = 5;

/// What a company has of a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// Calls to it in whatever spelling, the newest first, at most [`CALLS_MAX`].
    pub calls: Vec<CallTo>,
    /// Whether all tasks of the company were looked through: false where it has more than [`TASKS_MAX`].
    pub is_whole: bool,
    /// Where it stands on the blacklist.
    pub blacklisted: Vec<Blacklisted>,
    /// Attempts at it today, by the company.
    pub today: u32,
    /// Attempts at it today, by all companies of the installation.
    pub today_by_all: u32,
    /// How often the company may dial it.
    pub caps: Caps,
    /// How often all companies together may.
    pub caps_of_all: Caps,
    /// The cap that it has reached.
    pub capped: Option<Capped>,
    /// The call that it is in, where that is one of this company.
    pub busy: Option<Busy>,
    /// Why each call that waits to be dialled is dialled now, or is not; of the newest few.
    pub explained: Vec<(CallId, TaskId, Explanation)>,
}

/// A call to a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTo {
    /// The call.
    pub id: CallId,
    /// Its task; 0 for one placed by itself.
    pub task: TaskId,
    /// Name of the task; empty where it has none.
    pub task_name: String,
    /// The customer's name.
    pub customer_name: String,
    /// The number, as it was imported.
    pub customer_phone: String,
    /// Where it stands.
    pub status: CallStatus,
    /// How it finished.
    pub finish_status: Option<FinishStatus>,
    /// Its place in the feed of its task.
    pub call_index: Option<i64>,
    /// When it was made.
    pub created_at: Moment,
    /// When its last attempt began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Seconds of talk.
    pub duration_s: i64,
    /// How often it was dialled.
    pub dialled: i64,
}

/// An entry of a number on the blacklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklisted {
    /// The group.
    pub group: BlacklistGroupId,
    /// Name of the group.
    pub group_name: String,
    /// The number, as it stands there.
    pub mobile: String,
    /// A remark.
    pub remark: String,
    /// Since when.
    pub since: Moment,
}

/// Looks a number up in a company.
///
/// # Errors
/// When the store fails.
pub fn number(db: &mut Db, id: CompanyId, phone: &PhoneNumber, (rules, now): (&Rules, Moment)) -> Result<Lookup> {
    let written = spellings(phone);
    let texts: Vec<&str> = written.iter().map(String::as_str).collect();
    let customers = customers(db, id, &texts)?;
    let calls = calls(db, id, &customers)?;
    let tasks = db.query_int("SELECT task_count FROM company WHERE id = ?1 UNION ALL SELECT 0", values![id])?;
    let own = company::find(db, id)?.map(|company| company.rules).unwrap_or_default();
    let today = now.civil(&rules.zone).date();
    // Caps, and calls in progress, know a number as it is dialled.
    let dialled: Vec<number::Dialled> = number::dialled(db, &texts, today)?.into_values().flatten().collect();
    let attempts = |of: Option<CompanyId>| {
        let of_today = dialled.iter().filter(|it| it.day == today && of.is_none_or(|company| company == it.company));
        of_today.map(|it| it.attempts).fold(0, u32::saturating_add)
    };
    let mut explained = Vec::new();
    for call in
        calls.iter().filter(|call| call.task != TaskId(0) && call.status != CallStatus::Done).take(EXPLAINED_MAX)
    {
        if let Some(found) = ledger::of_number(db, id, call.task, &call.customer_phone, (rules, now))? {
            explained.push((call.id, call.task, explain(&found.facts)));
        }
    }
    Ok(Lookup {
        is_whole: tasks <= TASKS_MAX,
        blacklisted: blacklisted(db, id, &texts)?,
        today: attempts(Some(id)),
        today_by_all: attempts(None),
        caps: own.caps,
        caps_of_all: rules.caps,
        capped: number::capped(&dialled, (rules.caps, (id, own.caps)), today),
        busy: number::busy(db, &texts)?.into_values().find(|busy| busy.company == id),
        explained,
        calls,
    })
}

/// Customers of a company with a number in one of these spellings, the newest first. No index has the numbers of all tasks: it
/// would have to be kept up with every import. So each task is asked for it.
fn customers(db: &mut Db, company: CompanyId, phones: &[&str]) -> Result<Vec<CustomerId>> {
    let mut found = Vec::new();
    for sql in [OF_TASKS, OF_SINGLES] {
        for phone in phones {
            found.extend(db.query(sql, values![company, TASKS_MAX, *phone], |row| row.int(0).map(CustomerId))?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// One spelling at a time: for a list of them, SQLite would go through all numbers of each task.
const OF_TASKS: &str = "SELECT cu.id FROM (SELECT id FROM task WHERE company_id = ?1 ORDER BY number DESC LIMIT ?2) t
    CROSS JOIN customer cu WHERE cu.company_id = ?1 AND cu.task_id = t.id AND cu.task_id > 0 AND cu.phone = ?3";
const OF_SINGLES: &str =
    "SELECT id FROM customer WHERE company_id = ?1 AND task_id = 0 AND phone = ?3 ORDER BY id DESC LIMIT ?2";

const CALL: &str =
    "SELECT c.id, c.task_id, COALESCE(t.name, ''), c.customer_name, c.customer_phone, c.status, c.finish_status,
        c.call_index, c.created_at, c.started_at, c.ended_at, COALESCE(c.duration_s, 0),
        CASE WHEN c.started_at IS NULL THEN 0 ELSE c.redials + 1 END
    FROM call c LEFT JOIN task t ON t.company_id = ?1 AND t.id = c.task_id";

fn call_to(row: &Row<'_>) -> Result<CallTo> {
    Ok(CallTo {
        id: CallId(row.int(0)?),
        task: TaskId(row.int(1)?),
        task_name: row.text(2)?,
        customer_name: row.text(3)?,
        customer_phone: row.text(4)?,
        status: row.number(5, "call.status", CallStatus::from_number)?,
        finish_status: row.number_or_null(6, "call.finish_status", FinishStatus::from_number)?,
        call_index: row.int_or_null(7)?,
        created_at: row.moment(8)?,
        started_at: row.moment_or_null(9)?,
        ended_at: row.moment_or_null(10)?,
        duration_s: row.int(11)?,
        dialled: row.int(12)?,
    })
}

fn calls(db: &mut Db, company: CompanyId, customers: &[CustomerId]) -> Result<Vec<CallTo>> {
    let mut calls = Vec::new();
    for chunk in customers.chunks(300) {
        let Some(&last) = chunk.last() else { continue };
        let (names, padded) = in_list(3, chunk.len());
        let ids = chunk.iter().copied().chain(std::iter::repeat(last)).take(padded);
        let parameters: Vec<Value<'_>> =
            [company.into(), CALLS_MAX.into()].into_iter().chain(ids.map(Value::from)).collect();
        let sql = format!("{CALL} WHERE c.company_id = ?1 AND c.customer_id IN ({names}) ORDER BY c.id DESC LIMIT ?2");
        calls.extend(db.query(&sql, &parameters, call_to)?);
    }
    calls.sort_by_key(|call| std::cmp::Reverse(call.id));
    calls.truncate(usize::try_from(CALLS_MAX).unwrap_or(usize::MAX));
    Ok(calls)
}

fn blacklisted(db: &mut Db, company: CompanyId, phones: &[&str]) -> Result<Vec<Blacklisted>> {
    let Some((names, texts)) = listed(phones, 2) else { return Ok(Vec::new()) };
    let parameters: Vec<Value<'_>> = std::iter::once(company.into()).chain(texts).collect();
    let entries = db.query(
        &format!(
            "SELECT group_id, mobile, remark, created_at FROM blacklist_entry WHERE company_id = ?1 AND mobile IN ({names})
             ORDER BY group_id"
        ),
        &parameters,
        |row| Ok((BlacklistGroupId(row.int(0)?), row.text(1)?, row.text(2)?, row.moment(3)?)),
    )?;
    let groups = if entries.is_empty() { Vec::new() } else { blacklist::groups(db, company)? };
    let name = |id: BlacklistGroupId| {
        let named = groups.iter().find(|group| group.id == id);
        named.map_or_else(|| blacklist::DEFAULT_GROUP_NAME.to_owned(), |group| group.name.clone())
    };
    let entry = |(group, mobile, remark, since)| Blacklisted { group_name: name(group), group, mobile, remark, since };
    Ok(entries.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, Url};

    #[test]
    fn a_number_is_looked_for_in_an_index() {
        let store = Store::open(&Options::new(Url::Memory), Moment(0)).unwrap();
        for (sql, expected) in [
            (OF_TASKS, "customer_once (company_id=? AND task_id=? AND phone=?)"),
            (OF_SINGLES, "customer_single (company_id=? AND phone=?)"),
        ] {
            let explained = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = store.read(move |db| db.query(&explained, values![1i64, 1i64, "1"], |row| row.text(3)));
            let plan = futures::executor::block_on(plan).unwrap();
            assert!(plan.iter().any(|step| step.contains(expected)), "{plan:?}");
        }
    }
}
