//! `callBack/queryUnCallBack`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::TaskId;
use hutong_domain::moment::Moment;
use hutong_store::callback;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::compat::param_error::ParamError;
use crate::operations::owner_of_task;
use crate::request::Params;
use crate::wire::call::UndeliveredCall;
use crate::wire::page::PageOf;
use crate::wire::time::{Calendar, Day};

/// Which calls are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct QueryUnCallBack {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 任务id · id of a task
    #[param(example = 31)]
    call_job_id: Option<i64>,
    /// 数据类型, 0:呼出,1:呼入 · 0 outbound, 1 inbound
    #[param(minimum = 0, maximum = 1, default = 0)]
    data_type: Option<i64>,
    /// 开始日期 · called on this day or later
    #[param(value_type = String, example = "2018-01-24")]
    start_date: Day,
    /// 结束日期（含） · called on this day or earlier
    #[param(value_type = String, example = "2018-01-31")]
    end_date: Day,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 每页条数，最大 500 · items on a page, at most 500
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 100)]
    page_size: PageSize<100, 500>,
}

/// 查询回调失败的通话 · calls whose callback was given up
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/callBack/queryUnCallBack",
    tag = "回调 · callbacks",
    params(QueryUnCallBack),
    responses((status = 200, description = "回调失败的通话 · the calls", body = Envelope<PageOf<UndeliveredCall>>))
)]
pub(crate) async fn query_un_call_back(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<QueryUnCallBack>,
) -> Outcome<PageOf<UndeliveredCall>> {
    let company = caller.require(asked.company_id)?;
    let task = asked.call_job_id.map(TaskId);
    if let Some(task) = task {
        owner_of_task(&api, &caller, task).await?;
    }
    let inbound = inbound(asked.data_type.unwrap_or(0))?;
    let days = days(asked.start_date, asked.end_date, &api.calendar)?;
    let page = paging::request(asked.page_num, asked.page_size);
    let calls = api.store.read_snapshot(move |db| callback::given_up(db, company, task, inbound, days, page)).await?;
    let list = PageOf::new(calls, page, RowsFrom::One, |call| UndeliveredCall::new(call, &api));
    Ok(Answer::new("查询成功", list))
}

fn inbound(data_type: i64) -> Result<bool, ParamError> {
    match data_type {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(ParamError::new("dataType", " 0（呼出）或 1（呼入）", other)),
    }
}

/// From the first moment of the first day to the first moment after the last.
fn days(Day(first): Day, Day(last): Day, calendar: &Calendar) -> Result<(Moment, Moment), ParamError> {
    if first > last {
        return Err(ParamError::new("startDate", format!("不晚于 endDate（{last}）的日期"), first));
    }
    Ok((calendar.day(first).0, calendar.day(last).1))
}
