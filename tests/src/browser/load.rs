//! What the browser notes about its pages: what they load, and what they complain about.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::driver::Driver;

/// Looks without anything going on, after which a page has loaded what it wants.
const QUIET_LOOKS: u32 = 10;

/// What a page loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Bytes that came over the network, with headers, as they were compressed.
    pub bytes: u64,
    /// The addresses that were asked for.
    pub addresses: Vec<String>,
}

impl Load {
    /// The addresses that are not of the server at `HOST:PORT`.
    #[must_use]
    pub fn elsewhere(&self, address: &str) -> Vec<&str> {
        let own = format!("http://{address}/");
        self.addresses.iter().map(String::as_str).filter(|it| !it.starts_with(&own)).collect()
    }
}

#[derive(Default)]
pub(super) struct Log {
    faults: Vec<String>,
    /// By the browser's ids of them, since the page was gone to.
    requests: BTreeMap<String, Request>,
    quiet: u32,
}

#[derive(Debug, Default)]
struct Request {
    address: String,
    kind: String,
    bytes: u64,
    is_over: bool,
}

impl Request {
    /// Whether its answer is for the page or its script to make sense of, as a refused form is.
    fn is_answered(&self) -> bool {
        ["Document", "Fetch", "XHR"].contains(&self.kind.as_str())
    }

    /// Whether it goes on as long as the page is there.
    fn is_endless(&self) -> bool {
        ["EventSource", "WebSocket", "Media"].contains(&self.kind.as_str())
    }
}

/// Its name, what it is about, and more that is of no interest here.
#[derive(Deserialize)]
struct Event {
    method: String,
    params: Value,
}

#[derive(Deserialize)]
struct Message {
    message: Event,
}

impl Log {
    /// Forgets what was loaded.
    pub(super) fn begin(&mut self, driver: &Driver) {
        self.read(driver);
        self.requests.clear();
        self.quiet = 0;
    }

    /// What was loaded, once nothing is under way and nothing more comes.
    pub(super) fn loaded(&mut self, driver: &Driver) -> Option<Load> {
        let before = self.requests.len();
        self.read(driver);
        let is_quiet = before == self.requests.len() && self.requests.values().all(|it| it.is_over || it.is_endless());
        self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
        let requests = self.requests.values();
        (self.quiet >= QUIET_LOOKS).then(|| Load {
            bytes: requests.clone().map(|it| it.bytes).sum(),
            addresses: requests.map(|it| it.address.clone()).collect(),
        })
    }

    pub(super) fn take_faults(&mut self, driver: &Driver) -> Vec<String> {
        self.read(driver);
        std::mem::take(&mut self.faults)
    }

    fn read(&mut self, driver: &Driver) {
        // What is loaded is told from what is not after it was noted that it is loaded.
        let said = driver.run(driver.get_log("browser")).expect("the browser keeps a log");
        for entry in driver.run(driver.get_log("performance")).expect("the browser notes what it loads") {
            let Ok(Message { message }) = serde_json::from_str(&entry.message) else { continue };
            self.note(&message);
        }
        for entry in said {
            let source = entry.source.unwrap_or_default();
            let is_fault = entry.level == "SEVERE" || source == "security";
            if is_fault && !self.is_answer(&entry.message) {
                self.faults.push(format!("{source}: {}", entry.message));
            }
        }
    }

    fn note(&mut self, event: &Event) {
        let Event { method, params } = event;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bytes = |value: &Value| value["encodedDataLength"].as_u64().unwrap_or_default();
        let id = text(&params["requestId"]);
        if method == "Network.requestWillBeSent" {
            let address = text(&params["request"]["url"]);
            if address.starts_with("http") {
                let request = self.requests.entry(id).or_default();
                // One that is sent elsewhere has the same id.
                request.bytes += bytes(&params["redirectResponse"]);
                (request.address, request.kind) = (address, text(&params["type"]));
            }
        } else if let Some(request) = self.requests.get_mut(&id) {
            match method.as_str() {
                "Network.loadingFinished" => {
                    request.bytes += bytes(params);
                    request.is_over = true;
                }
                "Network.loadingFailed" => request.is_over = true,
                _ => {}
            }
        }
    }

    /// Whether a message says that a page or a script was refused something: what is not there is a fault.
    fn is_answer(&self, message: &str) -> bool {
        let Some((address, said)) = message.split_once(" - Failed to load resource: ") else { return false };
        let status = said.split_once("a status of ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u16>().ok());
        let is_refusal = status.is_some_and(|status| (400..500).contains(&status) && status != 404);
        is_refusal && self.requests.values().any(|it| it.address == address && it.is_answered())
    }
}
