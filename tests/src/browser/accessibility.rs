//! Whether everybody can use a page, as far as a program can tell: axe-core looks.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::Browser;
use crate::program;

/// The rules of WCAG 2, levels A and AA. The driver runs it, past the page's policy.
const RUN: &str = r"
    const done = arguments[arguments.length - 1];
    const rules = {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']};
    axe.run(document, {runOnly: rules, resultTypes: ['violations'], preload: false})
        .then(found => done(found.violations), error => done(String(error)));";

#[derive(Debug, Deserialize)]
struct Violation {
    id: String,
    #[serde(default)]
    impact: String,
    help: String,
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    target: Value,
    #[serde(default)]
    failure_summary: String,
}

impl Browser {
    /// What keeps people from using the page: rules of WCAG 2 A and AA that are broken seriously.
    ///
    /// # Panics
    /// When axe-core is not installed, or does not look.
    #[must_use]
    pub fn barriers(&self) -> Vec<String> {
        let found = self.driver.run(self.driver.execute_async(axe() + RUN, [])).expect("axe runs on the page");
        let violations: Vec<Violation> =
            found.convert().unwrap_or_else(|error| panic!("axe does not look: {error}: {}", found.json()));
        let serious = violations.iter().filter(|it| ["serious", "critical"].contains(&it.impact.as_str()));
        let told = |Violation { id, impact, help, nodes }: &Violation| {
            let mut said = format!("{} breaks {id} ({impact}): {help}", self.path());
            for Node { target, failure_summary } in nodes {
                let summary = failure_summary.split_whitespace().collect::<Vec<_>>().join(" ");
                let _ = write!(said, "\n    {target}: {summary}");
            }
            said
        };
        serious.map(told).collect()
    }

    /// Everybody can use the page, as far as a program can tell.
    ///
    /// # Panics
    /// When there is a barrier; and when axe-core is not installed.
    pub fn assert_accessible(&self) {
        let barriers = self.barriers();
        assert!(barriers.is_empty(), "not for everybody:\n{}", barriers.join("\n"));
    }
}

/// The program that looks, where `cargo xtask test` puts it.
fn axe() -> String {
    let home = program::cache("AXE_HOME", "axe-core");
    let wanted =
        fs::read(program::repository().join("tests/peers/axe/package-lock.json")).expect("a version is pinned");
    let is_there = |home: &PathBuf| fs::read(home.join("installed")).is_ok_and(|it| it == wanted);
    let file = home.filter(is_there).map(|home| home.join("node_modules/axe-core/axe.min.js"));
    let file = file.expect("axe-core is not installed, or in another version: `cargo xtask test` installs it");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
