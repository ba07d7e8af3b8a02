//! `task/getTaskDetail`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::TaskId;
use hutong_store::task;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, ApiError, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::task_not_found;
use crate::request::Params;
use crate::wire::task::TaskDetail;

/// Which task is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct GetTaskDetail {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 任务Id，不传为最新的任务 · id of the task; the newest one by default
    #[param(example = 21)]
    task_id: Option<i64>,
}

/// 获取任务详情 · one task with its statistics
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/getTaskDetail",
    tag = super::QUERY_TAG,
    params(GetTaskDetail),
    responses((status = 200, description = "任务详情 · the task", body = Envelope<TaskDetail>))
)]
pub(crate) async fn get_task_detail(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<GetTaskDetail>,
) -> Outcome<TaskDetail> {
    let company = caller.require(asked.company_id)?;
    let id = asked.task_id.map(TaskId);
    let found = api.store.read_snapshot(move |db| {
        let Some(id) = id.map_or_else(|| task::newest(db, company), |id| Ok(Some(id)))? else { return Ok(None) };
        let Some(view) = task::find_view(db, company, id)? else { return Ok(None) };
        Ok(Some((view, task::result_counts(db, company, id)?)))
    });
    let Some((view, results)) = found.await? else {
        return Err(match id {
            Some(id) => task_not_found(&api, id).await,
            None => ApiError::NoTaskYet,
        });
    };
    let scene = api.scene(company, view.task.scene, view.task.scene_version).await?;
    Ok(Answer::new("操作成功", TaskDetail::new(view, results, &scene, &api.calendar)))
}
