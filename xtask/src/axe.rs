//! axe-core, by which browser tests see whether everybody can use a page: a package of npm in one pinned version, whose
//! sha512 stands in `tests/peers/axe/package-lock.json`.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{process, workspace};

/// Where it is installed, unless that is to be elsewhere.
const HOME_VARIABLE: &str = "AXE_HOME";
const LOCK: &str = "package-lock.json";
/// Says from which lock it was installed; `tests/src/browser/accessibility.rs` looks at it.
const INSTALLED: &str = "installed";

/// Makes sure that it is there.
///
/// # Errors
/// When it is not and `may_install` is false, or npm does not bring it.
pub(crate) fn ensure_present(may_install: bool) -> Result<()> {
    let home = workspace::cache(HOME_VARIABLE, "axe-core")?;
    let sources = workspace::root().join("tests/peers/axe");
    let wanted = fs::read(sources.join(LOCK)).with_context(|| format!("cannot read {LOCK} of axe-core"))?;
    let is_there = || fs::read(home.join(INSTALLED)).is_ok_and(|present| present == wanted);
    if is_there() {
        return Ok(());
    }
    ensure!(may_install, "axe-core is not installed, or in another version: `cargo xtask test` installs it");
    fs::create_dir_all(&home).with_context(|| format!("{} cannot be made", home.display()))?;
    let lock = File::create(home.join("lock"))?;
    lock.lock()?;
    // Another clone's run may have installed it in the meantime.
    if !is_there() {
        for name in ["package.json", LOCK] {
            fs::copy(sources.join(name), home.join(name))?;
        }
        let arguments = ["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"];
        process::run(Command::new("npm").args(arguments).current_dir(&home))?;
        // Written last: a folder without it is incomplete.
        fs::write(home.join(INSTALLED), &wanted)?;
    }
    Ok(())
}
