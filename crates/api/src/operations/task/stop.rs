//! `task/stop`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::task::Command;

use super::commands::{self, OneTask};
use crate::answer::{Answer, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// 终止任务 · dials no more, ever; calls in progress end by themselves
#[utoipa::path(
    post,
    path = "/openapi/v1/task/stop",
    tag = super::COMMAND_TAG,
    operation_id = "stop_task",
    request_body = OneTask,
    responses((status = 200, description = "已终止 · stopped", body = Envelope<Nothing>))
)]
pub(crate) async fn stop(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OneTask>,
) -> Outcome<Nothing> {
    commands::run(&api, &caller, &asked, Command::Stop).await?;
    Ok(Answer::new("执行成功", Nothing))
}
