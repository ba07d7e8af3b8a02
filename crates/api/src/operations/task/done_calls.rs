//! `task/queryDoneTaskPhones`: the feed of finished calls.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::extract::State;
use hutong_domain::call::{FinishStatus, INTENT_LEVEL};
use hutong_domain::ids::TaskId;
use hutong_store::feed::{FeedFilter, FeedRow, FeedTask};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::intent;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::compat::param_error::ParamError;
use crate::json::{self, List};
use crate::operations::{company_of_task, task_not_found};
use crate::request::Params;
use crate::wire::call::DoneCall;
use crate::wire::page::PageOf;

/// Results that may be asked for at once.
const RESULT_QUERIES_MAX: usize = 20;
/// Room for a page of fifty calls.
const ROOM_BYTES: usize = 32 << 10;

/// Which finished calls are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct QueryDoneTaskPhones {
    /// 任务id · id of the task
    #[param(example = 1)]
    call_job_id: i64,
    /// 通话时长左值（秒） · at least so many seconds of talk
    #[param(example = 0)]
    duration_left: Option<i64>,
    /// 通话时长右值（秒） · at most so many seconds of talk
    #[param(example = 100)]
    duration_right: Option<i64>,
    /// 通话轮次左值 · at least so many chat rounds
    #[param(example = 0)]
    chat_round_left: Option<i64>,
    /// 通话轮次右值 · at most so many chat rounds
    #[param(example = 10)]
    chat_round_right: Option<i64>,
    /// 完成状态, 0:已接听,1:拒接,2:无应答,3:主叫号码不可用,4:空号,5:关机,6:占线,7:停机,8:未接,9:主叫欠费,10:呼损,11:黑名单,22:线路盲区
    /// · finished with this status
    #[param(example = 1)]
    finish_status: Option<i64>,
    /// 已经获取过的最大的index，默认-1 · only calls with a greater callIndex: the greatest that was seen so far
    #[param(default = -1, example = -1)]
    index: Option<i64>,
    /// 分析结果条件，须全部满足 · results that a call must have, all of them
    #[param(value_type = Option<Vec<ResultQuery>>, inline)]
    result_query_list: Option<Vec<ResultQuery>>,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 每页条数，最大 500 · items on a page, at most 500
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 10)]
    page_size: PageSize<10, 500>,
}

/// A result that a call must have · 分析结果条件
#[derive(Deserialize, ToSchema)]
struct ResultQuery {
    /// 结果名称 · its name
    #[schema(example = "客户意向等级")]
    name: String,
    /// 结果值 · its value
    #[schema(example = "A级(较强)")]
    value: String,
}

/// 获取已经完成任务电话号码 · the finished calls of a task, in the order in which they ended
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/queryDoneTaskPhones",
    tag = super::QUERY_TAG,
    params(QueryDoneTaskPhones),
    responses((status = 200, description = "已完成的通话 · finished calls", body = Envelope<PageOf<DoneCall>>))
)]
pub(crate) async fn query_done_task_phones(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<QueryDoneTaskPhones>,
) -> Outcome<PageOf<DoneCall<'static>>> {
    let task = TaskId(asked.call_job_id);
    let company = company_of_task(&api, &caller, task).await?;
    let page = paging::request(asked.page_num, asked.page_size);
    let filter = asked.filter()?;
    // Each row is written while it is read: nothing of it is kept.
    let (edition, mut calendar) = (caller.edition(), api.calendar.page());
    let recordings = Arc::clone(&api.recordings);
    let write = move |list: &mut Result<List, json::Error>, task: &FeedTask, row: FeedRow<'_>| {
        if let Ok(written) = list {
            let call = DoneCall::new(&row, task, edition, &mut calendar, &recordings);
            if let Err(error) = written.push(&call) {
                *list = Err(error);
            }
        }
    };
    let found = api.store.feed_fold(company, task, filter, page, Ok(List::with_room(ROOM_BYTES)), write).await?;
    let Some((_, total, list)) = found else {
        return Err(task_not_found(&api, task).await);
    };
    let list = list?;
    let room = list.bytes();
    Ok(Answer::new("操作成功", PageOf::written(total, list, page, RowsFrom::Zero)).with_room(room))
}

impl QueryDoneTaskPhones {
    fn filter(self) -> Result<FeedFilter, ParamError> {
        let results = self.result_query_list.unwrap_or_default();
        if results.len() > RESULT_QUERIES_MAX {
            let expected = format!("最多 {RESULT_QUERIES_MAX} 项的列表");
            return Err(ParamError::new("resultQueryList", expected, format!("{} 项", results.len())));
        }
        Ok(FeedFilter {
            after: self.index.unwrap_or(-1),
            duration_s: range("duration", self.duration_left, self.duration_right)?,
            chat_rounds: range("chatRound", self.chat_round_left, self.chat_round_right)?,
            finish_status: self.finish_status.map(finish_status).transpose()?,
            results: results.into_iter().map(ResultQuery::accepted).collect(),
        })
    }
}

impl ResultQuery {
    /// The name, and every value that is meant.
    fn accepted(self) -> (String, Vec<String>) {
        let values = if self.name == INTENT_LEVEL { intent::spellings(&self.value) } else { vec![self.value] };
        (self.name, values)
    }
}

/// Both ends are included; either may be left open.
fn range(name: &str, left: Option<i64>, right: Option<i64>) -> Result<Option<(i64, i64)>, ParamError> {
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let range: RangeInclusive<i64> = left.unwrap_or(i64::MIN)..=right.unwrap_or(i64::MAX);
    if range.is_empty() {
        let (left, right) = range.into_inner();
        return Err(ParamError::new(format!("{name}Left"), format!("不大于 {name}Right（{right}）的整数"), left));
    }
    Ok(Some(range.into_inner()))
}

fn finish_status(number: i64) -> Result<FinishStatus, ParamError> {
    FinishStatus::from_number(number)
        .ok_or_else(|| ParamError::new("finishStatus", " 0 到 11 或 22 的完成状态", number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_both_ends_and_may_be_open() {
        assert_eq!(range("duration", None, None).unwrap(), None);
        assert_eq!(range("duration", Some(5), Some(5)).unwrap(), Some((5, 5)));
        assert_eq!(range("duration", Some(5), None).unwrap(), Some((5, i64::MAX)));
        assert_eq!(range("duration", None, Some(5)).unwrap(), Some((i64::MIN, 5)));
        let error = range("duration", Some(6), Some(5)).unwrap_err();
        assert_eq!(error.to_string(), "durationLeft 应为不大于 durationRight（5）的整数，收到 6");
    }

    #[test]
    fn an_intent_level_is_meant_in_all_its_spellings() {
        let query = |name: &str| ResultQuery { name: name.to_owned(), value: "A".to_owned() }.accepted().1;
        assert_eq!(query(INTENT_LEVEL).len(), 3);
        assert_eq!(query("等级"), ["A"]);
    }
}
