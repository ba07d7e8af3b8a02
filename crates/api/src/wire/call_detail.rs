//! One call on the wire, with all that was said and concluded.

use std::borrow::Cow;

use hutong_domain::call::{
    CallKind, CallResult, CallStatus, FinishStatus, HungUpBy, Match, Speaker, Understanding, Utterance,
};
use hutong_domain::ids::CallId;
use hutong_store::call::{CallView, Record};
use hutong_store::key::Edition;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::day_begins;
use super::time::{CalendarPage, LocalMoment};
use crate::app::Api;
use crate::compat::edition::Truth;

/// `userMean` where the robot had nothing to understand.
const NOT_NEEDED: &str = "~";
/// `userMean` where the robot had no answer.
const UNKNOWN: &str = "AI_UNKNOWN";

/// A call with all that was said and concluded · 通话详情
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallDetail {
    /// 对话 · what was said
    pub(super) phone_log: PhoneLog,
    /// 通话 · the call
    pub(super) scene_instance: SceneInstance,
    /// 任务结果分析 · what was concluded
    pub(super) task_result: Vec<TaskResult>,
}

/// What was said · 对话内容
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhoneLog {
    /// 对话内容，按先后顺序 · the utterances in their order
    pub(super) phone_logs: Vec<PhoneLogLine>,
    /// 通话录音 · recording of both voices
    pub(super) luyin_oss_url: Option<String>,
}

/// One utterance · 一句对话
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhoneLogLine {
    /// 对话id · id of the utterance
    #[schema(example = 1321)]
    scene_instance_log_id: i64,
    /// 任务实例id · id of the call
    #[schema(example = 540)]
    scene_instance_id: i64,
    /// 角色, AI 或 ME（客户） · who spoke: `AI`, or `ME` for the customer
    #[schema(value_type = String, example = "ME")]
    speaker: &'static str,
    /// 内容 · the words
    #[schema(example = "喂你好")]
    content: String,
    /// 命中的分支或知识点，`~` 无需理解，`AI_UNKNOWN` 无法应答 · the branch or knowledge entry that the words hit
    #[schema(value_type = Option<String>, example = "~")]
    user_mean: Option<Cow<'static, str>>,
    /// 命中详情，JSON 列表字符串 · what was hit, a JSON list as a string
    #[schema(example = json!("[{\"score\":0.92,\"answer\":\"拒绝\",\"ask\":\"不考虑\",\"knowledgeBaseId\":33230}]"))]
    user_mean_detail: Option<String>,
    /// 是否是ai无法应答的问题 · the robot had no answer: `true`, or `1` for keys of the 2019-08 edition
    ai_unknown: Truth,
    /// 在录音中的开始时间（毫秒） · where in the recording the words begin, in ms
    #[schema(example = 300)]
    start_time: i64,
    /// 在录音中的结束时间（毫秒） · where in the recording the words end, in ms
    #[schema(example = 1145)]
    end_time: i64,
    /// 创建时间 · when it was said
    gmt_create: LocalMoment,
    /// 修改时间 · when it was last changed
    gmt_modified: LocalMoment,
}

/// The call itself · 任务实例
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SceneInstance {
    /// 任务实例id · id of the call
    #[schema(example = 540)]
    call_instance_id: i64,
    /// 公司id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 任务id，单独拨打时为 0 · id of its task; 0 for a call placed by itself
    #[schema(example = 31)]
    call_job_id: i64,
    /// 客户id · id of the customer
    #[schema(example = 55)]
    customer_id: i64,
    /// 客户手机 · the customer's number
    #[schema(example = "17751279857")]
    customer_telephone: String,
    /// 客户名称 · the customer's name
    #[schema(example = "不弃")]
    customer_name: String,
    /// 任务实例状态, 0:未开始,1:进行中,2:已完成,3:二次拨打调度中 · where it stands
    #[schema(value_type = i64, example = 2)]
    status: CallStatus,
    /// 完成状态，未完成时为 0 · how it finished; 0 before that
    #[schema(example = 0)]
    finish_status: i64,
    /// 通话时长（秒） · talk time in seconds
    #[schema(example = 87)]
    duration: i64,
    /// 通话轮次 · how often the robot spoke
    #[schema(example = 18)]
    chat_round: i64,
    /// 开始拨打时间 · when dialling began; null before that
    start_time: Option<LocalMoment>,
    /// 结束拨打时间 · when it ended; null before that
    end_time: Option<LocalMoment>,
    /// 主叫电话 · the number that it was called from; null before it is dialled
    #[schema(example = "18072749353")]
    caller_phone: Option<String>,
    /// 通话录音 · recording of both voices
    luyin_oss_url: Option<String>,
    /// 客户录音 · recording of the customer alone
    user_luyin_oss_url: Option<String>,
    /// 客户变量，JSON 对象字符串 · the customer's variables, a JSON object as a string
    #[schema(example = "{}")]
    properties: String,
    /// 跟进人：录音名称 · name of the voice that spoke
    #[schema(example = "房产电销优化版")]
    handle_person: String,
    /// 拨打类型 0:免费试用,1:任务,2:用户单独拨打,3:收费试用,4:后台拨打,100:人工拨打 · why it was made
    #[schema(value_type = i64, example = 1)]
    call_type: CallKind,
    /// 是否已读 0:未读,1:已读 · whether somebody opened it in the console
    #[schema(example = 1)]
    read_status: i64,
    /// 任务名称 · name of its task; empty for a call placed by itself
    #[schema(example = "buqi新的测试任务")]
    job_name: String,
    /// 关联的机器人id · id of the robot
    #[schema(example = 6)]
    robot_def_id: i64,
    /// 场景id · id of the scene
    #[schema(example = 11)]
    scene_def_id: i64,
    /// 关联的录音id · id of the voice
    #[schema(example = 1)]
    scene_record_id: i64,
    /// 跟踪结果 · a mark that somebody set
    track_result: Option<String>,
    /// 挂机人, 0:AI,1:用户 · who hung up: 0 the robot, 1 the customer
    #[schema(example = 0)]
    hang_up: i64,
    /// 二次重试拨打时间 · time of day of the last planned redial, on a date that means nothing
    #[schema(example = "1970-01-01 13:00:00")]
    secondary_call_time: LocalMoment,
    /// 重试拨打次数 · how often the number was redialled
    #[schema(example = 2)]
    secondary_call_times: i64,
    /// 创建时间 · when it was imported
    gmt_create: LocalMoment,
    /// 修改时间 · when it was last changed
    gmt_modified: LocalMoment,
}

/// A conclusion about a call · 结果分析
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskResult {
    /// 结果id · id of the conclusion
    #[schema(example = 189)]
    scene_instance_result_id: i64,
    /// 公司id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 任务实例id · id of the call
    #[schema(example = 540)]
    scene_instance_id: i64,
    /// 结果名称 · its name
    #[schema(example = "客户意向等级")]
    result_name: String,
    /// 结果值 · its value
    #[schema(example = "A级(较强)")]
    result_value: String,
    /// 结果说明 · the rule that concluded it, in words
    #[schema(example = "该客户在通话过程中主动询问了产品细节，有进一步了解产品的意愿。")]
    result_desc: Option<String>,
    /// 分析类型 · the kind of rule
    #[schema(example = "BY_ANALYZE_USER_LEVEL")]
    analyze_type: Option<String>,
    /// 创建时间 · when it was concluded
    gmt_create: LocalMoment,
    /// 修改时间 · when it was last changed
    gmt_modified: LocalMoment,
}

impl CallDetail {
    pub(crate) fn new(mut view: CallView, edition: Edition, api: &Api) -> Self {
        let mut calendar = api.calendar.page();
        let recording = view.recording.as_deref().and_then(|recording| api.recordings.url(recording));
        let (phone_logs, task_result) = match view.record.take() {
            Some(record) => record_parts(record, &view, edition, &mut calendar),
            None => (Vec::new(), Vec::new()),
        };
        Self {
            phone_log: PhoneLog { phone_logs, luyin_oss_url: recording.clone() },
            scene_instance: SceneInstance::new(view, recording, &mut calendar, api),
            task_result,
        }
    }
}

fn record_parts(
    record: Record,
    call: &CallView,
    edition: Edition,
    calendar: &mut CalendarPage,
) -> (Vec<PhoneLogLine>, Vec<TaskResult>) {
    let Record { first_utterance_id, first_result_id, utterances, results, created_at, modified_at } = record;
    let lines = (first_utterance_id..).zip(utterances);
    let lines = lines.map(|(id, utterance)| PhoneLogLine::new(id, utterance, call.id, edition, calendar)).collect();
    let written = (calendar.local(created_at), calendar.local(modified_at));
    let results = (first_result_id..).zip(results);
    (lines, results.map(|(id, result)| TaskResult::new(id, result, call, written)).collect())
}

impl PhoneLogLine {
    fn new(id: i64, utterance: Utterance, call: CallId, edition: Edition, calendar: &mut CalendarPage) -> Self {
        let Utterance { speaker, text, start_ms, end_ms, at, understanding, node: _, latency: _, recogniser: _ } =
            utterance;
        let unknown = understanding == Some(Understanding::Unknown);
        let (user_mean, user_mean_detail) = match (speaker, understanding) {
            (Speaker::Robot, _) => (None, None),
            (Speaker::Customer, None | Some(Understanding::NotNeeded)) => (Some(NOT_NEEDED.into()), None),
            (Speaker::Customer, Some(Understanding::Unknown)) => (Some(UNKNOWN.into()), None),
            (Speaker::Customer, Some(Understanding::Matched(hit))) => {
                let detail = mean_detail(&hit);
                (Some(hit.name.into()), detail)
            }
        };
        let said_at = calendar.local(at);
        Self {
            scene_instance_log_id: id,
            scene_instance_id: call.get(),
            speaker: match speaker {
                Speaker::Robot => "AI",
                Speaker::Customer => "ME",
            },
            content: text,
            user_mean,
            user_mean_detail,
            ai_unknown: Truth { value: unknown, edition },
            start_time: start_ms,
            end_time: end_ms,
            gmt_create: said_at,
            gmt_modified: said_at,
        }
    }
}

/// What the words hit, as a JSON list in a string: clients parse it a second time.
fn mean_detail(hit: &Match) -> Option<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Hit<'a> {
        score: f64,
        answer: &'a str,
        ask: &'a str,
        knowledge_base_id: u32,
    }
    let Match { name, sample, score, knowledge } = hit;
    let hit = Hit { score: *score, answer: name, ask: sample, knowledge_base_id: knowledge.unwrap_or(0) };
    serde_json::to_string(&[hit]).ok()
}

impl TaskResult {
    fn new(id: i64, result: CallResult, call: &CallView, (created, modified): (LocalMoment, LocalMoment)) -> Self {
        let CallResult { name, value, description, rule, evidence: _ } = result;
        Self {
            scene_instance_result_id: id,
            company_id: call.company.get(),
            scene_instance_id: call.id.get(),
            result_name: name,
            result_value: value,
            result_desc: description,
            analyze_type: rule,
            gmt_create: created,
            gmt_modified: modified,
        }
    }
}

impl SceneInstance {
    fn new(view: CallView, recording_url: Option<String>, calendar: &mut CalendarPage, api: &Api) -> Self {
        let CallView {
            id,
            company,
            task,
            task_name,
            working_start,
            customer,
            customer_name,
            customer_phone,
            properties,
            kind,
            status,
            finish_status,
            call_index: _,
            duration_s,
            chat_rounds,
            started_at,
            ended_at,
            caller_phone,
            hung_up_by,
            redial_planned_at,
            redials,
            recording: _,
            customer_recording,
            read_at,
            track_result,
            robot,
            scene,
            voice,
            voice_name,
            created_at,
            modified_at,
            record: _,
        } = view;
        Self {
            call_instance_id: id.get(),
            company_id: company.get(),
            call_job_id: task.get(),
            customer_id: customer.get(),
            customer_telephone: customer_phone,
            customer_name,
            status,
            finish_status: finish_status.map_or(0, FinishStatus::number),
            duration: duration_s,
            chat_round: chat_rounds,
            start_time: started_at.map(|at| calendar.local(at)),
            end_time: ended_at.map(|at| calendar.local(at)),
            caller_phone,
            luyin_oss_url: recording_url,
            user_luyin_oss_url: customer_recording.and_then(|recording| api.recordings.url(&recording)),
            properties,
            handle_person: voice_name,
            call_type: kind,
            read_status: i64::from(read_at.is_some()),
            job_name: task_name.unwrap_or_default(),
            robot_def_id: robot.get(),
            scene_def_id: scene.get(),
            scene_record_id: voice.get(),
            track_result,
            hang_up: hung_up_by.map_or(0, HungUpBy::number),
            secondary_call_time: calendar.redial_time(redial_planned_at, day_begins(working_start.as_deref(), api)),
            secondary_call_times: redials,
            gmt_create: calendar.local(created_at),
            gmt_modified: calendar.local(modified_at),
        }
    }
}
