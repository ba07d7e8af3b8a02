//! An installation of a test's own, with tenants in it, made with the commands that operators use.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Client, Credentials};
use crate::program;
use crate::server::Server;

/// A scene whose robot says one word: calls on it are over as soon as somebody answers.
pub const BRIEF_SCENE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenes/brief.yaml");

/// A data folder that goes when this is dropped.
pub struct Installation {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// A company with all that a campaign needs.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub company: i64,
    /// The id of its line.
    pub line: i64,
    /// Its key.
    pub credentials: Credentials,
}

impl Installation {
    /// An empty one, on SQLite.
    ///
    /// # Panics
    /// When there is no temporary folder to be had, as everything here does.
    #[must_use]
    pub fn new() -> Self {
        Self::with_environment(&[])
    }

    /// An empty one, whose commands and servers have these variables in their environment.
    #[must_use]
    pub fn with_environment(environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            environment: environment.iter().map(owned).collect(),
        }
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command on it, which has to succeed; what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = program::command();
        command.env("HUTONG_DATA", self.data()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let done = program::finish(command.args(arguments));
        assert_eq!(done.code, Some(0), "hutong {arguments:?}: {}", done.stderr);
        done.stdout
    }

    /// A company with so many seats, a simulated line, the brief scene, and a key.
    #[must_use]
    pub fn tenant(&self, name: &str, seats: u32) -> Tenant {
        let company = last_number(&self.run(&["company", "add", name, "--seats", &seats.to_string()]));
        let id = company.to_string();
        let line = ["line", "add", "--company", &id, "--name", "线路", "--phone", "02180000001"];
        let line = last_number(&self.run(&[&line[..], &["--type", "fixed", "--driver", "simulated"]].concat()));
        self.run(&["scene", "publish", BRIEF_SCENE, "--company", &id]);
        let credentials = self.key(company, &[]);
        Tenant { company, line, credentials }
    }

    /// A key of this company, made with more options.
    #[must_use]
    pub fn key(&self, company: i64, options: &[&str]) -> Credentials {
        let id = company.to_string();
        Credentials::printed(&self.run(&[&["key", "create", "--company", &id], options].concat()))
    }

    /// A server on it.
    #[must_use]
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// A server on it, with more variables in its environment.
    #[must_use]
    pub fn serve_with(&self, more: &[(&str, &str)]) -> Server {
        let mut environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        environment.extend_from_slice(more);
        Server::serve(self.data(), &environment)
    }
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

impl Tenant {
    /// The ids of the company's first robot, its scene and its first voice.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn robot(&self, client: &Client) -> (i64, i64, i64) {
        let robots = client.read("company/getRobots", &json!({ "companyId": self.company }));
        let robot = &robots[0];
        let id = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("no id in {robots}"));
        (id(&robot["robotDefId"]), id(&robot["sceneDefId"]), id(&robot["sceneRecords"][0]["sceneRecordId"]))
    }

    /// What `task/createTask` needs for a task that dials all day over the company's line; `more` is added.
    #[must_use]
    pub fn new_task(&self, client: &Client, more: &Value) -> Value {
        let (robot, _, _) = self.robot(client);
        let mut task = json!({
            "companyId": self.company,
            "taskName": "任务",
            "taskType": 2,
            "workingStartTime": "00:00:00",
            "workingEndTime": "23:59:59",
            "userPhoneIds": [self.line],
            "robotDefId": robot,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            task[name] = value.clone();
        }
        task
    }

    /// Makes such a task with these numbers in it, and starts it; its id.
    ///
    /// # Panics
    /// When the server refuses any of it.
    pub fn running_task(&self, client: &Client, more: &Value, numbers: &[String]) -> i64 {
        let task = client.write("task/createTask", &self.new_task(client, more));
        client.write("task/importTaskCustomer", &self.import(&task, numbers));
        client.write("task/start", &json!({ "taskId": task }));
        task.as_i64().expect("createTask answers with an id")
    }

    /// What `task/importTaskCustomer` needs for these numbers.
    #[must_use]
    pub fn import(&self, task: &Value, numbers: &[String]) -> Value {
        let customer = |number: &String| json!({ "name": format!("客户{number}"), "phone": number });
        let customers: Vec<Value> = numbers.iter().map(customer).collect();
        json!({ "companyId": self.company, "taskId": task, "customerInfoList": customers })
    }
}

/// The number at the end of what a command printed: `company 3`.
fn last_number(printed: &str) -> i64 {
    let word = printed.split_whitespace().last().unwrap_or_default();
    word.parse().unwrap_or_else(|_| panic!("no number at the end of {printed:?}"))
}
