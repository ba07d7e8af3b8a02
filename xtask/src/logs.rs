//! Looking through the logs of all servers that the tests started: no secret and no telephone number stands in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Tells the tests where to keep logs; see `tests/src/kept_logs.rs`.
const FOLDER: &str = "E2E_LOGS";
const SECRETS: &str = "secrets.txt";
/// What is found beyond that is not listed.
const SHOWN_MAX: usize = 20;
/// Digits of a mobile number.
const NUMBER_DIGITS: usize = 11;

/// Logs that are kept while tests run.
pub(crate) struct Logs(PathBuf);

impl Logs {
    /// Keeps them in this folder.
    pub(crate) fn keep_in(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self(folder))
    }

    /// Lets the tests that a command runs know.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(FOLDER, &self.0);
    }

    /// Fails where a secret or a number stands in a log; says how much was looked through.
    pub(crate) fn check(&self) -> Result<String> {
        let secrets = fs::read_to_string(self.0.join(SECRETS)).unwrap_or_default();
        let secrets: BTreeSet<&str> = secrets.lines().filter(|secret| !secret.is_empty()).collect();
        let (mut logs, mut lines, mut found) = (0, 0, Vec::new());
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "log") {
                logs += 1;
                lines += look_through(&path, &secrets, &mut found)?;
            }
        }
        let shown = found.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join("\n");
        ensure!(found.is_empty(), "{} lines of servers' logs have a secret or a number in them:\n{shown}", found.len());
        Ok(format!("no secret and no number in {lines} lines of {logs} servers' logs ({} secrets)", secrets.len()))
    }
}

fn look_through(path: &Path, secrets: &BTreeSet<&str>, found: &mut Vec<String>) -> Result<usize> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let is_bad = |line: &&str| secrets.iter().any(|secret| line.contains(secret)) || has_number(line);
    found.extend(text.lines().filter(is_bad).map(str::to_owned));
    Ok(text.lines().count())
}

/// Whether a line has a whole mobile number in it: eleven digits alone that begin as such numbers do.
fn has_number(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == NUMBER_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit())).any(|number| {
        let mut digits = number.bytes();
        digits.next() == Some(b'1') && digits.next().is_some_and(|second| second >= b'3')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_other_digits() {
        assert!(has_number("dialling 13800138000 now") && has_number("tel:+86-13800138000;x"));
        assert!(!has_number("138****8000 at 1764210000000 ms, id 12345678901, request 1a21c62e90c-13800138000f"));
    }

    #[test]
    fn what_is_in_a_log_and_should_not_be_is_found() {
        let folder = std::env::temp_dir().join(format!("hutong-logs-{}", std::process::id()));
        let logs = Logs::keep_in(folder.clone()).unwrap();
        fs::write(folder.join(SECRETS), "hunter2hunter2\n").unwrap();
        fs::write(folder.join("1-0.log"), "a line\nanother\n").unwrap();
        assert!(logs.check().unwrap().contains("2 lines of 1 servers' logs (1 secrets)"));
        fs::write(folder.join("2-0.log"), "password=hunter2hunter2\n").unwrap();
        let error = logs.check().unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("1 lines") && error.contains("password="), "{error}");
    }
}
