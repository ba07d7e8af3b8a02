//! `cargo xtask bench`: the measured comparisons of the release build.

use std::ffi::OsString;

use anyhow::Result;

use crate::{process, workspace};

/// Builds the benchmarks in release mode and runs them with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    process::run(workspace::cargo().args(["run", "--release", "--package", "hutong-bench", "--"]).args(arguments))
}
