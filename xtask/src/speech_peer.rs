//! The speech server of the tests: installed as the system packages are, and its absence said aloud.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Where it is installed, unless that is to be elsewhere: a few hundred megabytes, made once for all clones.
const HOME_VARIABLE: &str = "SPEECH_PEER_HOME";
/// What the installer ends with where it cannot be had.
const CANNOT_BE_HAD: i32 = 3;

/// Whether the tests can have it.
pub(crate) enum SpeechPeer {
    /// In this folder.
    There(PathBuf),
    /// They are skipped, for this reason.
    Missing(String),
}

impl SpeechPeer {
    /// Tells the tests where it is.
    pub(crate) fn tell(&self, command: &mut Command) {
        if let Self::There(home) = self {
            command.env("SPEECH_PEER", home);
        }
    }

    /// What closes the output of a run that had to do without it.
    pub(crate) fn summary(&self) -> Option<String> {
        match self {
            Self::There(_) => None,
            Self::Missing(why) => Some(format!("SKIPPED: all tests with real speech, since {why}")),
        }
    }
}

/// Makes sure that it is there, as far as that is allowed and can be.
///
/// # Errors
/// When it cannot be had, and the environment says `CI=true`: there, nothing is skipped.
pub(crate) fn ensure_present(may_install: bool) -> Result<SpeechPeer> {
    let home = workspace::cache(HOME_VARIABLE, "speech-peer")?;
    let installer = workspace::root().join("tests/peers/speech/install.py");
    let mut command = Command::new("python3");
    command.arg(&installer).arg(&home).args((!may_install).then_some("--check"));
    println!("$ python3 tests/peers/speech/install.py {}{}", home.display(), if may_install { "" } else { " --check" });
    let done = command.output().context("cannot start python3")?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    match done.status.code() {
        Some(0) => Ok(SpeechPeer::There(home)),
        Some(CANNOT_BE_HAD) if env::var_os("CI").is_some_and(|it| it == "true") => bail!("{said}"),
        Some(CANNOT_BE_HAD) => {
            println!("{said}");
            Ok(SpeechPeer::Missing(said))
        }
        _ => bail!("the installer of the speech peer failed: {}: {said}", done.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_without_it_says_so_at_the_end() {
        assert_eq!(SpeechPeer::There(PathBuf::from("/opt/peer")).summary(), None);
        let summary = SpeechPeer::Missing("npm is not there".to_owned()).summary().unwrap();
        assert!(summary.starts_with("SKIPPED") && summary.ends_with("npm is not there"), "{summary}");
    }
}
