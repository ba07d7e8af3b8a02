//! `hutong callback`

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use hutong_callbacks::check_url;
use hutong_domain::audit::Action;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_store::audit::Object;
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::callback::{self, Listed, Resend, State, Which};
use hutong_store::{Db, PageRequest, Store, key};
use jiff::tz::TimeZone;

use super::{by, clock, company};
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackCommand {
    /// Set where a company is told how its calls ended and its tasks moved, or change it
    Set(SetArgs),
    /// Tell a company nothing any more; what is still to be told is given up
    Unset {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        /// What is not told any more
        #[arg(long, value_enum, default_value_t = Told::Both)]
        of: Told,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Show where a company is told what
    Show {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List a company's callbacks, newest first, with what the receiver answered last
    List(ListArgs),
    /// Send callbacks once more, from their first attempt on
    Resend {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        /// Every callback that was given up
        #[arg(long, conflicts_with_all = ["task", "call"], required_unless_present_any = ["task", "call"])]
        given_up: bool,
        /// Every callback of this task that was given up
        #[arg(long, value_name = "ID", conflicts_with = "call")]
        task: Option<i64>,
        /// The callbacks of this call, delivered or not
        #[arg(long, value_name = "ID")]
        call: Option<i64>,
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The company
    #[arg(long, value_name = "ID")]
    company: i64,
    /// The receiver: http:// or https://
    #[arg(long, value_name = "URL")]
    url: String,
    /// What is told there; an address for calls and another one for tasks can be set one after the other
    #[arg(long, value_enum, default_value_t = Told::Both)]
    of: Told,
    /// What the body says that it is: json, or text for receivers that insist on it
    #[arg(long, default_value = "json")]
    content_type: ContentType,
    /// Tell of intent levels that people change by hand as well
    #[arg(long)]
    manual_changes: bool,
    /// The key whose secret signs; the company's oldest valid one where none is given
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    installation: InstallationArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The company
    #[arg(long, value_name = "ID")]
    company: i64,
    /// Which ones
    #[arg(long, value_enum, default_value_t = Chosen::All)]
    only: Chosen,
    /// So many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    #[command(flatten)]
    installation: InstallationArgs,
}

/// What an address is told.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Told {
    /// How calls ended
    Calls,
    /// How tasks moved
    Tasks,
    /// Both
    Both,
}

impl Told {
    const fn subjects(self) -> &'static [Subject] {
        match self {
            Self::Calls => &[Subject::Calls],
            Self::Tasks => &[Subject::Tasks],
            Self::Both => &Subject::ALL,
        }
    }
}

/// Which callbacks are listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Chosen {
    /// All that are kept
    All,
    /// Those that are tried
    Waiting,
    /// Those that were given up
    GivenUp,
}

pub(crate) async fn run(command: CallbackCommand) -> Result<()> {
    match command {
        CallbackCommand::Set(args) => set(args).await,
        CallbackCommand::Unset { company, of, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let (company, by) = (company::require(&store, company).await?.id, by());
            let removed = move |db: &mut Db| {
                of.subjects().iter().try_fold(false, |any, &subject| {
                    let object = Object::CallbackAddress(company, subject);
                    let remove = |db: &mut Db| address::remove(db, company, subject, by.at);
                    Ok(by.change(db, Action::CallbackUnset, &object, remove)? || any)
                })
            };
            if store.write(company, removed).await? {
                show(&store, company).await
            } else {
                Err(Error::Failed(format!(
                    "company {company} has no such address; `hutong callback show` has them all"
                )))
            }
        }
        CallbackCommand::Show { company, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            show(&store, company).await
        }
        CallbackCommand::List(args) => list(args).await,
        CallbackCommand::Resend { company, given_up: _, task, call, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            let what = match (task, call) {
                (_, Some(call)) => Resend::Call(CallId(call)),
                (Some(task), None) => Resend::GivenUpOf(TaskId(task)),
                (None, None) => Resend::GivenUp,
            };
            let by = by();
            let again = store.write(company, move |db| callback::resend_by(db, company, what, &by)).await?;
            print(&format!("{again} callbacks are sent again\n"))
        }
    }
}

async fn set(args: SetArgs) -> Result<()> {
    let SetArgs { company, url, of, content_type, manual_changes, key, installation } = args;
    let config = installation.load()?;
    check_url(&url, config.callbacks.private_addresses)
        .map_err(|error| Error::Usage(format!("--url {url:?}: {error}")))?;
    let store = installation::open(&config)?.store;
    let company = company::require(&store, company).await?.id;
    check_key(&store, company, key.as_deref()).await?;
    let address = |subject| Address { subject, url: url.clone(), content_type, manual_changes, app_key: key.clone() };
    let (addresses, by) = (of.subjects().iter().copied().map(address).collect::<Vec<_>>(), by());
    let written = move |db: &mut Db| {
        addresses.iter().try_for_each(|address| {
            let object = Object::CallbackAddress(company, address.subject);
            by.change(db, Action::CallbackSet, &object, |db| address::set(db, company, address, by.at))
        })
    };
    store.write(company, written).await?;
    show(&store, company).await
}

async fn list(args: ListArgs) -> Result<()> {
    let ListArgs { company, only, limit, installation } = args;
    let config = installation.load()?;
    let store = installation::open(&config)?.store;
    let company = company::require(&store, company).await?.id;
    let which = match only {
        Chosen::All => Which::All,
        Chosen::Waiting => Which::Waiting,
        Chosen::GivenUp => Which::GivenUp,
    };
    let page = PageRequest { number: 1, size: limit };
    let page = store.read_snapshot(move |db| callback::list(db, company, which, page)).await?;
    let zone = config.zone()?;
    let mut text: String = page.rows.iter().map(|listed| row(listed, &zone)).collect();
    let _ = writeln!(text, "{} of {}", page.rows.len(), page.total);
    print(&text)
}

/// A key that signs has to be one of the company, and valid.
async fn check_key(store: &Store, company: CompanyId, wanted: Option<&str>) -> Result<()> {
    let Some(wanted) = wanted.map(str::to_owned) else { return Ok(()) };
    let asked = wanted.clone();
    let found = store.read(move |db| key::find(db, &asked)).await?;
    if found.is_some_and(|key| key.revoked_at.is_none() && key.companies.contains(&company)) {
        return Ok(());
    }
    Err(Error::Failed(format!("company {company} has no valid key {wanted}; `hutong key list` shows them all")))
}

async fn show(store: &Store, company: CompanyId) -> Result<()> {
    let addresses = store.read(move |db| address::of_company(db, company)).await?;
    let mut text = String::new();
    for Address { subject, url, content_type, manual_changes, app_key } in addresses {
        let manual = if manual_changes { "\twith manual changes" } else { "" };
        let key = app_key.map(|key| format!("\tsigned with {key}")).unwrap_or_default();
        let _ = writeln!(text, "{}\t{url}\t{}{manual}{key}", subject.name(), content_type.name());
    }
    print(&text)
}

fn row(listed: &Listed, zone: &TimeZone) -> String {
    let Listed { name, task, created_at, attempts, state, tried_at: _, http_status, answer } = listed;
    let at = |moment| clock(moment, zone);
    let state = match state {
        State::Waiting(due) if due.ms() == 0 => "waiting, to be sent at once".to_owned(),
        State::Waiting(due) => format!("waiting until {}", at(*due)),
        State::Delivered(when) => format!("delivered {}", at(*when)),
        State::GivenUp(when) => format!("given up {}", at(*when)),
    };
    let status = http_status.map(|status| format!("\tHTTP {status}")).unwrap_or_default();
    let answer = answer.as_ref().map(|answer| format!("\t{answer:?}")).unwrap_or_default();
    format!("{name}\ttask {task}\t{}\t{attempts} attempts\t{state}{status}{answer}\n", at(*created_at))
}
