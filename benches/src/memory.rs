//! `memory`: what the idle server holds in memory, the release binary itself on the generated store.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::dataset::Dataset;
use crate::process::memory;
use crate::report::{Table, verdict};
use crate::statistics::figure;

const GOAL_MB: f64 = 60.0;
/// How long the server is left alone before it is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// Builds the binary, starts it, looks at it and stops it.
pub(crate) fn measure(dataset: &Dataset) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built =
        Command::new(cargo).current_dir(crate::root()).args(["build", "--release", "--package", "hutong"]).status()?;
    ensure!(built.success(), "hutong does not build");
    let mut child = Command::new(crate::target().join("release/hutong"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(dataset.folder())
        .stderr(Stdio::piped())
        .spawn()?;
    let held = look_at(&mut child);
    Command::new("kill").arg(child.id().to_string()).status()?;
    child.wait()?;
    let (resident, anonymous) = held?;
    let mut table = Table::new(["memory of the idle server", "figure", "goal", ""]);
    table.row(&[
        "resident".to_owned(),
        format!("**{resident:.0} MB**"),
        format!("< {GOAL_MB:.0} MB"),
        verdict(resident < GOAL_MB).to_owned(),
    ]);
    table.row(&[
        "of which its own, no file's pages".to_owned(),
        format!("{anonymous:.0} MB"),
        String::new(),
        String::new(),
    ]);
    Ok(format!(
        "## Memory\n\n`hutong serve` on the generated store, {} s after it said that it serves.\n\n{}",
        IDLE.as_secs(),
        table.text()
    ))
}

/// Megabytes: resident, and of these anonymous.
fn look_at(child: &mut Child) -> Result<(f64, f64)> {
    let log = BufReader::new(child.stderr.take().context("the server has no log")?);
    let mut said = String::new();
    for line in log.lines() {
        let line = line?;
        if line.contains("serving http") {
            std::thread::sleep(IDLE);
            let held = memory(child.id())?;
            return Ok((figure(held.resident_kb) / 1024.0, figure(held.anonymous_kb) / 1024.0));
        }
        said.push_str(&line);
    }
    anyhow::bail!("the server did not start: {said}")
}
