//! `xtask/tidy-exceptions.toml`: who may break which rule, and why.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{Offence, Rule};

/// The file, from the top of the repository.
const FILE: &str = "xtask/tidy-exceptions.toml";

/// All exceptions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    rule: Rule,
    /// A file, or a folder with all that is in it when it ends in `/`.
    path: String,
    /// The one function that may break the rule; without it, all of the file.
    function: Option<String>,
    reason: String,
}

impl Exceptions {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there, not of this shape, or an exception has no reason.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        Self::parse(&text).with_context(|| format!("cannot parse {FILE}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let exceptions: Self = toml::from_str(text)?;
        for exception in &exceptions.exception {
            ensure!(!exception.reason.trim().is_empty(), "no reason: {}", exception.describe());
        }
        Ok(exceptions)
    }

    /// Whether an exception allows this offence.
    pub(crate) fn cover(&self, offence: &Offence) -> bool {
        self.exception.iter().any(|exception| exception.covers(offence))
    }

    /// The exceptions that none of the offences needs.
    pub(crate) fn unused(&self, offences: &[Offence]) -> Vec<String> {
        let unused =
            self.exception.iter().filter(|exception| !offences.iter().any(|offence| exception.covers(offence)));
        unused.map(Exception::describe).collect()
    }
}

impl Exception {
    fn covers(&self, offence: &Offence) -> bool {
        let in_folder = self.path.ends_with('/') && offence.path.starts_with(&self.path);
        self.rule == offence.rule
            && (in_folder || self.path == offence.path)
            && (self.function.is_none() || self.function == offence.function)
    }

    fn describe(&self) -> String {
        format!("{:?} {} {}", self.rule, self.path, self.function.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
fn offence(path: &str, function: &str) -> Offence {
    let (path, function) = (path.to_owned(), Some(function.to_owned()));
    Offence { rule: Rule::FunctionLength, path, function, message: String::new() }
}

#[test]
fn an_exception_covers_its_function_and_no_other() -> Result<()> {
    let exceptions = Exceptions::parse(
        "[[exception]]\nrule = \"function-length\"\npath = \"a.rs\"\nfunction = \"f\"\nreason = \"a table\"\n",
    )?;

    assert!(exceptions.cover(&offence("a.rs", "f")));
    assert!(!exceptions.cover(&offence("a.rs", "g")));
    assert!(!exceptions.cover(&offence("b.rs", "f")));
    assert!(exceptions.unused(&[offence("a.rs", "f")]).is_empty());
    assert_eq!(exceptions.unused(&[]).len(), 1);
    Ok(())
}

#[test]
fn an_exception_of_a_folder_covers_all_that_is_in_it() -> Result<()> {
    let exceptions = Exceptions::parse(
        "[[exception]]\nrule = \"function-length\"\npath = \"a/\"\nreason = \"made by a machine\"\n",
    )?;

    assert!(exceptions.cover(&offence("a/b/c.rs", "f")));
    assert!(!exceptions.cover(&offence("ab/c.rs", "f")));
    Ok(())
}

#[test]
fn an_exception_without_a_reason_is_refused() {
    assert!(Exceptions::parse("[[exception]]\nrule = \"tab\"\npath = \"a.rs\"\nreason = \" \"\n").is_err());
}
