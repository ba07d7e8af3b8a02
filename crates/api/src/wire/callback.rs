//! What callbacks say: the parts of `phoneLogInfo` with what callbacks add to them, and tasks. Per `callbacks.md`.

use std::collections::BTreeMap;

use hutong_domain::call::{CallResult, INTENT_LEVEL, Speaker, Understanding, Utterance};
use hutong_domain::callback::CallbackKind;
use hutong_domain::moment::Moment;
use hutong_domain::window::CallingWindow;
use hutong_store::call::CallView;
use hutong_store::callback::delivery::{Detail, Due};
use hutong_store::key::Edition;
use hutong_store::regrade::Regrade;
use hutong_store::task::{Settings, Task};
use serde::{Serialize, Serializer};

use super::call_detail::CallDetail;
use super::time::LocalMoment;
use crate::app::Api;
use crate::compat::intent;
use crate::json::{self, List, Raw};

const CALL: &str = "CALL_INSTANCE_RESULT";
const TASK: &str = "JOB_INFO_RESULT";
/// Room for a call, a result and an utterance.
const SCENE_BYTES: usize = 2048;
const RESULT_BYTES: usize = 512;
const LINE_BYTES: usize = 512;
/// `callType` of a task's calls.
const BY_TASK: i64 = 1;

/// A callback, in the form that answers have as well.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Callback<T> {
    code: u16,
    data: Typed<T>,
    result_msg: &'static str,
    error_stack_trace: Option<()>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Typed<T> {
    data_type: &'static str,
    data: T,
}

impl<T> Callback<T> {
    pub(crate) fn new(kind: CallbackKind, data: T) -> Self {
        let data_type = match kind {
            CallbackKind::Call | CallbackKind::ManualChange => CALL,
            CallbackKind::Task => TASK,
        };
        Self { code: 200, data: Typed { data_type, data }, result_msg: "成功", error_stack_trace: None }
    }
}

/// How a call finished.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishedCall {
    scene_instance: Written,
    task_result: List,
    phone_log: CallbackLog,
    job_finished: bool,
    sign: String,
    date_time: String,
}

/// JSON that is written already.
struct Written(String);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Raw(&self.0).serialize(serializer)
    }
}

/// What callbacks add to a call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallMore {
    /// Nobody in particular: calls are placed by keys, not by users.
    call_user_id: i64,
    call_index: i64,
    industry: String,
    /// hutong knows no tariffs.
    cost: i64,
    callbacked: u8,
    properties_map: BTreeMap<String, String>,
}

/// What callbacks add to a result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultMore {
    call_job_id: i64,
    /// What a person made of it; null where nobody did.
    artificial_result_value: Option<String>,
    artificial_changed: bool,
    result_value_alias: Option<&'static str>,
    result_labels: Option<()>,
    result_value_new: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallbackLog {
    phone_logs: List,
    luyin_oss_url: Option<String>,
}

/// What callbacks add to an utterance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineMore {
    company_id: i64,
    robot_def_id: i64,
    /// The scene node.
    decision_id: String,
    answer_status: u8,
    /// Nobody has taught the robot by this line.
    study_status: u8,
    knowledge_base_id: u32,
    correction_content: Option<()>,
}

/// What is known of a finished call.
pub(crate) struct FinishedCallFacts {
    pub(crate) view: CallView,
    pub(crate) industry: String,
    /// What people made of it.
    pub(crate) judged: Vec<Regrade>,
    pub(crate) job_finished: bool,
}

impl FinishedCall {
    /// The call, to be sent in the edition of the key that signs it.
    pub(crate) fn new(due: &Due, facts: FinishedCallFacts, edition: Edition, api: &Api) -> Result<Self, json::Error> {
        let FinishedCallFacts { view, industry, judged, job_finished } = facts;
        let utterances = view.record.iter().flat_map(|record| &record.utterances);
        let lines_more: Vec<LineMore> = utterances.map(|utterance| LineMore::new(utterance, &view)).collect();
        let results = view.record.iter().flat_map(|record| &record.results);
        let results_more: Vec<ResultMore> = results.map(|result| ResultMore::new(result, &view, &judged)).collect();
        let more = CallMore {
            call_user_id: 0,
            call_index: view.call_index.unwrap_or(0),
            industry,
            cost: 0,
            callbacked: u8::from(due.was_delivered),
            properties_map: properties(&view),
        };
        let CallDetail { phone_log, scene_instance, task_result } = CallDetail::new(view, edition, api);
        let mut scene = String::with_capacity(SCENE_BYTES);
        json::write_joined(&mut scene, &scene_instance, &more)?;
        let mut results = List::with_room(task_result.len() * RESULT_BYTES);
        task_result.iter().zip(&results_more).try_for_each(|(result, more)| results.push_joined(result, more))?;
        let mut phone_logs = List::with_room(lines_more.len() * LINE_BYTES);
        let mut lines = phone_log.phone_logs.iter().zip(&lines_more);
        lines.try_for_each(|(line, more)| phone_logs.push_joined(line, more))?;
        Ok(Self {
            scene_instance: Written(scene),
            task_result: results,
            phone_log: CallbackLog { phone_logs, luyin_oss_url: phone_log.luyin_oss_url },
            job_finished,
            sign: String::new(),
            date_time: String::new(),
        })
    }

    /// As it is sent at a moment, with its signature.
    pub(crate) fn sent(self, date_time: String, sign: String) -> Self {
        Self { date_time, sign, ..self }
    }
}

/// The customer's variables, with the two that every customer has.
fn properties(view: &CallView) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> = serde_json::from_str(&view.properties).unwrap_or_default();
    properties.insert("客户名称".to_owned(), view.customer_name.clone());
    properties.insert("联系方式".to_owned(), view.customer_phone.clone());
    properties
}

impl LineMore {
    fn new(utterance: &Utterance, view: &CallView) -> Self {
        let hit = match &utterance.understanding {
            Some(Understanding::Matched(hit)) => Some(hit),
            _ => None,
        };
        let knowledge = hit.and_then(|hit| hit.knowledge);
        let answer_status = match (utterance.speaker, hit, knowledge) {
            (Speaker::Robot, ..) | (Speaker::Customer, Some(_), None) => 0,
            (Speaker::Customer, _, Some(_)) => 1,
            (Speaker::Customer, None, None) => 2,
        };
        Self {
            company_id: view.company.get(),
            robot_def_id: view.robot.get(),
            decision_id: utterance.node.clone(),
            answer_status,
            study_status: 0,
            knowledge_base_id: knowledge.unwrap_or(0),
            correction_content: None,
        }
    }
}

impl ResultMore {
    fn new(result: &CallResult, view: &CallView, judged: &[Regrade]) -> Self {
        let by_hand = judged.iter().any(|judged| judged.name == result.name).then(|| result.value.clone());
        let level = (result.name == INTENT_LEVEL).then(|| intent::letter_and_newer(&result.value)).flatten();
        Self {
            call_job_id: view.task.get(),
            artificial_changed: by_hand.is_some(),
            artificial_result_value: by_hand,
            result_value_alias: level.map(|(letter, _)| letter),
            result_labels: None,
            result_value_new: level.map_or_else(|| result.value.clone(), |(_, newer)| newer.to_owned()),
        }
    }
}

/// What somebody made of a call by hand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedCall {
    task_result: Vec<ChangedResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangedResult {
    company_id: i64,
    scene_instance_id: i64,
    result_name: String,
    result_value: String,
}

impl ChangedCall {
    pub(crate) fn new(due: &Due) -> Self {
        let Detail { result, values, status: _, moved_at: _ } = &due.detail;
        let changed = values.iter().map(|value| ChangedResult {
            company_id: due.company.get(),
            scene_instance_id: due.name.subject,
            result_name: result.clone(),
            result_value: value.clone(),
        });
        Self { task_result: changed.collect() }
    }
}

/// A task that has moved.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MovedTask {
    call_job_id: i64,
    company_id: i64,
    job_name: String,
    job_type: i64,
    start_date: String,
    end_date: Option<String>,
    working_start_time: String,
    working_end_time: String,
    break_start_time: Option<String>,
    break_end_time: Option<String>,
    status: i64,
    call_type: i64,
    robot_def_id: i64,
    scene_def_id: i64,
    scene_record_id: i64,
    remark: String,
    sms_type: i64,
    sms_condition: String,
    sms_template_id: i64,
    user_id: i64,
    user_name: &'static str,
    secondary_start_time: Option<()>,
    job_is_delete: u8,
    gmt_create: LocalMoment,
    gmt_modified: LocalMoment,
}

impl MovedTask {
    /// The task as it is, in the state that it came into then: what it has done since has callbacks of its own.
    pub(crate) fn new(task: Task, detail: &Detail, api: &Api) -> Self {
        let Task {
            id,
            company,
            status: now,
            settings,
            robot,
            scene,
            scene_version: _,
            voice,
            created_at,
            modified_at,
            ended_at: _,
            deleted_at,
            counters: _,
        } = task;
        let Settings {
            name,
            kind,
            start_date,
            window: CallingWindow { working, rest },
            line_kind: _,
            quota: _,
            in_progress_max: _,
            elastic: _,
            redial_rules: _,
            remark,
            extras,
        } = settings;
        let status = detail.status.unwrap_or(now);
        let moved_at = detail.moved_at.map_or(modified_at, Moment);
        let end_date = status.is_final().then(|| moved_at.civil(&api.rules.zone).date().to_string());
        Self {
            call_job_id: id.get(),
            company_id: company.get(),
            job_name: name,
            job_type: kind.number(),
            start_date: start_date.to_string(),
            end_date,
            working_start_time: working.start.to_string(),
            working_end_time: working.end.to_string(),
            break_start_time: rest.map(|rest| rest.start.to_string()),
            break_end_time: rest.map(|rest| rest.end.to_string()),
            status: status.number(),
            call_type: BY_TASK,
            robot_def_id: robot.get(),
            scene_def_id: scene.get(),
            scene_record_id: voice.get(),
            remark,
            sms_type: extras.sms_type.unwrap_or(0),
            sms_condition: extras.sms_send_level.join(","),
            sms_template_id: extras.sms_template.map_or(0, hutong_domain::ids::SmsTemplateId::get),
            user_id: 0,
            user_name: "",
            secondary_start_time: None,
            job_is_delete: u8::from(deleted_at.is_some()),
            gmt_create: api.calendar.local(created_at),
            gmt_modified: api.calendar.local(moved_at),
        }
    }
}
