//! Where things are in this repository.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target")))
}

/// The folder for what these chores install or leave behind: gone with `cargo clean`.
pub(crate) fn scratch() -> PathBuf {
    target().join("xtask")
}

/// Cargo, the one that runs this program, at the top of the repository.
///
/// What cargo told this program about its package is taken out of the environment: build scripts that
/// watch those variables would run again at every change between `cargo build` and `cargo xtask`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    for (name, _) in env::vars_os().filter(|(name, _)| is_about_this_package(name)) {
        command.env_remove(name);
    }
    command
}

/// How a program is built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Profile {
    /// What `cargo build` builds.
    Dev,
    /// What `cargo build --release` builds.
    Release,
}

impl Profile {
    /// Where cargo puts the program of this name.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        let folder = match self {
            Self::Dev => "debug",
            Self::Release => "release",
        };
        target().join(folder).join(name)
    }
}

fn is_about_this_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}
