//! `hutong scene test`: written dialogues, and past calls, against a version of a scene.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::scene::replay::Replay;
use hutong_domain::scene::{Scene, script};
use hutong_scenes::{CALLS_DEFAULT, PastCalls};
use hutong_store::Store;
use hutong_store::past_calls::{self, PastCall};
use jiff::civil::Date;

use super::{find_scene, load, problems, read};
use crate::cli::{InstallationArgs, print};
use crate::commands::company;
use crate::error::{Error, Result};
use crate::installation;

/// Past calls that are played at most.
const CALLS_MAX: i64 = 1_000_000;

/// Which scene, and what it is held against.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The scene
    file: PathBuf,
    /// Written dialogues; without it those in NAME.tests.yaml beside NAME.yaml, where there are any
    #[arg(long, value_name = "FILE")]
    script: Vec<PathBuf>,
    /// Also play past calls of this company, and show what would come out otherwise
    #[arg(long, value_name = "ID")]
    company: Option<i64>,
    /// The published scene whose calls are played, where it has another name than the one in the file
    #[arg(long, value_name = "NAME", requires = "company")]
    scene: Option<String>,
    /// Calls of this task only
    #[arg(long, value_name = "ID", requires = "company")]
    task: Option<i64>,
    /// How many calls, the latest first
    #[arg(long, value_name = "N", requires = "company", default_value_t = CALLS_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=CALLS_MAX))]
    calls: u32,
    /// Calls that ended on this day or later
    #[arg(long, value_name = "YYYY-MM-DD", requires = "company")]
    since: Option<Date>,
    /// Fail where anything comes out otherwise
    #[arg(long, requires = "company")]
    fail_on_flips: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(super) async fn run(args: TestArgs) -> Result<()> {
    let TestArgs { file, script, company, scene: published, task, calls, since, fail_on_flips, installation } = args;
    let scene = Arc::new(load(&file)?.0);
    let scripts = if script.is_empty() { kept_beside(&file).into_iter().collect() } else { script };
    if scripts.is_empty() && company.is_none() {
        let beside = beside(&file);
        return Err(Error::Usage(format!("--script or --company is needed: there is no {}", beside.display())));
    }
    let mut failed = 0;
    for script in &scripts {
        let played = dialogues(&scene, script)?;
        print(&played.report)?;
        failed += played.failed;
    }
    let mut changed = 0;
    if let Some(company) = company {
        let config = installation.load()?;
        let zone = config.zone()?;
        let store = installation::open(&config)?.store;
        let company = company::require(&store, company).await?.id;
        let published = published.unwrap_or_else(|| scene.name().to_owned());
        let since = since.map_or(Moment(0), |date| Moment::from_civil(date.at(0, 0, 0, 0), &zone));
        let wanted = Wanted { company, scene: published, task: task.map(TaskId), since, calls: i64::from(calls) };
        changed = past(&store, &scene, wanted).await?;
    }
    if failed > 0 {
        return Err(Error::Failed("some dialogues went otherwise than written".to_owned()));
    }
    if fail_on_flips && changed > 0 {
        return Err(Error::Failed("some calls come out otherwise".to_owned()));
    }
    Ok(())
}

/// How the dialogues of a script went.
pub(crate) struct Played {
    /// Each dialogue in a line, and more where it failed.
    pub(crate) report: String,
    /// How many went otherwise than written.
    pub(crate) failed: usize,
}

/// Plays the dialogues of a script against a scene.
pub(crate) fn dialogues(scene: &Scene, script_file: &Path) -> Result<Played> {
    let reports = script::run(scene, &read(script_file)?)
        .map_err(|found| Error::Failed(problems(script_file, &found).trim_end().to_owned()))?;
    let mut report = String::new();
    for dialogue in &reports {
        let _ = writeln!(report, "{} {}", if dialogue.passed() { "ok  " } else { "FAIL" }, dialogue.name);
        for failure in &dialogue.failures {
            let _ = writeln!(report, "     {}:{failure}", script_file.display());
        }
        if !dialogue.passed() {
            let _ = writeln!(report, "     {}", dialogue.transcript.join("\n     "));
        }
    }
    let failed = reports.iter().filter(|dialogue| !dialogue.passed()).count();
    let _ = writeln!(report, "{} passed, {failed} failed", reports.len() - failed);
    Ok(Played { report, failed })
}

/// Where the dialogues of a scene are kept: `NAME.tests.yaml` for `NAME.yaml`.
fn beside(file: &Path) -> PathBuf {
    file.with_extension("tests.yaml")
}

/// The dialogues that are kept beside a scene, where there are any.
pub(crate) fn kept_beside(file: &Path) -> Option<PathBuf> {
    Some(beside(file)).filter(|script| script.exists())
}

/// Refuses a scene that a dialogue kept beside it fails: for publishing.
pub(crate) fn require_passing(file: &Path, scene: &Scene) -> Result<()> {
    let Some(script) = kept_beside(file) else { return Ok(()) };
    let Played { report, failed } = dialogues(scene, &script)?;
    if failed == 0 {
        return Ok(());
    }
    print(&report)?;
    Err(Error::Failed(format!("{} is not published: its dialogues go otherwise; --untested goes on", file.display())))
}

/// Which past calls are played.
struct Wanted {
    company: CompanyId,
    scene: String,
    task: Option<TaskId>,
    since: Moment,
    calls: i64,
}

/// Plays past calls and prints what comes out otherwise; of how many calls that is.
async fn past(store: &Store, scene: &Arc<Scene>, wanted: Wanted) -> Result<u64> {
    let Wanted { company, scene: name, task, since, calls } = wanted;
    let id = find_scene(store, company, &name).await?;
    let mut tasks = store.read(move |db| past_calls::tasks_of(db, company, id)).await?;
    if let Some(task) = task {
        tasks.retain(|known| *known == task);
        if tasks.is_empty() {
            return Err(Error::Failed(format!("company {company} has no task {task} that speaks {name}")));
        }
    }
    let wanted = PastCalls { company, tasks, since, calls };
    let tell = |call: &PastCall, replayed: &Replay| match replayed.has_flips() {
        true => print(&changes(call, replayed)),
        false => Ok(()),
    };
    let summary = hutong_scenes::play(store, scene, wanted, tell).await?;
    if summary.calls == 0 {
        print(&format!("{name} has no past conversation to play\n"))?;
    } else {
        print(&summary.to_string())?;
    }
    Ok(summary.changed)
}

/// What comes out otherwise in one call, in a line.
fn changes(call: &PastCall, replayed: &Replay) -> String {
    let flips = replayed.flips.iter().map(ToString::to_string);
    let results = replayed.results.iter().map(ToString::to_string);
    let diverged = replayed.diverged_at.map(|turn| format!("says something else from turn {turn} on"));
    let stopped = replayed.stopped_at.map(|turn| format!("not played from turn {turn} on"));
    let parts: Vec<String> = flips.chain(results).chain(diverged).chain(stopped).collect();
    format!("call {}: {}\n", call.id, parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialogues_are_kept_beside_their_scene() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("回访.yaml");
        assert_eq!(kept_beside(&file), None);
        let script = folder.path().join("回访.tests.yaml");
        std::fs::write(&script, "[]").unwrap();
        assert_eq!(kept_beside(&file), Some(script));
    }
}
