//! The process that drives the browser, by the protocol WebDriver.

use std::fs;
use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{Capabilities, WebDriver};
use tokio::runtime::{Builder, Runtime};

use crate::output::Output;
use crate::wait;

/// Without a window, and without what a browser looks for on its own. With its pipe to the driver, it ends.
const ARGUMENTS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
];

/// A driver with a browser, both ended when this is dropped.
pub(super) struct Driver {
    session: WebDriver,
    runtime: Runtime,
    child: Child,
    browser: Option<Pid>,
    /// Profile, caches and whatever else both of them write.
    folder: TempDir,
}

impl Driver {
    pub(super) fn start(language: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("hutong-browser-").tempdir().expect("a temporary folder");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        for name in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, folder.path());
        }
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("chromedriver cannot be started ({error}): `cargo xtask test` installs it, as chromium-driver")
        });
        let printed = Output::of(child.stdout.take().expect("its output is piped"));
        let port = printed.find(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let session = port.ok_or_else(|| printed.text()).and_then(|port: u16| {
            let session = connect(port, capabilities(language, &folder));
            runtime.block_on(session).map_err(|error| error.to_string())
        });
        let session = session.unwrap_or_else(|error| {
            end(&mut child);
            panic!("no browser starts: {error}");
        });
        let process = session.capabilities().get("goog:processID").and_then(Value::as_i64);
        let browser = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Self { session, runtime, child, browser, folder }
    }

    /// Waits for an answer of the browser's.
    pub(super) fn run<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn end(&mut self) {
        // Dropped, it would be ended politely, which takes longer.
        let _ = self.session.clone().leak();
        end(&mut self.child);
        let Some(browser) = self.browser.take() else { return };
        // Its command line is empty once it has ended, also before anybody has asked how.
        let line = format!("/proc/{}/cmdline", browser.as_raw_nonzero());
        let has_ended = || fs::read(&line).map_or(true, |words| words.is_empty()).then_some(());
        if wait::within(wait::BOUND_OF_PAGES, has_ended).is_none() {
            let _ = kill_process(browser, Signal::KILL);
        }
    }
}

impl Deref for Driver {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.session
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}

fn end(child: &mut Child) {
    // Errors mean that it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

async fn connect(port: u16, capabilities: Capabilities) -> thirtyfour::error::WebDriverResult<WebDriver> {
    // The first one that a process installs stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(wait::BOUND).build().expect("a client of HTTP");
    let session = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities).client(client).await?;
    session.set_script_timeout(wait::BOUND).await?;
    Ok(session)
}

fn capabilities(language: &str, folder: &TempDir) -> Capabilities {
    let own =
        [format!("--accept-lang={language}"), format!("--user-data-dir={}", folder.path().join("profile").display())];
    let arguments: Vec<&str> = ARGUMENTS.into_iter().chain(own.iter().map(String::as_str)).collect();
    let mut capabilities = Capabilities::new();
    let mut set = |name: &str, value: Value| capabilities.set(name, value).expect("this is JSON");
    set("browserName", json!("chrome"));
    set("goog:loggingPrefs", json!({"browser": "ALL", "performance": "ALL"}));
    let kept = json!({"enableNetwork": true, "enablePage": false});
    set("goog:chromeOptions", json!({"args": arguments, "perfLoggingPrefs": kept}));
    capabilities
}
