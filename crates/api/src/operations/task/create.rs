//! `task/createTask`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, LineId, RobotId, SmsTemplateId, VoiceId};
use hutong_domain::line::{LineKind, LineUse};
use hutong_domain::say;
use hutong_domain::task::TaskKind;
use hutong_store::audit::Object;
use hutong_store::line::Line;
use hutong_store::robot::{self, Robot};
use hutong_store::task::{self, NewTask, Settings};
use hutong_store::{Db, line, sms};
use serde::Deserialize;
use utoipa::ToSchema;

use super::redial_rules::RepeatCallRule;
use super::settings::{self, Wanted};
use crate::answer::{Answer, ApiError, Envelope, Outcome, Thing};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::request::Params;
use crate::wire::time::{Day, TimeOfDay};

/// Lines that a task may dial on.
const LINES_MAX: usize = 100;

/// A task to be made · 要创建的任务
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTask {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 任务名称，1 到 100 个字符 · name
    #[schema(example = "测试API任务")]
    task_name: String,
    /// 任务类型，1-定时，2-手动 · 1 starts by itself at startDate, 2 is started by hand
    #[schema(minimum = 1, maximum = 2, example = 2)]
    task_type: i64,
    /// 任务开始日期，定时任务必填 · first day of dialling; required for taskType 1
    start_date: Option<Day>,
    /// 可拨打开始时间，默认 09:00 · from this time of day on it dials
    working_start_time: Option<TimeOfDay>,
    /// 可拨打结束时间，默认 20:00 · until this time of day it dials
    working_end_time: Option<TimeOfDay>,
    /// 暂时停止开始时间 · beginning of a break
    break_start_time: Option<TimeOfDay>,
    /// 暂时停止结束时间 · end of the break
    break_end_time: Option<TimeOfDay>,
    /// 主叫号码id列表 · ids of the lines to dial on
    #[schema(example = json!([1, 2]))]
    user_phone_ids: Vec<i64>,
    /// 线路类型 0:手机号,1:固话,2:无主叫,6:SIP，须与线路一致 · type that the lines must have
    call_type: Option<i64>,
    /// 机器人id · id of the robot
    #[schema(example = 6)]
    robot_def_id: i64,
    /// 场景id，须属于该机器人 · id of its scene
    scene_def_id: Option<i64>,
    /// 录音id，须属于该机器人 · id of one of its voices; the first by default
    scene_record_id: Option<i64>,
    /// AI坐席数，默认 1 · AI seats: calls that may talk at once
    #[schema(minimum = 1, default = 1, example = 2)]
    concurrency_quota: Option<i64>,
    /// 同时拨打的号码数，坐席数的 1 到 2 倍 · calls that may be in progress at once: one to two times the seats
    #[schema(example = 4)]
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
    #[schema(example = json!(["A", "B级(一般)"]))]
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

/// 创建任务 · makes a task; its data is the new task's id
#[utoipa::path(
    post,
    path = "/openapi/v1/task/createTask",
    tag = super::COMMAND_TAG,
    request_body = CreateTask,
    responses((status = 200, description = "任务id · id of the task", body = Envelope<i64>))
)]
pub(crate) async fn create_task(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<CreateTask>,
) -> Outcome<i64> {
    let company = caller.require(asked.company_id)?;
    let (wanted, robot, line_ids) = asked.split()?;
    let legal = api.legal_hours(company).await?;
    let settled = settings::settle(settings::defaults(api.civil_now().date()), wanted, &legal)?;
    let robot = robot.find(&api, company).await?;
    check_lines(&api, company, &line_ids, settled.settings.line_kind).await?;
    check_sms_template(&api, company, &settled.settings).await?;
    let new = robot.into_task(company, settled.settings.clone(), line_ids);
    let by = caller.by(&api);
    let insert = move |db: &mut Db| {
        let id = task::insert(db, &new, by.at)?;
        by.made(db, Action::TaskCreate, &Object::Task(company, id))?;
        Ok(id)
    };
    let id = api.store.write(company, insert).await?;
    api.wake.notify_one();
    Ok(Answer::new(settled.result_msg("操作成功"), id.get()))
}

impl CreateTask {
    /// What is wanted of the task, who is to talk, and over which lines.
    fn split(self) -> Result<(Wanted, WantedRobot, Vec<LineId>), ParamError> {
        if self.task_type == TaskKind::Timed.number() && self.start_date.is_none() {
            return Err(ParamError::missing("startDate"));
        }
        let robot = WantedRobot {
            id: RobotId(self.robot_def_id),
            scene: self.scene_def_id,
            voice: self.scene_record_id.map(VoiceId),
        };
        let wanted = Wanted {
            name: Some(self.task_name),
            kind: Some(self.task_type),
            start_date: self.start_date,
            working_start: self.working_start_time,
            working_end: self.working_end_time,
            break_start: self.break_start_time,
            break_end: self.break_end_time,
            no_break: None,
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
        };
        Ok((wanted, robot, line_ids(self.user_phone_ids)?))
    }
}

struct WantedRobot {
    id: RobotId,
    scene: Option<i64>,
    voice: Option<VoiceId>,
}

impl WantedRobot {
    async fn find(self, api: &Api, company: CompanyId) -> Result<ChosenRobot, ApiError> {
        let id = self.id;
        let found = api.store.read(move |db| robot::find(db, company, id)).await?;
        let robot = found.ok_or_else(|| ApiError::unknown(Thing::Robot, &id))?;
        if !robot.online {
            return Err(ParamError::new("robotDefId", "在线的机器人", id).into());
        }
        if let Some(scene) = self.scene.filter(|scene| *scene != robot.scene.get()) {
            return Err(ParamError::new("sceneDefId", format!("该机器人的场景 {}", robot.scene), scene).into());
        }
        let known = |voice: &VoiceId| robot.voices.iter().any(|known| known.id == *voice);
        let voice = match self.voice {
            Some(voice) if known(&voice) => voice,
            Some(voice) => return Err(ParamError::new("sceneRecordId", "属于该机器人的录音", voice).into()),
            None => {
                let silent = || ApiError::Refused(say!("The robot has no voice yet", "该机器人还没有录音"));
                robot.voices.first().ok_or_else(silent)?.id
            }
        };
        Ok(ChosenRobot { robot, voice })
    }
}

struct ChosenRobot {
    robot: Robot,
    voice: VoiceId,
}

impl ChosenRobot {
    /// The task runs on the version of the scene that is the newest now.
    fn into_task(self, company: CompanyId, settings: Settings, lines: Vec<LineId>) -> NewTask {
        let Robot { id, scene, scene_version, .. } = self.robot;
        NewTask { company, settings, robot: id, scene, scene_version, voice: self.voice, lines }
    }
}

/// The lines that are asked for, each once.
pub(super) fn line_ids(ids: Vec<i64>) -> Result<Vec<LineId>, ParamError> {
    let mut lines: Vec<LineId> = Vec::with_capacity(ids.len().min(LINES_MAX));
    for id in ids {
        if !lines.contains(&LineId(id)) {
            lines.push(LineId(id));
        }
        if lines.len() > LINES_MAX {
            return Err(ParamError::new("userPhoneIds", format!("最多 {LINES_MAX} 个号码id"), "更多"));
        }
    }
    if lines.is_empty() { Err(ParamError::missing("userPhoneIds")) } else { Ok(lines) }
}

/// Lines have to be the company's, to dial out, and to be of the type that was asked for.
pub(super) async fn check_lines(
    api: &Api,
    company: CompanyId,
    ids: &[LineId],
    kind: Option<LineKind>,
) -> Result<(), ApiError> {
    let lines = api.store.read(move |db| line::of_company(db, company)).await?;
    for id in ids {
        let line: &Line =
            lines.iter().find(|line| line.id == *id).ok_or_else(|| ApiError::unknown(Thing::Line, &id))?;
        if line.line_use == Some(LineUse::Inbound) {
            return Err(ParamError::new("userPhoneIds", "可呼出的号码", id).into());
        }
        if let Some(kind) = kind.filter(|kind| *kind != line.kind) {
            let expected = format!("与号码 {id} 的类型 {}（{}）一致的值", line.kind.number(), line.kind.label());
            return Err(ParamError::new("callType", expected, kind.number()).into());
        }
    }
    Ok(())
}

pub(super) async fn check_sms_template(api: &Api, company: CompanyId, settings: &Settings) -> Result<(), ApiError> {
    let Some(id) = settings.extras.sms_template else { return Ok(()) };
    let known = api.store.read(move |db| sms::exists(db, company, id)).await?;
    let unknown = |id: SmsTemplateId| ApiError::unknown(Thing::SmsTemplate, &id);
    if known { Ok(()) } else { Err(unknown(id)) }
}
