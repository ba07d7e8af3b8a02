//! The tidy test: the rules of this repository that no compiler checks.
//!
//! A file or function that must break a rule is named in `xtask/tidy-exceptions.toml` with the reason.

mod dependencies;
mod exceptions;
mod functions;
mod lines;
mod source;

use std::path::Path;

use anyhow::{Result, ensure};

use crate::exceptions::Exceptions;
use crate::source::Source;

/// The documents that every reader may expect.
const DOCUMENTS: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "docs/dependencies.md",
];

/// The rules, by the names that `tidy-exceptions.toml` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    /// Rust and HTML files have at most 500 lines.
    FileLength,
    /// Functions have at most 70 lines.
    FunctionLength,
    /// Nothing is left for later in the code: it is done, or it is an issue.
    DoLaterMark,
    /// No line ends in white space.
    TrailingSpace,
    /// Rust files have no tabs.
    Tab,
    /// No path of somebody's machine.
    MachinePath,
    /// Every Rust file begins by saying what it is.
    ModuleDoc,
    /// Every dependency is explained in `docs/dependencies.md`.
    Dependency,
}

/// A place that breaks a rule.
#[derive(Debug)]
struct Offence {
    rule: Rule,
    path: String,
    /// The function it is about, where the rule is about functions.
    function: Option<String>,
    /// Where and what, for the reader of the failure.
    message: String,
}

/// Everything in the repository that breaks a rule, exceptions included.
fn all_offences() -> Result<Vec<Offence>> {
    let sources = Source::all(root())?;
    let mut offences = dependencies::check(root(), &sources)?;
    for source in &sources {
        offences.extend(lines::check(source));
        offences.extend(functions::check(source)?);
    }
    Ok(offences)
}

/// Fails when anything in the repository breaks the rule without being an exception.
fn check(rule: Rule) -> Result<()> {
    let exceptions = Exceptions::read(root())?;
    let mut offences = all_offences()?;
    offences.retain(|offence| offence.rule == rule && !exceptions.cover(offence));
    let messages: Vec<_> = offences.into_iter().map(|offence| offence.message).collect();
    ensure!(messages.is_empty(), "{} offences:\n{}", messages.len(), messages.join("\n"));
    Ok(())
}

fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

#[test]
fn files_are_short() -> Result<()> {
    check(Rule::FileLength)
}

#[test]
fn functions_are_short() -> Result<()> {
    check(Rule::FunctionLength)
}

#[test]
fn nothing_is_marked_to_be_done_later() -> Result<()> {
    check(Rule::DoLaterMark)
}

#[test]
fn no_line_ends_in_white_space() -> Result<()> {
    check(Rule::TrailingSpace)
}

#[test]
fn rust_files_have_no_tabs() -> Result<()> {
    check(Rule::Tab)
}

#[test]
fn no_path_of_a_machine_is_written_down() -> Result<()> {
    check(Rule::MachinePath)
}

#[test]
fn every_rust_file_begins_by_saying_what_it_is() -> Result<()> {
    check(Rule::ModuleDoc)
}

#[test]
fn every_dependency_is_explained() -> Result<()> {
    check(Rule::Dependency)
}

#[test]
fn every_exception_is_still_needed() -> Result<()> {
    let exceptions = Exceptions::read(root())?;
    let unused = exceptions.unused(&all_offences()?);
    ensure!(unused.is_empty(), "remove from xtask/tidy-exceptions.toml:\n{}", unused.join("\n"));
    Ok(())
}

#[test]
fn the_documents_are_there() {
    let missing: Vec<_> = DOCUMENTS.iter().filter(|document| !root().join(document).is_file()).collect();

    assert!(missing.is_empty(), "missing: {missing:?}");
}
