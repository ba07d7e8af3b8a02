//! The program under test, and commands that do one thing and end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variables of the environment that configure the program begin like this.
const CONFIGURATION: &str = "HUTONG_";

/// The folder that the program was built into: the one that this test was built into, too.
///
/// # Panics
/// When the program is not there.
#[must_use]
pub fn folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    let folder = test.ancestors().nth(2).expect("tests are built into target/PROFILE/deps").to_owned();
    let program = folder.join(NAME);
    assert!(
        program.is_file(),
        "{} is not there: build it first, with `cargo build --workspace --bins` (`cargo xtask test` does)",
        program.display()
    );
    folder
}

const NAME: &str = "hutong";

/// The program, with nothing of the caller's environment that would configure it, and without colours.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new(folder().join(NAME));
    clean(&mut command);
    command.stdin(Stdio::null());
    command
}

/// Takes what would configure the program out of the environment of a command.
pub fn clean(command: &mut Command) {
    let configuring = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with(CONFIGURATION));
    for (name, _) in std::env::vars_os().filter(|(name, _)| configuring(name)) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
}

/// What came of a command.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// What it printed, byte by byte.
    pub bytes: Vec<u8>,
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
pub fn finish(command: &mut Command) -> Done {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    Done {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        bytes: output.stdout,
    }
}

/// Runs the program on a data folder.
#[must_use]
pub fn run(data: &Path, arguments: &[&str]) -> Done {
    finish(command().env("HUTONG_DATA", data).args(arguments))
}

/// Runs the program on a data folder, which has to succeed; what it printed.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn succeed(data: &Path, arguments: &[&str]) -> String {
    let done = run(data, arguments);
    assert_eq!(done.code, Some(0), "hutong {arguments:?}: {}", done.stderr);
    done.stdout
}

/// Where `cargo xtask test` installs what all clones share: where this variable says, else in the user's cache; none where
/// there is no home.
#[must_use]
pub fn cache(variable: &str, name: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let in_cache = |cache: PathBuf| cache.join("hutong").join(name);
    set(variable)
        .or_else(|| set("XDG_CACHE_HOME").map(in_cache))
        .or_else(|| set("HOME").map(|home| in_cache(home.join(".cache"))))
}

/// The top of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
