//! `hutong number`

mod forget;

use clap::Subcommand;
use hutong_domain::ids::TaskId;
use hutong_domain::phone::PhoneNumber;
use hutong_store::task;
use hutong_store::waiting::{self, MoveOutcome};

use super::by;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum NumberCommand {
    /// Move a number that was never dialled to the head of its task: it is dialled next
    First {
        /// The task
        #[arg(long, value_name = "ID")]
        task: i64,
        /// The number
        #[arg(long)]
        number: String,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Forget everything that is kept of a number: names, variables, words, recordings, counts of attempts
    ///
    /// Calls stay in the feed and in all counts, without the number. Calls that wait to be dialled finish as 黑名单. Refused
    /// while a call to the number is in progress.
    Forget(forget::ForgetArgs),
}

pub(crate) async fn run(command: NumberCommand) -> Result<()> {
    let (task, number, installation) = match command {
        NumberCommand::First { task, number, installation } => (task, number, installation),
        NumberCommand::Forget(args) => return forget::run(args).await,
    };
    let phone = parse(&number)?;
    let store = installation::open(&installation.load()?)?.store;
    let id = TaskId(task);
    let company = store
        .read(move |db| task::owner(db, id))
        .await?
        .ok_or_else(|| Error::Failed(format!("there is no task {task}")))?;
    let by = by();
    let moved = store.write(company, move |db| waiting::move_first(db, company, id, phone.as_str(), &by)).await?;
    match moved {
        MoveOutcome::Moved => print(&format!("{number} is dialled next\n")),
        MoveOutcome::Unknown => Err(Error::Failed(format!("task {task} has no number {number}"))),
        MoveOutcome::NotFresh(status) => Err(Error::Failed(format!(
            "{number} is not waiting to be dialled for the first time: {}; `hutong why` says more",
            status.label()
        ))),
    }
}

/// A number as people write it.
pub(super) fn parse(number: &str) -> Result<PhoneNumber> {
    PhoneNumber::parse(number).ok_or_else(|| Error::Usage("--number must be a number of 3 to 20 digits".to_owned()))
}
