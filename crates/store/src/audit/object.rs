//! What can be changed, and what the log shows of it: no secret, no password, and no customer's number in full.

use hutong_domain::ids::{BlacklistEntryId, BlacklistGroupId, CallId, CompanyId, LineId, SceneId, TaskId};
use hutong_domain::phone::mask;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use crate::announcement::AnnouncementId;
use crate::callback::address::Subject;
use crate::db::{Db, Value};
use crate::error::Result;
use crate::{note, values};

/// Something that people change, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// A tenant.
    Company(CompanyId),
    /// A campaign of a company.
    Task(CompanyId, TaskId),
    /// A call of a company.
    Call(CompanyId, CallId),
    /// A caller number of a company.
    Line(CompanyId, LineId),
    /// A scene of a company.
    Scene(CompanyId, SceneId),
    /// A group of blacklisted numbers of a company.
    BlacklistGroup(CompanyId, BlacklistGroupId),
    /// A blacklisted number of a company.
    BlacklistEntry(CompanyId, BlacklistEntryId),
    /// Where a company's callbacks about something are sent.
    CallbackAddress(CompanyId, Subject),
    /// An announcement that is known by its sound.
    Announcement(AnnouncementId),
    /// A key of the API.
    Key(&'a str),
    /// A user of the console, by its name, which stays.
    User(&'a str),
}

impl Object<'_> {
    /// What kind of thing it is, as it stands in the log.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Company(_) => "company",
            Self::Task(..) => "task",
            Self::Call(..) => "call",
            Self::Line(..) => "line",
            Self::Scene(..) => "scene",
            Self::BlacklistGroup(..) => "blacklist_group",
            Self::BlacklistEntry(..) => "blacklist_entry",
            Self::CallbackAddress(..) => "callback_address",
            Self::Announcement(_) => "announcement",
            Self::Key(_) => "key",
            Self::User(_) => "user",
        }
    }

    pub(super) fn id(&self) -> String {
        match self {
            Self::Company(id) => id.to_string(),
            Self::Task(_, id) => id.to_string(),
            Self::Call(_, id) => id.to_string(),
            Self::Line(_, id) => id.to_string(),
            Self::Scene(_, id) => id.to_string(),
            Self::BlacklistGroup(_, id) => id.to_string(),
            Self::BlacklistEntry(_, id) => id.to_string(),
            Self::CallbackAddress(_, subject) => subject.name().to_owned(),
            Self::Announcement(id) => id.to_string(),
            Self::Key(name) | Self::User(name) => (*name).to_owned(),
        }
    }

    /// Whose it is; 0 for what belongs to the installation.
    pub(super) const fn company(&self) -> CompanyId {
        match self {
            Self::Company(company)
            | Self::Task(company, _)
            | Self::Call(company, _)
            | Self::Line(company, _)
            | Self::Scene(company, _)
            | Self::BlacklistGroup(company, _)
            | Self::BlacklistEntry(company, _)
            | Self::CallbackAddress(company, _) => *company,
            Self::Announcement(_) | Self::Key(_) | Self::User(_) => CompanyId(0),
        }
    }

    /// What is to be seen of it; none where it is not there.
    pub(super) fn read(&self, db: &mut Db) -> Result<Option<Json>> {
        self.look(db, "")
    }

    /// Like [`Object::read`]; nobody else changes it until the transaction ends.
    pub(super) fn read_locked(&self, db: &mut Db) -> Result<Option<Json>> {
        self.look(db, if db.is_postgres() { " FOR UPDATE" } else { "" })
    }

    fn look(&self, db: &mut Db, lock: &str) -> Result<Option<Json>> {
        let mut read = |table: &str, columns: &[&str], which: &str, values: &[Value<'_>]| {
            let sql = format!("SELECT {} FROM {table} WHERE {which}{lock}", columns.join(", "));
            db.query_one(&sql, values, |row| {
                let fields = columns.iter().enumerate().map(|(at, name)| Ok(((*name).to_owned(), row.any(at)?)));
                let fields = fields.filter_map(|field| match field {
                    Ok((name, value)) => value.map(|value| Ok((name, value))),
                    Err(error) => Some(Err(error)),
                });
                fields.collect::<Result<Map<String, Json>>>()
            })
        };
        let of_company = "company_id = ?1 AND id = ?2";
        let found = match *self {
            Self::Company(id) => read("company", COMPANY, "id = ?1", values![id])?,
            Self::Task(company, id) => read("task", TASK, of_company, values![company, id])?,
            Self::Call(company, id) => read("call", CALL, of_company, values![company, id])?,
            Self::Line(company, id) => read("line", LINE, of_company, values![company, id])?,
            Self::Scene(company, id) => read("scene", SCENE, of_company, values![company, id])?,
            Self::BlacklistGroup(company, id) => read("blacklist_group", GROUP, of_company, values![company, id])?,
            Self::BlacklistEntry(company, id) => read("blacklist_entry", ENTRY, of_company, values![company, id])?,
            Self::CallbackAddress(company, subject) => {
                let which = "company_id = ?1 AND subject = ?2";
                read("callback_address", ADDRESS, which, values![company, subject.number()])?
            }
            Self::Announcement(id) => read("announcement", ANNOUNCEMENT, "id = ?1", values![id.0])?,
            Self::Key(key) => read("app_key", KEY, "app_key = ?1", values![key])?,
            Self::User(name) => read("console_user", USER, "name = ?1", values![name])?,
        };
        let Some(mut fields) = found else { return Ok(None) };
        self.add_others(db, &mut fields)?;
        fields.iter_mut().for_each(|(name, value)| show(name, value));
        Ok(Some(Json::Object(fields)))
    }

    /// What is kept of the thing in other tables.
    fn add_others(&self, db: &mut Db, fields: &mut Map<String, Json>) -> Result<()> {
        let mut ids = |name: &str, sql: &str, values: &[Value<'_>]| -> Result<()> {
            let ids = db.query(sql, values, |row| row.int(0))?;
            fields.insert(name.to_owned(), ids.into());
            Ok(())
        };
        match *self {
            Self::Call(company, id) => add_note(db, (company, id), fields),
            Self::Task(company, id) => ids(
                "lines",
                "SELECT line_id FROM task_line WHERE company_id = ?1 AND task_id = ?2 ORDER BY id",
                values![company, id],
            ),
            Self::Key(key) => ids(
                "companies",
                "SELECT company_id FROM app_key_company WHERE app_key = ?1 ORDER BY company_id",
                values![key],
            ),
            Self::User(name) => ids(
                "companies",
                "SELECT c.company_id FROM console_user_company c JOIN console_user u ON u.id = c.user_id
                 WHERE u.name = ?1 ORDER BY c.company_id",
                values![name],
            ),
            _ => Ok(()),
        }
    }
}

/// Of a note, how long it is: whoever is to be forgotten may be named in it.
fn add_note(db: &mut Db, (company, call): (CompanyId, CallId), fields: &mut Map<String, Json>) -> Result<()> {
    let Some(note) = note::find(db, company, call)? else { return Ok(()) };
    fields.insert("tags".to_owned(), note.tags.into());
    fields.insert("note_chars".to_owned(), note.note.chars().count().into());
    fields.insert("noted_at".to_owned(), note.at.ms().into());
    Ok(())
}

const COMPANY: &[&str] = &[
    "name",
    "seats",
    "legal_start",
    "legal_end",
    "dials_per_day",
    "dials_per_week",
    "keep_recordings_days",
    "keep_transcripts_days",
    "keep_numbers_days",
];
const TASK: &[&str] = &[
    "name",
    "kind",
    "status",
    "start_date",
    "working_start",
    "working_end",
    "break_start",
    "break_end",
    "line_kind",
    "robot_id",
    "scene_version",
    "voice_id",
    "quota",
    "in_progress_max",
    "elastic",
    "redial_rules",
    "remark",
    "extras",
    "deleted_at",
];
const CALL: &[&str] = &["task_id", "customer_id", "customer_phone", "robot_id", "read_at"];
const LINE: &[&str] = &[
    "name",
    "phone",
    "kind",
    "driver",
    "channels",
    "calls_per_s",
    "ramp_s",
    "bill_period_s",
    "enabled",
    "valid_from",
    "valid_until",
    "line_use",
    "settings",
];
const SCENE: &[&str] = &["name", "latest_version"];
const GROUP: &[&str] = &["name", "remark"];
const ENTRY: &[&str] = &["mobile", "group_id"];
const ADDRESS: &[&str] = &["url", "content_type", "manual_changes", "app_key"];
const ANNOUNCEMENT: &[&str] = &["name", "meaning"];
const KEY: &[&str] =
    &["edition", "requests_per_s", "allowed_addresses", "sealed_secret", "previous_until", "rotated_at", "revoked_at"];
const USER: &[&str] = &["role", "all_companies", "password_changed_at", "disabled_at"];

/// Customers' numbers lose their middle. Of what is sealed, a key's secret or a trunk's password, only whether it is another
/// one is to be seen. Moments become readable.
fn show(name: &str, value: &mut Json) {
    let is_moment = name.ends_with("_at") || name.ends_with("_until");
    match value {
        Json::Number(ms) if is_moment => {
            if let Some(at) = ms.as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
                *value = at.to_string().into();
            }
        }
        Json::String(number) if matches!(name, "mobile" | "customer_phone") => *number = mask(number),
        Json::String(sealed) if matches!(name, "password" | "sealed_secret") => {
            let digest = Sha256::digest(sealed.as_bytes());
            let beginning: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            *sealed = format!("sealed {beginning}");
        }
        Json::Object(fields) => fields.iter_mut().for_each(|(name, value)| show(name, value)),
        _ => {}
    }
}
