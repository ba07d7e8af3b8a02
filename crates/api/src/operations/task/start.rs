//! `task/start`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::task::Command;

use super::commands::{self, OneTask};
use crate::answer::{Answer, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// 启动任务 · starts a task, or lets it go on
#[utoipa::path(
    post,
    path = "/openapi/v1/task/start",
    tag = super::COMMAND_TAG,
    operation_id = "start_task",
    request_body = OneTask,
    responses((status = 200, description = "已启动 · started", body = Envelope<Nothing>))
)]
pub(crate) async fn start(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OneTask>,
) -> Outcome<Nothing> {
    commands::run(&api, &caller, &asked, Command::Start).await?;
    Ok(Answer::new("启动成功", Nothing))
}
