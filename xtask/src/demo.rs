//! The demo server as a test needs it: started on a free port, known by its `demo.env`, stopped for sure.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::process;

/// How long the server may take until it is ready.
const READY_BOUND: Duration = Duration::from_secs(60);
/// How long the server may take to end once it is asked to.
const STOP_BOUND: Duration = Duration::from_secs(15);
/// The server's output, in its folder.
const LOG_FILE: &str = "server.log";
/// How much of the server's log an error shows.
const LOG_LINES_SHOWN: usize = 40;

/// A running `hutong demo`, with a data folder of its own.
#[derive(Debug)]
pub(crate) struct DemoServer {
    child: Child,
    folder: PathBuf,
    settings: BTreeMap<String, String>,
}

impl DemoServer {
    /// Starts the program with its data and its log in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start, ends by itself, or is not ready within a minute; the error shows the log.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let log = File::create(folder.join(LOG_FILE))?;
        let child = Command::new(program)
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            // What makes requests without end is no flood here.
            .env("HUTONG_API__FAILED_REQUESTS_PER_S_MAX", "1000000")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, folder: folder.to_owned(), settings: BTreeMap::new() };
        server.wait_until_ready(&data.join("demo.env"))?;
        Ok(server)
    }

    /// The value of this name in `demo.env`.
    ///
    /// # Errors
    /// When `demo.env` does not have it.
    pub(crate) fn setting(&self, name: &str) -> Result<&str> {
        let value = self.settings.get(name).with_context(|| format!("demo.env has no {name}"))?;
        Ok(value)
    }

    /// Where the server logs to; it stays until the server is stopped.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.join(LOG_FILE)
    }

    /// Asks the server to end, and removes its folder once it has ended well.
    ///
    /// # Errors
    /// When it had ended before, does not end in time, or reports a failure. The folder stays then.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the demo server ended by itself: {status}\n{}", self.log());
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = process::wait(&mut self.child, STOP_BOUND)?;
        let status =
            status.with_context(|| format!("the demo server did not stop within {STOP_BOUND:?}\n{}", self.log()))?;
        ensure!(status.success(), "the demo server stopped with {status}\n{}", self.log());
        fs::remove_dir_all(&self.folder).context("cannot remove the demo server's folder")
    }

    fn wait_until_ready(&mut self, environment: &Path) -> Result<()> {
        let child = &mut self.child;
        let ready = process::poll(READY_BOUND, || {
            if let Some(status) = child.try_wait()? {
                bail!("the demo server ended before it was ready: {status}");
            }
            Ok(fs::read_to_string(environment).ok().filter(|text| text.ends_with('\n')))
        });
        let text = ready
            .and_then(|text| text.with_context(|| format!("the demo server was not ready within {READY_BOUND:?}")))
            .with_context(|| self.log())?;
        self.settings = parse_environment(&text);
        Ok(())
    }

    /// The end of the server's log, for an error.
    fn log(&self) -> String {
        let path = self.log_file();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("the end of {}:\n{}", path.display(), shown.join("\n"))
    }
}

impl Drop for DemoServer {
    /// A server that was not stopped, because something failed first, is ended at once.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            // Reaps it; a killed program ends, so this does not hang.
            let _ = self.child.wait();
        }
    }
}

/// `NAME=value` lines as a shell reads them: `export` and quotes around a value are allowed.
fn parse_environment(text: &str) -> BTreeMap<String, String> {
    let settings = text.lines().filter_map(|line| line.trim().trim_start_matches("export ").split_once('='));
    settings.map(|(name, value)| (name.trim().to_owned(), value.trim_matches(['"', '\'']).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    /// Starts the script of this name in place of the server, in a folder of its own.
    fn start(script: &str) -> (Result<DemoServer>, PathBuf) {
        let program = workspace::root().join("xtask/tests/stand-ins").join(script);
        let folder = std::env::temp_dir().join(format!("xtask-{script}-{}", std::process::id()));
        (DemoServer::start(&program, &folder), folder)
    }

    #[test]
    fn a_server_is_started_known_by_its_settings_and_stopped() {
        let (server, folder) = start("ready.sh");

        let server = server.unwrap();

        assert_eq!(server.setting("HUTONG_URL").unwrap(), "http://127.0.0.1:1");
        assert!(server.setting("APP_KEY").is_err());
        server.stop().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_log() {
        let (server, folder) = start("broken.sh");

        let error = server.unwrap_err();

        let text = format!("{error:#}");
        assert!(text.contains("the port is taken") && text.contains("before it was ready"), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_server_that_died_in_between_is_reported() {
        let (server, folder) = start("dying.sh");

        let mut server = server.unwrap();
        process::wait(&mut server.child, Duration::from_secs(10)).unwrap();

        let text = format!("{:#}", server.stop().unwrap_err());
        assert!(text.contains("ended by itself"), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn settings_are_read_as_a_shell_reads_them() {
        let settings = parse_environment("# ready\nA=1\nexport B='two'\nC=\"x=y\"\n");

        let pairs: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "two"), ("C", "x=y")]);
    }
}
