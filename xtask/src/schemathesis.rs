//! `cargo xtask schemathesis`: requests made from `/openapi.json`, answers held against it.
//!
//! Schemathesis comes from PyPI into an environment under the target folder. Its version and those of
//! all that it needs are pinned in `xtask/schemathesis/constraints.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::demo::DemoServer;
use crate::process;
use crate::workspace::{self, Profile};

/// What must hold for every answer. `no_internal_error_in_envelope` is in `xtask/schemathesis/checks.py`.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,no_internal_error_in_envelope";
/// The phases that need no links between operations.
const PHASES: &str = "examples,coverage,fuzzing";
/// The fuzzing phase's requests per operation: with this many the whole run takes a few minutes.
const EXAMPLES_MAX: u32 = 200;
/// The same requests on every run, so that a failure belongs to the change that is tested.
const SEED: u32 = 1;
/// One at a time: with more, CPython 3.11 now and then fails in its parser, which two threads may not use
/// at once ("AST constructor recursion depth mismatch").
const WORKERS: u32 = 1;
/// How long one answer may take.
const REQUEST_TIMEOUT_S: u32 = 10;
/// How long the whole run may take.
const RUN_BOUND: Duration = Duration::from_secs(10 * 60);

/// What `cargo xtask schemathesis` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Test the release build
    #[arg(long)]
    release: bool,
}

/// Builds the server and tests it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--package", "hutong"]);
    if options.release {
        build.arg("--release");
    }
    process::run(&mut build)?;
    run_built(if options.release { Profile::Release } else { Profile::Dev })
}

/// Tests the server that is already built in this profile.
pub(crate) fn run_built(profile: Profile) -> Result<()> {
    let schemathesis = install()?;
    let folder = workspace::scratch().join(format!("demo-{}", std::process::id()));
    let server = DemoServer::start(&profile.program("hutong"), &folder)?;
    test(&schemathesis, &server).with_context(|| format!("the server's log is {}", server.log_file().display()))?;
    server.stop()
}

/// Runs Schemathesis against the server; its report goes to the terminal.
fn test(schemathesis: &Path, server: &DemoServer) -> Result<()> {
    let url = server.setting("HUTONG_URL")?.trim_end_matches('/');
    let (key, secret) = (server.setting("APP_KEY")?, server.setting("APP_SECRET")?);
    println!("testing {url}/openapi.json");
    let mut child = Command::new(schemathesis)
        .arg("run")
        .arg(format!("--checks={CHECKS}"))
        .arg(format!("--phases={PHASES}"))
        .arg(format!("--max-examples={EXAMPLES_MAX}"))
        .arg(format!("--seed={SEED}"))
        .arg(format!("--workers={WORKERS}"))
        .arg(format!("--request-timeout={REQUEST_TIMEOUT_S}"))
        .arg("--generation-database=none")
        .arg("--continue-on-failure")
        .arg(format!("--origin={url}"))
        .arg(format!("--auth={key}:{secret}"))
        .arg(format!("{url}/openapi.json"))
        .env("SCHEMATHESIS_HOOKS", folder_of_sources().join("checks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(workspace::scratch())
        .spawn()
        .context("cannot start Schemathesis")?;
    let Some(status) = process::wait(&mut child, RUN_BOUND)? else {
        child.kill()?;
        child.wait()?;
        bail!("Schemathesis was not done within {RUN_BOUND:?}: lower EXAMPLES_MAX or find what is slow");
    };
    ensure!(status.success(), "Schemathesis found failures, or could not run: {status}");
    Ok(())
}

/// Makes the environment, unless one of the same pinned versions is there; returns its `schemathesis`.
fn install() -> Result<PathBuf> {
    let environment = workspace::scratch().join("schemathesis");
    let programs = environment.join("bin");
    let pinned = folder_of_sources().join("constraints.txt");
    let installed = environment.join("constraints.txt");
    let wanted = fs::read(&pinned).with_context(|| format!("cannot read {}", pinned.display()))?;
    if fs::read(&installed).is_ok_and(|present| present == wanted) {
        return Ok(programs.join("schemathesis"));
    }
    fs::create_dir_all(workspace::scratch())?;
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    process::run(
        Command::new(programs.join("python"))
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--constraint"])
            .arg(&pinned)
            .arg("schemathesis"),
    )?;
    // Written last: an environment without it is incomplete, and is made anew.
    fs::write(&installed, wanted)?;
    Ok(programs.join("schemathesis"))
}

fn folder_of_sources() -> PathBuf {
    workspace::root().join("xtask/schemathesis")
}
