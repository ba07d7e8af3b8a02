//! Numbers that are never to be called, and the groups that they are kept in.

pub(crate) mod add;
pub(crate) mod add_batch;
pub(crate) mod delete;
pub(crate) mod group_add;
pub(crate) mod group_delete;
pub(crate) mod group_edit;
pub(crate) mod group_list;
pub(crate) mod page;

use hutong_domain::ids::{BlacklistGroupId, CompanyId};
use hutong_domain::phone::PhoneNumber;
use hutong_domain::say;
use hutong_store::blacklist::{self, GroupChange, NewEntry};

use crate::answer::{ApiError, Thing};
use crate::app::Api;
use crate::compat::param_error::{ParamError, quoted};
use crate::wire::blacklist::DEFAULT_GROUP_NAME;

/// The section of the documentation.
const TAG: &str = "黑名单 · blacklist";
/// Characters of a group's name.
const GROUP_NAME_CHARS_MAX: usize = 50;

/// A group of the company.
async fn require_group(api: &Api, company: CompanyId, id: i64) -> Result<BlacklistGroupId, ApiError> {
    let group = BlacklistGroupId(id);
    let exists = api.store.read(move |db| blacklist::group_exists(db, company, group)).await?;
    if exists { Ok(group) } else { Err(ApiError::unknown(Thing::BlacklistGroup, &id)) }
}

/// A group that may be changed: the default one is everybody's.
fn changeable_group(id: i64) -> Result<BlacklistGroupId, ApiError> {
    match BlacklistGroupId(id) {
        BlacklistGroupId::DEFAULT => {
            let why = say!("The default group cannot be changed or deleted", "默认分组不能修改或删除");
            Err(ApiError::Refused(why))
        }
        group => Ok(group),
    }
}

fn group_name(name: &str) -> Result<String, ParamError> {
    let name = name.trim();
    if !(1..=GROUP_NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(ParamError::new("name", " 1 到 50 个字符", quoted(name)).in_english("1 to 50 characters"));
    }
    if name == DEFAULT_GROUP_NAME { Err(name_taken(name)) } else { Ok(name.to_owned()) }
}

fn name_taken(name: &str) -> ParamError {
    ParamError::new("name", "未使用的分组名称", quoted(name)).in_english("a name that no group has")
}

/// # Errors
/// Where a group was not changed, why not.
fn changed(change: GroupChange, id: BlacklistGroupId) -> Result<(), ApiError> {
    match change {
        GroupChange::Done => Ok(()),
        GroupChange::Unknown => Err(ApiError::unknown(Thing::BlacklistGroup, &id)),
        GroupChange::NameTaken => {
            Err(ApiError::Refused(say!("Another group has this name", "name 应为未使用的分组名称")))
        }
        GroupChange::NotEmpty => {
            let why = say!("Numbers are in the group: delete them first", "分组内还有号码，请先删除号码再删除分组");
            Err(ApiError::Refused(why))
        }
    }
}

/// The number as it is kept, so that it is found whatever hyphens a task writes it with.
fn number(path: &str, mobile: &str) -> Result<PhoneNumber, ParamError> {
    PhoneNumber::parse(mobile)
        .ok_or_else(|| ParamError::new(path, "电话号码", quoted(mobile)).in_english("a telephone number"))
}

fn new_entry(phone: &PhoneNumber, name: Option<String>, remark: Option<String>) -> NewEntry {
    NewEntry { mobile: phone.as_str().to_owned(), name: name.unwrap_or_default(), remark: remark.unwrap_or_default() }
}
