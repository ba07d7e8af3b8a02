//! Other processes: starting and ending them, and what the kernel knows of their use of the machine.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::dataset::Dataset;

/// The server that is measured, in a process of its own. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it on a generated data folder; it is ready when this returns.
    pub(crate) fn start(dataset: &Dataset) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve-measured")
            .arg("--data")
            .arg(dataset.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the server has no output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the server did not start: {line:?}"))?;
        Ok(Self { child, address })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The release binary, serving a generated data folder. It ends when this is dropped.
pub(crate) struct Product {
    child: Child,
    /// `HOST:PORT`
    pub(crate) address: String,
}

impl Product {
    /// Builds it and starts it; it serves when this returns.
    pub(crate) fn start(dataset: &Dataset) -> Result<Self> {
        let mut child =
            Self::command(dataset, &["serve", "--listen", "127.0.0.1:0"])?.stderr(Stdio::piped()).spawn()?;
        let log = child.stderr.take().context("the server has no log")?;
        let mut product = Self { child, address: String::new() };
        let mut said = String::new();
        let mut lines = BufReader::new(log).lines();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, address)) = line.split_once("serving http://") {
                address.trim().clone_into(&mut product.address);
                // It goes on to write, and would wait where nobody reads.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(product);
            }
            said.push_str(&line);
            said.push('\n');
        }
        bail!("the server did not start: {said}")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A password for an administrator of this name, who is made where there is none.
    pub(crate) fn password_of(dataset: &Dataset, name: &str) -> Result<String> {
        let mut said = Self::command(dataset, &["user", "add", name, "--role", "admin", "--generate"])?.output()?;
        if !said.status.success() {
            said = Self::command(dataset, &["user", "password", name, "--generate"])?.output()?;
        }
        let text = String::from_utf8(said.stdout)?;
        let password = text.lines().find_map(|line| line.strip_prefix("PASSWORD="));
        let why = || format!("{text}{}", String::from_utf8_lossy(&said.stderr));
        Ok(password.with_context(why)?.to_owned())
    }

    fn command(dataset: &Dataset, arguments: &[&str]) -> Result<Command> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let build = ["build", "--quiet", "--release", "--package", "hutong"];
        ensure!(
            Command::new(cargo).current_dir(crate::root()).args(build).status()?.success(),
            "hutong does not build"
        );
        let mut command = Command::new(crate::target().join("release/hutong"));
        command.args(arguments).arg("--data").arg(dataset.folder());
        Ok(command)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // As an operator ends it; errors mean that it is gone already.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Processor time that the threads of a process have used, those that have ended left out.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let mut used = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        used += thread_cpu_time(&thread?.path()).unwrap_or_default();
    }
    Ok(used)
}

/// The first figure of `schedstat`: nanoseconds on a processor.
fn thread_cpu_time(thread: &Path) -> Result<Duration> {
    let text = fs::read_to_string(thread.join("schedstat"))?;
    let ns = text.split_ascii_whitespace().next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(ns.parse()?))
}

/// What a process holds in memory, in kilobytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident_kb: u64,
    /// The part that is its own; the rest are pages of files, which the kernel may take back.
    pub(crate) anonymous_kb: u64,
}

pub(crate) fn memory(process: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>().with_context(|| line.to_owned())
    };
    Ok(Memory { resident_kb: field("VmRSS")?, anonymous_kb: field("RssAnon")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.resident_kb >= memory.anonymous_kb && memory.anonymous_kb > 0);
        assert!(cpu_time(std::process::id()).unwrap() > Duration::ZERO);
    }
}
