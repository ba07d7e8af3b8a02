//! Programs of this workspace that are built in release mode and run: the benchmarks, the simulator, the maker of audio.

use std::ffi::OsString;

use anyhow::Result;

use crate::{process, workspace};

/// Builds this package in release mode and runs it with these arguments.
pub(crate) fn run(package: &str, arguments: &[OsString]) -> Result<()> {
    process::run(workspace::cargo().args(["run", "--release", "--package", package, "--"]).args(arguments))
}
