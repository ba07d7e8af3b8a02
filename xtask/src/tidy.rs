//! `cargo xtask tidy`: the tidy test alone. The rules are in `tests/tidy`.

use anyhow::Result;

use crate::{process, workspace};

/// Runs the tidy test.
pub(crate) fn run() -> Result<()> {
    process::run(workspace::cargo().args(["test", "--quiet", "--package", "xtask", "--test", "tidy"]))
}
