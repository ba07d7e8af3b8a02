//! `hutong scene unheard`: what robots did not understand.

use clap::Args;
use hutong_domain::ids::{CompanyId, SceneId};
use hutong_store::Store;
use hutong_store::unheard::{self, UNHEARD_PER_SCENE_MAX, Unheard};
use jiff::tz::TimeZone;

use super::find_scene;
use crate::cli::{InstallationArgs, print};
use crate::commands::{by, company};
use crate::error::{Error, Result};
use crate::installation;

/// Whose, and how many.
#[derive(Debug, Args)]
pub(crate) struct UnheardArgs {
    /// The company
    #[arg(long, value_name = "ID")]
    company: i64,
    /// One scene only
    #[arg(long, value_name = "NAME")]
    scene: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(i64).range(1..=UNHEARD_PER_SCENE_MAX))]
    limit: i64,
    /// Forget this text, since the scene has learnt it
    #[arg(long, value_name = "TEXT")]
    handled: Option<String>,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(super) async fn run(args: UnheardArgs) -> Result<()> {
    let UnheardArgs { company, scene, limit, handled, installation } = args;
    let config = installation.load()?;
    let zone = config.zone()?;
    let store = installation::open(&config)?.store;
    let company = company::require(&store, company).await?.id;
    let scene = match scene {
        Some(name) => Some(find_scene(&store, company, &name).await?),
        None => None,
    };
    if let Some(text) = handled {
        return forget(&store, company, scene, text).await;
    }
    let found = store.read(move |db| unheard::list(db, company, scene, limit)).await?;
    print(&found.iter().map(|unheard| row(unheard, &zone)).collect::<String>())
}

async fn forget(store: &Store, company: CompanyId, scene: Option<SceneId>, text: String) -> Result<()> {
    let wanted = text.clone();
    let gone = store.write(company, move |db| unheard::handled(db, &by(), company, scene, &wanted)).await?;
    if gone == 0 {
        return Err(Error::Failed(format!("“{text}” is not among what was not understood")));
    }
    print("forgotten\n")
}

/// How often, where, what, and an example.
fn row(unheard: &Unheard, zone: &TimeZone) -> String {
    let Unheard { scene: _, scene_name, node, text, times, scene_version, last_call, last_at } = unheard;
    let at = last_at.civil(zone).strftime("%Y-%m-%d %H:%M");
    format!("{times}\t{scene_name} {scene_version}\t{node}\t“{text}”\tcall {last_call}\t{at}\n")
}
