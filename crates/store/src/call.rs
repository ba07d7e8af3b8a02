//! Call instances: importing them, and reading them back.

use std::collections::{BTreeMap, HashSet};

use hutong_domain::call::{CallKind, CallResult, CallStatus, FinishStatus, HungUpBy, Utterance};
use hutong_domain::ids::{CallId, CompanyId, CustomerId, LineId, RobotId, SceneId, TaskId, VoiceId};
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::report::Counts;

use crate::call_count::{self, Place};
use crate::db::{Db, Row, Value};
use crate::error::{Error, Result};
use crate::waiting::block::Changes;
use crate::{listed, task, values};

/// Rows that one INSERT carries: few enough for both engines' limits on parameters.
const ROWS_PER_INSERT: usize = 100;

/// Variables of a customer, by name.
pub type Properties = BTreeMap<String, String>;

/// A customer to be called by a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Name.
    pub name: String,
    /// Number.
    pub phone: PhoneNumber,
    /// Scene variables.
    pub properties: Properties,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Name.
    pub name: String,
    /// Number.
    pub phone: String,
    /// Scene variables.
    pub properties: Properties,
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Customers that went in.
    pub inserted: i64,
    /// Customers whose number the task had already.
    pub repeated: i64,
}

/// Imports customers into a task, each with a call instance; numbers that the task has are left out. Ids
/// are taken from `first_customer` and `first_call` on, see [`crate::Store::reserve`].
/// None when the company has no such task, or it is deleted.
///
/// # Errors
/// When the store fails.
pub fn import(
    db: &mut Db,
    company: CompanyId,
    task_id: TaskId,
    customers: &[NewCustomer],
    (first_customer, first_call): (i64, i64),
    now: Moment,
) -> Result<Option<Imported>> {
    let Some(task) = task::find_locked(db, company, task_id)?.filter(|task| task.deleted_at.is_none()) else {
        return Ok(None);
    };
    // Numbers are never taken out of a task: how many it has is the place of the next one.
    let first_no = task.counters.total;
    let mut inserted = 0;
    let numbered: Vec<(i64, &NewCustomer)> = (0i64..).zip(customers).collect();
    for chunk in numbered.chunks(ROWS_PER_INSERT) {
        let new = insert_customers(db, company, task_id, chunk, first_customer, now)?;
        let first_ids = (first_customer, first_call);
        insert_calls(db, (company, task_id), &new, first_ids, first_no + inserted, now)?;
        inserted += i64::try_from(new.len()).unwrap_or(0);
    }
    let place = Place { company, task: task_id, line: LineId(0), scene: task.scene };
    call_count::add(db, place, now, &Counts::imported(inserted))?;
    db.execute(
        "UPDATE task SET total_count = total_count + ?3 WHERE company_id = ?1 AND id = ?2",
        values![company, task_id, inserted],
    )?;
    let mut changes = Changes::default();
    changes.add_imported(first_no, inserted);
    changes.write(db, company, task_id)?;
    let asked = i64::try_from(customers.len()).unwrap_or(0);
    Ok(Some(Imported { inserted, repeated: asked - inserted }))
}

/// The customers of the chunk that were new to the task.
fn insert_customers<'a>(
    db: &mut Db,
    company: CompanyId,
    task_id: TaskId,
    chunk: &[(i64, &'a NewCustomer)],
    first_id: i64,
    now: Moment,
) -> Result<Vec<(i64, &'a NewCustomer)>> {
    let properties: Vec<String> =
        chunk.iter().map(|(_, customer)| properties_json(&customer.properties)).collect::<Result<_>>()?;
    let mut parameters: Vec<Value<'_>> = Vec::with_capacity(3 + chunk.len() * 4);
    parameters.extend_from_slice(values![company, task_id, now]);
    for ((n, customer), properties) in chunk.iter().zip(&properties) {
        parameters.extend_from_slice(values![first_id + n, &customer.name, customer.phone.as_str(), properties]);
    }
    let sql = rows_sql(
        "INSERT INTO customer (company_id, task_id, created_at, id, name, phone, properties) VALUES ",
        chunk.len(),
        4,
        "",
        " ON CONFLICT DO NOTHING RETURNING id",
    );
    let ids = db.query(&sql, &parameters, |row| row.int(0))?;
    if ids.len() == chunk.len() {
        return Ok(chunk.to_vec());
    }
    Ok(chunk.iter().filter(|(n, _)| ids.contains(&(first_id + n))).copied().collect())
}

fn insert_calls(
    db: &mut Db,
    (company, task_id): (CompanyId, TaskId),
    new: &[(i64, &NewCustomer)],
    (first_customer, first_call): (i64, i64),
    first_no: i64,
    now: Moment,
) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut parameters: Vec<Value<'_>> = Vec::with_capacity(3 + new.len() * 5);
    parameters.extend_from_slice(values![company, task_id, now]);
    for ((n, customer), import_no) in new.iter().zip(first_no..) {
        parameters.extend_from_slice(values![
            first_call + n,
            first_customer + n,
            &customer.name,
            customer.phone.as_str(),
            import_no
        ]);
    }
    let sql = rows_sql(
        "INSERT INTO call (company_id, task_id, created_at, id, customer_id, customer_name, customer_phone, import_no,
             modified_at, kind, status, due_at) VALUES ",
        new.len(),
        5,
        ", ?3, 1, 0, 0",
        "",
    );
    db.execute(&sql, &parameters)?;
    Ok(())
}

/// Which of these numbers the task has already: at most a thousand at a time.
///
/// # Errors
/// When the store fails.
pub fn among(db: &mut Db, company: CompanyId, task_id: TaskId, phones: &[&str]) -> Result<HashSet<String>> {
    let Some((names, phones)) = listed(phones, 3) else { return Ok(HashSet::new()) };
    let parameters: Vec<Value<'_>> = [company.into(), task_id.into()].into_iter().chain(phones).collect();
    // The task's own row is joined so that SQLite looks for its id in the index of numbers, and not for "more than 0".
    let found = db.query(
        &format!(
            "SELECT cu.phone FROM task t CROSS JOIN customer cu WHERE t.company_id = ?1 AND t.id = ?2
               AND cu.company_id = ?1 AND cu.task_id = t.id AND cu.task_id > 0 AND cu.phone IN ({names})"
        ),
        &parameters,
        |row| row.text(0),
    )?;
    Ok(found.into_iter().collect())
}

/// `VALUES (?1, ?2, ?3, ?4, …)` for so many rows: the three shared parameters, then each row's own ones,
/// then what is constant.
fn rows_sql(head: &str, rows: usize, own: usize, constant: &str, tail: &str) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|row| {
            let names: Vec<String> = (4 + row * own..4 + (row + 1) * own).map(|n| format!("?{n}")).collect();
            format!("(?1, ?2, ?3, {}{constant})", names.join(", "))
        })
        .collect();
    format!("{head}{}{tail}", rows.join(", "))
}

pub(crate) fn properties_json(properties: &Properties) -> Result<String> {
    serde_json::to_string(properties).map_err(|error| Error::Corrupt {
        column: "customer.properties",
        id: 0,
        found: error.to_string(),
    })
}

/// A customer of the company.
///
/// # Errors
/// When the store fails.
pub fn customer(db: &mut Db, company: CompanyId, id: CustomerId) -> Result<Option<Customer>> {
    db.query_one(
        "SELECT id, name, phone, properties FROM customer WHERE company_id = ?1 AND id = ?2",
        values![company, id],
        |row| {
            Ok(Customer {
                id: CustomerId(row.int(0)?),
                name: row.text(1)?,
                phone: row.text(2)?,
                properties: row.json(3, "customer.properties")?,
            })
        },
    )
}

/// The company that a customer belongs to, whoever asks.
///
/// # Errors
/// When the store fails.
pub fn customer_owner(db: &mut Db, id: CustomerId) -> Result<Option<CompanyId>> {
    db.query_one("SELECT company_id FROM customer WHERE id = ?1", values![id], |row| row.int(0).map(CompanyId))
}

/// The company that a call belongs to, whoever asks.
///
/// # Errors
/// When the store fails.
pub fn owner(db: &mut Db, id: CallId) -> Result<Option<CompanyId>> {
    db.query_one("SELECT company_id FROM call WHERE id = ?1", values![id], |row| row.int(0).map(CompanyId))
}

/// The company out of `candidates` that a call belongs to.
///
/// # Errors
/// When the store fails.
pub fn owner_among(db: &mut Db, id: CallId, candidates: &[CompanyId]) -> Result<Option<CompanyId>> {
    task::one_of(db, "call", id.get(), candidates)
}

/// One call with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallView {
    /// Its id.
    pub id: CallId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its task; 0 for a call placed by itself.
    pub task: TaskId,
    /// Name of the task.
    pub task_name: Option<String>,
    /// First moment of the task's day, as civil time.
    pub working_start: Option<String>,
    /// The customer.
    pub customer: CustomerId,
    /// The customer's name.
    pub customer_name: String,
    /// The customer's number.
    pub customer_phone: String,
    /// The customer's variables, a JSON object.
    pub properties: String,
    /// Why it was made.
    pub kind: CallKind,
    /// Where it stands.
    pub status: CallStatus,
    /// How it finished.
    pub finish_status: Option<FinishStatus>,
    /// Its place in the feed of its task.
    pub call_index: Option<i64>,
    /// Seconds of talk.
    pub duration_s: i64,
    /// How often the robot spoke.
    pub chat_rounds: i64,
    /// When the last attempt began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// The number that it was called from.
    pub caller_phone: Option<String>,
    /// Who hung up.
    pub hung_up_by: Option<HungUpBy>,
    /// When the last redial was planned for.
    pub redial_planned_at: Option<Moment>,
    /// How often the number was redialled.
    pub redials: i64,
    /// The recording of both voices.
    pub recording: Option<String>,
    /// The recording of the customer alone.
    pub customer_recording: Option<String>,
    /// When somebody opened it in the console.
    pub read_at: Option<Moment>,
    /// A mark that somebody set.
    pub track_result: Option<String>,
    /// The robot.
    pub robot: RobotId,
    /// The scene.
    pub scene: SceneId,
    /// The voice.
    pub voice: VoiceId,
    /// Name of the voice.
    pub voice_name: String,
    /// When it was made.
    pub created_at: Moment,
    /// When it was last changed.
    pub modified_at: Moment,
    /// What was said and concluded; none before it has finished.
    pub record: Option<Record>,
}

/// What was said in a call, and what was concluded.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Id of the first utterance; the others follow.
    pub first_utterance_id: i64,
    /// Id of the first result; the others follow.
    pub first_result_id: i64,
    /// What was said.
    pub utterances: Vec<Utterance>,
    /// What was concluded.
    pub results: Vec<CallResult>,
    /// When it was written.
    pub created_at: Moment,
    /// When it was last changed.
    pub modified_at: Moment,
}

/// A call of the company.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, company: CompanyId, id: CallId) -> Result<Option<CallView>> {
    db.query_one(
        "SELECT c.id, c.company_id, c.task_id, t.name, t.working_start, c.customer_id, c.customer_name, c.customer_phone,
             cu.properties, c.kind, c.status, c.finish_status, c.call_index, COALESCE(c.duration_s, 0),
             COALESCE(c.chat_rounds, 0), c.started_at, c.ended_at, c.caller_phone, c.hung_up_by, c.redial_planned_at,
             c.redials, c.recording, c.customer_recording, c.read_at, c.track_result, r.id,
             COALESCE(t.scene_id, r.scene_id), v.id, v.name, c.created_at, c.modified_at,
             cr.first_utterance_id, cr.first_result_id, cr.utterances, cr.results, cr.created_at, cr.modified_at
         FROM call c
         LEFT JOIN task t ON t.company_id = ?1 AND t.id = c.task_id
         LEFT JOIN customer cu ON cu.company_id = ?1 AND cu.id = c.customer_id
         LEFT JOIN robot r ON r.company_id = ?1 AND r.id = COALESCE(c.robot_id, t.robot_id)
         LEFT JOIN voice v ON v.company_id = ?1 AND v.id = COALESCE(t.voice_id,
             (SELECT MIN(first.id) FROM voice first WHERE first.company_id = ?1 AND first.scene_id = r.scene_id))
         LEFT JOIN call_record cr ON cr.company_id = ?1 AND cr.id = c.id
         WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, id],
        view,
    )
}

fn view(row: &Row<'_>) -> Result<CallView> {
    Ok(CallView {
        id: CallId(row.int(0)?),
        company: CompanyId(row.int(1)?),
        task: TaskId(row.int(2)?),
        task_name: row.text_or_null(3)?,
        working_start: row.text_or_null(4)?,
        customer: CustomerId(row.int(5)?),
        customer_name: row.text(6)?,
        customer_phone: row.text(7)?,
        properties: row.text_or_null(8)?.unwrap_or_else(|| "{}".to_owned()),
        kind: row.number(9, "call.kind", CallKind::from_number)?,
        status: row.number(10, "call.status", CallStatus::from_number)?,
        finish_status: row.number_or_null(11, "call.finish_status", FinishStatus::from_number)?,
        call_index: row.int_or_null(12)?,
        duration_s: row.int(13)?,
        chat_rounds: row.int(14)?,
        started_at: row.moment_or_null(15)?,
        ended_at: row.moment_or_null(16)?,
        caller_phone: row.text_or_null(17)?,
        hung_up_by: row.number_or_null(18, "call.hung_up_by", HungUpBy::from_number)?,
        redial_planned_at: row.moment_or_null(19)?,
        redials: row.int(20)?,
        recording: row.text_or_null(21)?,
        customer_recording: row.text_or_null(22)?,
        read_at: row.moment_or_null(23)?,
        track_result: row.text_or_null(24)?,
        robot: RobotId(row.int_or_null(25)?.unwrap_or(0)),
        scene: SceneId(row.int_or_null(26)?.unwrap_or(0)),
        voice: VoiceId(row.int_or_null(27)?.unwrap_or(0)),
        voice_name: row.text_or_null(28)?.unwrap_or_default(),
        created_at: row.moment(29)?,
        modified_at: row.moment(30)?,
        record: match row.int_or_null(31)? {
            None => None,
            Some(first_utterance_id) => Some(Record {
                first_utterance_id,
                first_result_id: row.int(32)?,
                utterances: row.json(33, "call_record.utterances")?,
                results: row.json(34, "call_record.results")?,
                created_at: row.moment(35)?,
                modified_at: row.moment(36)?,
            }),
        },
    })
}
