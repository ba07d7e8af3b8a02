//! Where things are in this repository.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

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

/// The folder for what is installed once for all clones, in the user's cache, unless this variable says another.
pub(crate) fn cache(variable: &str, name: &str) -> Result<PathBuf> {
    cache_of(variable, name, |name| env::var_os(name).map(PathBuf::from))
}

fn cache_of(variable: &str, name: &str, value: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let set = |name: &str| value(name).filter(|it| it.is_absolute());
    let in_cache = |cache: PathBuf| cache.join("hutong").join(name);
    set(variable)
        .or_else(|| set("XDG_CACHE_HOME").map(in_cache))
        .or_else(|| set("HOME").map(|home| in_cache(home.join(".cache"))))
        .with_context(|| format!("{variable} has to say where {name} is to be: there is no HOME"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_clones_share_is_in_the_users_cache_unless_a_variable_says_another() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let value =
                |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| PathBuf::from(value));
            assert_eq!(cache_of("PEER_HOME", "peer", value).ok(), expected.map(PathBuf::from), "{variables:?}");
        };
        check(&[("HOME", "/li")], Some("/li/.cache/hutong/peer"));
        check(&[("HOME", "/li"), ("XDG_CACHE_HOME", "/cache")], Some("/cache/hutong/peer"));
        check(&[("HOME", "/li"), ("PEER_HOME", "/opt/peer")], Some("/opt/peer"));
        check(&[("HOME", "/li"), ("PEER_HOME", "relative")], Some("/li/.cache/hutong/peer"));
        check(&[], None);
    }
}
