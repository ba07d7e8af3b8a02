//! `hutong scene publish`

use std::path::{Path, PathBuf};

use clap::Args;
use hutong_scenes::{NoAudio, Published, Publishing, Recordings, SceneAudio};

use super::{load, problems, test};
use crate::cli::{InstallationArgs, print};
use crate::commands::{by, company};
use crate::error::{Error, Result};
use crate::installation;

/// Texts without audio that are named; the others are counted.
const NAMED_MAX: usize = 20;

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
        let beside = Recordings::Beside(file.parent().unwrap_or(Path::new(".")));
        let gathered = config.speech.studio(&store)?.gather(company, &scene, beside, &|| {}).await;
        gathered.map_err(|error| no_audio(&file, error))?
    };
    let sounds = audio.count();
    let publishing = Publishing { company, scene: &scene, document: &document, audio, known: None, by: by() };
    let (id, version) = match hutong_scenes::publish(&store, publishing).await? {
        Published::Done { scene, version } => (scene, version),
        Published::Overtaken { latest } => return Err(Error::Failed(format!("version {latest} is there already"))),
    };
    // What ships with hutong needs no word.
    let spoken = match sounds {
        0 => String::new(),
        sounds => format!("{sounds} texts recorded or rendered\n"),
    };
    print(&format!("{spoken}scene {id} version {version}\n"))
}

fn no_audio(file: &Path, error: NoAudio) -> Error {
    let missing = match error {
        NoAudio::Missing(missing) => missing,
        NoAudio::Store(error) => return error.into(),
        error @ NoAudio::Recordings { .. } => return Error::Failed(error.to_string()),
    };
    let named = missing.get(..NAMED_MAX).unwrap_or(&missing);
    let mend =
        "record them (hutong scene prompts), set speech.voice.url, or publish with --text-only for simulated lines";
    Error::Failed(format!("{}{} texts have no audio: {mend}", problems(file, named), missing.len()))
}
