//! `company/blacklist/info/delete`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::{Db, blacklist};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{number, require_group};
use crate::answer::{Answer, ApiError, Envelope, Outcome, Thing};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// A number in a group · 分组内的号码
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteBlacklistInfo {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 黑名单分组id，默认分组为 -1 · id of the group; -1 for the default one
    #[schema(example = 3)]
    blacklist_info_group_id: i64,
    /// 号码 · the number
    #[schema(example = "17751279857")]
    mobile: String,
}

/// 删除黑名单号码 · takes a number out of a group
#[utoipa::path(
    post,
    path = "/openapi/v1/company/blacklist/info/delete",
    tag = super::TAG,
    request_body = DeleteBlacklistInfo,
    responses((status = 200, description = "已删除 · deleted", body = Envelope<bool>))
)]
pub(crate) async fn blacklist_info_delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<DeleteBlacklistInfo>,
) -> Outcome<bool> {
    let company = caller.require(asked.company_id)?;
    let phone = number("mobile", &asked.mobile)?;
    let group = require_group(&api, company, asked.blacklist_info_group_id).await?;
    let by = caller.by(&api);
    let remove = move |db: &mut Db| {
        let Some(id) = blacklist::find(db, company, group, phone.as_str())? else { return Ok(false) };
        by.change(db, Action::BlacklistRemove, &Object::BlacklistEntry(company, id), |db| {
            blacklist::remove(db, company, group, phone.as_str())
        })
    };
    if !api.store.write(company, remove).await? {
        return Err(ApiError::unknown(Thing::BlacklistEntry, &asked.mobile));
    }
    Ok(Answer::new("删除成功", true))
}
