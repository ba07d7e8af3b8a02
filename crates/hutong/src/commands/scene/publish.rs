//! `hutong scene publish`

use std::path::PathBuf;

use clap::Args;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::robot::{self, Publication};
use serde_json::json;

use super::audio::{SceneAudio, Studio};
use super::{load, test};
use crate::cli::{InstallationArgs, print};
use crate::commands::{by, company};
use crate::error::Result;
use crate::installation;

/// What is published, and for whom.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The scene
    file: PathBuf,
    /// The company that it is for
    #[arg(long, value_name = "ID")]
    company: i64,
    /// Publish it even where a dialogue in NAME.tests.yaml beside it goes otherwise than written
    #[arg(long)]
    untested: bool,
    /// Publish it without audio, for simulated lines: on a trunk, prompts without audio are left out
    #[arg(long)]
    text_only: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(super) async fn run(args: PublishArgs) -> Result<()> {
    let PublishArgs { file, company, untested, text_only, installation } = args;
    let (scene, document) = load(&file)?;
    if !untested {
        test::require_passing(&file, &scene)?;
    }
    let config = installation.load()?;
    let store = installation::open(&config)?.store;
    let company = company::require(&store, company).await?.id;
    let audio = if text_only {
        SceneAudio::default()
    } else {
        let server = config.speech.voice_server()?;
        let speaker = config.speech.speaker();
        Studio { store: &store, company, server: server.as_ref(), speaker }.gather(&scene, &file).await?
    };
    let publication = Publication::of(&scene, &document);
    let by = by();
    let sounds = audio.count();
    let published = store.write(company, move |db| {
        let (id, version) = robot::publish(db, company, &publication, by.at)?;
        audio.publish(db, company, (id, version), by.at)?;
        let before = (version > 1).then(|| json!({ "latest_version": version - 1 }));
        let after = json!({ "name": publication.scene_name, "latest_version": version, "sounds": sounds });
        by.note(db, Action::ScenePublish, &Object::Scene(company, id), before, Some(after))?;
        Ok((id, version))
    });
    let (id, version) = published.await?;
    // What ships with hutong needs no word.
    let spoken = match sounds {
        0 => String::new(),
        sounds => format!("{sounds} texts recorded or rendered\n"),
    };
    print(&format!("{spoken}scene {id} version {version}\n"))
}
