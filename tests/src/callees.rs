//! A running `hutong callee`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::output::Output;
use crate::program;

/// Callees who are quick; they end when this is dropped.
pub struct Callees {
    child: Child,
    address: String,
}

impl Callees {
    /// Starts them on a free port.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start() -> Self {
        Self::logging(Stdio::null())
    }

    /// Starts them on a free port; what each of them hears is kept in this folder, as `NUMBER-NTH.wav`.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn recording(folder: &Path) -> Self {
        Self::run("127.0.0.1:0", &[OsStr::new("--record"), folder.as_os_str()], Stdio::null())
    }

    /// Starts them on this address.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start_at(listen: &str) -> Self {
        Self::run(listen, &[], Stdio::null())
    }

    /// Starts them on a free port, with their log going there.
    ///
    /// # Panics
    /// When they do not start.
    pub fn logging(log: impl Into<Stdio>) -> Self {
        Self::run("127.0.0.1:0", &[], log)
    }

    fn run(listen: &str, more: &[&OsStr], log: impl Into<Stdio>) -> Self {
        let mut command = program::command();
        command.args(["callee", "--listen", listen, "--pace", "10"]).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the program starts");
        let printed = Output::of(child.stdout.take().expect("its output is piped"));
        let address = printed.find(|line| Some(line.split_once("sip:")?.1.split_once(';')?.0.to_owned()));
        Self { child, address: address.expect("callees say where they are called") }
    }

    /// Where they are called, `IP:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Callees {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
