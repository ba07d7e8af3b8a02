//! Companies, lines, robots and message templates on the wire.

use hutong_domain::line::{LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_store::company::Company;
use hutong_store::line::Line;
use hutong_store::robot::{Robot, Voice};
use hutong_store::sms::SmsTemplate;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{Calendar, LocalMoment};

/// A company · 公司
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CompanyItem {
    /// 公司名称 · name
    #[schema(example = "百应科技")]
    company_name: String,
    /// 公司id · id
    #[schema(example = 1)]
    company_id: i64,
}

impl From<Company> for CompanyItem {
    fn from(company: Company) -> Self {
        let Company { id, name, seats: _, rules: _, keep: _, created_at: _ } = company;
        Self { company_name: name, company_id: id.get() }
    }
}

/// AI seats · AI坐席
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seats {
    /// 公司AI坐席总数 · seats of the company
    #[schema(example = 10)]
    pub(crate) company_all_call_seat: i64,
    /// 正在使用的坐席数 · of these, held by calls right now
    #[schema(example = 3)]
    pub(crate) company_using_call_seat: i64,
}

/// A caller number · 主叫号码（线路）
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Phone {
    /// 主叫号码id · id of the line
    #[schema(example = 1)]
    user_phone_id: i64,
    /// 始终为 null · always null
    #[schema(value_type = Option<i64>)]
    caller_account_id: Option<()>,
    /// 号码 · the number
    #[schema(example = "13333333333")]
    phone: String,
    /// 始终为 null · always null
    #[schema(value_type = Option<String>)]
    account: Option<()>,
    /// 号码名称 · name of the line
    #[schema(example = "sim1")]
    phone_name: String,
    /// 号码类型 0:手机号,1:固话,2:无主叫,6:SIP · its type
    #[schema(value_type = i64, example = 0)]
    phone_type: LineKind,
    /// 是否有空闲通道 · a channel is free
    #[schema(example = true)]
    available: bool,
    /// 是否可用 · it is enabled and valid
    #[schema(example = true)]
    use_available: bool,
    /// 并发上限，null 为不限 · calls that it carries at once; null for no limit
    #[schema(example = 30)]
    total_concurrency_quota: Option<i64>,
    /// 当前并发 · calls that it carries right now
    #[schema(example = 2)]
    used_concurrency_quota: i64,
    /// 计费周期（秒） · unit in which its calls are charged, in seconds
    #[schema(example = 60)]
    bill_period: i64,
    /// 有效期开始 · first moment of its validity
    validity_begin: Option<LocalMoment>,
    /// 有效期结束 · last moment of its validity
    validity_end: Option<LocalMoment>,
    /// 使用场景 1:呼入,2:呼出,3:呼入呼出 · which way calls go
    #[schema(value_type = Option<i64>, example = 2)]
    scene_type: Option<LineUse>,
}

impl Phone {
    pub(crate) fn new(line: Line, in_use: i64, now: Moment, calendar: &Calendar) -> Self {
        let Line {
            id,
            company: _,
            pace: _,
            name,
            phone,
            kind,
            driver: _,
            channels,
            bill_period_s,
            enabled,
            valid_from,
            valid_until,
            line_use,
            settings: _,
            created_at: _,
        } = line;
        let valid = valid_from.is_none_or(|from| from <= now) && valid_until.is_none_or(|until| now <= until);
        let use_available = enabled && valid;
        Self {
            user_phone_id: id.get(),
            caller_account_id: None,
            phone,
            account: None,
            phone_name: name,
            phone_type: kind,
            available: use_available && channels.is_none_or(|channels| in_use < channels),
            use_available,
            total_concurrency_quota: channels,
            used_concurrency_quota: in_use,
            bill_period: bill_period_s,
            validity_begin: valid_from.map(|at| calendar.local(at)),
            validity_end: valid_until.map(|at| calendar.local(at)),
            scene_type: line_use,
        }
    }
}

/// A robot · 机器人
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RobotItem {
    /// 机器人id · id
    #[schema(example = 6)]
    robot_def_id: i64,
    /// 机器人名称 · name
    #[schema(example = "产品电销")]
    robot_name: String,
    /// 场景id · id of its scene
    #[schema(example = 11)]
    scene_def_id: i64,
    /// 录音列表 · its voices
    scene_records: Vec<SceneRecord>,
    /// 一级行业 · first level of its industry
    #[schema(example = "房产")]
    industry_one_name: String,
    /// 二级行业 · second level of its industry
    #[schema(example = "电销")]
    industry_two_name: String,
    /// 修改时间 · when it was last changed
    gmt_modify: LocalMoment,
}

/// A voice of a robot · 录音
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SceneRecord {
    /// 录音id · id
    #[schema(example = 1)]
    scene_record_id: i64,
    /// 录音名称 · name
    #[schema(example = "房产电销优化版(张飞)")]
    scene_record_name: String,
}

impl RobotItem {
    pub(crate) fn new(robot: Robot, calendar: &Calendar) -> Self {
        let Robot {
            id,
            company: _,
            name,
            scene,
            scene_version: _,
            online: _,
            industry_one,
            industry_two,
            modified_at,
            voices,
        } = robot;
        Self {
            robot_def_id: id.get(),
            robot_name: name,
            scene_def_id: scene.get(),
            scene_records: voices.into_iter().map(SceneRecord::from).collect(),
            industry_one_name: industry_one,
            industry_two_name: industry_two,
            gmt_modify: calendar.local(modified_at),
        }
    }
}

impl From<Voice> for SceneRecord {
    fn from(voice: Voice) -> Self {
        let Voice { id, name } = voice;
        Self { scene_record_id: id.get(), scene_record_name: name }
    }
}

/// A text message template · 短信模板
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SmsTemplateItem {
    /// 短信模板id · id
    #[schema(example = 3)]
    sms_template_id: i64,
    /// 模板名称 · name
    #[schema(example = "看房邀约")]
    name: String,
    /// 模板内容 · text
    #[schema(example = "您好，您预约的看房时间为明天上午。")]
    content: String,
    /// 状态，1 为可用 · 1 when it may be used
    #[schema(example = 1)]
    status: i64,
    /// 创建时间 · when it was made
    gmt_create: LocalMoment,
}

impl SmsTemplateItem {
    pub(crate) fn new(template: SmsTemplate, calendar: &Calendar) -> Self {
        let SmsTemplate { id, name, content, status, created_at } = template;
        Self { sms_template_id: id.get(), name, content, status, gmt_create: calendar.local(created_at) }
    }
}
