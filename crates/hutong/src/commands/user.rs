//! `hutong user`

use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use hutong_accounts::{Accounts, random_text};
use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::ids::{CompanyId, SessionId};
use hutong_domain::sign_in::PASSWORD_BYTES_MAX;
use hutong_store::key::Secret;
use hutong_store::session::Session;
use hutong_store::user::{self, User};

use crate::cli::{InstallationArgs, print};
use crate::commands::{clock, command_line};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user of the console
    ///
    /// The password is asked for; without a terminal, it is the first line of standard input.
    Add {
        #[command(flatten)]
        user: OneUser,
        /// admin, operator or viewer
        #[arg(long, default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        reach: ReachArgs,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Give a user another password, which ends its sessions
    Password {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Give a user another role
    Role {
        #[command(flatten)]
        user: OneUser,
        /// admin, operator or viewer
        role: Role,
    },
    /// Let a user see other companies than before
    Companies {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        reach: ReachArgs,
    },
    /// Disable a user, which ends its sessions
    Disable(OneUser),
    /// Enable a user again
    Enable(OneUser),
    /// List the users
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the sessions of a user, or end one
    Sessions {
        #[command(flatten)]
        user: OneUser,
        /// End this session
        #[arg(long, value_name = "ID")]
        end: Option<SessionId>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OneUser {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    installation: InstallationArgs,
}

impl OneUser {
    fn accounts(&self) -> Result<Accounts> {
        accounts(&self.installation)
    }
}

#[derive(Debug, Args)]
pub(crate) struct ReachArgs {
    /// A company that it sees; may be given several times. Without one, it sees all of them
    #[arg(long = "company", value_name = "ID")]
    companies: Vec<CompanyId>,
}

impl ReachArgs {
    fn reach(self) -> Reach {
        if self.companies.is_empty() { Reach::All } else { Reach::Companies(self.companies.into_iter().collect()) }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Make a password and print it, this once
    #[arg(long)]
    generate: bool,
}

pub(crate) async fn run(command: UserCommand) -> Result<()> {
    let actor = command_line();
    match command {
        UserCommand::Add { user, role, reach, password } => {
            let reach = reach.reach();
            if role == Role::Admin && reach != Reach::All {
                return Err(Error::Usage("an admin reaches every company: leave --company out".to_owned()));
            }
            let accounts = user.accounts()?;
            let (password, generated) = password.get()?;
            let made = accounts.add(&actor, &user.name, Access::new(role, reach), password).await?;
            print(&format!("{}{generated}", row(&made)))
        }
        UserCommand::Password { user, password } => {
            let accounts = user.accounts()?;
            // Nobody is asked for a password that is not used.
            let name = accounts.find(&user.name).await?.name;
            let (password, generated) = password.get()?;
            accounts.set_password(&actor, &name, password, None).await?;
            print(&format!("{name} has another password; its sessions have ended\n{generated}"))
        }
        UserCommand::Role { user, role } => print(&row(&user.accounts()?.set_role(&actor, &user.name, role).await?)),
        UserCommand::Companies { user, reach } => {
            print(&row(&user.accounts()?.set_reach(&actor, &user.name, reach.reach()).await?))
        }
        UserCommand::Disable(user) => {
            user.accounts()?.set_enabled(&actor, &user.name, false).await?;
            print("disabled; its sessions have ended\n")
        }
        UserCommand::Enable(user) => {
            user.accounts()?.set_enabled(&actor, &user.name, true).await?;
            print("enabled\n")
        }
        UserCommand::List { installation } => {
            let store = installation::open(&installation.load()?)?.store;
            print(&store.read(user::all).await?.iter().map(row).collect::<String>())
        }
        UserCommand::Sessions { user, end } => sessions(&user, end).await,
    }
}

async fn sessions(user: &OneUser, end: Option<SessionId>) -> Result<()> {
    let accounts = user.accounts()?;
    if let Some(id) = end {
        return if accounts.end_session(&command_line(), &user.name, id).await? {
            print("ended\n")
        } else {
            Err(Error::Failed(format!("{} has no session {id}", user.name)))
        };
    }
    let zone = user.installation.load()?.zone()?;
    let row = |session: &Session| {
        let Session { id, address, agent, began_at, seen_at, .. } = session;
        let (began, seen) = (clock(*began_at, &zone), clock(*seen_at, &zone));
        format!("{id}\tfrom {address}\tsince {began}\tlast used {seen}\t{agent}\n")
    };
    print(&accounts.sessions(&user.name).await?.iter().map(row).collect::<String>())
}

fn accounts(installation: &InstallationArgs) -> Result<Accounts> {
    Ok(installation::accounts(&installation::open(&installation.load()?)?.store))
}

fn row(user: &User) -> String {
    let companies = match user.access.reach() {
        Reach::All => "all companies".to_owned(),
        Reach::Companies(companies) => {
            let companies: Vec<String> = companies.iter().map(ToString::to_string).collect();
            format!("companies {}", companies.join(","))
        }
    };
    let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
    format!("{}\t{}\t{companies}\t{state}\n", user.name, user.access.role().name())
}

impl PasswordArgs {
    /// The password, and what is to be printed of it.
    fn get(&self) -> Result<(Secret, String)> {
        if self.generate {
            let password = random_text::<24>()?;
            let printed = format!("PASSWORD={password}\n");
            return Ok((Secret(password), printed));
        }
        let password = if std::io::stdin().is_terminal() { asked_for()? } else { first_line()? };
        Ok((Secret(password), String::new()))
    }
}

/// Typed twice, without being shown.
fn asked_for() -> Result<String> {
    let password = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("Again: ")? == password {
        Ok(password)
    } else {
        Err(Error::Usage("the two passwords differ".to_owned()))
    }
}

fn first_line() -> Result<String> {
    let mut text = String::new();
    // Room for one that is too long, which is said then.
    let most = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2);
    std::io::stdin().take(most).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
