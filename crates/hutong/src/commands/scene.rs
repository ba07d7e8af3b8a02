//! `hutong scene`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hutong_domain::scene::{Problem, Scene, script};
use hutong_store::robot::{self, Publication};

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
    Publish {
        /// The scene
        file: PathBuf,
        /// The company that it is for
        #[arg(long, value_name = "ID")]
        company: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the scenes of a company
    List {
        /// The company
        #[arg(long, value_name = "ID")]
        company: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Play written dialogues against a scene
    Test {
        /// The scene
        file: PathBuf,
        /// The dialogues
        #[arg(long, value_name = "FILE")]
        script: PathBuf,
    },
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
        SceneCommand::Publish { file, company, installation } => {
            let (scene, document) = load(&file)?;
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            let publication = Publication::of(&scene, &document);
            let now = installation::now();
            let (id, version) = store.write(company, move |db| robot::publish(db, company, &publication, now)).await?;
            print(&format!("scene {id} version {version}\n"))
        }
        SceneCommand::List { company, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let company = company::require(&store, company).await?.id;
            let scenes = store.read(move |db| robot::scenes(db, company)).await?;
            let rows =
                scenes.iter().map(|scene| format!("{}\t{}\tversion {}\n", scene.id, scene.name, scene.latest_version));
            print(&rows.collect::<String>())
        }
        SceneCommand::Test { file, script } => test(&file, &script),
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

fn test(file: &Path, script_file: &Path) -> Result<()> {
    let (scene, _) = load(file)?;
    let reports = script::run(&scene, &read(script_file)?)
        .map_err(|found| Error::Failed(problems(script_file, &found).trim_end().to_owned()))?;
    let mut text = String::new();
    for report in &reports {
        let _ = writeln!(text, "{} {}", if report.passed() { "ok  " } else { "FAIL" }, report.name);
        for failure in &report.failures {
            let _ = writeln!(text, "     {}:{failure}", script_file.display());
        }
        if !report.passed() {
            let _ = writeln!(text, "     {}", report.transcript.join("\n     "));
        }
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let _ = writeln!(text, "{} passed, {failed} failed", reports.len() - failed);
    print(&text)?;
    if failed > 0 { Err(Error::Failed("some dialogues went otherwise than written".to_owned())) } else { Ok(()) }
}
