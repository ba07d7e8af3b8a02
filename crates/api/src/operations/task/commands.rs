//! What start, pause, stop and delete have in common.

use hutong_domain::audit::Action;
use hutong_domain::ids::TaskId;
use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_domain::task::{Command, Refused};
use hutong_store::Db;
use hutong_store::audit::Object;
use hutong_store::task::{self, CommandOutcome};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::ApiError;
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::owner_of_task;

/// The task that something is done to · 要操作的任务
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneTask {
    /// 任务id · id of the task
    #[schema(example = 21)]
    pub(super) task_id: i64,
}

/// Gives a task a command, and lets the dialer look at once: seats may be needed, or free.
pub(super) async fn run(api: &Api, caller: &Caller, asked: &OneTask, command: Command) -> Result<(), ApiError> {
    let id = TaskId(asked.task_id);
    let company = owner_of_task(api, caller, id).await?;
    let by = caller.by(api);
    let action = match command {
        Command::Start => Action::TaskStart,
        Command::Pause => Action::TaskPause,
        Command::Stop => Action::TaskStop,
        Command::Update => Action::TaskUpdate,
    };
    let change = move |db: &mut Db| {
        by.change(db, action, &Object::Task(company, id), |db| {
            task::command(db, company, id, command, &by.actor.to_string(), by.at)
        })
    };
    done(api.store.write(company, change).await?)?;
    api.wake.notify_one();
    Ok(())
}

/// # Errors
/// Where nothing was done, why not.
pub(super) fn done(outcome: CommandOutcome) -> Result<(), ApiError> {
    match outcome {
        CommandOutcome::Done => Ok(()),
        // It had an owner a moment ago, and rows of tasks are never removed.
        CommandOutcome::Unknown => {
            let why = say!("The task is deleted: nothing more can be done with it", "任务已删除，不能再操作");
            Err(ApiError::Refused(why))
        }
        CommandOutcome::Refused(Refused { command, status }) => {
            let Message { en, zh } = match command {
                Command::Start => say!("started", "启动"),
                Command::Pause => say!("paused", "暂停"),
                Command::Stop => say!("stopped", "终止"),
                Command::Update => say!("changed", "修改"),
            };
            Err(ApiError::Refused(say!(
                "A task that is {in_english} cannot be {en}",
                "任务当前状态为{in_chinese}，不能{zh}",
                in_english = status.english(),
                in_chinese = status.label()
            )))
        }
    }
}
