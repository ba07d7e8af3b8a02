//! `cargo xtask fuzz`: every reader of bytes from outside under libFuzzer, for a while.
//!
//! The tests run the same targets over mutants of their seeds; a fuzzer sees which code its inputs reach, and gets
//! further. It needs a C++ compiler, and instrumentation that the stable compiler has, but not by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{process, workspace};

/// The cargo-fuzz that is installed when none of this version is there.
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// The longest input that is tried: what a datagram of SIP or a small file may be.
const INPUT_BYTES_MAX: usize = 8 * 1024;
/// An input that takes longer is a fault, in seconds.
const INPUT_TIME_S_MAX: u32 = 10;
/// A target that takes more is a fault, in megabytes.
const MEMORY_MB_MAX: u32 = 2_048;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Seconds in all, shared by the targets; building is not counted
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,
    /// One target only, by its name: a file of `fuzz/fuzz_targets`
    pub(crate) target: Option<String>,
}

/// What came of one target.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Inputs that were tried.
    executions: Option<u64>,
    /// The input that broke it.
    broken_by: Option<PathBuf>,
}

/// Builds the targets and runs one after the other. All are run, also when one breaks.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    let chosen: Vec<&String> = match &options.target {
        Some(name) => all.iter().filter(|target| *target == name).collect(),
        None => all.iter().collect(),
    };
    ensure!(!chosen.is_empty(), "there is no such target; there are {}", all.join(", "));
    let fuzzer = cargo_fuzz()?;
    process::step("build", || process::run(command(&fuzzer, "build").args(&options.target)))?;
    process::heading("fuzz");
    let seconds = (options.seconds / chosen.len() as u64).max(1);
    let mut broken = Vec::new();
    for target in chosen {
        let outcome = fuzz(&fuzzer, target, seconds).with_context(|| format!("target {target}"))?;
        let executions = outcome.executions.map_or_else(|| "no count".to_owned(), |count| count.to_string());
        println!("{target}: {executions} executions in {seconds} s");
        broken.extend(outcome.broken_by.map(|input| format!("{target} broke over {}", input.display())));
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("\n")) }
}

/// The names of the targets.
fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs one target; what it has learnt stays in the scratch folder, and is where its next run begins.
fn fuzz(fuzzer: &Path, target: &str, seconds: u64) -> Result<Outcome> {
    let corpus = workspace::scratch().join("fuzz-corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let seeds = workspace::root().join("fuzz/seeds").join(target);
    let mut command = command(fuzzer, "run");
    command.arg(target).args([&corpus, &seeds]).arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_TIME_S_MAX}"),
        format!("-rss_limit_mb={MEMORY_MB_MAX}"),
        "-print_final_stats=1".to_owned(),
    ]);
    let output = command.output().context("cannot start cargo-fuzz")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let outcome = outcome(&said);
    if !output.status.success() {
        println!("{}", last_lines(&said));
        ensure!(outcome.broken_by.is_some(), "the fuzzer failed without an input that broke it");
    }
    Ok(outcome)
}

/// Reads what libFuzzer says at its end.
fn outcome(said: &str) -> Outcome {
    let after = |mark: &str| said.lines().rev().find_map(|line| Some(line.split_once(mark)?.1.trim()));
    Outcome {
        executions: after("stat::number_of_executed_units:").and_then(|count| count.parse().ok()),
        broken_by: after("Test unit written to ").map(PathBuf::from),
    }
}

/// The end of what was said, where the reason stands.
fn last_lines(said: &str) -> String {
    const LINES: usize = 60;
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A command of cargo-fuzz. Without sanitizers: our code has no `unsafe`, and they make it several times slower.
fn command(fuzzer: &Path, name: &str) -> Command {
    let mut command = Command::new(fuzzer);
    command.args(["fuzz", name, "--sanitizer", "none", "--target-dir"]).arg(workspace::target().join("fuzz"));
    // The instrumentation is of the stable compiler, but asked for by flags that are not.
    command.current_dir(workspace::root().join("fuzz")).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Finds cargo-fuzz in its one version, or installs it below the target folder.
fn cargo_fuzz() -> Result<PathBuf> {
    let tools = workspace::scratch().join("tools");
    let own = tools.join("bin/cargo-fuzz");
    let on_path = PathBuf::from("cargo-fuzz");
    if let Some(found) = [on_path, own.clone()].into_iter().find(|program| is_wanted(program)) {
        return Ok(found);
    }
    let arguments = ["install", "--quiet", "--locked", "--debug", "cargo-fuzz", "--version", CARGO_FUZZ_VERSION];
    process::run(workspace::cargo().args(arguments).arg("--root").arg(&tools))?;
    Ok(own)
}

fn is_wanted(program: &Path) -> bool {
    let said = process::output_of(Command::new(program).args(["fuzz", "--version"]));
    said.is_some_and(|said| said.trim() == format!("cargo-fuzz {CARGO_FUZZ_VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_and_the_input_that_broke_a_target_are_read() {
        let check = |said, executions, broken_by: Option<&str>| {
            assert_eq!(outcome(said), Outcome { executions, broken_by: broken_by.map(PathBuf::from) });
        };
        check("#2 INITED\nstat::number_of_executed_units: 138203\nstat::peak_rss_mb: 38\n", Some(138_203), None);
        let broken = "==1== ERROR: libFuzzer: deadly signal\n\
                      artifact_prefix='a/'; Test unit written to a/crash-0f\nBase64: eA==\n";
        check(broken, None, Some("a/crash-0f"));
        check("", None, None);
    }

    #[test]
    fn every_target_has_seeds() {
        let targets = targets().unwrap();

        assert!(!targets.is_empty());
        assert!(targets.iter().all(|target| workspace::root().join("fuzz/seeds").join(target).is_dir()));
    }
}
