//! `hutong key`

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Subcommand;
use hutong_domain::ids::CompanyId;
use hutong_store::Store;
use hutong_store::key::{self, AppKey, Edition, Secret};
use hutong_store::vault::{Vault, random_bytes};

use super::company;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

/// Letters of keys and secrets: none that are mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print its secret, which is not shown again
    Create {
        /// A company that the key is bound to; may be given several times
        #[arg(long = "company", value_name = "ID", required = true)]
        companies: Vec<i64>,
        /// The document that its clients follow: 2018-05 or 2019-08
        #[arg(long, default_value = "2018-05")]
        edition: Edition,
        /// Requests a second that it may make; 0 for no limit
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
        requests_per_s: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the keys
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Revoke a key
    Revoke {
        /// The key
        key: String,
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

pub(crate) async fn run(command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::Create { companies, edition, requests_per_s, installation } => {
            let installation = installation::open(&installation.load()?)?;
            let mut bound = BTreeSet::new();
            for id in companies {
                bound.insert(company::require(&installation.store, id).await?.id);
            }
            let companies: Vec<CompanyId> = bound.into_iter().collect();
            let (key, secret) =
                create(&installation.store, &installation.vault, companies, edition, requests_per_s).await?;
            print(&format!("APP_KEY={key}\nAPP_SECRET={}\n", secret.0))
        }
        KeyCommand::List { installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let mut text = String::new();
            for key in store.read(key::all).await? {
                let AppKey { app_key, edition, companies, revoked_at, .. } = key;
                let companies: Vec<String> = companies.iter().map(ToString::to_string).collect();
                let state = if revoked_at.is_some() { "revoked" } else { "valid" };
                let _ = writeln!(text, "{app_key}\t{}\tcompanies {}\t{state}", edition.name(), companies.join(","));
            }
            print(&text)
        }
        KeyCommand::Revoke { key, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let (wanted, now) = (key.clone(), installation::now());
            if store.write(CompanyId(0), move |db| key::revoke(db, &wanted, now)).await? {
                print("revoked\n")
            } else {
                Err(Error::Failed(format!("there is no valid key {key}; `hutong key list` shows them all")))
            }
        }
    }
}

/// Makes a key; the only time that its secret is seen.
pub(crate) async fn create(
    store: &Store,
    vault: &Vault,
    companies: Vec<CompanyId>,
    edition: Edition,
    requests_per_s: i64,
) -> Result<(String, Secret)> {
    let app_key = random_text::<20>()?;
    let secret = Secret(random_text::<40>()?);
    let key = AppKey {
        app_key: app_key.clone(),
        sealed_secret: vault.seal(&secret)?,
        edition,
        requests_per_s,
        companies,
        created_at: installation::now(),
        revoked_at: None,
    };
    store.write(CompanyId(0), move |db| key::insert(db, &key)).await?;
    Ok((app_key, secret))
}

/// So many random letters, five bits each.
fn random_text<const N: usize>() -> Result<String> {
    let bytes: [u8; N] = random_bytes()?;
    Ok(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect())
}
