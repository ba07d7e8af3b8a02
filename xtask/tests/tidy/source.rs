//! The text files of the repository that people write.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Folders with nothing in them that people of this repository write.
const FOREIGN_FOLDERS: &[&str] = &[".git", "node_modules", "target", "vendor"];
/// What written files end in. Fixtures and snapshots (JSON, `.snap`) are data and stand as they are.
const EXTENSIONS: &[&str] = &["css", "html", "js", "md", "py", "rs", "sh", "sql", "toml", "yaml", "yml"];
/// The scripts without an extension.
const SCRIPTS: &[&str] = &[".ci/run"];

/// A text file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the top of the repository, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// All of them below `root`, in the order of their paths.
    pub(crate) fn all(root: &Path) -> Result<Vec<Self>> {
        let mut sources = Vec::new();
        collect(root, root, &mut sources)?;
        sources.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(sources)
    }

    /// Whether the file's name ends in this extension.
    pub(crate) fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| end == extension)
    }
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() && !FOREIGN_FOLDERS.iter().any(|foreign| entry.file_name() == *foreign) {
            collect(root, &path, sources)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            if is_written(&name) {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
                sources.push(Source { path: name, text });
            }
        }
    }
    Ok(())
}

fn is_written(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) || SCRIPTS.contains(&name)
}

#[test]
fn scripts_and_text_are_written_fixtures_and_pictures_are_not() {
    assert!([".ci/run", "README.zh-CN.md", "crates/api/src/lib.rs"].into_iter().all(is_written));
    assert!(!["Cargo.lock", "contract/getTasks.json", "docs/console.png"].into_iter().any(is_written));
}
