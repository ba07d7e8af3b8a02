//! `memory`: what the idle server holds in memory, the release binary itself on the generated store.

use std::time::Duration;

use anyhow::Result;

use crate::dataset::Dataset;
use crate::process::{Product, memory};
use crate::report::{Table, verdict};
use crate::statistics::figure;

const GOAL_MB: f64 = 60.0;
/// How long the server is left alone before it is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// Starts the binary, leaves it alone and looks at it.
pub(crate) fn measure(dataset: &Dataset) -> Result<String> {
    let server = Product::start(dataset)?;
    std::thread::sleep(IDLE);
    let held = memory(server.id())?;
    let [resident, anonymous] = [held.resident_kb, held.anonymous_kb].map(|kb| figure(kb) / 1024.0);
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
