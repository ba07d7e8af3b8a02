//! Everything that is kept of one company, row by row: for whoever takes their data away.

use hutong_domain::ids::CompanyId;
use serde_json::{Map, Value as Json};

use crate::db::{Db, Value};
use crate::error::{Error, Result};

/// Rows that are read at a time.
const ROWS: i64 = 200;

/// A table with rows of companies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The column with the company's id.
    company: &'static str,
    /// The columns that tell its rows of a company apart.
    key: &'static [&'static str],
    /// What is exported of it, in this order.
    columns: &'static [&'static str],
}

const fn table(name: &'static str, key: &'static [&'static str], columns: &'static [&'static str]) -> Table {
    Table { name, company: "company_id", key, columns }
}

/// Every table that is exported.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table { company: "id", ..table("company", &["id"], &[
        "id", "name", "seats", "legal_start", "legal_end", "dials_per_day", "dials_per_week", "created_at", "task_count",
        "deleted_task_count", "keep_recordings_days", "keep_transcripts_days", "keep_numbers_days",
    ]) },
    // Without the settings of their drivers, which have passwords in them.
    table("line", &["id"], &[
        "id", "name", "phone", "kind", "driver", "channels", "calls_per_s", "ramp_s", "bill_period_s", "enabled",
        "valid_from", "valid_until", "line_use", "created_at",
    ]),
    table("scene", &["id"], &["id", "name", "latest_version", "created_at"]),
    table("scene_version", &["scene_id", "version"], &["scene_id", "version", "document", "published_at"]),
    table("voice", &["id"], &["id", "scene_id", "name"]),
    table("voice_audio", &["scene_id", "version", "voice_id"], &["scene_id", "version", "voice_id", "texts"]),
    table("audio", &["digest"], &["digest", "sound", "created_at"]),
    table("robot", &["id"], &["id", "name", "scene_id", "online", "industry_one", "industry_two", "modified_at"]),
    table("task", &["id"], &[
        "id", "number", "name", "kind", "status", "start_date", "working_start", "working_end", "break_start", "break_end",
        "robot_id", "scene_id", "scene_version", "voice_id", "line_kind", "quota", "in_progress_max", "elastic",
        "redial_rules", "remark", "extras", "created_at", "modified_at", "ended_at", "deleted_at", "total_count",
        "next_call_index", "finish_0", "finish_1", "finish_2", "finish_3", "finish_4", "finish_5", "finish_6", "finish_7",
        "finish_8", "finish_9", "finish_10", "finish_11", "finish_22", "talk_0", "talk_1", "talk_2", "talk_3", "rounds_0",
        "rounds_1", "rounds_2", "rounds_3", "recent_dialled", "recent_answered", "recent_lost", "last_regrade",
        "transcripts_from", "numbers_from",
    ]),
    table("task_line", &["task_id", "line_id"], &["task_id", "line_id", "id", "created_at", "modified_at"]),
    table("task_move", &["task_id", "seq"], &["task_id", "seq", "at", "from_status", "to_status", "actor", "reason"]),
    table("task_result_count", &["task_id", "name", "value"], &["task_id", "name", "value", "calls"]),
    table("customer", &["id"], &["id", "task_id", "name", "phone", "properties", "created_at"]),
    table("call", &["id"], &[
        "id", "task_id", "customer_id", "customer_name", "customer_phone", "kind", "status", "due_at", "import_no",
        "redials", "caller_redials", "created_at", "modified_at", "call_index", "finish_status", "duration_s",
        "chat_rounds", "started_at", "ended_at", "line_id", "caller_phone", "redial_planned_at", "hung_up_by", "robot_id",
        "result_pairs", "recording", "customer_recording", "read_at", "track_result",
    ]),
    table("call_record", &["id"], &[
        "id", "first_utterance_id", "first_result_id", "utterances", "results", "created_at", "modified_at", "scene_id",
        "scene_version", "course",
    ]),
    table("call_result", &["task_id", "name", "value", "call_index"], &["task_id", "name", "value", "call_index"]),
    table("attempt", &["call_id", "attempt_no"], &[
        "call_id", "attempt_no", "task_id", "line_id", "node_id", "seated", "claimed_at", "answered_at", "ended_at",
        "disposition", "ended_by", "sip_code", "q850_cause", "early_media", "setup_ms", "ring_ms",
    ]),
    table("call_count", &["hour", "task_id", "line_id", "scene_id"], &[
        "hour", "task_id", "line_id", "scene_id",
        "imported", "dialled", "numbers_dialled", "answered", "lost", "finished", "talk_s", "talk_0", "talk_1",
        "talk_2", "talk_3", "talk_4", "grade_a", "grade_b", "grade_c", "grade_d", "grade_e", "grade_f",
        "grade_other", "turns", "turns_ms", "turn_0", "turn_1", "turn_2", "turn_3", "turn_4", "turn_5", "turn_6",
        "turn_7", "turn_8",
    ]),
    table("call_note", &["call_id"], &["call_id", "note", "tags", "noted_by", "noted_at"]),
    table("regrade", &["id"], &[
        "id", "task_id", "call_id", "call_index", "name", "was", "became", "regraded_by", "note", "regraded_at",
    ]),
    table("unheard", &["scene_id", "node", "text"], &[
        "scene_id", "node", "text", "times", "scene_version", "call_id", "said_at",
    ]),
    table("dialled_number", &["phone", "day"], &["phone", "day", "attempts"]),
    table("blacklist_group", &["id"], &["id", "name", "remark", "created_at"]),
    table("blacklist_entry", &["id"], &["id", "group_id", "mobile", "name", "remark", "created_at"]),
    table("sms_template", &["id"], &["id", "name", "content", "status", "created_at"]),
    table("callback_address", &["subject"], &[
        "subject", "url", "content_type", "manual_changes", "app_key", "modified_at",
    ]),
    table("callback", &["kind", "subject_id", "seq"], &[
        "kind", "subject_id", "seq", "task_id", "place", "detail", "direction", "customer_phone", "called_at", "created_at",
        "attempts", "due_at", "tried_at", "http_status", "answer", "delivered_at", "given_up_at",
    ]),
    table("audit_log", &["id"], &[
        "id", "at", "actor", "action", "kind", "object_id", "before_value", "after_value",
    ]),
];

/// What is kept of a company and not exported: secrets (`app_key…`, settings of lines), and what the installation needs
/// for itself. A table with a dot is a column.
pub const LEFT_OUT: &[&str] = &[
    "announcement",
    "app_key",
    "app_key_company",
    "busy_number",
    "callback_lane",
    "console_session",
    "console_user",
    "console_user_company",
    "id_block",
    "line.settings",
    "line_health",
    "node",
    "recording_removal",
    "retention_cursor",
    "sign_in_failure",
    "waiting_block",
];

/// Columns that hold JSON: it is part of the row's own.
const JSON: [&str; 14] = [
    "after_value",
    "became",
    "before_value",
    "course",
    "detail",
    "extras",
    "properties",
    "redial_rules",
    "result_pairs",
    "results",
    "tags",
    "texts",
    "utterances",
    "was",
];

impl Table {
    /// What is exported of it.
    #[must_use]
    pub const fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// Some rows of a company in the order of their keys, after the one with `after`, which is the key of a row that this has
    /// given; none are left where it gives none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn page(&self, db: &mut Db, company: CompanyId, after: Option<&[Json]>) -> Result<Vec<Map<String, Json>>> {
        let mut parameters: Vec<Value<'_>> = vec![company.into(), ROWS.into()];
        let mut beyond = String::new();
        if let Some(key) = after {
            let places: Vec<String> = (3..3 + key.len()).map(|at| format!("?{at}")).collect();
            beyond = format!("AND ({}) > ({})", self.key.join(", "), places.join(", "));
            parameters.extend(key.iter().map(|value| match value {
                Json::String(text) => Value::Text(Some(text)),
                other => Value::Int(other.as_i64()),
            }));
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE {} = ?1 {beyond} ORDER BY {} LIMIT ?2",
            self.columns.join(", "),
            self.name,
            self.company,
            self.key.join(", "),
        );
        db.query(&sql, &parameters, |row| {
            self.columns
                .iter()
                .enumerate()
                .map(|(at, column)| Ok(((*column).to_owned(), self.cell(row.value(at)?, column)?)))
                .collect()
        })
    }

    /// The key of a row.
    #[must_use]
    pub fn key_of(&self, row: &Map<String, Json>) -> Vec<Json> {
        self.key.iter().map(|column| row.get(*column).cloned().unwrap_or_default()).collect()
    }

    fn cell(&self, value: Json, column: &str) -> Result<Json> {
        match value {
            Json::String(text) if JSON.contains(&column) => {
                serde_json::from_str(&text).map_err(|error| Error::Corrupt {
                    column: "a column that holds JSON",
                    id: 0,
                    found: format!("{}.{column}: {error}", self.name),
                })
            }
            value => Ok(value),
        }
    }
}
