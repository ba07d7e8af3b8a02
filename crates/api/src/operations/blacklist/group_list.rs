//! `company/blacklist/group/list`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::blacklist;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::OfCompany;
use crate::request::Params;
use crate::wire::blacklist::BlacklistGroup;

/// 获取黑名单分组列表 · the company's groups, the default one first
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/blacklist/group/list",
    tag = super::TAG,
    params(OfCompany),
    responses((status = 200, description = "分组 · the groups", body = Envelope<Vec<BlacklistGroup>>))
)]
pub(crate) async fn blacklist_group_list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OfCompany>,
) -> Outcome<Vec<BlacklistGroup>> {
    let company = caller.require(asked.company_id)?;
    let groups = api.store.read(move |db| blacklist::groups(db, company)).await?;
    let default = std::iter::once(BlacklistGroup::default_group());
    Ok(Answer::new("查询成功", default.chain(groups.into_iter().map(BlacklistGroup::from)).collect()))
}
