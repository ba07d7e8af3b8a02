//! `task/delete`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_domain::ids::TaskId;
use hutong_store::audit::Object;
use hutong_store::{Db, task};

use super::commands::{self, OneTask};
use crate::answer::{Answer, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::owner_of_task;
use crate::request::Params;

/// 删除任务 · marks a task as deleted, stops it, and frees its seats
#[utoipa::path(
    post,
    path = "/openapi/v1/task/delete",
    tag = super::COMMAND_TAG,
    operation_id = "delete_task",
    request_body = OneTask,
    responses((status = 200, description = "已删除 · deleted", body = Envelope<Nothing>))
)]
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OneTask>,
) -> Outcome<Nothing> {
    let id = TaskId(asked.task_id);
    let company = owner_of_task(&api, &caller, id).await?;
    let by = caller.by(&api);
    let delete = move |db: &mut Db| {
        by.change(db, Action::TaskDelete, &Object::Task(company, id), |db| {
            task::delete(db, company, id, &by.actor.to_string(), by.at)
        })
    };
    commands::done(api.store.write(company, delete).await?)?;
    api.wake.notify_one();
    Ok(Answer::new("删除成功", Nothing))
}
