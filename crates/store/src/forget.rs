//! A person is forgotten: everything that is kept of a number is emptied or deleted, and counts stay what they are.

mod everything;

use hutong_domain::call::CallStatus;
use hutong_domain::grading;
use hutong_domain::ids::{CallId, CompanyId, CustomerId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::phone;
use hutong_domain::task::TaskStatus;

use crate::call::Properties;
use crate::claim::Claimed;
use crate::company;
use crate::db::{Db, Value};
use crate::error::{Error, Result};
use crate::finish::{Ending, close_undialled};
use crate::number::{self, Busy};
use crate::retention::{count, empty_transcript, remove_customer};
use crate::waiting::block::Changes;
use crate::{listed, note, values};

pub use everything::{Outcome, Wanted};

/// Calls of a number that are dealt with in one transaction.
pub const CALLS_MAX: usize = 100;

/// What becomes of the wish not to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blacklisted {
    /// The number stays on the blacklist, and nothing else with it: without the number the wish could not be kept.
    KeepNumber,
    /// It goes as well.
    Remove,
}

/// Where a number is found in a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The company.
    pub company: CompanyId,
    /// Calls to it.
    pub calls: Vec<CallId>,
    /// Customers with it.
    pub customers: Vec<CustomerId>,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Customers.
    pub customers: i64,
    /// Calls whose number was masked.
    pub calls: i64,
    /// Of these, calls that waited to be dialled: they have finished as blacklisted.
    pub waiting: i64,
    /// Calls whose words were emptied.
    pub transcripts: i64,
    /// Names of recordings that are to be deleted.
    pub recordings: Vec<String>,
    /// Entries of blacklists: emptied but for the number, or removed.
    pub blacklisted: i64,
    /// Days on which attempts at it were counted.
    pub dialled_days: i64,
    /// Callbacks.
    pub callbacks: i64,
    /// Texts that robots had not understood.
    pub texts: i64,
}

impl Forgotten {
    /// Adds what was removed elsewhere.
    pub fn add(&mut self, other: Self) {
        let Self { customers, calls, waiting, transcripts, recordings, blacklisted, dialled_days, callbacks, texts } =
            other;
        self.customers += customers;
        self.calls += calls;
        self.waiting += waiting;
        self.transcripts += transcripts;
        self.recordings.extend(recordings);
        self.blacklisted += blacklisted;
        self.dialled_days += dialled_days;
        self.callbacks += callbacks;
        self.texts += texts;
    }
}

/// The companies that have something of a number in any of these spellings, or of `company` alone whatever it has.
///
/// # Errors
/// When the store fails.
pub fn traces(db: &mut Db, spellings: &[String], company: Option<CompanyId>) -> Result<Vec<Traces>> {
    let mut traces: Vec<Traces> = company::all(db)?
        .into_iter()
        .filter(|known| company.is_none_or(|company| company == known.id))
        .map(|known| Traces { company: known.id, calls: Vec::new(), customers: Vec::new() })
        .collect();
    let texts: Vec<&str> = spellings.iter().map(String::as_str).collect();
    let Some((names, parameters)) = listed(&texts, 1) else { return Ok(Vec::new()) };
    // A number is looked for seldom: no index has to be kept up for it with every import.
    let customers = format!("SELECT company_id, id FROM customer WHERE phone IN ({names}) ORDER BY id");
    for (company, id) in db.query(&customers, &parameters, |row| Ok((CompanyId(row.int(0)?), row.int(1)?)))? {
        traces.iter_mut().filter(|it| it.company == company).for_each(|it| it.customers.push(CustomerId(id)));
    }
    // A customer may have been called under another number than the one that is kept.
    let calls = format!("SELECT company_id, id FROM call WHERE customer_phone IN ({names}) ORDER BY id");
    for (company, id) in db.query(&calls, &parameters, |row| Ok((CompanyId(row.int(0)?), row.int(1)?)))? {
        traces.iter_mut().filter(|it| it.company == company).for_each(|it| it.calls.push(CallId(id)));
    }
    Ok(traces)
}

/// The call that a number is in, of one company or of any.
///
/// # Errors
/// When the store fails.
pub fn in_progress(db: &mut Db, spellings: &[String], company: Option<CompanyId>) -> Result<Option<Busy>> {
    let texts: Vec<&str> = spellings.iter().map(String::as_str).collect();
    let busy = number::busy(db, &texts)?.into_values();
    Ok(busy.into_iter().find(|busy| company.is_none_or(|company| company == busy.company)))
}

/// Forgets some calls to a number, at most [`CALLS_MAX`]. Whoever claims calls of the company waits meanwhile. None where one of
/// them is in progress: nothing of these was changed.
///
/// # Errors
/// When the store fails.
pub fn forget_calls(
    db: &mut Db,
    company: CompanyId,
    calls: &[CallId],
    first_result_id: i64,
    now: Moment,
) -> Result<Option<Forgotten>> {
    company::find_locked(db, company)?;
    let mut forgotten = Forgotten::default();
    let mut known = Vec::with_capacity(calls.len());
    for call in calls {
        known.extend(find(db, company, *call)?);
    }
    if known.iter().any(|call| call.status == CallStatus::InProgress) {
        return Ok(None);
    }
    for (call, result_id) in known.iter().zip(first_result_id..) {
        if call.status != CallStatus::Done {
            forgotten.waiting += i64::from(close(db, company, call, result_id, now)?);
        }
        forget_call(db, company, call, &mut forgotten, now)?;
    }
    Ok(Some(forgotten))
}

struct Found {
    id: CallId,
    task: TaskId,
    phone: String,
    status: CallStatus,
    due_at: Moment,
    import_no: i64,
    recording: Option<String>,
}

fn find(db: &mut Db, company: CompanyId, call: CallId) -> Result<Option<Found>> {
    db.query_one(
        "SELECT id, task_id, customer_phone, status, due_at, import_no, recording FROM call
         WHERE company_id = ?1 AND id = ?2",
        values![company, call],
        |row| {
            Ok(Found {
                id: CallId(row.int(0)?),
                task: TaskId(row.int(1)?),
                phone: row.text(2)?,
                status: row.number(3, "call.status", CallStatus::from_number)?,
                due_at: row.moment(4)?,
                import_no: row.int(5)?,
                recording: row.text_or_null(6)?,
            })
        },
    )
}

/// Ends a call that waits to be dialled, as if the number stood on the blacklist: it gets its place in the feed and is counted.
/// False where its task was stopped: then nobody dials it, and it stays as it is.
fn close(db: &mut Db, company: CompanyId, call: &Found, first_result_id: i64, now: Moment) -> Result<bool> {
    let lock = if db.is_postgres() { " FOR UPDATE" } else { "" };
    let task = db.query_one(
        &format!("SELECT id, scene_id, scene_version, status FROM task WHERE company_id = ?1 AND id = ?2{lock}"),
        values![company, call.task],
        |row| Ok((SceneId(row.int(1)?), row.int(2)?, row.number(3, "task.status", TaskStatus::from_number)?)),
    )?;
    let (scene, scene_version, status) = task.ok_or_else(|| Error::Corrupt {
        column: "call.task_id",
        id: call.id.get(),
        found: format!("a call that waits without its task {}", call.task),
    })?;
    if status == TaskStatus::Stopped {
        return Ok(false);
    }
    let mut changes = Changes::default();
    changes.add((call.status, call.due_at, call.import_no), -1);
    changes.write(db, company, call.task)?;
    let claimed = Claimed {
        company,
        task: call.task,
        call: call.id,
        attempt_no: 0,
        node: NodeId(0),
        customer_name: String::new(),
        customer_phone: String::new(),
        properties: Properties::new(),
        line: LineId(0),
        driver: LineDriver::Simulated,
        caller_phone: String::new(),
        seated: false,
        scene,
        scene_version,
        voice: VoiceId(0),
        dial_before: now,
    };
    let ending = Ending {
        disposition: Disposition::Blacklisted,
        signals: None,
        answered_at: None,
        ended_at: now,
        hung_up_by: None,
        chat_rounds: 0,
        utterances: Vec::new(),
        course: None,
        do_not_call: false,
        results: grading::without_scene(),
        recording: None,
        customer_recording: None,
        first_utterance_id: 0,
        first_result_id,
    };
    close_undialled(db, &claimed, &ending)?;
    Ok(true)
}

fn forget_call(db: &mut Db, company: CompanyId, call: &Found, forgotten: &mut Forgotten, now: Moment) -> Result<()> {
    if let Some(recording) = &call.recording {
        db.execute(
            "INSERT INTO recording_removal (company_id, name, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            values![company, recording, now],
        )?;
        forgotten.recordings.push(recording.clone());
    }
    db.execute(
        "UPDATE call SET customer_phone = ?3, customer_name = '', recording = NULL, customer_recording = NULL
         WHERE company_id = ?1 AND id = ?2",
        values![company, call.id, &phone::mask_all(&call.phone)],
    )?;
    forgotten.calls += 1;
    forgotten.transcripts += i64::from(empty_transcript(db, company, call.id)?);
    note::remove(db, company, call.id)?;
    db.execute("UPDATE regrade SET note = '' WHERE company_id = ?1 AND call_id = ?2", values![company, call.id])?;
    // Texts that somebody else has said since are nobody's any more.
    let texts = db.execute("DELETE FROM unheard WHERE company_id = ?1 AND call_id = ?2", values![company, call.id])?;
    forgotten.texts += count(texts);
    Ok(())
}

/// Forgets what else a company has of a number, when its calls are forgotten.
///
/// # Errors
/// When the store fails.
pub fn forget_rest(
    db: &mut Db,
    company: CompanyId,
    spellings: &[String],
    customers: &[CustomerId],
    blacklisted: Blacklisted,
) -> Result<Forgotten> {
    let mut forgotten = Forgotten::default();
    for customer in customers {
        forgotten.customers += i64::from(remove_customer(db, company, *customer)?);
    }
    let texts: Vec<&str> = spellings.iter().map(String::as_str).collect();
    let Some((names, phones)) = listed(&texts, 2) else { return Ok(forgotten) };
    let parameters: Vec<Value<'_>> = std::iter::once(company.into()).chain(phones).collect();
    let mut run = |what: &str, column: &str| -> Result<i64> {
        Ok(count(db.execute(&format!("{what} WHERE company_id = ?1 AND {column} IN ({names})"), &parameters)?))
    };
    forgotten.blacklisted = match blacklisted {
        Blacklisted::KeepNumber => run("UPDATE blacklist_entry SET name = '', remark = ''", "mobile")?,
        Blacklisted::Remove => run("DELETE FROM blacklist_entry", "mobile")?,
    };
    forgotten.dialled_days = run("DELETE FROM dialled_number", "phone")?;
    forgotten.callbacks = run("DELETE FROM callback", "customer_phone")?;
    Ok(forgotten)
}

/// A recording that is to be deleted wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Whose it was.
    pub company: CompanyId,
    /// The name of both voices together.
    pub name: String,
    /// Since when.
    pub since: Moment,
}

/// Recordings that are to be deleted, the oldest first.
///
/// # Errors
/// When the store fails.
pub fn removals(db: &mut Db, limit: i64) -> Result<Vec<Removal>> {
    let sql = "SELECT company_id, name, since FROM recording_removal ORDER BY since, company_id, name LIMIT ?1";
    db.query(sql, values![limit], |row| {
        Ok(Removal { company: CompanyId(row.int(0)?), name: row.text(1)?, since: row.moment(2)? })
    })
}

/// Nobody can have a file of this recording any more.
///
/// # Errors
/// When the store fails.
pub fn removed(db: &mut Db, removal: &Removal) -> Result<()> {
    let Removal { company, name, since: _ } = removal;
    db.execute("DELETE FROM recording_removal WHERE company_id = ?1 AND name = ?2", values![*company, name])?;
    Ok(())
}
