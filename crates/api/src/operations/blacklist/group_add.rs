//! `company/blacklist/group/add`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::{Db, blacklist};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{group_name, name_taken};
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// A group to be made · 要新增的分组
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddBlacklistGroup {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 分组名称，1 到 50 个字符 · name
    #[schema(example = "投诉客户")]
    name: String,
    /// 备注 · remark
    remark: Option<String>,
}

/// 新增黑名单分组 · makes a group; its data is the id
#[utoipa::path(
    post,
    path = "/openapi/v1/company/blacklist/group/add",
    tag = super::TAG,
    request_body = AddBlacklistGroup,
    responses((status = 200, description = "分组id · id of the group", body = Envelope<i64>))
)]
pub(crate) async fn blacklist_group_add(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<AddBlacklistGroup>,
) -> Outcome<i64> {
    let company = caller.require(asked.company_id)?;
    let name = group_name(&asked.name)?;
    let remark = asked.remark.unwrap_or_default();
    let by = caller.by(&api);
    let insert = move |db: &mut Db| {
        let made = blacklist::insert_group(db, company, &name, &remark, by.at)?;
        if let Some(id) = made {
            by.made(db, Action::BlacklistGroupCreate, &Object::BlacklistGroup(company, id))?;
        }
        Ok(made)
    };
    let id = api.store.write(company, insert).await?.ok_or_else(|| name_taken(&asked.name))?;
    Ok(Answer::new("新增成功", id.get()))
}
