//! `company/blacklist/group/delete`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::{Db, blacklist};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{changeable_group, changed};
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// A group to be deleted · 要删除的分组
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteBlacklistGroup {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 黑名单分组id，默认分组为 -1 · id of the group; -1 for the default one
    #[schema(example = 3)]
    blacklist_info_group_id: i64,
}

/// 删除黑名单分组 · deletes a group that has no numbers in it
#[utoipa::path(
    post,
    path = "/openapi/v1/company/blacklist/group/delete",
    tag = super::TAG,
    request_body = DeleteBlacklistGroup,
    responses((status = 200, description = "已删除 · deleted", body = Envelope<bool>))
)]
pub(crate) async fn blacklist_group_delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<DeleteBlacklistGroup>,
) -> Outcome<bool> {
    let company = caller.require(asked.company_id)?;
    let id = changeable_group(asked.blacklist_info_group_id)?;
    let by = caller.by(&api);
    let delete = move |db: &mut Db| {
        by.change(db, Action::BlacklistGroupDelete, &Object::BlacklistGroup(company, id), |db| {
            blacklist::delete_group(db, company, id)
        })
    };
    changed(api.store.write(company, delete).await?, id)?;
    Ok(Answer::new("删除成功", true))
}
