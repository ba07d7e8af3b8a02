//! `hutong company`

use clap::Subcommand;
use hutong_domain::ids::CompanyId;
use hutong_store::company;

use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum CompanyCommand {
    /// Make a company
    Add {
        /// Its name
        name: String,
        /// AI seats: calls that may talk at once
        #[arg(long, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        seats: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the companies
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

pub(crate) async fn run(command: CompanyCommand) -> Result<()> {
    match command {
        CompanyCommand::Add { name, seats, installation } => {
            if name.trim().is_empty() || name.chars().count() > 100 {
                return Err(Error::Usage("NAME must have 1 to 100 characters".to_owned()));
            }
            let store = installation::open(&installation.load()?)?.store;
            let now = installation::now();
            let id = store.write(CompanyId(0), move |db| company::insert(db, &name, seats, now)).await?;
            print(&format!("company {id}\n"))
        }
        CompanyCommand::List { installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let companies = store.read(company::all).await?;
            let rows =
                companies.iter().map(|company| format!("{}\t{}\t{} seats\n", company.id, company.name, company.seats));
            print(&rows.collect::<String>())
        }
    }
}

/// The company, or why not.
pub(crate) async fn require(store: &hutong_store::Store, id: i64) -> Result<company::Company> {
    let found = store.read(move |db| company::find(db, CompanyId(id))).await?;
    found.ok_or_else(|| Error::Failed(format!("there is no company {id}; `hutong company list` shows them all")))
}
