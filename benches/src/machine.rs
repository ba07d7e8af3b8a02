//! What the figures were measured on.

use std::fs;

use anyhow::Result;

use crate::dataset::{Dataset, Facts};
use crate::generate::gigabytes;

/// The machine, the date, and the store with its size: the beginning of the report.
pub(crate) fn describe(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let cpu = field("/proc/cpuinfo", "model name");
    let memory_kb: u64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    Ok(format!(
        "Measured on {} with `cargo xtask bench all`: {} processors ({cpu}), {} GB of memory, Linux {}; load average \
         {load} when it began, and server and client share the processors. The store: SQLite, {} calls over {} tasks, {:.1} GB, \
         generated in {} s.\n",
        jiff::Zoned::now().date(),
        std::thread::available_parallelism()?,
        (memory_kb + (1 << 19)) >> 20,
        kernel.trim(),
        facts.calls,
        facts.tasks,
        gigabytes(dataset)?,
        facts.generated_s,
    ))
}

/// What stands behind the first `name :` of a file in `/proc`.
fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
    line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}
