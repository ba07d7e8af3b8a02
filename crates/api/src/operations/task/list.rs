//! `task/getTasks`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::task::TaskStatus;
use hutong_store::task::{self, Filter, Order};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::compat::param_error::ParamError;
use crate::request::Params;
use crate::wire::page::PageOf;
use crate::wire::task::TaskItem;
use crate::wire::time::Day;

/// Which tasks are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct GetTasks {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 任务名称，包含即可 · part of the name
    #[param(example = "测试API任务")]
    task_name: Option<String>,
    /// 任务名称的另一写法 · the same under another name
    job_name: Option<String>,
    /// 创建日期 · made on this day
    #[param(value_type = Option<String>, example = "2017-10-19")]
    create_date: Option<Day>,
    /// 任务状态, 0:未开始,1:进行中,2:已完成,3:可运行,4:用户暂停,5:系统暂停,6:已终止,7:排队中,8:AI到期,9:线路欠费,10:短信欠费
    /// · in this state
    #[param(minimum = 0, maximum = 10, example = 1)]
    status: Option<i64>,
    /// 是否包含已删除的任务 · deleted ones too
    #[param(default = false)]
    need_all: Option<bool>,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 页面大小，最大 1000 · items on a page, at most 1000
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 10)]
    page_size: PageSize<10, 1000>,
}

/// 获取任务列表 · the company's tasks, newest first
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/getTasks",
    tag = super::QUERY_TAG,
    params(GetTasks),
    responses((status = 200, description = "任务列表 · the tasks", body = Envelope<PageOf<TaskItem>>))
)]
pub(crate) async fn get_tasks(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<GetTasks>,
) -> Outcome<PageOf<TaskItem>> {
    let company = caller.require(asked.company_id)?;
    let page = paging::request(asked.page_num, asked.page_size);
    let filter = Filter {
        name_contains: asked.task_name.or(asked.job_name).unwrap_or_default(),
        created: asked.create_date.map(|day| api.calendar.day(day.0)),
        status: asked.status.map(status).transpose()?,
        deleted_too: asked.need_all.unwrap_or_default(),
        order: Order::Newest,
    };
    let tasks = api.store.read_snapshot(move |db| task::page(db, company, &filter, page)).await?;
    let list = PageOf::new(tasks, page, RowsFrom::One, |task| TaskItem::new(task, &api.calendar));
    Ok(Answer::new("操作成功", list))
}

fn status(number: i64) -> Result<TaskStatus, ParamError> {
    TaskStatus::from_number(number).ok_or_else(|| ParamError::new("status", " 0 到 10 的任务状态", number))
}
