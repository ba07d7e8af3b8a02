//! `cargo xtask simulate`: campaigns in virtual time.

use std::ffi::OsString;

use anyhow::Result;

use crate::{process, workspace};

/// Builds the simulator in release mode and runs it with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    process::run(workspace::cargo().args(["run", "--release", "--package", "hutong-simulator", "--"]).args(arguments))
}
