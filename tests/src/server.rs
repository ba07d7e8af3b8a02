//! Running servers, ended when they are dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Credentials};
use crate::kept_logs::{Kept, register_secret};
use crate::output::Output;
use crate::program;

/// People may be called at any hour: tests run at any hour, and call nobody.
pub const ALL_DAY: [(&str, &str); 2] =
    [("HUTONG_DIALING__LEGAL_START", "00:00:00"), ("HUTONG_DIALING__LEGAL_END", "23:59:59")];

/// A running server.
pub struct Server {
    child: Child,
    address: String,
    log: Output,
    printed: Output,
}

impl Server {
    /// `hutong serve` on a data folder and a free port, with more variables in its environment.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn serve(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = program::command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.envs(ALL_DAY).envs(environment.iter().copied());
        Self::start(&mut command)
    }

    /// Starts a server with a command that makes it log where it serves.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut server = Self::spawn(command);
        let address = server.log.find(|line| {
            let (scheme, address) = line.split_once("serving ")?.1.split_once("://")?;
            // In JSON, more follows.
            let address = address.split('"').next().unwrap_or_default().trim();
            scheme.starts_with("http").then(|| address.to_owned())
        });
        let Some(address) = address else { panic!("{command:?} did not come up:\n{}", server.log.text()) };
        server.address = address;
        server
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let log = Output::of(Kept::of(child.stderr.take().expect("the error stream is piped")));
        let printed = Output::of(child.stdout.take().expect("the output is piped"));
        Self { child, address: String::new(), log, printed }
    }

    /// Where it listens, as `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The id of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A client of it.
    #[must_use]
    pub fn client(&self, credentials: &Credentials) -> Client {
        Client::new(&self.address, credentials)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until so many more lines of its log fit than did when this was called.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for_log(&self, lines: usize, fits: impl Fn(&str) -> bool) {
        let before = self.log().lines().filter(|line| fits(line)).count();
        let came = self.log.wait_for(before + lines, fits);
        assert!(came, "waited in vain for {lines} more lines of the server's log");
    }

    /// What it has printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed.text()
    }

    /// Sends it a signal that does not end it.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the server is there to be told");
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn stop(self) -> Stopped {
        self.end(Signal::TERM)
    }

    /// Ends it as Ctrl-C does.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn interrupt(self) -> Stopped {
        self.end(Signal::INT)
    }

    fn end(mut self, signal: Signal) -> Stopped {
        kill_process(Pid::from_child(&self.child), signal).expect("the server is there to be stopped");
        assert!(self.log.wait_for_end(), "the server does not end; its log:\n{}", self.log.text());
        let status = self.child.wait().expect("the server is our child");
        Stopped { status, log: self.log.text() }
    }

    /// Ends it as a crash does: `kill -9`.
    ///
    /// # Panics
    /// When it has ended before.
    pub fn kill(mut self) -> Stopped {
        let before = self.child.try_wait().expect("the server is our child");
        assert!(before.is_none(), "the server ended by itself: {before:?}\n{}", self.log.text());
        self.child.kill().expect("our child can be killed");
        let status = self.child.wait().expect("the server is our child");
        // What it wrote before it died is still in the pipe.
        assert!(self.log.wait_for_end(), "the log of a dead server has no end");
        Stopped { status, log: self.log.text() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was stopped is only reaped; errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the end of the server's log:\n{}", tail(&self.log.text()));
        }
    }
}

/// A server that has ended.
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything that it logged.
    pub log: String,
}

/// Lines of a log that a failing test shows.
const LOG_LINES_SHOWN: usize = 20;

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

/// A running `hutong demo`, with what its `demo.env` says.
pub struct Demo {
    /// The server.
    pub server: Server,
    data: PathBuf,
    settings: BTreeMap<String, String>,
}

impl Demo {
    /// Starts a demo on this data folder and a free port.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = program::command();
        command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.envs(environment.iter().copied());
        Self::start_in(&mut command, &std::env::temp_dir())
    }

    /// Starts a demo with a command of the test's own, which runs in `folder`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_in(command: &mut Command, folder: &Path) -> Self {
        let mut server = Server::spawn(command.current_dir(folder));
        let ready = server.printed.find(|line| line.contains("Ctrl-C ends it").then_some(()));
        assert!(ready.is_some(), "{command:?} did not come up:\n{}", server.log.text());
        let printed = server.printed.text();
        let settings = printed.split_whitespace().find(|word| word.ends_with("demo.env"));
        let settings = folder.join(settings.expect("a demo says where its settings are"));
        let text = std::fs::read_to_string(&settings).expect("a demo writes demo.env");
        let data = settings.parent().expect("demo.env is in the data folder");
        let settings: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for name in ["APP_SECRET", "CONSOLE_PASSWORD"] {
            settings.get(name).into_iter().for_each(|secret| register_secret(secret));
        }
        let url = settings.get("HUTONG_URL").expect("demo.env has HUTONG_URL");
        server.address = url.trim_start_matches("http://").to_owned();
        Self { server, data: data.to_owned(), settings }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Everything that `demo.env` says.
    #[must_use]
    pub const fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// What `demo.env` says under this name.
    ///
    /// # Panics
    /// When it says nothing.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("demo.env has no {name}"))
    }

    /// A number in `demo.env`.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn number(&self, name: &str) -> i64 {
        self.setting(name).parse().unwrap_or_else(|_| panic!("{name} in demo.env is no number"))
    }

    /// The key in `demo.env`.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials { key: self.setting("APP_KEY").to_owned(), secret: self.setting("APP_SECRET").to_owned() }
    }

    /// A client with that key.
    #[must_use]
    pub fn client(&self) -> Client {
        self.server.client(&self.credentials())
    }
}
