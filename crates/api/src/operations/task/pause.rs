//! `task/pause`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::task::Command;

use super::commands::{self, OneTask};
use crate::answer::{Answer, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// 暂停任务 · dials no more for now; calls in progress end by themselves
#[utoipa::path(
    post,
    path = "/openapi/v1/task/pause",
    tag = super::COMMAND_TAG,
    operation_id = "pause_task",
    request_body = OneTask,
    responses((status = 200, description = "已暂停 · paused", body = Envelope<Nothing>))
)]
pub(crate) async fn pause(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OneTask>,
) -> Outcome<Nothing> {
    commands::run(&api, &caller, &asked, Command::Pause).await?;
    Ok(Answer::new("执行成功", Nothing))
}
