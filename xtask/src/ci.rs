//! `cargo xtask ci`: all that must pass before a change lands. `.ci/run` runs this and nothing else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{axe, packages, process, speech_peer, suite, workspace};

/// The cargo-deny that is installed when no cargo-deny of this version is there.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// Runs all steps; the first that fails ends the run and is named.
///
/// The tests come last, so that their summary closes the output.
pub(crate) fn run() -> Result<()> {
    process::step("format", format)?;
    process::step("system packages", || packages::ensure_present(true))?;
    process::step("axe-core", || axe::ensure_present(true))?;
    let peer = process::step("speech peer", || speech_peer::ensure_present(true))?;
    process::step("clippy", clippy)?;
    process::step("rustdoc", rustdoc)?;
    process::step("dependencies", dependencies)?;
    let profile: &[OsString] = if suite::nextest_is_there() { &["--profile".into(), "ci".into()] } else { &[] };
    suite::run_all(profile, &peer)
}

fn format() -> Result<()> {
    process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(workspace::cargo().args(arguments))
}

fn rustdoc() -> Result<()> {
    let arguments = ["doc", "--locked", "--workspace", "--no-deps"];
    process::run(workspace::cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, duplicate versions and sources of the dependencies, by `deny.toml`.
///
/// Advisories are not checked here: their database is not to be had where this runs. CONTRIBUTING.md
/// says how to check them elsewhere.
fn dependencies() -> Result<()> {
    let deny = cargo_deny()?;
    let arguments = ["--locked", "check", "licenses", "bans", "sources"];
    process::run(Command::new(deny).args(arguments).current_dir(workspace::root()))
}

/// Finds cargo-deny in its one version, or installs it below the target folder.
fn cargo_deny() -> Result<PathBuf> {
    let tools = workspace::scratch().join("tools");
    let own = tools.join("bin/cargo-deny");
    let on_path = PathBuf::from("cargo-deny");
    if let Some(found) = [on_path, own.clone()].into_iter().find(|program| is_wanted_cargo_deny(program)) {
        return Ok(found);
    }
    // Unoptimised it is built in a third of the time, and still done with its work in seconds.
    let arguments = ["install", "--quiet", "--locked", "--debug", "cargo-deny", "--version", CARGO_DENY_VERSION];
    process::run(workspace::cargo().args(arguments).arg("--root").arg(&tools))?;
    Ok(own)
}

fn is_wanted_cargo_deny(program: &Path) -> bool {
    let said = process::output_of(Command::new(program).arg("--version"));
    said.is_some_and(|said| said.trim() == format!("cargo-deny {CARGO_DENY_VERSION}"))
}
