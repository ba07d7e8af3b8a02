//! `task/update`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::task::Command;
use hutong_store::audit::Object;
use hutong_store::task::{self, CommandOutcome, Task};
use hutong_store::{Db, line};
use serde::Deserialize;
use utoipa::ToSchema;

use super::commands;
use super::create::{check_lines, check_sms_template, line_ids};
use super::redial_rules::RepeatCallRule;
use super::settings::{self, Wanted};
use crate::answer::{Answer, ApiError, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::operations::task_not_found;
use crate::request::Params;
use crate::wire::time::{Day, TimeOfDay};

/// What is to change about a task; what is left out stays as it is · 要修改的任务，未传的字段保持不变
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateTask {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 任务id · id of the task
    #[schema(example = 21)]
    task_id: i64,
    /// 任务名称，1 到 100 个字符 · name
    #[schema(example = "测试API任务")]
    task_name: Option<String>,
    /// 任务类型，1-定时，2-手动 · 1 starts by itself at startDate, 2 is started by hand
    #[schema(minimum = 1, maximum = 2, example = 2)]
    task_type: Option<i64>,
    /// 任务开始日期 · first day of dialling
    start_date: Option<Day>,
    /// 可拨打开始时间 · from this time of day on it dials
    working_start_time: Option<TimeOfDay>,
    /// 可拨打结束时间 · until this time of day it dials
    working_end_time: Option<TimeOfDay>,
    /// 暂时停止开始时间 · beginning of a break
    break_start_time: Option<TimeOfDay>,
    /// 暂时停止结束时间 · end of the break
    break_end_time: Option<TimeOfDay>,
    /// 取消休息时段 · true: no break from now on
    no_break: Option<bool>,
    /// 主叫号码id列表 · ids of the lines to dial on
    #[schema(example = json!([1, 2]))]
    user_phone_ids: Option<Vec<i64>>,
    /// 线路类型 0:手机号,1:固话,2:无主叫,6:SIP，须与线路一致 · type that the lines must have
    call_type: Option<i64>,
    /// 机器人id，不可更换 · id of the robot, which cannot be changed
    robot_def_id: Option<i64>,
    /// AI坐席数 · AI seats: calls that may talk at once
    #[schema(minimum = 1, example = 2)]
    concurrency_quota: Option<i64>,
    /// 同时拨打的号码数，坐席数的 1 到 2 倍 · calls that may be in progress at once: one to two times the seats
    phone_num: Option<i64>,
    /// 同 phoneNum，优先 · the same under another name; this one wins
    concurrency_phone: Option<i64>,
    /// 是否重拨 · whether numbers are redialled
    repeat_call: Option<bool>,
    /// 重拨规则 · after what, how often and when
    #[schema(inline)]
    repeat_call_rule: Option<Vec<RepeatCallRule>>,
    /// 短信类型 · whether and how an SMS follows a call
    sms_type: Option<i64>,
    /// 发送短信的意向等级 · intent levels that are followed by an SMS
    sms_send_level: Option<Vec<String>>,
    /// 短信模板id · template of that SMS
    sms_template_id: Option<i64>,
    /// 备注 · remark
    remark: Option<String>,
    /// 是否使用默认意向规则 · the scene's own rule for intent levels is used
    default_intention_rule: Option<bool>,
    /// 弹性坐席：使用公司空闲的坐席 · use the company's idle seats beyond the quota
    open_elasticity: Option<bool>,
}

/// 修改任务 · changes a task that is not running
#[utoipa::path(
    post,
    path = "/openapi/v1/task/update",
    tag = super::COMMAND_TAG,
    operation_id = "update_task",
    request_body = UpdateTask,
    responses((status = 200, description = "已修改 · changed", body = Envelope<Nothing>))
)]
pub(crate) async fn update(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(mut asked): Params<UpdateTask>,
) -> Outcome<Nothing> {
    let company = caller.require(asked.company_id)?;
    let before = changeable_task(&api, company, &asked).await?;
    let (id, lines) = (before.id, asked.user_phone_ids.take().map(line_ids).transpose()?);
    let settled = settings::settle(before.settings, asked.wanted(), &api.legal_hours(company).await?)?;
    let result_msg = settled.result_msg("修改成功");
    let settings = settled.settings;
    let lines_used = lines_after(&api, company, id, lines.as_deref()).await?;
    check_lines(&api, company, &lines_used, settings.line_kind).await?;
    check_sms_template(&api, company, &settings).await?;
    let by = caller.by(&api);
    let update = move |db: &mut Db| {
        by.change(db, Action::TaskUpdate, &Object::Task(company, id), |db| {
            task::update(db, company, id, &settings, lines.as_deref(), by.at)
        })
    };
    commands::done(api.store.write(company, update).await?)?;
    api.wake.notify_one();
    Ok(Answer::new(result_msg, Nothing))
}

/// The lines that the task will dial on: a new type has to fit those that stay, too.
async fn lines_after(
    api: &Api,
    company: CompanyId,
    id: TaskId,
    wanted: Option<&[LineId]>,
) -> Result<Vec<LineId>, ApiError> {
    match wanted {
        Some(lines) => Ok(lines.to_vec()),
        None => {
            let lines = api.store.read(move |db| line::of_task(db, company, id)).await?;
            Ok(lines.into_iter().map(|line| line.id).collect())
        }
    }
}

/// The task, if it may be changed. Its state is checked again in the transaction that changes it.
async fn changeable_task(api: &Api, company: CompanyId, asked: &UpdateTask) -> Result<Task, ApiError> {
    let id = TaskId(asked.task_id);
    let Some(task) = api.store.read(move |db| task::find(db, company, id)).await? else {
        return Err(task_not_found(api, id).await);
    };
    if task.deleted_at.is_some() {
        commands::done(CommandOutcome::Unknown)?;
    }
    if let Err(refused) = Command::Update.apply(task.status) {
        commands::done(CommandOutcome::Refused(refused))?;
    }
    match asked.robot_def_id.filter(|robot| *robot != task.robot.get()) {
        Some(other) => Err(ParamError::new("robotDefId", format!("任务原来的机器人 {}", task.robot), other).into()),
        None => Ok(task),
    }
}

impl UpdateTask {
    fn wanted(self) -> Wanted {
        Wanted {
            name: self.task_name,
            kind: self.task_type,
            start_date: self.start_date,
            working_start: self.working_start_time,
            working_end: self.working_end_time,
            break_start: self.break_start_time,
            break_end: self.break_end_time,
            no_break: self.no_break,
            line_kind: self.call_type,
            quota: self.concurrency_quota,
            phone_num: self.phone_num,
            concurrency_phone: self.concurrency_phone,
            repeat_call: self.repeat_call,
            repeat_call_rule: self.repeat_call_rule,
            sms_type: self.sms_type,
            sms_send_level: self.sms_send_level,
            sms_template: self.sms_template_id,
            remark: self.remark,
            default_intention_rule: self.default_intention_rule,
            elastic: self.open_elasticity,
        }
    }
}
