//! `cargo xtask test`: the one command that runs every test there is.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::logs::Logs;
use crate::speech_peer::{self, SpeechPeer};
use crate::{axe, packages, process, schemathesis, workspace};

/// Tells the tests where to keep pictures of pages; see `tests/src/browser/screenshots.rs`.
const SCREENSHOTS: &str = "E2E_SCREENSHOTS";

/// What `cargo xtask test` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Install nothing: fail and say what is missing; tests with real speech are skipped where its server is missing
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Arguments of cargo-nextest (else of `cargo test`) that choose tests: only those run then,
    /// without the documentation examples and Schemathesis
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NEXTEST ARGS")]
    pub(crate) arguments: Vec<OsString>,
}

/// Installs what the tests need, then runs all tests, or those that the arguments choose.
///
/// The workspace's tests come last, so that the runner's summary closes the output.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::step("system packages", || packages::ensure_present(!options.no_install))?;
    process::step("axe-core", || axe::ensure_present(!options.no_install))?;
    let peer = process::step("speech peer", || speech_peer::ensure_present(!options.no_install))?;
    if options.arguments.is_empty() {
        return run_all(&[], &peer);
    }
    // End-to-end tests run the programs themselves, which choosing a test does not build.
    process::step("programs", || process::run(workspace::cargo().args(["build", "--workspace", "--bins"])))?;
    workspace_tests(&options.arguments, &peer)
}

/// Runs all tests; `arguments` go to the runner of the workspace's tests.
///
/// The last step says its own duration: nothing is printed after the runner's summary but what was skipped.
pub(crate) fn run_all(arguments: &[OsString], peer: &SpeechPeer) -> Result<()> {
    process::step("build", build)?;
    process::step("documentation examples", documentation_examples)?;
    process::step("schemathesis", || schemathesis::run_built(workspace::Profile::Dev))?;
    process::heading("workspace tests");
    workspace_tests(arguments, peer).context("step `workspace tests` failed")
}

/// Whether the tests run under cargo-nextest.
pub(crate) fn nextest_is_there() -> bool {
    process::succeeds(workspace::cargo().args(["nextest", "--version"]))
}

/// Builds the programs with the features that the tests are built with, so that nothing compiles twice.
fn build() -> Result<()> {
    process::run(workspace::cargo().args(["build", "--workspace", "--bins", "--tests"]))
}

fn documentation_examples() -> Result<()> {
    process::run(workspace::cargo().args(["test", "--workspace", "--doc"]))
}

fn workspace_tests(arguments: &[OsString], peer: &SpeechPeer) -> Result<()> {
    let mut command = if nextest_is_there() { nextest() } else { cargo_test() };
    peer.tell(&mut command);
    command.env(SCREENSHOTS, empty_folder_of_screenshots()?);
    if !arguments.iter().any(chooses_packages) {
        command.arg("--workspace");
    }
    let folder = std::env::temp_dir().join(format!("hutong-tests-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let logs = Logs::keep_in(folder.join("logs"))?;
    logs.tell(&mut command);
    let ran = process::run(command.args(arguments).env("TMPDIR", &folder));
    let looked = logs.check();
    // Each test removes its own; a thread that was still writing when one ended may have left something there.
    let removed = fs::remove_dir_all(&folder);
    if let Some(summary) = peer.summary() {
        println!("\n{summary}");
    }
    if let Ok(said) = &looked {
        println!("\n{said}");
    }
    ran.and(looked.map(|_| ())).and(removed.with_context(|| format!("{} cannot be removed", folder.display())))
}

/// Pictures of pages of the last run stay until the next one, for people to look at.
fn empty_folder_of_screenshots() -> Result<PathBuf> {
    let folder = workspace::target().join("screenshots");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// Nextest reports on standard error; here its report is the result, so it goes to standard output.
fn nextest() -> Command {
    let mut command = workspace::cargo();
    command.args(["nextest", "run"]).stderr(io::stdout());
    command
}

fn cargo_test() -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--tests", "--no-fail-fast"]);
    command
}

fn chooses_packages(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    text.starts_with("-p") || text == "--package" || text.starts_with("--package=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_package_options_choose_packages() {
        let chooses = |text: &str| chooses_packages(&OsString::from(text));

        assert!(["-p", "-phutong-store", "--package", "--package=hutong-store"].into_iter().all(chooses));
        assert!(!["--profile", "feed", "--partition", "--no-capture"].into_iter().any(chooses));
    }
}
