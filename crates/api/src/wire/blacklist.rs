//! Blacklists on the wire.

use hutong_domain::ids::BlacklistGroupId;
use hutong_store::blacklist::{Entry, Group};
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{Calendar, LocalMoment};

/// Name of the group that every company has.
pub(crate) const DEFAULT_GROUP_NAME: &str = "默认分组";

/// A group of blacklisted numbers · 黑名单分组
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlacklistGroup {
    /// 黑名单分组id，默认分组为 -1 · id; -1 for the default group
    #[schema(example = -1)]
    blacklist_info_group_id: i64,
    /// 分组名称 · name
    #[schema(value_type = String, example = "默认分组")]
    name: std::borrow::Cow<'static, str>,
    /// 是否公共分组 · true for the default group
    #[schema(example = true)]
    public_flag: bool,
    /// 备注 · remark
    remark: String,
}

impl BlacklistGroup {
    /// The group that every company has without anybody having made it.
    pub(crate) const fn default_group() -> Self {
        Self {
            blacklist_info_group_id: BlacklistGroupId::DEFAULT.get(),
            name: std::borrow::Cow::Borrowed(DEFAULT_GROUP_NAME),
            public_flag: true,
            remark: String::new(),
        }
    }
}

impl From<Group> for BlacklistGroup {
    fn from(group: Group) -> Self {
        let Group { id, name, remark } = group;
        Self { blacklist_info_group_id: id.get(), name: name.into(), public_flag: false, remark }
    }
}

/// A blacklisted number · 黑名单号码
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlacklistEntry {
    /// 黑名单id · id
    #[schema(example = 12)]
    blacklist_info_id: i64,
    /// 姓名 · whose number it is
    #[schema(example = "不弃")]
    name: String,
    /// 号码 · the number
    #[schema(example = "17751279857")]
    mobile: String,
    /// 备注 · remark
    remark: String,
    /// 创建时间 · when it was added
    gmt_create: LocalMoment,
}

impl BlacklistEntry {
    pub(crate) fn new(entry: Entry, calendar: &Calendar) -> Self {
        let Entry { id, mobile, name, remark, created_at } = entry;
        Self { blacklist_info_id: id.get(), name, mobile, remark, gmt_create: calendar.local(created_at) }
    }
}

/// What came of adding several numbers · 批量添加结果
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchOutcome {
    /// 请求数量（拼写如此） · numbers in the request; the spelling is a fact of the wire
    #[schema(example = 3)]
    pub(crate) requset_num: i64,
    /// 新增数量 · of these, newly added
    #[schema(example = 2)]
    pub(crate) success_num: i64,
}
