//! `company/blacklist/group/edit`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::{Db, blacklist};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{changeable_group, changed, group_name};
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// What a group is to become · 要修改的分组
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EditBlacklistGroup {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 黑名单分组id，默认分组为 -1 · id of the group; -1 for the default one
    #[schema(example = 3)]
    blacklist_info_group_id: i64,
    /// 分组名称，1 到 50 个字符 · name
    #[schema(example = "投诉客户")]
    name: String,
    /// 备注，不传则保持不变 · remark; stays as it is where it is left out
    remark: Option<String>,
}

/// 修改黑名单分组 · renames a group
#[utoipa::path(
    post,
    path = "/openapi/v1/company/blacklist/group/edit",
    tag = super::TAG,
    request_body = EditBlacklistGroup,
    responses((status = 200, description = "已修改 · changed", body = Envelope<bool>))
)]
pub(crate) async fn blacklist_group_edit(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<EditBlacklistGroup>,
) -> Outcome<bool> {
    let company = caller.require(asked.company_id)?;
    let id = changeable_group(asked.blacklist_info_group_id)?;
    let name = group_name(&asked.name)?;
    let by = caller.by(&api);
    let edit = move |db: &mut Db| {
        by.change(db, Action::BlacklistGroupUpdate, &Object::BlacklistGroup(company, id), |db| {
            blacklist::update_group(db, company, id, &name, asked.remark.as_deref())
        })
    };
    changed(api.store.write(company, edit).await?, id)?;
    Ok(Answer::new("修改成功", true))
}
