//! `task/notDialedCustomerList`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::TaskId;
use hutong_store::{company, task, waiting};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::operations::{company_of_task, task_not_found};
use crate::request::Params;
use crate::wire::call::WaitingCall;
use crate::wire::page::PageOf;

/// Whose waiting calls are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct NotDialedCustomerList {
    /// 任务id · id of the task
    #[param(example = 1)]
    task_id: i64,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 每页条数，最大 500 · items on a page, at most 500
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 10)]
    page_size: PageSize<10, 500>,
}

/// 获取未拨打的客户列表 · calls not started yet or waiting for a redial, in the order in which they will be dialled
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/notDialedCustomerList",
    tag = super::QUERY_TAG,
    params(NotDialedCustomerList),
    responses((status = 200, description = "未拨打的客户 · waiting calls", body = Envelope<PageOf<WaitingCall>>))
)]
pub(crate) async fn not_dialed_customer_list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<NotDialedCustomerList>,
) -> Outcome<PageOf<WaitingCall>> {
    let id = TaskId(asked.task_id);
    let company = company_of_task(&api, &caller, id).await?;
    let page = paging::request(asked.page_num, asked.page_size);
    let now = api.clock.now();
    let found = api.store.read_snapshot(move |db| {
        if task::find(db, company, id)?.is_none() {
            return Ok(None);
        }
        let corp_name = company::find(db, company)?.map(|company| company.name).unwrap_or_default();
        Ok(Some((corp_name, waiting::page(db, company, id, now, page)?)))
    });
    let Some((corp_name, calls)) = found.await? else { return Err(task_not_found(&api, id).await) };
    let list = PageOf::new(calls, page, RowsFrom::One, |call| WaitingCall::new(call, &corp_name, &api));
    Ok(Answer::new("操作成功", list))
}
