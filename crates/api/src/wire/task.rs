//! Tasks on the wire: `callJob`.

use std::borrow::Cow;

use hutong_domain::call::{CountBucket, FinishStatus};
use hutong_domain::ids::TaskId;
use hutong_domain::scene::Scene;
use hutong_domain::statistics::{CHAT_ROUND_BUCKETS, TALK_TIME_BUCKETS};
use hutong_domain::task::{TaskKind, TaskStatus};
use hutong_domain::window::CallingWindow;
use hutong_store::task::{Counters, ListedTask, ResultCount, Settings, Task, TaskLine, TaskView};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::time::{Calendar, LocalMoment};

/// A task as it stands in lists · 任务
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskItem {
    /// 任务id · id of the task
    #[schema(example = 19)]
    call_job_id: i64,
    /// 任务名称 · name
    #[schema(example = "testJob")]
    job_name: String,
    /// 任务类型，1-定时，2-手动 · 1 starts by itself at its start date, 2 is started by hand
    #[schema(value_type = i64, example = 2)]
    job_type: TaskKind,
    /// 任务开始时间 · first day of dialling
    #[schema(example = "2017-10-19")]
    start_date: String,
    /// 可拨打开始时间 · from this time of day on it dials
    #[schema(example = "09:00:00")]
    working_start_time: String,
    /// 可拨打结束时间 · until this time of day it dials
    #[schema(example = "20:00:00")]
    working_end_time: String,
    /// 暂时停止开始时间 · beginning of its break; null without one
    #[schema(example = "12:00:00")]
    break_start_time: Option<String>,
    /// 暂时停止结束时间 · end of its break; null without one
    #[schema(example = "13:30:00")]
    break_end_time: Option<String>,
    /// 任务状态, 0:未开始,1:进行中,2:已完成,3:可运行,4:用户暂停,5:系统暂停,6:已终止,7:排队中,8:AI到期,9:线路欠费,10:短信欠费
    /// · where it stands
    #[schema(value_type = i64, example = 2)]
    status: TaskStatus,
    /// 场景id · id of its scene
    #[schema(example = 1)]
    scene_def_id: i64,
    /// 场景名称 · name of its scene
    #[schema(example = "金融催缴")]
    scene_def_name: String,
    /// 任务注释 · remark
    #[schema(example = "testJobx")]
    remark: String,
    /// 任务拨打的号码总数 · numbers imported
    #[schema(example = 2)]
    total_count: i64,
    /// 任务已完成拨打的号码总数 · numbers finished
    #[schema(example = 2)]
    done_count: i64,
    /// 任务已完成呼通的号码总数 · of these, answered
    #[schema(example = 0)]
    called_count: i64,
    /// 任务呼叫被拒接的号码总数 · of these, declined
    #[schema(example = 0)]
    rejected_count: i64,
    /// 任务呼叫无法接通的号码总数 · of these, not reached for any other reason on the callee's side
    #[schema(example = 0)]
    unavailable_count: i64,
    /// 任务主叫号码不可用的号码总数 · of these, not placed for a reason on the caller's side
    #[schema(example = 2)]
    from_unavailable_count: i64,
    /// 空号总数 · numbers that do not exist
    #[schema(example = 0)]
    blank_count: i64,
    /// 关机总数 · switched off
    #[schema(example = 0)]
    closed_count: i64,
    /// 占线总数 · busy
    #[schema(example = 0)]
    busy_count: i64,
    /// 停机总数 · service suspended
    #[schema(example = 0)]
    down_count: i64,
    /// 未接总数 · rang out
    #[schema(example = 0)]
    miss_count: i64,
    /// 主叫欠费总数 · the caller's account was in arrears
    #[schema(example = 0)]
    overdue_count: i64,
    /// 呼损总数 · answered with no free seat, or lost
    #[schema(example = 0)]
    lost_count: i64,
    /// 黑名单总数 · blacklisted
    #[schema(example = 0)]
    blacklist_count: i64,
    /// 主叫电话号码列表 · the caller numbers that it dials from
    call_phones: Vec<CallPhone>,
}

/// A caller number of a task · 任务的主叫号码
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallPhone {
    /// 任务与号码的关联id · id of its use by the task
    #[schema(example = 26)]
    job_phone_id: i64,
    /// 主叫号码id · id of the line
    #[schema(example = 1)]
    user_phone_id: i64,
    /// 任务id · id of the task
    #[schema(example = 19)]
    call_job_id: i64,
    /// 号码 · the number
    #[schema(example = "13333333333")]
    phone: String,
    /// 号码名称 · name of the line
    #[schema(example = "sim1")]
    phone_name: String,
    /// 创建时间 · since when the task uses it
    gmt_create: LocalMoment,
    /// 修改时间 · when that was last changed
    gmt_modified: LocalMoment,
}

/// A task with its statistics · 任务详情
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskDetail {
    #[serde(flatten)]
    task: TaskItem,
    /// 机器人名称 · name of the robot
    #[schema(example = "产品电销")]
    robot_def_name: String,
    /// 录音名称 · name of the voice
    #[schema(example = "房产电销优化版(张飞)")]
    scene_record_name: String,
    /// 通话时长的统计信息 · answered calls by talk time; adds up to calledCount
    duration_stat: Vec<NamedCount>,
    /// 通话轮次的统计信息 · answered calls by chat rounds; adds up to calledCount
    chat_round_stat: Vec<NamedCount>,
    /// 各完成状态的号码数 · finished numbers by finish status; only those that occurred
    finish_status_stat: Vec<FinishStatusCount>,
    /// 结果分析的枚举 · what the scene can conclude, in its order
    result_defs: Vec<ResultDef>,
    /// 任务分析结果统计信息 · how often each value was concluded, most frequent first
    #[schema(value_type = std::collections::BTreeMap<String, Vec<NamedCount>>)]
    extra_stat: ExtraStat,
}

/// A value and how often it occurred · 名称与数量
#[derive(Serialize, ToSchema)]
pub(crate) struct NamedCount {
    /// 名称 · name
    #[schema(value_type = String, example = "<10s")]
    name: Cow<'static, str>,
    /// 数量 · how often
    #[schema(example = 22)]
    value: i64,
}

/// How many numbers finished with one status · 某一完成状态的号码数
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishStatusCount {
    /// 名称 · name of the status
    #[schema(value_type = String, example = "空号")]
    name: &'static str,
    /// 完成状态 · the status
    #[schema(value_type = i64, example = 4)]
    finish_status: FinishStatus,
    /// 数量 · how many
    #[schema(example = 3)]
    value: i64,
}

/// What a scene can conclude under one name · 结果分析的枚举
#[derive(Serialize, ToSchema)]
pub(crate) struct ResultDef {
    /// 结果名称 · name
    #[schema(example = "催缴结果")]
    name: String,
    /// 可能的取值 · every value, in the scene's order
    #[schema(example = json!(["成功", "不成功"]))]
    values: Vec<String>,
}

/// Counts by result name, as an object whose keys keep their order.
pub(crate) struct ExtraStat(Vec<(String, Vec<NamedCount>)>);

impl Serialize for ExtraStat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, counts) in &self.0 {
            map.serialize_entry(name, counts)?;
        }
        map.end()
    }
}

impl ExtraStat {
    /// The counts come most frequent first, and stay so under each name. Names stand in the scene's order.
    fn new(counts: Vec<ResultCount>, scene: &Scene) -> Self {
        let mut by_name: Vec<(String, Vec<NamedCount>)> =
            scene.results().iter().map(|result| (result.name.clone(), Vec::new())).collect();
        for ResultCount { name, value, calls } in counts {
            let count = NamedCount { name: value.into(), value: calls };
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, counts)) => counts.push(count),
                None => by_name.push((name, vec![count])),
            }
        }
        by_name.retain(|(_, counts)| !counts.is_empty());
        Self(by_name)
    }
}

impl TaskItem {
    pub(crate) fn new(task: ListedTask, calendar: &Calendar) -> Self {
        let ListedTask {
            id,
            name,
            kind,
            status,
            start_date,
            working_start,
            working_end,
            break_start,
            break_end,
            scene,
            scene_name,
            remark,
            total,
            done,
            by_finish_status,
            lines,
        } = task;
        let counts = || FinishStatus::ALL.iter().zip(by_finish_status);
        let finished = |status| counts().find(|(known, _)| **known == status).map_or(0, |(_, count)| count);
        let in_bucket = |bucket| counts().filter(|(it, _)| it.bucket() == bucket).map(|(_, count)| count).sum();
        Self {
            call_job_id: id.get(),
            job_name: name,
            job_type: kind,
            start_date,
            working_start_time: working_start,
            working_end_time: working_end,
            break_start_time: break_start,
            break_end_time: break_end,
            status,
            scene_def_id: scene.get(),
            scene_def_name: scene_name,
            remark,
            total_count: total,
            done_count: done,
            called_count: in_bucket(CountBucket::Called),
            rejected_count: in_bucket(CountBucket::Rejected),
            unavailable_count: in_bucket(CountBucket::Unavailable),
            from_unavailable_count: in_bucket(CountBucket::CallerUnavailable),
            blank_count: finished(FinishStatus::Vacant),
            closed_count: finished(FinishStatus::PoweredOff),
            busy_count: finished(FinishStatus::Busy),
            down_count: finished(FinishStatus::Suspended),
            miss_count: finished(FinishStatus::Missed),
            overdue_count: finished(FinishStatus::CallerInArrears),
            lost_count: finished(FinishStatus::Lost),
            blacklist_count: finished(FinishStatus::Blacklisted),
            call_phones: lines.into_iter().map(|line| CallPhone::new(line, id, calendar)).collect(),
        }
    }
}

/// What a list would say of the task.
fn listed(task: Task, scene_name: String, lines: Vec<TaskLine>) -> ListedTask {
    let Task {
        id,
        status,
        settings,
        scene,
        counters,
        company: _,
        robot: _,
        scene_version: _,
        voice: _,
        created_at: _,
        modified_at: _,
        ended_at: _,
        deleted_at: _,
    } = task;
    let Settings {
        name,
        kind,
        start_date,
        window: CallingWindow { working, rest },
        remark,
        line_kind: _,
        quota: _,
        in_progress_max: _,
        elastic: _,
        redial_rules: _,
        extras: _,
    } = settings;
    let Counters { total, done, by_finish_status, by_talk_time: _, by_chat_rounds: _ } = counters;
    ListedTask {
        id,
        name,
        kind,
        status,
        start_date: start_date.to_string(),
        working_start: working.start.to_string(),
        working_end: working.end.to_string(),
        break_start: rest.map(|rest| rest.start.to_string()),
        break_end: rest.map(|rest| rest.end.to_string()),
        scene,
        scene_name,
        remark,
        total,
        done,
        by_finish_status,
        lines,
    }
}

impl CallPhone {
    fn new(line: TaskLine, of: TaskId, calendar: &Calendar) -> Self {
        let TaskLine { id, line, task: _, phone, line_name, created_at, modified_at } = line;
        Self {
            job_phone_id: id.get(),
            user_phone_id: line.get(),
            call_job_id: of.get(),
            phone,
            phone_name: line_name,
            gmt_create: calendar.local(created_at),
            gmt_modified: calendar.local(modified_at),
        }
    }
}

impl TaskDetail {
    pub(crate) fn new(view: TaskView, results: Vec<ResultCount>, scene: &Scene, calendar: &Calendar) -> Self {
        let TaskView { task, robot_name, scene_name, voice_name, lines } = view;
        let Counters { by_finish_status, by_talk_time, by_chat_rounds, total: _, done: _ } = task.counters.clone();
        let buckets = |names: [&'static str; 4], counts: [i64; 4]| {
            names.into_iter().zip(counts).map(|(name, value)| NamedCount { name: name.into(), value }).collect()
        };
        let finished = FinishStatus::ALL.iter().zip(by_finish_status).filter(|(_, value)| *value > 0);
        let finish_status_stat = finished
            .map(|(&finish_status, value)| FinishStatusCount { name: finish_status.label(), finish_status, value })
            .collect();
        let defs = scene.results().iter();
        Self {
            task: TaskItem::new(listed(task, scene_name, lines), calendar),
            robot_def_name: robot_name,
            scene_record_name: voice_name,
            duration_stat: buckets(TALK_TIME_BUCKETS, by_talk_time),
            chat_round_stat: buckets(CHAT_ROUND_BUCKETS, by_chat_rounds),
            finish_status_stat,
            result_defs: defs.map(|def| ResultDef { name: def.name.clone(), values: def.values.clone() }).collect(),
            extra_stat: ExtraStat::new(results, scene),
        }
    }
}
