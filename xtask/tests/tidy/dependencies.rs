//! The rule about dependencies: each has its line in `docs/dependencies.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::source::Source;
use crate::{Offence, Rule};

/// Where dependencies are explained.
const DOCUMENT: &str = "docs/dependencies.md";
/// The tables of a manifest that name dependencies.
const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The dependencies of the manifests that the document does not explain.
///
/// # Errors
/// When a manifest is not TOML.
pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Offence>> {
    // That the document is there is another test's concern.
    let document = fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default();
    let mut offences = Vec::new();
    for manifest in sources.iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        let path = &manifest.path;
        let table: Table = manifest.text.parse().with_context(|| format!("cannot parse {path}"))?;
        for name in dependencies_of(&table).into_keys().filter(|name| !is_explained(&document, name)) {
            let message = format!("{path}: `{name}` has no line in the table of {DOCUMENT}");
            offences.push(Offence { rule: Rule::Dependency, path: path.clone(), function: None, message });
        }
    }
    Ok(offences)
}

/// The dependencies that this manifest itself brings in: neither the workspace's own crates nor those
/// that it takes over from the workspace's manifest.
fn dependencies_of(manifest: &Table) -> BTreeMap<&String, &Value> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let holders = targets.chain(manifest.get("workspace")).filter_map(Value::as_table).chain([manifest]);
    let tables = holders.flat_map(|holder| TABLES.iter().filter_map(|name| holder.get(*name)));
    let dependencies = tables.filter_map(Value::as_table).flatten();
    dependencies.filter(|(_, value)| value.get("path").is_none() && value.get("workspace").is_none()).collect()
}

/// Whether a line of a table has the name, as code.
fn is_explained(document: &str, name: &str) -> bool {
    let code = format!("`{name}`");
    document.lines().any(|line| line.starts_with('|') && line.contains(&code))
}

#[test]
fn only_what_the_manifest_itself_brings_in_counts() -> Result<()> {
    let manifest: Table = "[workspace.dependencies]\nown = { path = \"own\" }\nserde = \"1\"\n\
                           [dependencies]\nclap.workspace = true\nanyhow = { version = \"1\" }\n\
                           [target.'cfg(unix)'.dev-dependencies]\nnix = \"1\"\n"
        .parse()?;

    let names: Vec<_> = dependencies_of(&manifest).into_keys().collect();

    assert_eq!(names, ["anyhow", "nix", "serde"]);
    Ok(())
}

#[test]
fn a_dependency_is_explained_by_a_line_of_a_table() {
    let document = "`serde` is good.\n\n| `clap`, `figment` | command line |\n";

    assert!(is_explained(document, "clap") && is_explained(document, "figment"));
    assert!(!is_explained(document, "serde"));
}
