//! `company/blacklist/info/page`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::blacklist;
use serde::Deserialize;
use utoipa::IntoParams;

use super::require_group;
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::request::Params;
use crate::wire::blacklist::BlacklistEntry;
use crate::wire::page::PageOf;

/// Whose numbers are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct BlacklistInfoPage {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 黑名单分组id，默认分组为 -1 · id of the group; -1 for the default one
    #[param(example = 3)]
    blacklist_info_group_id: i64,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 每页条数，最大 500 · items on a page, at most 500
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 20)]
    page_size: PageSize<20, 500>,
}

/// 获取分组内的号码 · the numbers of a group, newest first
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/blacklist/info/page",
    tag = super::TAG,
    params(BlacklistInfoPage),
    responses((status = 200, description = "号码 · the numbers", body = Envelope<PageOf<BlacklistEntry>>))
)]
pub(crate) async fn blacklist_info_page(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<BlacklistInfoPage>,
) -> Outcome<PageOf<BlacklistEntry>> {
    let company = caller.require(asked.company_id)?;
    let group = require_group(&api, company, asked.blacklist_info_group_id).await?;
    let page = paging::request(asked.page_num, asked.page_size);
    let numbers = api.store.read_snapshot(move |db| blacklist::page(db, company, group, page)).await?;
    let list = PageOf::new(numbers, page, RowsFrom::One, |entry| BlacklistEntry::new(entry, &api.calendar));
    Ok(Answer::new("查询成功", list))
}
