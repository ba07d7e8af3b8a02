//! Calls on the wire: `callInstance`, also called `sceneInstance`.

use hutong_domain::call::{CallStatus, FinishStatus};
use hutong_store::callback::GivenUp;
use hutong_store::feed::{FeedRow, FeedTask};
use hutong_store::key::Edition;
use hutong_store::waiting::Waiting;
use jiff::civil::Time;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{CalendarPage, LocalMoment};
use crate::app::Api;
use crate::compat::edition::TalkTime;
use crate::json::Raw;
use crate::recording::Recordings;

/// A finished call · 已完成的通话
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoneCall<'r> {
    /// 任务实例id（每个被叫电话为一个实例） · id of the call: one for each number
    #[schema(example = 493)]
    call_instance_id: i64,
    /// 场景id · id of its scene
    #[schema(example = 1)]
    scene_def_id: i64,
    /// 任务id · id of its task
    #[schema(example = 62)]
    call_job_id: i64,
    /// 被叫客户电话号码 · the customer's number
    #[schema(value_type = String, example = "1008")]
    customer_telephone: &'r str,
    /// 被叫客户名称 · the customer's name
    #[schema(value_type = String, example = "测试02")]
    customer_name: &'r str,
    /// 任务实例状态，始终为 2:已完成 · where it stands: always 2, finished
    #[schema(value_type = i64, example = 2)]
    status: CallStatus,
    /// 完成状态, 0:已接听,1:拒接,2:无应答,3:主叫号码不可用,4:空号,5:关机,6:占线,7:停机,8:未接,9:主叫欠费,10:呼损,11:黑名单,22:线路盲区
    /// · how it finished
    #[schema(value_type = i64, example = 0)]
    finish_status: FinishStatus,
    /// 通话时长 · talk time: `27秒`, or `27` for keys of the 2019-08 edition
    duration: TalkTime,
    /// 通话时长（秒） · talk time in seconds
    #[schema(example = 27)]
    duration_seconds: i64,
    /// 通话轮次 · how often the robot spoke
    #[schema(example = 0)]
    chat_round: i64,
    /// 开始拨打时间 · when dialling began
    start_time: LocalMoment,
    /// 结束拨打时间 · when it ended
    end_time: LocalMoment,
    /// 主叫电话 · the number that it was called from
    #[schema(value_type = String, example = "15868457106")]
    caller_phone: &'r str,
    /// 电话结束顺序index，从 0 起连续 · its place in the order in which the task's calls ended: 0, 1, 2 …
    #[schema(example = 10)]
    call_index: i64,
    /// 通话录音地址，到期失效，不再保存时为 null · address of the recording of both voices: it expires, and is null once the
    /// recording is not kept any more
    luyin_oss_url: Option<String>,
    /// 二次重试拨打时间 · time of day of the last planned redial, on a date that means nothing
    #[schema(example = "1970-01-01 11:18:13")]
    secondary_call_time: LocalMoment,
    /// 重试拨打次数 · how often the number was redialled
    #[schema(example = 0)]
    secondary_call_times: i64,
    /// 创建时间 · when it was imported
    gmt_create: LocalMoment,
    /// 修改时间 · when it was last changed
    gmt_modified: LocalMoment,
    /// 任务名称 · name of its task
    #[schema(value_type = String, example = "电话任务")]
    job_name: &'r str,
    /// 通话分析结果信息 · what was concluded
    #[schema(value_type = Vec<ResultPair>)]
    result_list: Raw<'r>,
}

/// A conclusion, as the store keeps it · 分析结果
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is passed on as it is")]
pub(crate) struct ResultPair {
    /// 结果名称 · its name
    #[schema(example = "催缴结果")]
    name: String,
    /// 结果值 · its value
    #[schema(example = "成功")]
    value: String,
}

impl<'r> DoneCall<'r> {
    pub(crate) fn new(
        row: &'r FeedRow<'_>,
        task: &'r FeedTask,
        edition: Edition,
        calendar: &mut CalendarPage,
        recordings: &Recordings,
    ) -> Self {
        let FeedTask { id: task_id, name: task_name, scene, working_start } = task;
        let FeedRow {
            id,
            call_index,
            customer_phone,
            customer_name,
            finish_status,
            duration_s,
            chat_rounds,
            started_at,
            ended_at,
            caller_phone,
            recording,
            redial_planned_at,
            redials,
            created_at,
            modified_at,
            results,
        } = row;
        Self {
            call_instance_id: id.get(),
            scene_def_id: scene.get(),
            call_job_id: task_id.get(),
            customer_telephone: customer_phone,
            customer_name,
            status: CallStatus::Done,
            finish_status: *finish_status,
            duration: TalkTime { seconds: *duration_s, edition },
            duration_seconds: *duration_s,
            chat_round: *chat_rounds,
            start_time: calendar.local(*started_at),
            end_time: calendar.local(*ended_at),
            caller_phone,
            call_index: *call_index,
            luyin_oss_url: recording.as_deref().and_then(|recording| recordings.url(recording)),
            secondary_call_time: calendar.redial_time(*redial_planned_at, *working_start),
            secondary_call_times: *redials,
            gmt_create: calendar.local(*created_at),
            gmt_modified: calendar.local(*modified_at),
            job_name: task_name,
            result_list: Raw(results.json()),
        }
    }
}

/// When the task's day begins; for a call without a task, when calling is first allowed.
pub(super) fn day_begins(working_start: Option<&str>, api: &Api) -> Time {
    working_start.and_then(|start| start.parse().ok()).unwrap_or(api.rules.hours.legal.start)
}

/// A call that is still to be dialled · 未拨打的客户
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingCall {
    /// 任务实例id · id of the call
    #[schema(example = 493)]
    call_instance_id: i64,
    /// 客户名称 · the customer's name
    #[schema(example = "测试02")]
    customer_name: String,
    /// 客户号码 · the customer's number
    #[schema(example = "17751279857")]
    customer_telephone: String,
    /// 任务实例状态, 0:未开始, 3:二次拨打调度中 · 0 never dialled, 3 waiting for a redial
    #[schema(value_type = i64, example = 0)]
    status: CallStatus,
    /// 最近一次开始拨打时间 · when it was last dialled
    start_time: Option<LocalMoment>,
    /// 最近一次主叫电话 · the number that it was last called from
    #[schema(example = "15868457106")]
    caller_phone: Option<String>,
    /// 公司名称 · name of the company that calls
    #[schema(example = "百应科技")]
    corp_name: String,
    /// 已拨打次数 · how often it was dialled
    #[schema(example = 0)]
    called_times: i64,
}

impl WaitingCall {
    pub(crate) fn new(row: Waiting, corp_name: &str, api: &Api) -> Self {
        let Waiting { id, customer_name, customer_phone, status, started_at, caller_phone, dialled } = row;
        Self {
            call_instance_id: id.get(),
            customer_name,
            customer_telephone: customer_phone,
            status,
            start_time: started_at.map(|at| api.calendar.local(at)),
            caller_phone,
            corp_name: corp_name.to_owned(),
            called_times: dialled,
        }
    }
}

/// A call whose callback was given up · 回调失败的通话
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UndeliveredCall {
    /// 客户号码 · the customer's number
    #[schema(example = "17751279857")]
    customer_telephone: String,
    /// 任务实例id · id of the call
    #[schema(example = 540)]
    call_instance_id: i64,
    /// 任务id，单独拨打时为 0 · id of its task; 0 for a call placed by itself
    #[schema(example = 31)]
    call_job_id: i64,
    /// 拨打时间 · when the customer was called
    caller_time: LocalMoment,
}

impl UndeliveredCall {
    pub(crate) fn new(row: GivenUp, api: &Api) -> Self {
        let GivenUp { call, task, customer_phone, called_at } = row;
        Self {
            customer_telephone: customer_phone,
            call_instance_id: call.get(),
            call_job_id: task.get(),
            caller_time: api.calendar.local(called_at),
        }
    }
}
