//! `hutong scene`

mod prompts;
mod publish;
pub(crate) mod test;
mod unheard;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hutong_domain::ids::{CompanyId, SceneId};
use hutong_domain::scene::{Problem, Scene};
use hutong_store::Store;
use hutong_store::robot;

use super::company;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Subcommand)]
pub(crate) enum SceneCommand {
    /// Check a scene, with line and column of what is wrong
    Check {
        /// The scene
        file: PathBuf,
    },
    /// Publish a scene as a new version that tasks can use
    ///
    /// Each of its voices has to have audio for every prompt: shipped with hutong, recorded in the folder that the scene
    /// names, or rendered by the voice server of the configuration.
    Publish(publish::PublishArgs),
    /// Print the texts of a scene that somebody has to record, as CSV
    ///
    /// Save it as prompts.csv in a folder beside the scene, put the recordings there under the names of its column
    /// `file`, and name the folder in the scene: `voices: [{ name: …, recordings: FOLDER }]`. Rows can be added for what
    /// prompts have in place of variables: names, digits, amounts.
    Prompts {
        /// The scene
        file: PathBuf,
    },
    /// List the scenes of a company
    List {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Play written dialogues and past calls against a scene
    ///
    /// Past calls are played with everything that happened in them. Where the robot would say something else than it
    /// did, what comes later is uncertain, since customers would have answered otherwise. Calls placed by themselves,
    /// outside any task, are not among them.
    Test(test::TestArgs),
    /// List what robots did not understand, the most frequent first
    Unheard(unheard::UnheardArgs),
    /// Print the JSON Schema of scenes, for editors
    Schema,
}

pub(crate) async fn run(command: SceneCommand) -> Result<()> {
    match command {
        SceneCommand::Check { file } => {
            let (scene, _) = load(&file)?;
            print(&problems(&file, scene.warnings()))?;
            print(&format!("{}: scene {} is fine\n", file.display(), scene.name()))
        }
        SceneCommand::Publish(args) => publish::run(args).await,
        SceneCommand::Prompts { file } => print(&prompts::list(&load(&file)?.0)?),
        SceneCommand::List { company, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            let scenes = store.read(move |db| robot::scenes(db, company)).await?;
            let rows =
                scenes.iter().map(|scene| format!("{}\t{}\tversion {}\n", scene.id, scene.name, scene.latest_version));
            print(&rows.collect::<String>())
        }
        SceneCommand::Test(args) => test::run(args).await,
        SceneCommand::Unheard(args) => unheard::run(args).await,
        SceneCommand::Schema => print(&format!("{:#}\n", hutong_domain::scene::json_schema())),
    }
}

fn load(file: &Path) -> Result<(Scene, String)> {
    let document = read(file)?;
    let scene = Scene::parse(&document).map_err(|found| Error::Failed(problems(file, &found).trim_end().to_owned()))?;
    Ok((scene, document))
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|cause| Error::file(file, cause))
}

fn problems(file: &Path, problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}:{problem}\n", file.display())).collect()
}

/// The company's scene of this name.
async fn find_scene(store: &Store, company: CompanyId, name: &str) -> Result<SceneId> {
    let scenes = store.read(move |db| robot::scenes(db, company)).await?;
    let found = scenes.iter().find(|scene| scene.name == name);
    found.map(|scene| scene.id).ok_or_else(|| {
        Error::Failed(format!("company {company} has no scene {name}; `hutong scene list` shows them all"))
    })
}
